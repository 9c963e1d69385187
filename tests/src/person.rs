//! A person in Telegram: says things, presses buttons, and reads what the bot says.

use serde_json::{Value, json};

use crate::until;

#[derive(Clone)]
pub struct Person {
    http: reqwest::Client,
    base: String,
    pub id: i64,
    pub language: &'static str,
}

impl Person {
    pub fn new(http: reqwest::Client, base: &str, id: i64) -> Self {
        Self { http, base: base.to_owned(), id, language: "en" }
    }

    #[must_use]
    pub fn speaking(mut self, language: &'static str) -> Self {
        self.language = language;
        self
    }

    fn address(&self, rest: &str) -> String {
        format!("{}/sim/chats/{}/{rest}", self.base, self.id)
    }

    /// Returns the update's id.
    pub async fn say(&self, text: &str) -> i64 {
        let from = json!({"id": self.id, "first_name": format!("P{}", self.id), "language_code": self.language});
        let body = json!({"text": text, "from": from});
        let answer = self.http.post(self.address("messages")).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json::<Value>().await.unwrap()["update_id"].as_i64().unwrap()
    }

    pub async fn press(&self, message_id: i64, data: &str) {
        let body = json!({"message_id": message_id, "data": data});
        let answer = self.http.post(self.address("callbacks")).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// All messages of the chat.
    pub async fn messages(&self) -> Vec<Value> {
        let answer: Value = self.http.get(self.address("messages?after=0")).send().await.unwrap().json().await.unwrap();
        answer["messages"].as_array().cloned().unwrap_or_default()
    }

    /// What the bot said, in order.
    pub async fn read(&self) -> Vec<String> {
        let texts = self.messages().await;
        let texts = texts.iter().filter(|m| m["from"] == "bot");
        texts.map(|m| m["text"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Waits until the bot has said `count` messages, and returns them.
    pub async fn hears(&self, count: usize) -> Vec<String> {
        until(&format!("{count} messages to {}", self.id), async || {
            let texts = self.read().await;
            (texts.len() >= count).then_some(texts)
        })
        .await
    }

    /// Waits for a message of the bot with this in it.
    pub async fn hears_of(&self, part: &str) -> Value {
        until(&format!("{part:?} to {}", self.id), async || {
            let messages = self.messages().await;
            messages.into_iter().find(|m| m["from"] == "bot" && m["text"].as_str().is_some_and(|t| t.contains(part)))
        })
        .await
    }
}
