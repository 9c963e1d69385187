//! The simulated Telegram of one test; a token a world, so that worlds may share it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_sim::{Sim, SimConfig};

static TOKENS: AtomicU64 = AtomicU64::new(100_001);

/// A running simulated Telegram. Ends with its value.
pub struct Telegram {
    sim: Sim,
    address: SocketAddr,
    http: reqwest::Client,
    stop: CancellationToken,
}

impl Telegram {
    pub async fn start() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let sim = Sim::open(SimConfig::default()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (world, closing) = (sim.clone(), stop.clone());
        tokio::spawn(async move { world.serve(listener, closing).await.unwrap() });
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        Self { sim, address, http, stop }
    }

    /// A token of a bot that nobody else has.
    pub fn new_token() -> String {
        format!("{}:simulated-token-of-a-bot-in-a-test0", TOKENS.fetch_add(1, Ordering::Relaxed))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A call of the Bot API, as the bot makes it.
    pub async fn call(&self, token: &str, method: &str, body: &Value) -> Value {
        self.try_call(token, method, body).await.unwrap()
    }

    /// The same by somebody who lives with it when Telegram is away.
    pub async fn try_call(&self, token: &str, method: &str, body: &Value) -> reqwest::Result<Value> {
        let answer = self.http.post(format!("{}/bot{token}/{method}", self.url())).json(body).send().await?;
        answer.json().await
    }

    /// Where Telegram delivers this bot's updates; empty when nowhere.
    pub async fn webhook(&self, token: &str) -> String {
        let info = self.call(token, "getWebhookInfo", &json!({})).await;
        info["result"]["url"].as_str().unwrap_or_default().to_owned()
    }

    /// The parameters of every call of a method by one bot, oldest first.
    pub async fn calls(&self, token: &str, method: &str) -> Vec<Value> {
        let address = format!("{}/sim/calls?method={method}", self.url());
        let answer: Value = self.http.get(address).send().await.unwrap().json().await.unwrap();
        let bot = token.split(':').next().unwrap().parse::<i64>().unwrap();
        let calls = answer["calls"].as_array().unwrap().iter();
        calls.filter(|call| call["bot_id"] == bot).map(|call| call["params"].clone()).collect()
    }

    /// Somebody writes to the bot: an update waits to be delivered.
    pub async fn is_written_to(&self, token: &str) {
        let bot = token.split(':').next().unwrap();
        let body = json!({"text": "anybody?", "from": {"id": 5, "first_name": "Ann"}});
        let address = format!("{}/sim/chats/5/messages?bot={bot}", self.url());
        let answer = self.http.post(address).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// Telegram answers nobody from now on.
    pub async fn goes_away(&self) {
        let fault = json!({"method": "*", "drop": true, "times": 1_000_000});
        let answer = self.http.post(format!("{}/sim/faults", self.url())).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub async fn comes_back(&self) {
        self.http.delete(format!("{}/sim/faults", self.url())).send().await.unwrap();
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.sim.close();
        self.stop.cancel();
    }
}
