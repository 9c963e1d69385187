//! A simulated world behind a real port, and short ways to talk to it.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use vitte_sim::{Sim, SimConfig};

pub const TOKEN: &str = "777:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIi";
/// Longest that any condition is waited for.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct World {
    pub sim: Sim,
    pub base: String,
    pub client: reqwest::Client,
    /// Ends its deliveries with it.
    _stop: DropGuard,
    tasks: Vec<JoinHandle<()>>,
}

impl World {
    pub async fn new() -> Self {
        Self::with(SimConfig { token: Some(TOKEN.to_owned()), ..SimConfig::default() }).await
    }

    pub async fn at(dir: &Path) -> Self {
        let config =
            SimConfig { token: Some(TOKEN.to_owned()), data_dir: Some(dir.to_owned()), ..SimConfig::default() };
        Self::with(config).await
    }

    pub async fn with(config: SimConfig) -> Self {
        let sim = Sim::open(config).unwrap();
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let router = sim.router();
        let (background, token) = (sim.clone(), stop.clone());
        let tasks = vec![
            tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }),
            tokio::spawn(async move { background.run(token).await }),
        ];
        Self {
            sim,
            base,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            _stop: stop.drop_guard(),
            tasks,
        }
    }

    /// Ends it as a killed process would: nothing is said goodbye to.
    pub async fn kill(self) {
        let Self { sim, client, tasks, .. } = self;
        drop(client);
        for task in &tasks {
            task.abort();
        }
        // Connections live in tasks of the server; closing ends their waits.
        sim.close();
        for task in tasks {
            let _ = task.await;
        }
        drop(sim);
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        let url = format!("{}/bot{TOKEN}/{method}", self.base);
        self.client.post(url).json(&params).send().await.unwrap().json().await.unwrap()
    }

    /// The result of a call that must succeed.
    pub async fn ok(&self, method: &str, params: Value) -> Value {
        let mut answer = self.call(method, params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["result"].take()
    }

    /// Code and description of a call that must fail.
    pub async fn refused(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.call(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        (answer["error_code"].as_i64().unwrap(), answer["description"].as_str().unwrap().to_owned())
    }

    pub async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}{path}", self.base)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let response = self.client.post(format!("{}{path}", self.base)).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn done(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Ann writes in her chat with the bot.
    pub async fn says(&self, chat: i64, text: &str) -> (i64, i64) {
        let from = json!({"id": chat.abs(), "first_name": "Ann", "language_code": "en"});
        let sent = self.done(&format!("/sim/chats/{chat}/messages"), json!({"text": text, "from": from})).await;
        (sent["update_id"].as_i64().unwrap(), sent["message_id"].as_i64().unwrap())
    }

    pub async fn updates(&self, params: Value) -> Vec<Value> {
        self.ok("getUpdates", params).await.as_array().unwrap().clone()
    }

    pub async fn fault(&self, fault: Value) {
        self.done("/sim/faults", fault).await;
    }
}

/// Waits, within the limit, until `look` gives something.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let search = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, search).await.unwrap_or_else(|_| panic!("never seen: {what}"))
}

/// One update as a webhook got it. The sender waits until it is answered.
pub struct Delivered {
    pub update: Value,
    pub secret: Option<String>,
    answer: tokio::sync::oneshot::Sender<(u16, Value)>,
}

impl Delivered {
    pub fn text(&self) -> &str {
        self.update["message"]["text"].as_str().unwrap()
    }

    pub fn answer(self, status: u16) {
        let _ = self.answer.send((status, json!({})));
    }

    pub fn answer_with(self, body: Value) {
        let _ = self.answer.send((200, body));
    }
}

/// A bot that is called by webhook; each call waits until the test answers it.
pub struct Hook {
    pub url: String,
    calls: mpsc::Receiver<Delivered>,
}

impl Hook {
    pub async fn new() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub fn on(listener: TcpListener) -> Self {
        let (sender, calls) = mpsc::channel(100);
        let url = format!("http://{}/telegram/webhook", listener.local_addr().unwrap());
        let router = Router::new().route("/telegram/webhook", post(receive)).with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, calls }
    }

    pub async fn next(&mut self) -> Delivered {
        tokio::time::timeout(LIMIT, self.calls.recv()).await.expect("no delivery").unwrap()
    }

    pub fn nothing_waits(&mut self) -> bool {
        self.calls.try_recv().is_err()
    }
}

async fn receive(
    State(calls): State<mpsc::Sender<Delivered>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let secret = headers.get("X-Telegram-Bot-Api-Secret-Token").map(|value| value.to_str().unwrap().to_owned());
    let update = serde_json::from_slice(&body).unwrap();
    calls.send(Delivered { update, secret, answer }).await.unwrap();
    let (status, body) = answered.await.unwrap_or((500, json!({})));
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}
