//! `GET` and `PATCH /users/me`.

use serde_json::json;

use crate::world::{Api, invalid, is_instant, said};

#[tokio::test]
async fn a_person_sees_themselves_with_every_field_of_the_contract() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let me = said(ann.get("/users/me").await, 200).await;
    assert!(me["id"].is_i64() && is_instant(&me["created_at"]) && is_instant(&me["updated_at"]), "{me}");
    let mut rest = me.clone();
    for field in ["id", "created_at", "updated_at"] {
        rest.as_object_mut().unwrap().remove(field);
    }
    let expected = json!({"telegram_id": 7, "username": null, "first_name": "Ann", "last_name": null,
        "timezone": "UTC", "is_active": true, "is_bot_blocked": false});
    assert_eq!(rest, expected);
    assert_eq!(said(ann.get("/users/me/").await, 200).await, me, "with a slash too");
}

#[tokio::test]
async fn a_change_takes_what_it_names_and_null_empties_a_name() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    api.advance(0);
    let body = json!({"username": "ann", "first_name": null, "timezone": "Pacific/Chatham", "is_bot_blocked": true,
        "is_active": null, "telegram_id": 9, "id": 1});
    let changed = said(ann.patch("/users/me", body).await, 200).await;
    assert_eq!(changed["username"], "ann");
    assert_eq!(changed["first_name"], json!(null));
    assert_eq!(changed["timezone"], "Pacific/Chatham");
    assert_eq!(changed["is_bot_blocked"], true);
    assert_eq!((&changed["is_active"], &changed["telegram_id"]), (&json!(true), &json!(7)));
    assert_eq!(said(ann.get("/users/me").await, 200).await, changed, "and it is kept");
    assert_eq!(said(ann.patch("/users/me/", json!({})).await, 200).await, changed, "nothing named, nothing changed");
}

#[tokio::test]
async fn an_unknown_zone_is_422_and_nothing_is_changed() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let body = json!({"username": "new", "timezone": "Atlantis/Center", "is_active": "perhaps"});
    invalid(ann.patch("/users/me", body).await, &["timezone", "is_active"]).await;
    let me = said(ann.get("/users/me").await, 200).await;
    assert_eq!((&me["username"], &me["timezone"]), (&json!(null), &json!("UTC")));
}
