//! The preview against a Bot API on loopback that notes every call and answers when it is let.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::{Notify, Semaphore};
use vitte_platform::telegram::client::http_client;

use super::*;

const LIMIT: Duration = Duration::from_secs(20);
const TOKEN: &str = "42:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Default)]
struct Calls {
    made: Vec<(String, Value)>,
    answered: usize,
}

struct Api {
    calls: Mutex<Calls>,
    changed: Notify,
    /// Calls that may be answered now.
    gate: Semaphore,
    refuses: bool,
}

async fn call(State(api): State<Arc<Api>>, Path(method): Path<String>, Json(params): Json<Value>) -> Json<Value> {
    api.calls.lock().unwrap().made.push((method.clone(), params));
    api.changed.notify_waiters();
    if method == "sendMessageDraft" {
        api.gate.acquire().await.unwrap().forget();
    }
    api.calls.lock().unwrap().answered += 1;
    api.changed.notify_waiters();
    if api.refuses && method == "sendMessageDraft" {
        return Json(json!({"ok": false, "error_code": 400, "description": "Bad Request: no drafts here"}));
    }
    Json(json!({"ok": true, "result": true}))
}

impl Api {
    async fn start(permits: usize, refuses: bool) -> (Arc<Self>, Telegram) {
        let api =
            Arc::new(Self { calls: Mutex::default(), changed: Notify::new(), gate: Semaphore::new(permits), refuses });
        let router = Router::new().route(&format!("/bot{TOKEN}/{{method}}"), post(call)).with_state(api.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (api, Telegram::new(http_client().unwrap(), &base, SecretString::from(TOKEN)).unwrap())
    }

    fn drafts(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let drafts = calls.made.iter().filter(|(method, _)| method == "sendMessageDraft");
        drafts.map(|(_, params)| params["text"].as_str().unwrap().to_owned()).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        assert!(tokio::time::timeout(LIMIT, wait).await.is_ok(), "waited in vain until {what}");
    }

    fn typed(&self) -> bool {
        self.calls.lock().unwrap().made.iter().any(|(method, _)| method == "sendChatAction")
    }
}

const OPEN: usize = 1000;

#[tokio::test]
async fn typing_is_shown_at_once_and_words_as_they_come() {
    let (api, telegram) = Api::start(OPEN, false).await;
    let preview = Preview::start(telegram, 5, 9, Duration::from_millis(1));
    api.until("typing is shown", Api::typed).await;
    preview.show("Hel");
    api.until("the first words are shown", |api| api.drafts() == ["Hel"]).await;
    preview.show("Hello");
    api.until("more words are shown", |api| api.drafts() == ["Hel", "Hello"]).await;
    let calls = api.calls.lock().unwrap();
    assert_eq!(calls.made.last().unwrap().1, json!({"chat_id": 5, "draft_id": 9, "text": "Hello"}));
}

#[tokio::test]
async fn the_end_waits_for_a_draft_in_flight() {
    let (api, telegram) = Api::start(0, false).await;
    let preview = Preview::start(telegram, 5, 9, Duration::ZERO);
    preview.show("Hel");
    api.until("a draft is in flight", |api| api.drafts() == ["Hel"]).await;
    preview.show("Hello");
    let mut end = std::pin::pin!(preview.end());
    assert!(futures::poll!(&mut end).is_pending());
    let before = api.calls.lock().unwrap().answered;
    api.gate.add_permits(OPEN);
    tokio::time::timeout(LIMIT, end).await.unwrap();
    assert_eq!(api.calls.lock().unwrap().answered, before + 1, "ended before the draft was answered");
    assert_eq!(api.drafts(), ["Hel"], "a draft after the end");
}

#[tokio::test]
async fn a_pause_between_drafts_is_kept_and_does_not_delay_the_end() {
    let (api, telegram) = Api::start(OPEN, false).await;
    let preview = Preview::start(telegram, 5, 9, Duration::from_secs(3600));
    preview.show("Hel");
    api.until("the first words are shown", |api| api.drafts() == ["Hel"]).await;
    preview.show("Hello");
    tokio::time::timeout(LIMIT, preview.end()).await.unwrap();
    assert_eq!(api.drafts(), ["Hel"]);
}

#[tokio::test]
async fn after_a_refused_draft_there_are_no_more() {
    let (api, telegram) = Api::start(OPEN, true).await;
    let preview = Preview::start(telegram, 5, 9, Duration::ZERO);
    preview.show("Hel");
    api.until("a draft is refused", |api| api.drafts() == ["Hel"]).await;
    // The task ends by itself: nobody watches any more.
    let gone = async { preview.text.closed().await };
    tokio::time::timeout(LIMIT, gone).await.unwrap();
    preview.show("Hello");
    tokio::time::timeout(LIMIT, preview.end()).await.unwrap();
    assert_eq!(api.drafts(), ["Hel"]);
}

#[tokio::test]
async fn a_draft_is_cut_to_what_telegram_takes() {
    let (api, telegram) = Api::start(OPEN, false).await;
    let preview = Preview::start(telegram, 5, 9, Duration::ZERO);
    preview.show(&"🎈".repeat(5000));
    api.until("a draft is shown", |api| !api.drafts().is_empty()).await;
    assert_eq!(api.drafts()[0].encode_utf16().count(), TEXT_LIMIT);
}
