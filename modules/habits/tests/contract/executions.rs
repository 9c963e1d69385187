//! `POST /habits/{id}/executions/`, and the streaks that come of it.

use serde_json::{Value, json};

use crate::world::{Api, Person, invalid, is_instant, refused, said};

#[tokio::test]
async fn a_mark_is_201_and_the_second_of_a_day_changes_the_first() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let first = said(ann.mark(id, "not_done").await, 201).await;
    assert!(first["id"].is_i64() && is_instant(&first["created_at"]) && is_instant(&first["updated_at"]), "{first}");
    assert_eq!((&first["habit_id"], &first["execution_date"]), (&json!(id), &json!("2026-03-11")));
    assert_eq!(first.as_object().unwrap().len(), 6, "{first}");
    let without_slash = ann.post(&format!("/habits/{id}/executions"), json!({"status": "done", "x": 1})).await;
    let second = said(without_slash, 201).await;
    assert_eq!((&second["id"], &second["status"]), (&first["id"], &json!("done")));
    let habit = ann.show(id).await;
    assert_eq!((&habit["is_done_today"], &habit["current_streak"]), (&json!(true), &json!(1)));
    assert_eq!(habit["executions"], json!([second]));
    said(ann.mark(id, "pending").await, 201).await;
    let habit = ann.show(id).await;
    assert_eq!((&habit["is_done_today"], &habit["current_streak"]), (&json!(false), &json!(0)));
}

#[tokio::test]
async fn a_status_that_is_none_of_the_three_is_422() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let path = format!("/habits/{id}/executions/");
    for body in [json!({}), json!({"status": null}), json!({"status": "skipped"}), json!({"status": 1})] {
        invalid(ann.post(&path, body).await, &["status"]).await;
    }
    assert_eq!(ann.show(id).await["executions"], json!([]));
}

#[tokio::test]
async fn an_archived_habit_cannot_be_marked_until_it_is_reopened() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let path = format!("/habits/{id}");
    said(ann.patch(&path, json!({"is_active": false})).await, 200).await;
    refused(ann.mark(id, "done").await, 400).await;
    said(ann.patch(&path, json!({"is_active": true})).await, 200).await;
    said(ann.mark(id, "done").await, 201).await;
}

fn streaks(habit: &Value) -> (i64, i64) {
    (habit["current_streak"].as_i64().unwrap(), habit["max_streak"].as_i64().unwrap())
}

/// Breaks when a streak is counted instead of computed.
#[tokio::test]
async fn a_streak_stands_until_a_day_is_missed_and_its_best_is_kept() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let mut token = ann.token.clone();
    let mut seen = Vec::new();
    // Done, done, done, nothing, nothing, done, not done.
    for status in ["done", "done", "done", "", "", "done", "not_done"] {
        let today = Person { api: &api, token: token.clone() };
        if !status.is_empty() {
            said(today.mark(id, status).await, 201).await;
        }
        seen.push(streaks(&today.show(id).await));
        api.advance(24);
        token = api.person(7).await.token;
    }
    assert_eq!(seen, [(1, 1), (2, 2), (3, 3), (3, 3), (0, 3), (1, 3), (0, 3)]);
    let list = said(Person { api: &api, token }.get("/habits").await, 200).await;
    assert_eq!(streaks(&list[0]), (0, 3), "a list says the same");
}

/// Breaks when today is the server's.
#[tokio::test]
async fn today_is_the_persons_and_a_mark_keeps_its_date_when_they_travel() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    said(ann.patch("/users/me", json!({"timezone": "Pacific/Auckland"})).await, 200).await;
    let id = ann.habit("Run").await;
    let marked = said(ann.mark(id, "done").await, 201).await;
    assert_eq!(marked["execution_date"], "2026-03-12", "at noon in Greenwich it is tomorrow in Auckland");
    said(ann.patch("/users/me", json!({"timezone": "Pacific/Honolulu"})).await, 200).await;
    let habit = ann.show(id).await;
    assert_eq!(habit["executions"][0]["execution_date"], "2026-03-12");
    assert_eq!(habit["is_done_today"], false, "in Honolulu it is the 11th");
    assert_eq!(said(ann.mark(id, "done").await, 201).await["execution_date"], "2026-03-11");
    assert_eq!(streaks(&ann.show(id).await), (2, 2));
}

/// Breaks when the dates that a flight over the date line leaves out count as missed.
#[tokio::test]
async fn a_date_that_a_change_of_zone_skips_is_not_missed() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    said(ann.patch("/users/me", json!({"timezone": "Pacific/Pago_Pago"})).await, 200).await;
    let id = ann.habit("Run").await;
    api.clock.advance(std::time::Duration::from_secs(60 * (22 * 60 + 30)));
    let ann = api.person(7).await;
    // 23:30 on the 11th in Pago Pago is 00:30 on the 13th in Kiritimati.
    assert_eq!(said(ann.mark(id, "done").await, 201).await["execution_date"], "2026-03-11");
    said(ann.patch("/users/me", json!({"timezone": "Pacific/Kiritimati"})).await, 200).await;
    assert_eq!(streaks(&ann.show(id).await), (1, 1));
    assert_eq!(said(ann.mark(id, "done").await, 201).await["execution_date"], "2026-03-13");
    assert_eq!(streaks(&ann.show(id).await), (2, 2));
}

/// Breaks when every day past the target archives again.
#[tokio::test]
async fn the_target_archives_the_habit_once_and_reopened_it_goes_on() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let body = json!({"name": "Run", "time_to_remind": "09:00", "target_days": 2});
    let id = said(ann.post("/habits", body).await, 201).await["id"].as_i64().unwrap();
    said(ann.mark(id, "done").await, 201).await;
    assert_eq!(ann.show(id).await["is_active"], true);
    api.advance(24);
    let ann = api.person(7).await;
    said(ann.mark(id, "done").await, 201).await;
    let habit = ann.show(id).await;
    assert_eq!((&habit["is_active"], &habit["current_streak"]), (&json!(false), &json!(2)));
    refused(ann.mark(id, "pending").await, 400).await;
    said(ann.patch(&format!("/habits/{id}"), json!({"is_active": true})).await, 200).await;
    api.advance(24);
    let ann = api.person(7).await;
    said(ann.mark(id, "done").await, 201).await;
    let habit = ann.show(id).await;
    assert_eq!((&habit["is_active"], &habit["current_streak"]), (&json!(true), &json!(3)));
}

/// Breaks when a day's mark is looked for before it is written instead of written over.
#[tokio::test]
async fn marks_at_once_leave_one_execution_and_a_streak_of_one() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let marks = (0..20).map(|n| ann.mark(id, if n % 2 == 0 { "done" } else { "not_done" }));
    for answer in futures::future::join_all(marks).await {
        said(answer, 201).await;
    }
    let habit = ann.show(id).await;
    assert_eq!(habit["executions"].as_array().unwrap().len(), 1);
    let done = habit["executions"][0]["status"] == "done";
    assert_eq!((&habit["is_done_today"], streaks(&habit).0), (&json!(done), i64::from(done)));
}

/// Breaks when a client is bounded as tightly as a person who writes in the chat.
#[tokio::test]
async fn what_was_marked_offline_is_brought_in_one_go() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    for n in 0..40 {
        said(ann.mark(id, ["done", "not_done"][n % 2]).await, 201).await;
    }
}
