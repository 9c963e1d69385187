//! `POST /auth/token`, and what a token opens.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use reqwest::Method;
use serde_json::{Value, json};
use vitte_platform::clock::Timestamp;
use vitte_tests::database::migrated;

use crate::world::{Api, BOT_KEY, Keys, NOON, Person, SIGNING, invalid, refused, said};

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

/// Breaks when a token lives for an hour whatever the manifest says.
#[tokio::test]
async fn a_token_lives_as_long_as_the_manifest_says() {
    let api = Api::with(&migrated().await, Keys { minutes: 5, ..Keys::default() }).await;
    let ann = api.person(7).await;
    api.clock.advance(Duration::from_secs(299));
    said(ann.get("/users/me").await, 200).await;
    api.clock.advance(Duration::from_secs(1));
    refused(ann.get("/users/me").await, 401).await;
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
    let with = async |signing: &[&str]| Api::with(&database, Keys { signing, ..Keys::default() }).await;
    let (before, during, after) = (with(&[old]).await, with(&[new, old]).await, with(&[new]).await);
    let first = before.person(7).await.token;
    let second = during.person(7).await.token;
    let status = async |api: &Api, token: &str| {
        let bearer = format!("Bearer {token}");
        api.send(Method::GET, "/api/v1/users/me", &[("authorization", &bearer)], None).await.status().as_u16()
    };
    assert_eq!((status(&during, &first).await, status(&during, &second).await), (200, 200));
    assert_eq!((status(&after, &first).await, status(&after, &second).await), (401, 200));
}

/// Breaks when only the first shared key is tried.
#[tokio::test]
async fn while_the_shared_key_rotates_both_open_and_afterwards_only_the_new() {
    let database = migrated().await;
    let with = async |shared: &[&str]| Api::with(&database, Keys { shared, ..Keys::default() }).await;
    let (during, after) = (with(&["todays-key", "yesterdays-key"]).await, with(&["todays-key"]).await);
    let status = async |api: &Api, key: &str| {
        let body = Some(json!({"telegram_id": 7}).to_string());
        api.send(Method::POST, "/api/v1/auth/token", &[("x-bot-api-key", key)], body).await.status().as_u16()
    };
    assert_eq!((status(&during, "todays-key").await, status(&during, "yesterdays-key").await), (200, 200));
    assert_eq!((status(&after, "todays-key").await, status(&after, "yesterdays-key").await), (200, 403));
}

/// A token as any library makes one.
fn signed(key: &str, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| BASE64.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(tag))
}

/// Breaks when the names of the claims, the algorithm or the time of the end are others than the contract's.
#[tokio::test]
async fn a_token_is_hs256_with_the_persons_id_and_an_end_and_so_is_one_that_somebody_else_signs() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    let id = said(ann.get("/users/me").await, 200).await["id"].clone();
    let hs256 = json!({"typ": "JWT", "alg": "HS256"});
    let now = NOON.parse::<Timestamp>().unwrap().timestamp();
    let claims = json!({"user_id": id, "exp": now + 3600});
    let read = |part: &str| serde_json::from_slice::<Value>(&BASE64.decode(part).unwrap()).unwrap();
    let parts: Vec<&str> = ann.token.split('.').collect();
    assert_eq!((read(parts[0]), read(parts[1])), (hs256.clone(), claims.clone()), "an hour by default");

    let status = async |token: String| {
        let asked = Person { api: &api, token };
        asked.get("/users/me").await.status().as_u16()
    };
    assert_eq!(status(signed(SIGNING, &hs256, &claims)).await, 200);
    let more = json!({"user_id": id, "exp": now + 1, "iat": now, "sub": "7"});
    assert_eq!(status(signed(SIGNING, &json!({"alg": "HS256"}), &more)).await, 200, "more claims do no harm");
    for (key, header, claims) in [
        ("another-key-of-at-least-32-bytes-x", &hs256, &claims),
        (SIGNING, &json!({"alg": "none"}), &claims),
        (SIGNING, &json!({"alg": "HS512"}), &claims),
        (SIGNING, &hs256, &json!({"user_id": id})),
        (SIGNING, &hs256, &json!({"exp": now + 3600})),
        (SIGNING, &hs256, &json!({"user_id": id, "exp": now})),
        (SIGNING, &hs256, &json!({"user_id": 999_999, "exp": now + 3600})),
    ] {
        assert_eq!(status(signed(key, header, claims)).await, 401, "{header} {claims}");
    }
}
