//! The simulated Telegram, served on a port of this test.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_sim::{Sim, SimConfig};

use crate::person::Person;

pub const TOKEN: &str = "100001:simulated-token-of-a-bot-in-a-test0";

/// A running simulated Telegram. Ends with its value.
pub struct Telegram {
    pub sim: Sim,
    pub address: SocketAddr,
    pub http: reqwest::Client,
    stop: CancellationToken,
}

impl Telegram {
    pub async fn start() -> Self {
        Self::with(SimConfig { token: Some(TOKEN.to_owned()), ..SimConfig::default() }).await
    }

    pub async fn with(config: SimConfig) -> Self {
        crate::tls();
        let sim = Sim::open(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (world, closing) = (sim.clone(), stop.clone());
        tokio::spawn(async move { world.serve(listener, closing).await.unwrap() });
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        let telegram = Self { sim, address, http, stop };
        for id in 1..=60 {
            telegram.meet(id).await;
        }
        telegram
    }

    /// A chat exists at Telegram once its person has written; some tests begin later.
    pub async fn meet(&self, id: i64) {
        let from = json!({"id": id, "first_name": format!("P{id}"), "language_code": "en"});
        let request = self.http.put(format!("{}/sim/chats/{id}", self.url())).json(&json!({"from": from}));
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Somebody in Telegram, in a private chat with the bot.
    pub fn person(&self, id: i64) -> Person {
        Person::new(self.http.clone(), &self.url(), id)
    }

    /// The next `times` calls of `method` end so.
    pub async fn fault(&self, fault: Value) {
        let answer = self.http.post(format!("{}/sim/faults", self.url())).json(&fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    pub async fn clear_faults(&self) {
        self.http.delete(format!("{}/sim/faults", self.url())).send().await.unwrap();
    }

    /// A raw update into the bot's queue.
    pub async fn update(&self, update: &Value) {
        let answer = self.http.post(format!("{}/sim/updates", self.url())).json(update).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// The parameters of every call of a method, oldest first.
    pub async fn calls(&self, method: &str) -> Vec<Value> {
        let address = format!("{}/sim/calls?method={method}", self.url());
        let answer: Value = self.http.get(address).send().await.unwrap().json().await.unwrap();
        answer["calls"].as_array().unwrap().iter().map(|c| c["params"].clone()).collect()
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.sim.close();
        self.stop.cancel();
    }
}

/// A text message as Telegram sends it.
pub fn message(update_id: i64, chat: i64, text: &str) -> Value {
    json!({"update_id": update_id, "message": {"message_id": update_id, "date": 1, "text": text,
        "chat": {"id": chat, "type": "private", "first_name": "Ann"},
        "from": {"id": chat, "is_bot": false, "first_name": "Ann", "language_code": "en"}}})
}
