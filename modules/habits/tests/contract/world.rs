//! The api role's router on a port of this test, with a clock that stands still until it is moved.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use vitte_accounts::Accounts;
use vitte_habits::{Habits, HabitsSettings, store};
use vitte_platform::cache::{Cache, USER};
use vitte_platform::clock::{ManualClock, Timestamp};
use vitte_platform::config::{Config, Updates};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::http::api::ApiSettings;
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::limits::LimitSettings;
use vitte_platform::module::Registry;
use vitte_platform::people::People;
use vitte_platform::role::Ground;
use vitte_tests::LIMIT;
use vitte_tests::database::migrated;
use vitte_tests::telegram::TOKEN;

pub const BOT_KEY: &str = "the-shared-key";
const SIGNING: &str = "a-signing-key-of-at-least-32-bytes";
/// When the clock of a test stands: a Wednesday.
pub const NOON: &str = "2026-03-11T12:00:00Z";

pub struct Api {
    url: String,
    http: reqwest::Client,
    pub clock: Arc<ManualClock>,
    pub pool: PgPool,
}

impl Api {
    pub async fn start() -> Self {
        Self::with(&migrated().await, &[SIGNING]).await
    }

    /// On a database, with these keys that sign, the current one first.
    pub async fn with(database: &str, signing: &[&str]) -> Self {
        vitte_tests::tls();
        let settings = HabitsSettings { habits_per_person: 5, ..HabitsSettings::default() };
        let users = Cache::new(1, USER, None);
        let people = People::new(users.clone()).followed(store::follow(settings.clone()));
        let habits = Habits::new(settings, vec!["en".to_owned()], people.clone()).unwrap();
        let registry = Registry::new(vec![Arc::new(Accounts::builder(users, people).build()), Arc::new(habits)]);
        let config = config(database, signing);
        let clock = Arc::new(ManualClock::at(NOON.parse().unwrap()));
        let ground = Ground { clock: clock.clone(), ..Ground::new(&config, "api").unwrap() };
        let router = vitte_api::build(&config, &registry, &ground).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        Self { url, http, clock, pool: ground.pool }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        request.send().await.unwrap()
    }

    /// Somebody who has logged in.
    pub async fn person(&self, telegram_id: i64) -> Person<'_> {
        let answer = self.login(&json!({"telegram_id": telegram_id, "first_name": "Ann"})).await;
        Person { api: self, token: said(answer, 200).await["access_token"].as_str().unwrap().to_owned() }
    }

    pub async fn login(&self, body: &Value) -> Response {
        let path = "/api/v1/auth/token";
        self.send(Method::POST, path, &[("X-BOT-API-KEY", BOT_KEY)], Some(body.to_string())).await
    }

    pub fn advance(&self, hours: u64) {
        self.clock.advance(Duration::from_secs(3600 * hours));
    }
}

fn config(database: &str, signing: &[&str]) -> Config {
    let secret = |key: &&str| (*key).to_owned().into();
    Config {
        name: "habits".into(),
        api_url: "http://127.0.0.1:9".into(),
        token: TOKEN.to_owned().into(),
        updates: Updates::Polling(PollingSettings::default()),
        languages: vec!["en".into()],
        database: DatabaseSettings::new(database),
        redis_url: None,
        limits: LimitSettings::default(),
        rate: Default::default(),
        outbox: Default::default(),
        jobs: Default::default(),
        retention: Default::default(),
        api: ApiSettings {
            signing_keys: signing.iter().map(secret).collect(),
            bot_keys: vec![secret(&BOT_KEY)],
            ..ApiSettings::default()
        },
        schema_wait: LIMIT,
        grace: Duration::from_secs(5),
        admin_password: None,
    }
}

/// Who asks.
pub struct Person<'a> {
    pub api: &'a Api,
    pub token: String,
}

impl Person<'_> {
    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let bearer = format!("Bearer {}", self.token);
        let path = format!("/api/v1{path}");
        self.api.send(method, &path, &[("authorization", &bearer)], body.map(|b| b.to_string())).await
    }

    pub async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.ask(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Response {
        self.ask(Method::DELETE, path, None).await
    }

    /// A new habit; its id.
    pub async fn habit(&self, name: &str) -> i64 {
        let answer = self.post("/habits/", json!({"name": name, "time_to_remind": "09:00"})).await;
        said(answer, 201).await["id"].as_i64().unwrap()
    }

    pub async fn mark(&self, habit: i64, status: &str) -> Response {
        self.post(&format!("/habits/{habit}/executions/"), json!({"status": status})).await
    }

    pub async fn show(&self, habit: i64) -> Value {
        said(self.get(&format!("/habits/{habit}")).await, 200).await
    }
}

/// The answer's body, of this status.
pub async fn said(answer: Response, status: u16) -> Value {
    let got = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    assert_eq!(got, status, "{text}");
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
}

/// A problem document of this status.
pub async fn refused(answer: Response, status: u16) -> Value {
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let body = said(answer, status).await;
    assert_eq!(body["status"], status, "{body}");
    assert!(body["type"].as_str().unwrap().starts_with("https://vitte.dev/problems/"), "{body}");
    body
}

/// 422, and exactly these fields are named.
pub async fn invalid(answer: Response, fields: &[&str]) {
    let body = refused(answer, 422).await;
    let named: Vec<&str> = body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields, "{body}");
}

/// Like `2026-03-11T12:00:00Z`, in UTC.
pub fn is_instant(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.ends_with('Z') && text.parse::<Timestamp>().is_ok())
}
