//! The executable in role api, as a pod runs it, with a time of day that stands still until it is moved.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use sqlx::PgPool;
use tempfile::TempDir;
use vitte_platform::clock::Timestamp;
use vitte_platform::database::{DatabaseSettings, pool};
use vitte_tests::clock::FileClock;
use vitte_tests::database::migrated;
use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::TOKEN;
use vitte_tests::until;

const MANIFEST: &str = include_str!("../../../../crds/examples/habits.yaml");
pub const BOT_KEY: &str = "the-shared-key";
pub const SIGNING: &str = "a-signing-key-of-at-least-32-bytes";
/// When the clock of a test stands: a Wednesday.
pub const NOON: &str = "2026-03-11T12:00:00Z";

/// Keys, the current one first and the one before it second, if it still counts.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    pub signing: &'a [&'a str],
    pub shared: &'a [&'a str],
    /// How long a token is good for.
    pub minutes: u32,
}

impl Default for Keys<'_> {
    fn default() -> Self {
        Self { signing: &[SIGNING], shared: &[BOT_KEY], minutes: 60 }
    }
}

pub struct Api {
    url: String,
    http: reqwest::Client,
    pub clock: FileClock,
    pub pool: PgPool,
    process: Vitte,
    // Last: the process writes into it until it has ended.
    _folder: TempDir,
}

impl Api {
    pub async fn start() -> Self {
        Self::with(&migrated().await, Keys::default()).await
    }

    /// On a database, with these keys.
    pub async fn with(database: &str, keys: Keys<'_>) -> Self {
        let mut api = Self::begin(database, keys);
        let port = api.url.rsplit_once(':').unwrap().1.parse().unwrap();
        api.process.ready(&api.http, port).await;
        api
    }

    /// On a database that need not be there: it answers, and is never ready.
    pub async fn unready(database: &str) -> Self {
        let api = Self::begin(database, Keys::default());
        let live = format!("{}/health/live", api.url);
        until("the process to answer", async || api.http.get(&live).send().await.ok()).await;
        api
    }

    fn begin(database: &str, keys: Keys<'_>) -> Self {
        vitte_tests::tls();
        let folder = tempfile::tempdir().unwrap();
        let lifetime = "tokenLifetimeMinutes: 60";
        assert!(MANIFEST.contains(lifetime));
        let mut manifest = MANIFEST
            .replace("habitsPerPerson: 200", "habitsPerPerson: 5")
            // That there is a bound is the api's own to test.
            .replace("requestsPerMinute: 600", "requestsPerMinute: 60000")
            .replace(lifetime, &format!("tokenLifetimeMinutes: {}", keys.minutes));
        let mut env: Vec<(String, String)> =
            vec![("VITTE_SECRET_HABITS_TOKEN".into(), TOKEN.into()), ("VITTE_DATABASE_URL".into(), database.into())];
        for (field, key, values) in [("jwtSecretRef", "jwt", keys.signing), ("botKeySecretRef", "bot-key", keys.shared)]
        {
            let current = format!("    {field}: {{name: habits, key: {key}}}\n");
            assert!(manifest.contains(&current));
            if values.len() > 1 {
                let (first, rest) = field.split_at(1);
                let previous =
                    format!("    previous{}{rest}: {{name: habits, key: previous-{key}}}\n", first.to_uppercase());
                manifest = manifest.replace(&current, &format!("{current}{previous}"));
            }
            let names = [key.to_owned(), format!("previous-{key}")];
            let named = names.iter().map(|name| name.to_uppercase().replace('-', "_"));
            env.extend(named.zip(values).map(|(name, v)| (format!("VITTE_SECRET_HABITS_{name}"), (*v).to_owned())));
        }
        std::fs::write(folder.path().join("bot.yaml"), manifest).unwrap();
        let clock = FileClock::at(folder.path(), NOON);
        let clocks = clock.environment();
        let env = env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let env: Vec<_> = env.chain(clocks.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let listen = format!("127.0.0.1:{}", free_port());
        let process = Vitte::start(folder.path(), &["api", "bot.yaml", "--listen", &listen], &env);
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        let pool = pool(&DatabaseSettings::new(database)).unwrap();
        Self { url: format!("http://{listen}"), http, clock, pool, process, _folder: folder }
    }

    /// A request of any form.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Response {
        let mut request = self.request(method, path);
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
