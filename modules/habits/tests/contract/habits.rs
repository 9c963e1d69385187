//! `/habits`.

use serde_json::{Value, json};

use crate::world::{Api, Person, invalid, is_instant, refused, said};

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|habit| habit["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_habit_is_made_with_its_defaults_and_every_field_of_the_contract() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let user_id = said(ann.get("/users/me").await, 200).await["id"].clone();
    let body = json!({"name": "Run", "description": null, "time_to_remind": "09:00", "target_days": null, "x": {}});
    let habit = said(ann.post("/habits/", body).await, 201).await;
    assert!(habit["id"].is_i64() && is_instant(&habit["created_at"]) && is_instant(&habit["updated_at"]), "{habit}");
    let mut rest = habit.clone();
    for field in ["id", "created_at", "updated_at"] {
        rest.as_object_mut().unwrap().remove(field);
    }
    let expected = json!({"user_id": user_id, "name": "Run", "description": null, "time_to_remind": "09:00:00",
        "target_days": 21, "is_active": true, "current_streak": 0, "max_streak": 0, "is_done_today": false});
    assert_eq!(rest, expected);

    let full = json!({"name": "я".repeat(255), "description": "every day", "time_to_remind": "23:59:59",
        "target_days": 365});
    let second = said(ann.post("/habits", full).await, 201).await;
    assert_eq!((&second["time_to_remind"], &second["target_days"]), (&json!("23:59:59"), &json!(365)));
    assert_eq!(second["description"], "every day");
}

#[tokio::test]
async fn a_habit_that_is_not_valid_is_422_and_every_field_is_named() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    invalid(ann.post("/habits/", json!({})).await, &["name", "time_to_remind"]).await;
    let body = json!({"name": "", "description": 5, "time_to_remind": "24:00", "target_days": 0});
    invalid(ann.post("/habits/", body).await, &["name", "description", "time_to_remind", "target_days"]).await;
    let body = json!({"name": "x".repeat(256), "time_to_remind": "9:00", "target_days": 2_147_483_648i64});
    invalid(ann.post("/habits/", body).await, &["name", "time_to_remind", "target_days"]).await;
    invalid(ann.post("/habits/", json!({"name": "a\u{0}b", "time_to_remind": "09:00"})).await, &["name"]).await;
    assert_eq!(said(ann.get("/habits/").await, 200).await, json!([]));
}

#[tokio::test]
async fn a_person_may_have_so_many_habits_and_no_more() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    for n in 0..5 {
        ann.habit(&n.to_string()).await;
    }
    let body = || json!({"name": "one more", "time_to_remind": "09:00"});
    assert!(refused(ann.post("/habits/", body()).await, 409).await["title"].as_str().unwrap().contains("at most 5"));
    let bob = api.person(8).await;
    said(bob.post("/habits/", body()).await, 201).await;
}

#[tokio::test]
async fn a_list_is_the_persons_own_in_pages_and_without_the_archived_ones_unless_asked_for() {
    let api = Api::start().await;
    let (ann, bob) = (api.person(7).await, api.person(8).await);
    bob.habit("Bob's").await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(ann.habit(name).await);
    }
    said(ann.patch(&format!("/habits/{}", ids[1]), json!({"is_active": false})).await, 200).await;
    let list = async |query: &str| said(ann.get(&format!("/habits/{query}")).await, 200).await;
    assert_eq!(names(&list("").await), ["a", "c", "d"]);
    assert_eq!(names(&list("?active_only=false").await), ["a", "b", "c", "d"]);
    assert_eq!(names(&list("?active_only=true&skip=1&limit=1").await), ["c"]);
    assert_eq!(names(&list("?skip=9&unknown=1").await), Vec::<&str>::new());
    assert_eq!(names(&said(ann.get("/habits?limit=200").await, 200).await), ["a", "c", "d"]);
    assert_eq!(said(ann.get("/habits").await, 200).await, list("").await, "with and without the slash");
    let wrong = ann.get("/habits/?skip=-1&limit=201&active_only=perhaps").await;
    invalid(wrong, &["skip", "limit", "active_only"]).await;
    invalid(ann.get("/habits/?limit=0").await, &["limit"]).await;
    invalid(ann.get("/habits/?limit=many").await, &["limit"]).await;
}

/// Breaks with another page than the contract's.
#[tokio::test]
async fn a_page_has_a_hundred_habits_unless_asked_for_up_to_two_hundred() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    ann.habit("first").await;
    let more = "INSERT INTO habits (user_id, name, remind_at, target_days, first_day, created_at, updated_at)
                SELECT user_id, n::text, remind_at, target_days, first_day, created_at, updated_at
                FROM habits, generate_series(2, 205) AS n";
    sqlx::query(more).execute(&api.pool).await.unwrap();
    for (query, first, count) in [("", "first", 100), ("?limit=200", "first", 200), ("?skip=200", "201", 5)] {
        let list = said(ann.get(&format!("/habits/{query}")).await, 200).await;
        assert_eq!((names(&list)[0], names(&list).len()), (first, count), "{query}");
    }
}

#[tokio::test]
async fn a_change_takes_what_it_names_and_checks_it() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    let path = format!("/habits/{id}");
    said(ann.patch(&path, json!({"description": "slowly"})).await, 200).await;
    let body = json!({"name": "Walk", "time_to_remind": "21:30", "target_days": 7, "user_id": 5, "is_active": null});
    let changed = said(ann.patch(&path, body).await, 200).await;
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Walk"), &json!("slowly")));
    assert_eq!((&changed["time_to_remind"], &changed["target_days"]), (&json!("21:30:00"), &json!(7)));
    assert_eq!(changed["is_active"], true);
    let emptied = said(ann.patch(&format!("{path}/"), json!({"description": null})).await, 200).await;
    assert_eq!((&emptied["description"], &emptied["name"]), (&json!(null), &json!("Walk")));
    let body = json!({"name": "", "time_to_remind": "late", "target_days": -1, "is_active": 7});
    invalid(ann.patch(&path, body).await, &["name", "time_to_remind", "target_days", "is_active"]).await;
    assert_eq!(ann.show(id).await["name"], "Walk");
}

#[tokio::test]
async fn a_deleted_habit_is_gone_with_what_became_of_it() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = ann.habit("Run").await;
    said(ann.mark(id, "done").await, 201).await;
    assert_eq!(said(ann.delete(&format!("/habits/{id}/")).await, 204).await, Value::Null);
    refused(ann.get(&format!("/habits/{id}")).await, 404).await;
    refused(ann.delete(&format!("/habits/{id}")).await, 404).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM habits_executions").fetch_one(&api.pool).await.unwrap();
    assert_eq!(left, 0);
}

/// Breaks when a habit is looked up without its person.
#[tokio::test]
async fn somebody_elses_habit_is_403_an_unknown_one_404_and_neither_shows_or_changes_anything() {
    let api = Api::start().await;
    let (ann, bob) = (api.person(7).await, api.person(8).await);
    let secret = ann.habit("Ann's secret").await;
    let all = async |who: &Person<'_>, id: &str, status: u16| {
        let path = format!("/habits/{id}");
        for answer in [
            who.get(&path).await,
            who.patch(&path, json!({"name": "mine"})).await,
            who.delete(&path).await,
            who.post(&format!("{path}/executions"), json!({"status": "done"})).await,
        ] {
            let body = refused(answer, status).await;
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    };
    all(&bob, &secret.to_string(), 403).await;
    all(&bob, "999999999", 404).await;
    all(&bob, "99999999999999999999999", 404).await;
    all(&bob, "-1", 404).await;
    all(&bob, "first", 422).await;
    let habit = ann.show(secret).await;
    assert_eq!((&habit["name"], &habit["executions"]), (&json!("Ann's secret"), &json!([])));
}
