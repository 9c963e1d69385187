//! `POST /auth/token`, and what a token opens.

use reqwest::Method;
use serde_json::json;
use vitte_tests::database::migrated;

use crate::world::{Api, BOT_KEY, Person, invalid, refused, said};

#[tokio::test]
async fn the_shared_key_gets_a_token_for_a_person_who_is_made_at_first_sight_and_renamed_later() {
    let api = Api::start().await;
    let first = json!({"telegram_id": 7, "username": "ann", "timezone": "Asia/Tokyo", "unknown": [1]});
    let body = said(api.login(&first).await, 200).await;
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    let ann = Person { api: &api, token: body["access_token"].as_str().unwrap().to_owned() };
    let me = said(ann.get("/users/me").await, 200).await;
    assert_eq!((&me["username"], &me["timezone"]), (&json!("ann"), &json!("Asia/Tokyo")), "{me}");

    let again = json!({"telegram_id": 7, "first_name": "Ann", "username": null, "timezone": "Europe/Paris"});
    said(api.login(&again).await, 200).await;
    let me = said(ann.get("/users/me").await, 200).await;
    let names = (&me["username"], &me["first_name"], &me["timezone"]);
    assert_eq!(names, (&json!("ann"), &json!("Ann"), &json!("Asia/Tokyo")), "the zone is the person's own");
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&api.pool).await.unwrap();
    assert_eq!(people, 1);
}

/// Breaks when the key is not asked for.
#[tokio::test]
async fn without_the_right_shared_key_nobody_gets_a_token() {
    let api = Api::start().await;
    let body = || Some(json!({"telegram_id": 7}).to_string());
    let path = "/api/v1/auth/token";
    let wrong = [("x-bot-api-key", "the-shared-kez")];
    let empty = [("x-bot-api-key", "")];
    for headers in [&[][..], &wrong, &empty] {
        refused(api.send(Method::POST, path, headers, body()).await, 403).await;
    }
    // Who has no key does not learn what a body looks like.
    refused(api.send(Method::POST, path, &[], Some("{}".to_owned())).await, 403).await;
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(&api.pool).await.unwrap();
    assert_eq!(people, 0);
}

#[tokio::test]
async fn a_body_that_is_not_valid_is_422_and_names_every_field() {
    let api = Api::start().await;
    invalid(api.login(&json!({})).await, &["telegram_id"]).await;
    let long = "x".repeat(101);
    let body = json!({"telegram_id": 0, "username": long, "first_name": long, "last_name": 5, "timezone": "Mars/Base"});
    invalid(api.login(&body).await, &["telegram_id", "username", "first_name", "last_name", "timezone"]).await;
    let path = "/api/v1/auth/token";
    for broken in ["{\"telegram_id\":", "[]", "7", ""] {
        let answer = api.send(Method::POST, path, &[("x-bot-api-key", BOT_KEY)], Some(broken.to_owned())).await;
        invalid(answer, &["body"]).await;
    }
}

#[tokio::test]
async fn a_person_who_is_switched_off_gets_no_token_until_switched_on() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    said(ann.patch("/users/me", json!({"is_active": false})).await, 200).await;
    refused(api.login(&json!({"telegram_id": 7})).await, 400).await;
    said(ann.patch("/users/me", json!({"is_active": true})).await, 200).await;
    said(api.login(&json!({"telegram_id": 7})).await, 200).await;
}

/// Breaks when expiry is not looked at, or the signature is not.
#[tokio::test]
async fn a_token_that_is_absent_bad_or_expired_is_401_on_every_path() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let habit = ann.habit("Run").await;
    let one = format!("/habits/{habit}");
    let executions = format!("{one}/executions/");
    let paths = [
        (Method::GET, "/users/me"),
        (Method::PATCH, "/users/me"),
        (Method::GET, "/habits/"),
        (Method::POST, "/habits/"),
        (Method::GET, &one),
        (Method::PATCH, &one),
        (Method::DELETE, &one),
        (Method::POST, &executions),
    ];
    let (head, tail) = ann.token.rsplit_once('.').unwrap();
    let forged = format!("Bearer {head}.{}", tail.chars().rev().collect::<String>());
    let basic = format!("Basic {}", ann.token);
    for (method, path) in &paths {
        let path = format!("/api/v1{path}");
        for headers in [&[][..], &[("authorization", forged.as_str())], &[("authorization", basic.as_str())]] {
            let answer = api.send(method.clone(), &path, headers, Some("{}".to_owned())).await;
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            refused(answer, 401).await;
        }
    }
    said(ann.get("/users/me").await, 200).await;
    api.advance(1);
    for (method, path) in paths {
        refused(ann.ask(method, path, Some(json!({}))).await, 401).await;
    }
}

#[tokio::test]
async fn a_person_who_was_forgotten_has_a_token_worth_nothing() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    sqlx::query("DELETE FROM users").execute(&api.pool).await.unwrap();
    refused(ann.get("/users/me").await, 401).await;
    refused(ann.get("/habits").await, 401).await;
}

/// Breaks when only the first key is tried.
#[tokio::test]
async fn while_the_signing_key_rotates_tokens_of_both_are_good_and_afterwards_only_the_new() {
    let (old, new) = ("yesterdays-key-of-at-least-32-bytes", "todays-key-of-at-least-32-bytes-too");
    let database = migrated().await;
    let before = Api::with(&database, &[old]).await;
    let during = Api::with(&database, &[new, old]).await;
    let after = Api::with(&database, &[new]).await;
    let first = before.person(7).await.token;
    let second = during.person(7).await.token;
    let status = async |api: &Api, token: &str| {
        let bearer = format!("Bearer {token}");
        api.send(Method::GET, "/api/v1/users/me", &[("authorization", &bearer)], None).await.status().as_u16()
    };
    assert_eq!((status(&during, &first).await, status(&during, &second).await), (200, 200));
    assert_eq!((status(&after, &first).await, status(&after, &second).await), (401, 200));
}
