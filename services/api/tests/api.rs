//! The role driven over HTTP, with a real database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vitte_platform::config::{Config, Updates};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::http::api::ApiSettings;
use vitte_platform::http::{Door, api};
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::limits::LimitSettings;
use vitte_platform::module::{Module, Registry};
use vitte_platform::telegram::client::http_client;
use vitte_tests::telegram::TOKEN;
use vitte_tests::{LIMIT, database, until};

/// A module with the ways in which a route can go wrong.
struct Notes;

#[utoipa::path(post, path = "/notes", request_body = Value, responses((status = 200, body = Value)))]
async fn write(Json(note): Json<Value>) -> Json<Value> {
    Json(note)
}

#[utoipa::path(get, path = "/notes/{id}", responses((status = 200, body = i64)))]
async fn read(axum::extract::Path(id): axum::extract::Path<i64>) -> Json<i64> {
    assert!(id != 13, "the secret of note 13");
    Json(id)
}

impl Module for Notes {
    fn name(&self) -> &'static str {
        "notes"
    }
    fn api(&self) -> api::Router {
        OpenApiRouter::new().routes(routes!(write)).routes(routes!(read))
    }
}

fn config(database: &str) -> Config {
    Config {
        name: "luna".into(),
        api_url: "http://127.0.0.1:9".into(),
        token: TOKEN.to_owned().into(),
        updates: Updates::Polling(PollingSettings::default()),
        languages: vec!["ru".into(), "en".into()],
        database: DatabaseSettings::new(database),
        redis_url: None,
        limits: LimitSettings { per_minute: 1, per_hour: 1 },
        rate: Default::default(),
        outbox: Default::default(),
        jobs: Default::default(),
        retention: Default::default(),
        api: ApiSettings { limits: LimitSettings { per_minute: 3, per_hour: 100 }, ..ApiSettings::default() },
        schema_wait: LIMIT,
        grace: Duration::from_secs(5),
        admin_password: None,
    }
}

struct Api {
    url: String,
    http: reqwest::Client,
    stop: CancellationToken,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Api {
    async fn start() -> Self {
        Self::on(&database::migrated().await).await
    }

    async fn on(database: &str) -> Self {
        vitte_tests::tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let registry = Registry::new(vec![Arc::new(Notes)]);
        let ended = tokio::spawn(vitte_api::run(config(database), registry, Door::Listener(listener), stop.clone()));
        Self { url, http: http_client().unwrap(), stop, ended }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Response {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path, &[], "").await
    }

    /// A client that says one thing and does another.
    async fn raw(&self, request: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::time::timeout(LIMIT, connection.read_to_string(&mut answer)).await.unwrap().unwrap();
        answer
    }

    async fn ready(&self) -> StatusCode {
        self.get("/health/ready").await.status()
    }
}

/// A problem of this kind, known by the id of its request.
async fn problem(response: Response, status: u16, kind: &str) -> Value {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let request_id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["type"], format!("https://vitte.dev/problems/{kind}"), "{body}");
    assert_eq!(body["status"], status);
    assert_eq!(body["trace_id"], request_id.as_str());
    body
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn a_bot_says_who_it_is() {
    let api = Api::start().await;
    let bot: Value = api.get("/api/v1/bot").await.json().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(bot, json!({"name": "luna", "languages": ["ru", "en"], "modules": ["notes"], "version": version}));
}

/// Breaks without `problems::mend`: the router's and the extractors' errors are plain text, or nothing.
#[tokio::test]
async fn every_error_is_a_problem_whoever_made_it() {
    let api = Api::start().await;
    problem(api.get("/api/v1/nothing/here").await, 404, "not-found").await;
    problem(api.get("/api/v1").await, 404, "not-found").await;

    let response = api.ask(Method::DELETE, "/api/v1/bot", &[], "").await;
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    problem(response, 405, "method-not-allowed").await;
    problem(api.ask(Method::POST, "/healthcheck", &[], "").await, 405, "method-not-allowed").await;

    let body = problem(api.ask(Method::POST, "/api/v1/notes", &[JSON], "{\"a\":").await, 400, "bad-request").await;
    assert!(body["detail"].as_str().unwrap().contains("JSON"), "{body}");
    problem(api.ask(Method::POST, "/api/v1/notes", &[], "{}").await, 415, "unsupported-media-type").await;
    problem(api.get("/api/v1/notes/first").await, 400, "bad-request").await;
}

/// Breaks without `CatchPanicLayer` (the connection is cut) and with the panic's message as a detail.
#[tokio::test]
async fn a_handler_that_panics_is_one_requests_trouble_and_keeps_its_secrets() {
    let api = Api::start().await;
    let body = problem(api.get("/api/v1/notes/13").await, 500, "internal").await;
    assert!(!body.to_string().contains("secret"), "{body}");
    assert_eq!(api.get("/api/v1/notes/14").await.json::<i64>().await.unwrap(), 14);
}

/// Breaks without the look at the length (the first), and without `DefaultBodyLimit` (the second).
#[tokio::test]
async fn a_body_over_one_mebibyte_is_refused_said_or_not() {
    let api = Api::start().await;
    let head = "POST /api/v1/notes HTTP/1.1\r\nhost: api\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let said = format!("{head}content-length: 1048577\r\n\r\n");
    let size = 1024 * 1024 + 2;
    let unsaid = format!("{head}transfer-encoding: chunked\r\n\r\n{size:x}\r\n\"{}\"", "a".repeat(size - 2));
    for request in [said, unsaid] {
        let answer = api.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("https://vitte.dev/problems/too-large"), "{answer}");
    }
}

#[tokio::test]
async fn a_clients_own_request_id_is_echoed_and_a_uuid_names_the_trace() {
    let api = Api::start().await;
    let uuid = "0af76519-16cd-43dd-8448-eb211c80319c";
    let response = api.ask(Method::GET, "/api/v1/none", &[("x-request-id", uuid)], "").await;
    assert_eq!(response.headers()["x-request-id"], uuid);
    assert_eq!(response.json::<Value>().await.unwrap()["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

/// Breaks without `limit::enforce`, or when a client is whatever it claims to be.
#[tokio::test]
async fn a_client_over_its_limit_gets_429_and_when_to_come_again_and_another_is_not_meant() {
    let api = Api::start().await;
    let write = async |from: &str, claim: &str| {
        let headers = [JSON, ("x-forwarded-for", from), ("authorization", claim)];
        api.ask(Method::POST, "/api/v1/notes", &headers, "{}").await
    };
    for n in 0..3 {
        assert_eq!(write("10.0.0.1", &format!("Bearer {n}")).await.status(), 200);
    }
    let refused = write("10.0.0.1", "Bearer another").await;
    let seconds: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds));
    problem(refused, 429, "too-many-requests").await;
    assert_eq!(write("10.0.0.2", "Bearer 0").await.status(), 200);
    assert_eq!(api.get("/api/v1/openapi.json").await.status(), 200, "the document is free");
}

#[tokio::test]
async fn the_document_describes_the_modules_routes_and_the_page_shows_it_from_this_process_alone() {
    let api = Api::start().await;
    let document: Value = api.get("/api/v1/openapi.json").await.json().await.unwrap();
    let operation = &document["paths"]["/api/v1/notes/{id}"]["get"];
    assert!(operation["responses"]["default"]["content"]["application/problem+json"].is_object(), "{document:#}");

    let page = api.get("/docs/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'; script-src 'self'"), "{policy}");
    let html = page.text().await.unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
    assert!(!html.contains("<script>"), "an inline script would be blocked: {html}");
    for asset in ["swagger-ui-bundle.js", "swagger-initializer.js", "swagger-ui.css"] {
        assert!(html.contains(asset), "{html}");
        assert_eq!(api.get(&format!("/docs/{asset}")).await.status(), 200, "{asset}");
    }
    let start = api.get("/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(start.contains("/api/v1/openapi.json"), "{start}");
}

/// Breaks with the path as a label: a client could fill the memory with its words.
#[tokio::test]
async fn requests_are_counted_by_the_template_of_their_route() {
    let api = Api::start().await;
    api.get("/api/v1/notes/14").await;
    api.get("/api/v1/what/ever").await;
    let metrics = api.get("/metrics").await.text().await.unwrap();
    let line = "vitte_http_requests_total{role=\"api\",route=\"/api/v1/notes/{id}\",status=\"2xx\"}";
    assert!(metrics.contains(line), "{metrics}");
    assert!(!metrics.contains("/what/ever") && !metrics.contains("__private"), "{metrics}");
}

#[tokio::test]
async fn before_its_schema_the_role_is_alive_and_not_ready_and_stopped_it_ends_without_an_error() {
    let api = Api::on(&database::empty().await).await;
    let live = async || api.http.get(format!("{}/health/live", api.url)).send().await.ok();
    assert_eq!(until("an answer", live).await.status(), 200);
    assert_eq!(api.ready().await, 503);
    api.stop.cancel();
    tokio::time::timeout(LIMIT, api.ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_lets_the_role_end_within_its_grace_though_a_client_keeps_its_connection() {
    let api = Api::start().await;
    until("ready", async || (api.ready().await == 200).then_some(())).await;
    api.stop.cancel();
    tokio::time::timeout(LIMIT, api.ended).await.unwrap().unwrap().unwrap();
    assert!(api.http.get(&api.url).send().await.is_err(), "nobody listens any more");
}

#[test]
fn two_modules_with_one_route_are_an_error_that_names_it() {
    let twice = Registry::new(vec![Arc::new(Notes), Arc::new(Notes)]);
    let Err(error) = vitte_api::document(&twice) else { panic!("accepted") };
    assert!(error.to_string().contains("/api/v1/notes"), "{error}");
}
