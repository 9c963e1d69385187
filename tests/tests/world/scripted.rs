//! A bot whose every step is said by the test, over a simulated world of its own.
//!
//! The page is tried against this bot, so that what it shows depends on the simulated Telegram alone.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitte_sim::{Sim, SimConfig};
use vitte_tests::{LIMIT, until};

const TOKEN: &str = "4242:token-of-the-bot-behind-the-page";

pub struct Bot {
    world: Option<World>,
    address: SocketAddr,
    http: reqwest::Client,
    offset: AtomicI64,
    folder: TempDir,
}

struct World {
    sim: Sim,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl World {
    async fn start(folder: &TempDir, listener: TcpListener) -> Self {
        let config = SimConfig {
            data_dir: Some(folder.path().to_owned()),
            token: Some(TOKEN.to_owned()),
            bot_username: "luna_bot".to_owned(),
            bot_name: "Luna".to_owned(),
            ..SimConfig::default()
        };
        // One that ended a moment ago may still hold the folder.
        let sim = until("the folder to be free", async || Sim::open(config.clone()).ok()).await;
        let (router, stop) = (sim.router(), CancellationToken::new());
        let stopped = stop.clone().cancelled_owned();
        let server = async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await.unwrap() };
        Self { sim, stop, server: tokio::spawn(server) }
    }

    fn close(&self) {
        // Event streams would hold the server.
        self.sim.close();
        self.stop.cancel();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.close();
    }
}

impl Bot {
    /// A world without people, and its bot.
    pub async fn new() -> Self {
        vitte_tests::tls();
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let world = World::start(&folder, listener).await;
        let http = reqwest::Client::builder().no_proxy().timeout(LIMIT).build().unwrap();
        let bot = Self { world: Some(world), address, http, offset: AtomicI64::new(0), folder };
        let commands = json!([{"command": "start", "description": "Begin"},
            {"command": "status", "description": "How things are"}, {"command": "help", "description": "What I can do"}]);
        bot.call("setMyCommands", &json!({"commands": commands})).await;
        bot
    }

    /// Everything is gone at once, as when the computer is switched off.
    pub async fn goes_away(&mut self) {
        let mut world = self.world.take().expect("a world that is there");
        world.close();
        tokio::time::timeout(LIMIT, &mut world.server).await.expect("the server ends").unwrap();
    }

    /// It is there again, where it was.
    pub async fn comes_back(&mut self) {
        let listener = until("the port to be free", async || TcpListener::bind(self.address).await.ok()).await;
        self.world = Some(World::start(&self.folder, listener).await);
    }

    pub fn page(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn call(&self, method: &str, params: &Value) -> Value {
        let url = self.page(&format!("/bot{TOKEN}/{method}"));
        let mut answer: Value = self.http.post(url).json(params).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["result"].take()
    }

    pub async fn say(&self, chat: i64, html: &str) -> i64 {
        let sent = self.call("sendMessage", &json!({"chat_id": chat, "text": html, "parse_mode": "HTML"})).await;
        sent["message_id"].as_i64().unwrap()
    }

    pub async fn draft(&self, chat: i64, text: &str) {
        self.call("sendMessageDraft", &json!({"chat_id": chat, "draft_id": 1, "text": text})).await;
    }

    pub async fn upload(&self, method: &str, chat: i64, field: &'static str, name: &'static str, bytes: &'static [u8]) {
        let form = Form::new().text("chat_id", chat.to_string()).text("duration", "7");
        let form = form.part(field, Part::bytes(bytes).file_name(name));
        let url = self.page(&format!("/bot{TOKEN}/{method}"));
        let answer = self.http.post(url).multipart(form).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// The next thing that somebody did.
    pub async fn next(&self) -> Value {
        let offset = self.offset.load(Ordering::Relaxed);
        let params = json!({"offset": offset, "limit": 1, "timeout": LIMIT.as_secs() / 2});
        let mut updates = self.call("getUpdates", &params).await;
        assert_eq!(updates.as_array().map(Vec::len), Some(1), "nobody did anything");
        self.offset.store(updates[0]["update_id"].as_i64().unwrap() + 1, Ordering::Relaxed);
        updates[0].take()
    }

    /// The next thing that somebody did must be this message.
    pub async fn hears(&self, chat: i64, text: &str) {
        let update = self.next().await;
        assert_eq!(update["message"]["chat"]["id"], chat, "{update}");
        assert_eq!(update["message"]["text"], text, "{update}");
    }
}
