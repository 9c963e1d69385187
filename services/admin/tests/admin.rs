//! The pages driven over HTTP, with a real database.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, Response};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_platform::config::{Config, Updates};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::http::Door;
use vitte_platform::http::admin::{Ask, Page};
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::module::{BoxFuture, Handlers, Module, Registry};
use vitte_platform::telegram::Message;
use vitte_platform::telegram::client::{bot_id, http_client};
use vitte_tests::telegram::{TOKEN, message};
use vitte_tests::{LIMIT, database, until};

/// Answers text, has a page, and hears whose row is not what it was.
struct Echo {
    page: &'static str,
    heard: Arc<Mutex<Vec<i64>>>,
}

impl Echo {
    fn at(page: &'static str) -> Self {
        Self { page, heard: Arc::default() }
    }
}

impl Module for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }
    fn handlers(&self) -> Handlers {
        Handlers::new().free_text(|turn, message| {
            Box::pin(async move {
                let text = message.text.clone().unwrap_or_default();
                anyhow::ensure!(text != "still broken", "cannot echo that");
                turn.reply(Message::html("echo"));
                Ok(())
            })
        })
    }
    fn person_changed(&self, id: i64) {
        self.heard.lock().unwrap().push(id);
    }
    fn admin(&self) -> Vec<Page> {
        let draw = Arc::new(|_: Ask| -> BoxFuture<'static, anyhow::Result<String>> {
            Box::pin(async { Ok("<p>drawn by <b>echo</b></p>".to_owned()) })
        });
        let person = Arc::new(|_: Ask, id: i64| -> BoxFuture<'static, anyhow::Result<String>> {
            Box::pin(async move { Ok(format!("<p>echo knows person <b>{id}</b></p>")) })
        });
        vec![Page { path: self.page, title: "Echoes", draw, person: Some(person) }]
    }
}

fn config(database: &str, password: Option<&str>) -> Config {
    Config {
        name: "luna".into(),
        api_url: "http://127.0.0.1:9".into(),
        token: TOKEN.to_owned().into(),
        updates: Updates::Polling(PollingSettings::default()),
        languages: vec!["ru".into(), "en".into()],
        database: DatabaseSettings::new(database),
        redis_url: None,
        limits: Default::default(),
        rate: Default::default(),
        outbox: Default::default(),
        jobs: Default::default(),
        retention: Default::default(),
        api: Default::default(),
        schema_wait: LIMIT,
        grace: Duration::from_secs(3),
        admin_password: password.map(|p| p.to_owned().into()),
    }
}

struct Owner {
    url: String,
    http: reqwest::Client,
    pool: PgPool,
    cookie: Option<String>,
    heard: Arc<Mutex<Vec<i64>>>,
    _stop: tokio_util::sync::DropGuard,
}

impl Owner {
    async fn start(password: Option<&str>) -> Self {
        vitte_tests::tls();
        let (database, pool) = database::migrated_pool().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let echo = Echo::at("echoes");
        let heard = echo.heard.clone();
        let registry = Registry::new(vec![Arc::new(echo)]);
        let config = config(&database, password);
        tokio::spawn(vitte_admin::run(config, registry, Door::Listener(listener), stop.clone()));
        let http = http_client().unwrap();
        let answers = async || http.get(format!("{url}/health/live")).send().await.ok();
        until("an answer", answers).await;
        Self { url, http, pool, cookie: None, heard, _stop: stop.drop_guard() }
    }

    async fn get(&self, path: &str) -> Response {
        let mut request = self.http.get(format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        request.send().await.unwrap()
    }

    async fn read(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    async fn send(&self, path: &str, site: &str, form: &str) -> Response {
        let mut request = self.http.request(Method::POST, format!("{}{path}", self.url));
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let request =
            request.header("sec-fetch-site", site).header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send().await.unwrap()
    }

    /// Presses a button: a form of this very site, with the token that the pages carry.
    async fn press(&self, path: &str, fields: &str) -> Response {
        let page = self.read("/admin/people").await;
        let page = if page.contains("name=\"token\"") { page } else { self.page_with_token().await };
        let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        self.send(path, "same-origin", &format!("token={token}&{fields}")).await
    }

    /// Without a password only pages with something to press carry one.
    async fn page_with_token(&self) -> String {
        let id = self.person(999_999, "Token").await;
        self.read(&format!("/admin/people/{id}")).await
    }

    async fn person(&self, telegram_id: i64, first_name: &str) -> i64 {
        sqlx::query_scalar(
            "INSERT INTO users (telegram_id, first_name, client_language, created_at, updated_at)
             VALUES ($1, $2, 'ru', now(), now())
             ON CONFLICT (telegram_id) DO UPDATE SET first_name = excluded.first_name RETURNING id",
        )
        .bind(telegram_id)
        .bind(first_name)
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    async fn dead_update(&self, id: i64, text: &str) {
        sqlx::query(
            "INSERT INTO dead_updates (bot_id, update_id, kind, chat_id, user_id, raw, error, failed_at)
             VALUES ($1, $2, 'message', 7, 7, $3::json, 'the handler panicked', now())",
        )
        .bind(bot_id(TOKEN).unwrap())
        .bind(id)
        .bind(message(id, 7, text).to_string())
        .execute(&self.pool)
        .await
        .unwrap();
    }

    async fn dead_message(&self, chat: i64, error: &str) -> i64 {
        sqlx::query_scalar(
            "INSERT INTO outbox (chat_id, priority, method, payload, error, dead_at)
             VALUES ($1, 0, 'sendMessage', '{\"text\": \"a private word\"}', $2, now()) RETURNING id",
        )
        .bind(chat)
        .bind(error)
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    async fn sign_in(&self, password: &str) -> Response {
        self.send("/admin/login", "same-origin", &format!("password={password}")).await
    }
}

#[tokio::test]
async fn the_overview_says_what_needs_the_owner_and_nobody_may_frame_or_script_it() {
    let owner = Owner::start(None).await;
    let page = owner.read("/admin").await;
    assert!(page.contains("All is well"), "{page}");
    owner.dead_message(7, "Forbidden").await;
    let response = owner.get("/admin").await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'") && policy.contains("frame-ancestors 'none'"));
    let page = response.text().await.unwrap();
    assert!(page.contains("Something needs you"), "{page}");
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"), "{page}");
}

/// Breaks with `|safe` on a name.
#[tokio::test]
async fn what_people_call_themselves_stays_text() {
    let owner = Owner::start(None).await;
    let id = owner.person(7, "<script>alert(1)</script>").await;
    for path in ["/admin/people".to_owned(), format!("/admin/people/{id}")] {
        let page = owner.read(&path).await;
        assert!(page.contains("&#60;script&#62;") && !page.contains("<script>"), "{page}");
    }
}

#[tokio::test]
async fn people_are_found_by_name_id_and_language_fifty_a_page() {
    let owner = Owner::start(None).await;
    for id in 1..=51 {
        owner.person(id, &format!("Person{id}")).await;
    }
    let rows = |page: &str| page.matches("data-label=\"Person\"").count();
    assert_eq!(rows(&owner.read("/admin/people").await), 50);
    assert_eq!(rows(&owner.read("/admin/people?page=2").await), 1);
    assert_eq!(rows(&owner.read("/admin/people?page=nonsense").await), 50);
    assert_eq!(rows(&owner.read("/admin/people?q=person51").await), 1);
    assert_eq!(rows(&owner.read("/admin/people?q=%25").await), 0, "a percent sign is a letter");
    assert_eq!(rows(&owner.read("/admin/people?q=Person&language=en").await), 0);
    assert_eq!(rows(&owner.read("/admin/people?blocked=yes").await), 0);
}

/// Each part breaks without its half of `guard::enforce`.
#[tokio::test]
async fn a_change_needs_this_sites_form_and_its_token() {
    let owner = Owner::start(None).await;
    let id = owner.dead_message(7, "Forbidden").await;
    let fields = format!("ids={id}");
    assert_eq!(owner.send("/admin/outbox/replay", "same-origin", &fields).await.status(), 403, "no token");
    let page = owner.read("/admin/outbox/dead").await;
    let token = page.split("name=\"token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let with_token = format!("{fields}&token={token}");
    assert_eq!(owner.send("/admin/outbox/replay", "cross-site", &with_token).await.status(), 403, "another site");
    assert_eq!(owner.get("/admin/outbox/replay").await.status(), 405, "a link changes nothing");
    assert_eq!(owner.count("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL").await, 1);
    assert_eq!(owner.send("/admin/outbox/replay", "same-origin", &with_token).await.status(), 303);
    assert_eq!(owner.count("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn dead_messages_show_their_reason_and_never_their_words() {
    let owner = Owner::start(None).await;
    owner.dead_message(7, "Forbidden: bot was blocked by the user").await;
    let page = owner.read("/admin/outbox/dead").await;
    assert!(page.contains("bot was blocked") && !page.contains("a private word"), "{page}");
}

#[tokio::test]
async fn a_dead_job_is_put_back_into_the_queue() {
    let owner = Owner::start(None).await;
    sqlx::query(
        "INSERT INTO dead_jobs (id, name, class, payload, attempts, max_attempts, error, created_at)
         VALUES (5, 'companion.answer', 'model', '{}', 3, 3, 'the model is away', now())",
    )
    .execute(&owner.pool)
    .await
    .unwrap();
    assert!(owner.read("/admin/jobs/dead").await.contains("the model is away"));
    let done = owner.press("/admin/jobs/replay", "ids=5").await;
    assert_eq!(done.headers()["location"], "/admin/jobs/dead?said=1");
    assert!(owner.read("/admin/jobs").await.contains("companion.answer"));
    let again = owner.press("/admin/jobs/replay", "ids=5").await;
    assert_eq!(again.headers()["location"], "/admin/jobs/dead?said=0", "once");
    assert_eq!(owner.press("/admin/jobs/replay", "ids=all").await.status(), 400);
}

#[tokio::test]
async fn a_dead_update_is_read_only_after_a_click_and_replayed_here() {
    let owner = Owner::start(None).await;
    owner.dead_update(41, "my own words").await;
    assert!(owner.read("/admin/updates").await.contains("the handler panicked"));
    assert!(!owner.read("/admin/updates/41").await.contains("my own words"));
    assert!(owner.read("/admin/updates/41?raw=yes").await.contains("my own words"));
    let done = owner.press("/admin/updates/41/replay", "").await;
    assert_eq!(done.headers()["location"], "/admin/updates?replayed=41");
    assert_eq!(owner.count("SELECT count(*) FROM outbox WHERE chat_id = 7").await, 1, "its answer is on its way");
    assert!(owner.press("/admin/updates/41/replay", "").await.text().await.unwrap().contains("replayed already"));
    assert_eq!(owner.get("/admin/updates/42").await.status(), 404);
}

#[tokio::test]
async fn an_update_that_fails_again_says_why_and_stays() {
    let owner = Owner::start(None).await;
    owner.dead_update(43, "still broken").await;
    let page = owner.press("/admin/updates/43/replay", "").await.text().await.unwrap();
    assert!(page.contains("cannot echo that"), "{page}");
    assert!(owner.read("/admin/updates").await.contains(">43<"));
}

/// Breaks when the id is not looked at, or when the modules, which keep copies of people, are not told.
#[tokio::test]
async fn a_person_is_erased_only_when_their_id_is_typed() {
    let owner = Owner::start(None).await;
    let id = owner.person(7, "Ann").await;
    let path = format!("/admin/people/{id}/erase");
    assert_eq!(owner.press(&path, "telegram_id=8").await.status(), 400);
    assert_eq!(owner.count("SELECT count(*) FROM users WHERE telegram_id = 7").await, 1);
    assert!(owner.heard.lock().unwrap().is_empty());
    assert_eq!(owner.press(&path, "telegram_id=7").await.status(), 303);
    assert_eq!(*owner.heard.lock().unwrap(), [id]);
    assert_eq!(owner.count("SELECT count(*) FROM users WHERE telegram_id = 7").await, 0);
    assert_eq!(owner.get(&format!("/admin/people/{id}")).await.status(), 404);
}

#[tokio::test]
async fn what_a_module_knows_of_a_person_stands_on_their_page() {
    let owner = Owner::start(None).await;
    let id = owner.person(7, "Ann").await;
    let page = owner.read(&format!("/admin/people/{id}")).await;
    assert!(page.contains("<h2>Echoes</h2>") && page.contains(&format!("echo knows person <b>{id}</b>")), "{page}");
}

#[tokio::test]
async fn a_modules_page_stands_in_the_common_frame() {
    let owner = Owner::start(None).await;
    let page = owner.read("/admin/echoes").await;
    assert!(page.contains("drawn by <b>echo</b>") && page.contains("aria-current=\"page\">Echoes"), "{page}");
    assert_eq!(owner.get("/admin/nothing").await.status(), 404);
}

#[tokio::test]
async fn a_modules_page_cannot_take_the_place_of_another() {
    vitte_tests::tls();
    let registry = Registry::new(vec![Arc::new(Echo::at("people"))]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&database::server_url(), None);
    let ended = vitte_admin::run(config, registry, Door::Listener(listener), CancellationToken::new()).await;
    assert!(ended.unwrap_err().to_string().contains("/admin/people"));
}

/// Breaks without `guard::enforce`, and with a cookie that a script could read or another site send.
#[tokio::test]
async fn with_a_password_every_page_asks_for_it_once_in_twelve_hours() {
    let mut owner = Owner::start(Some("moonlight")).await;
    for path in ["/admin", "/admin/people", "/admin/updates/1?raw=yes", "/admin/echoes", "/admin/what"] {
        let response = owner.get(path).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (303, &"/admin/login".parse().unwrap()),
            "{path}"
        );
    }
    assert_eq!(owner.send("/admin/jobs/replay", "same-origin", "ids=1").await.status(), 303);
    assert!(owner.read("/admin/login").await.contains("type=\"password\""));
    assert_eq!(owner.sign_in("sunlight").await.status(), 401);
    let welcome = owner.sign_in("moonlight").await;
    let cookie = welcome.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/admin", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    owner.cookie = Some(cookie.split(';').next().unwrap().to_owned());
    assert!(owner.read("/admin").await.contains("Sign out"));
    assert_eq!(owner.press("/admin/jobs/replay", "ids=1").await.status(), 303);
    let gone = owner.press("/admin/logout", "").await;
    assert!(gone.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn whoever_guesses_is_stopped_after_five_tries() {
    let owner = Owner::start(Some("moonlight")).await;
    for _ in 0..5 {
        assert_eq!(owner.sign_in("guess").await.status(), 401);
    }
    let stopped = owner.sign_in("moonlight").await;
    assert_eq!(stopped.status(), 429);
    assert!(stopped.headers().contains_key("retry-after"));
}
