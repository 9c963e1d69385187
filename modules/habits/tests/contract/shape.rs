//! What is true of the whole API: its health, its document, its forms of a path.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use vitte_tests::database::{migrated, server_url};
use vitte_tests::until;

use crate::world::{Api, BOT_KEY, Keys, Person, refused, said};

#[tokio::test]
async fn healthcheck_needs_no_login_and_says_ok() {
    let api = Api::start().await;
    for path in ["/healthcheck", "/healthcheck/"] {
        let body = said(api.send(Method::GET, path, &[], None).await, 200).await;
        assert_eq!(body, json!({"api_status": "ok", "dependencies": {"database": "ok"}}));
    }
}

#[tokio::test]
async fn healthcheck_without_a_database_is_503_in_its_own_form_and_the_rest_503_as_a_problem() {
    // Nothing listens there.
    let api = Api::unready("postgres://u:p@127.0.0.1:1/none").await;
    let body = said(api.send(Method::GET, "/healthcheck", &[], None).await, 503).await;
    assert_eq!(body, json!({"api_status": "ok", "dependencies": {"database": "error"}}));
    let answer = api.login(&json!({"telegram_id": 7})).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    refused(answer, 503).await;
}

/// Breaks when the database is looked at once, or when a connection that is lost is not replaced.
#[tokio::test]
async fn healthcheck_follows_the_database_as_it_goes_and_comes_back() {
    let database = migrated().await;
    let api = Api::with(&database, Keys::default()).await;
    let name = database.rsplit_once('/').unwrap().1;
    let mut admin = PgConnection::connect(&server_url()).await.unwrap();
    for (open, status) in [(false, 503), (true, 200)] {
        let close = format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {open}");
        admin.execute(AssertSqlSafe(close)).await.unwrap();
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        sqlx::query(end).bind(name).execute(&mut admin).await.unwrap();
        until("healthcheck to notice", async || {
            let answer = api.send(Method::GET, "/healthcheck", &[], None).await;
            (answer.status().as_u16() == status).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn the_document_describes_every_row_of_the_contract_and_how_to_log_in() {
    let api = Api::start().await;
    let document: Value = said(api.send(Method::GET, "/api/v1/openapi.json", &[], None).await, 200).await;
    let rows = [
        ("/healthcheck", "get", &["200", "503"][..]),
        ("/api/v1/auth/token", "post", &["200", "400", "403", "422"]),
        ("/api/v1/users/me", "get", &["200", "401"]),
        ("/api/v1/users/me", "patch", &["200", "401", "422"]),
        ("/api/v1/habits", "post", &["201", "401", "422"]),
        ("/api/v1/habits", "get", &["200", "401", "422"]),
        ("/api/v1/habits/{id}", "get", &["200", "401", "403", "404", "422"]),
        ("/api/v1/habits/{id}", "patch", &["200", "401", "403", "404", "422"]),
        ("/api/v1/habits/{id}", "delete", &["204", "401", "403", "404", "422"]),
        ("/api/v1/habits/{id}/executions", "post", &["201", "400", "401", "403", "404", "422"]),
    ];
    for (path, method, statuses) in rows {
        let operation = &document["paths"][path][method];
        for status in statuses {
            assert!(operation["responses"][status].is_object(), "{method} {path}: {status} in {operation:#}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document["components"]["securitySchemes"]["bot_key"]["name"], "X-BOT-API-KEY");
    let create = &document["components"]["schemas"]["CreateHabit"];
    assert_eq!(create["required"], json!(["name", "time_to_remind"]), "{create:#}");
}

/// Breaks when a program that reads the document learns of another value than one that leaves the field out gets.
#[tokio::test]
async fn what_is_left_out_is_what_the_document_says() {
    let api = Api::start().await;
    let document: Value = said(api.send(Method::GET, "/api/v1/openapi.json", &[], None).await, 200).await;
    let ann = api.person(7).await;
    let made = said(ann.post("/habits", json!({"name": "Run", "time_to_remind": "09:00"})).await, 201).await;
    let create = &document["components"]["schemas"]["CreateHabit"]["properties"];
    assert_eq!((&create["target_days"]["default"], &made["target_days"]), (&json!(21), &json!(21)));
    // What a list does without them is looked at with two hundred habits: `habits.rs`.
    let parameters = document["paths"]["/api/v1/habits"]["get"]["parameters"].as_array().unwrap();
    let defaults: Vec<_> = parameters.iter().map(|p| (p["name"].as_str().unwrap(), &p["schema"]["default"])).collect();
    assert_eq!(defaults, [("skip", &json!(0)), ("limit", &json!(100)), ("active_only", &json!(true))]);
}

/// Breaks when any path is answered in one of its forms only: clients write both.
#[tokio::test]
async fn every_row_of_the_contract_is_the_same_with_and_without_the_slash() {
    let api = Api::start().await;
    let login = || Some(json!({"telegram_id": 7}).to_string());
    let (mut all, mut tokens) = (Vec::new(), Vec::new());
    for slash in ["", "/"] {
        let health = api.send(Method::GET, &format!("/healthcheck{slash}"), &[], None).await;
        let path = format!("/api/v1/auth/token{slash}");
        let token = said(api.send(Method::POST, &path, &[("x-bot-api-key", BOT_KEY)], login()).await, 200).await;
        let ann = Person { api: &api, token: token["access_token"].as_str().unwrap().to_owned() };
        let make = json!({"name": "Run", "time_to_remind": "09:00"});
        let made = said(ann.post(&format!("/habits{slash}"), make).await, 201).await;
        let one = format!("/habits/{}", made["id"]);
        let mut said_of = vec![said(health, 200).await, made];
        for (method, path, body, status) in [
            (Method::GET, "/users/me", None, 200),
            (Method::PATCH, "/users/me", Some(json!({"last_name": "Lee"})), 200),
            (Method::GET, "/habits", None, 200),
            (Method::GET, &one, None, 200),
            (Method::PATCH, &one, Some(json!({"target_days": 7})), 200),
            (Method::POST, &format!("{one}/executions"), Some(json!({"status": "done"})), 201),
            (Method::DELETE, &one, None, 204),
        ] {
            said_of.push(said(ann.ask(method, &format!("{path}{slash}"), body).await, status).await);
        }
        // The habits and their marks have ids of their own; the person is renamed once.
        let text = Value::from(said_of).to_string().replace(r#""last_name":null"#, r#""last_name":"Lee""#);
        all.push(without_ids(&text));
        tokens.push(ann.token.clone());
    }
    assert_eq!(tokens[0], tokens[1]);
    assert_eq!(all[0], all[1]);
}

/// A JSON text without its numbers of habits and executions.
fn without_ids(text: &str) -> String {
    let of = |part: &str| part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
    let parts = text.split("id\":");
    parts.map(of).collect::<Vec<_>>().join("id\":")
}

#[tokio::test]
async fn a_path_that_is_none_stays_404_with_and_without_the_slash_and_a_wrong_method_405() {
    let api = Api::start().await;
    let ann = api.person(7).await;
    refused(ann.get("/habit/").await, 404).await;
    refused(ann.get("/habits//").await, 404).await;
    refused(ann.ask(Method::PUT, "/habits/", Some(json!({}))).await, 405).await;
    refused(api.send(Method::POST, "/healthcheck", &[], None).await, 405).await;
}
