//! The fake Bot API: takes every call as Telegram would, at once, and notes each `sendMessage` in the ledger. For
//! polling it hands out updates, with Telegram's meaning of `offset`.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::http::{self, Answer};
use crate::ledger::Shared;

/// A token in Telegram's form; it opens nothing.
pub const TOKEN: &str = "424242:AAbench-AAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// As long as an answer of /help: a client reads all of it.
const TEXT: &str = "I can do this:\\n\\n/start \\u2013 begin\\n/help \\u2013 what I can do\\n/status \\u2013 how things \
                    are\\n/language \\u2013 choose a language\\n/forgetme \\u2013 erase everything about me";

pub struct FakeApi {
    address: SocketAddr,
    ledger: Shared,
    message: AtomicI64,
    updates: Mutex<VecDeque<(i64, String)>>,
    arrived: Notify,
}

#[derive(Deserialize)]
struct ToChat {
    chat_id: i64,
}

#[derive(Deserialize)]
struct Poll {
    offset: Option<i64>,
    limit: Option<usize>,
    timeout: Option<u64>,
}

impl FakeApi {
    pub async fn start(ledger: Shared) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let api = Arc::new(Self {
            address: listener.local_addr()?,
            ledger,
            message: AtomicI64::new(1),
            updates: Mutex::default(),
            arrived: Notify::new(),
        });
        let this = api.clone();
        tokio::spawn(http::serve(listener, move |request| this.clone().answer(request)));
        Ok(api)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// An update for whoever polls.
    pub fn push(&self, id: i64, update: String) {
        self.updates.lock().unwrap_or_else(PoisonError::into_inner).push_back((id, update));
        self.arrived.notify_one();
    }

    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let Ok(body) = request.into_body().collect().await else { return http::status(StatusCode::BAD_REQUEST) };
        let body = body.to_bytes();
        match method.as_str() {
            "sendMessage" => self.send_message(&body),
            "getUpdates" => self.get_updates(&body).await,
            "getMe" => http::json(
                r#"{"ok":true,"result":{"id":424242,"is_bot":true,"first_name":"Bench","username":"bench_bot"}}"#,
            ),
            "getWebhookInfo" => http::json(r#"{"ok":true,"result":{"url":"","pending_update_count":0}}"#),
            _ => http::json(r#"{"ok":true,"result":true}"#),
        }
    }

    fn send_message(&self, body: &Bytes) -> Answer {
        let now = Instant::now();
        let Ok(ToChat { chat_id }) = serde_json::from_slice(body) else {
            return http::status(StatusCode::BAD_REQUEST);
        };
        self.ledger.lock().received(chat_id, now);
        let id = self.message.fetch_add(1, Ordering::Relaxed);
        http::json(format!(
            "{{\"ok\":true,\"result\":{{\"message_id\":{id},\"from\":{{\"id\":424242,\"is_bot\":true,\
             \"first_name\":\"Bench\",\"username\":\"bench_bot\"}},\"chat\":{{\"id\":{chat_id},\"first_name\":\
             \"Person\",\"type\":\"private\"}},\"date\":1700000000,\"text\":\"{TEXT}\"}}}}"
        ))
    }

    async fn get_updates(&self, body: &Bytes) -> Answer {
        let Ok(poll) = serde_json::from_slice::<Poll>(body) else { return http::status(StatusCode::BAD_REQUEST) };
        let until = tokio::time::Instant::now() + Duration::from_secs(poll.timeout.unwrap_or(0).min(50));
        loop {
            let page = self.page(&poll);
            if page.is_some() || tokio::time::timeout_at(until, self.arrived.notified()).await.is_err() {
                return http::json(format!("{{\"ok\":true,\"result\":[{}]}}", page.unwrap_or_default()));
            }
        }
    }

    /// Forgets what is below the offset, gives what is there.
    fn page(&self, poll: &Poll) -> Option<String> {
        let mut updates = self.updates.lock().unwrap_or_else(PoisonError::into_inner);
        let offset = poll.offset.unwrap_or(0);
        while updates.front().is_some_and(|(id, _)| *id < offset) {
            updates.pop_front();
        }
        let page: Vec<&str> =
            updates.iter().take(poll.limit.unwrap_or(100).min(100)).map(|(_, u)| u.as_str()).collect();
        if page.is_empty() { None } else { Some(page.join(",")) }
    }
}
