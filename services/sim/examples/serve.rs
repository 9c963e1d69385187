//! The simulated world with a small bot, for work on the chat page: `cargo run -p vitte-sim --example serve`.
//!
//! The bot talks to the world over HTTP as any other would: it greets, streams the model's answers as
//! drafts, and has a command for each thing that the page can show.

use std::error::Error;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_sim::{Sim, SimConfig};

const TOKEN: &str = "4242:example-of-a-token-for-the-page";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let config = SimConfig {
        token: Some(TOKEN.to_owned()),
        bot_username: "luna_bot".to_owned(),
        bot_name: "Luna".to_owned(),
        ..SimConfig::default()
    };
    let sim = Sim::open(config)?;
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let base = format!("http://{}", listener.local_addr()?);
    let shutdown = CancellationToken::new();
    let stop = shutdown.clone();
    let running = tokio::spawn(async move { sim.serve(listener, stop).await });
    let bot = Bot { client: reqwest::Client::builder().no_proxy().build()?, base };
    tokio::select! {
        result = bot.work() => result?,
        _ = tokio::signal::ctrl_c() => {}
    }
    shutdown.cancel();
    Ok(running.await??)
}

#[derive(Clone)]
struct Bot {
    client: reqwest::Client,
    base: String,
}

impl Bot {
    async fn call(&self, method: &str, params: Value) -> Result<Value, Failure> {
        let url = format!("{}/bot{TOKEN}/{method}", self.base);
        let answer: Value = self.client.post(url).json(&params).send().await?.json().await?;
        if answer["ok"] == true { Ok(answer["result"].clone()) } else { Err(answer.to_string().into()) }
    }

    async fn work(&self) -> Result<(), Failure> {
        let commands = json!([
            {"command": "start", "description": "Begin"},
            {"command": "show", "description": "Everything that a message can be"},
            {"command": "photo", "description": "A photo"},
            {"command": "help", "description": "What I can do"},
        ]);
        let russian = json!([{"command": "start", "description": "Начать"}, {"command": "show", "description": "Все виды сообщений"}]);
        self.call("setMyCommands", json!({"commands": commands})).await?;
        self.call("setMyCommands", json!({"commands": russian, "language_code": "ru"})).await?;
        let mut offset = 0;
        loop {
            let updates = self.call("getUpdates", json!({"offset": offset, "timeout": 25})).await?;
            for update in updates.as_array().into_iter().flatten().cloned() {
                offset = update["update_id"].as_i64().unwrap_or(offset) + 1;
                let bot = self.clone();
                tokio::spawn(async move {
                    if let Err(error) = bot.answer(&update).await {
                        tracing::warn!(%error, "not answered");
                    }
                });
            }
        }
    }

    async fn answer(&self, update: &Value) -> Result<(), Failure> {
        if let Some(query) = update.get("callback_query") {
            return self.pressed(query).await;
        }
        let message = &update["message"];
        let chat = &message["chat"]["id"];
        let text = message["text"].as_str().unwrap_or_default();
        let russian = message["from"]["language_code"] == "ru";
        match text {
            "/start" => {
                let hello = if russian {
                    "Привет! Я <b>Луна</b> 🌙\nРасскажи мне что-нибудь о себе, я запоминаю. Все команды: /help"
                } else {
                    "Hi! I'm <b>Luna</b> 🌙\nTell me something about yourself, I remember things. All commands: /help"
                };
                let keyboard = json!({"inline_keyboard": [
                    [{"text": "👍", "callback_data": "toast"}, {"text": "Alert", "callback_data": "alert"}],
                    [{"text": "Edit", "callback_data": "edit"}, {"text": "Delete", "callback_data": "delete"}],
                    [{"text": "Docs", "url": "https://core.telegram.org/bots"}],
                ]});
                self.send(chat, hello, Some(keyboard)).await
            }
            "/show" => self.show(chat).await,
            "/photo" => self.photo(chat).await,
            _ => self.talk(chat, text, russian).await,
        }
    }

    async fn send(&self, chat: &Value, html: &str, keyboard: Option<Value>) -> Result<(), Failure> {
        let mut params = json!({"chat_id": chat, "text": html, "parse_mode": "HTML"});
        if let Some(keyboard) = keyboard {
            params["reply_markup"] = keyboard;
        }
        self.call("sendMessage", params).await.map(drop)
    }

    async fn show(&self, chat: &Value) -> Result<(), Failure> {
        let html = "<b>Bold</b>, <i>italic</i>, <u>underlined</u>, <s>struck</s>, <code>code</code>, <a href=\"https://example.org\">a link</a>, \
            <span class=\"tg-spoiler\">a secret</span>, #tag and /help\n<blockquote>A quote stands apart.</blockquote>\n\
            <pre><code class=\"language-rust\">fn main() {\n    println!(\"hello\");\n}</code></pre>";
        self.send(chat, html, None).await?;
        self.upload("sendVoice", chat, "voice", "voice.ogg", b"OggS\0\x02 example".to_vec()).await?;
        self.upload("sendDocument", chat, "document", "notes.txt", b"Remember the milk.\n".repeat(90)).await
    }

    async fn photo(&self, chat: &Value) -> Result<(), Failure> {
        let picture = include_bytes!("moon.png").to_vec();
        self.upload("sendPhoto", chat, "photo", "moon.png", picture).await
    }

    async fn upload(
        &self,
        method: &str,
        chat: &Value,
        field: &'static str,
        name: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(), Failure> {
        let file = reqwest::multipart::Part::bytes(bytes).file_name(name);
        let form =
            reqwest::multipart::Form::new().text("chat_id", chat.to_string()).text("duration", "7").part(field, file);
        let url = format!("{}/bot{TOKEN}/{method}", self.base);
        self.client.post(url).multipart(form).send().await?.error_for_status()?;
        Ok(())
    }

    /// The model's words as they come, then the message.
    async fn talk(&self, chat: &Value, text: &str, russian: bool) -> Result<(), Failure> {
        self.call("sendChatAction", json!({"chat_id": chat, "action": "typing"})).await?;
        let persona = if russian {
            "Имя: Луна\nХарактер: тёплая, любопытная"
        } else {
            "You are Luna.\nPersonality: warm, curious"
        };
        let request = json!({"model": "vitte-sim", "stream": true, "messages": [
            {"role": "system", "content": persona}, {"role": "user", "content": text},
        ]});
        let url = format!("{}/sim/llm/v1/chat/completions", self.base);
        let mut response = self.client.post(url).bearer_auth("key").json(&request).send().await?;
        let (mut said, mut buffer) = (String::new(), Vec::new());
        while let Some(bytes) = response.chunk().await? {
            buffer.extend_from_slice(&bytes);
            let end = buffer.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
            let events: Vec<u8> = buffer.drain(..end).collect();
            for data in String::from_utf8_lossy(&events).lines().filter_map(|line| line.strip_prefix("data: ")) {
                let event: Value = serde_json::from_str(data).unwrap_or_default();
                said.push_str(event["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
            }
            if !said.trim().is_empty() {
                self.call("sendMessageDraft", json!({"chat_id": chat, "draft_id": 1, "text": said})).await?;
            }
        }
        self.call("sendMessage", json!({"chat_id": chat, "text": said})).await.map(drop)
    }

    async fn pressed(&self, query: &Value) -> Result<(), Failure> {
        let (chat, message) = (&query["message"]["chat"]["id"], &query["message"]["message_id"]);
        let data = query["data"].as_str().unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(200)).await;
        match data {
            "edit" => {
                let params = json!({"chat_id": chat, "message_id": message, "text": "<b>Edited</b> in place.", "parse_mode": "HTML"});
                self.call("editMessageText", params).await?;
            }
            "delete" => {
                self.call("deleteMessage", json!({"chat_id": chat, "message_id": message})).await?;
            }
            _ => {}
        }
        let text = if data == "alert" { "This is an alert: it stays until you close it." } else { "Thank you!" };
        let answer = json!({"callback_query_id": query["id"], "text": text, "show_alert": data == "alert"});
        self.call("answerCallbackQuery", answer).await.map(drop)
    }
}
