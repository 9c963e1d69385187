//! What the world is made of and what its journal stores: people, bots, messages, files, updates.
//!
//! Plain data; the forms that Telegram and the person's side show are made in `world::render`.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::entities::Entity;

/// Someone who writes to bots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: i64,
    pub first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotProfile {
    pub id: i64,
    pub token: String,
    pub username: String,
    pub name: String,
}

/// What of a chat is stored beside its messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatHead {
    pub id: i64,
    /// Groups only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who has written here, in order of appearance; in a private chat one.
    pub people: Vec<i64>,
    #[serde(default)]
    pub blocked: bool,
    /// Ids of deleted or forgotten messages are not given again.
    #[serde(default)]
    pub next_message_id: i64,
    /// A snapshot tells it after the messages: deletions count too, and are not in it.
    #[serde(default)]
    pub revision: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    Bot,
    Person(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Photo,
    Voice,
    Document,
}

impl MediaKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Voice => "voice",
            Self::Document => "document",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    pub kind: MediaKind,
    /// `FileMeta::unique`.
    pub file: String,
    /// Seconds; voice only.
    #[serde(default)]
    pub duration: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub chat_id: i64,
    pub message_id: i64,
    pub from: Author,
    pub date: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit_date: Option<i64>,
    /// Text, or caption when there is media.
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Media>,
    /// `{"inline_keyboard": ...}`, checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_keyboard: Option<Value>,
    /// A reply keyboard, its removal or a forced reply; Telegram never shows these in a Message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// Grows in its chat with every message and every edit.
    #[serde(default)]
    pub revision: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMeta {
    pub unique: String,
    /// As in `/file/bot<token>/<path>`.
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub mime: String,
    pub size: u64,
    /// Pixels; 0 when it is no picture.
    #[serde(default)]
    pub width: u32,
    #[serde(default)]
    pub height: u32,
    /// Seconds; 0 when it is no sound or its length is unknown.
    #[serde(default)]
    pub duration: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    pub max_connections: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
}

/// An update that its bot has not acknowledged yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pending {
    pub bot: i64,
    /// Place in the queue. Update ids may repeat (injected ones), this never does.
    pub seq: u64,
    pub update_id: i64,
    /// Updates of one lane are delivered one after the other: the chat, or who caused it.
    pub lane: i64,
    /// Seconds since 1970.
    pub at: i64,
    /// Given as it is by `POST /sim/updates`: its id says nothing about its place in the queue.
    #[serde(default)]
    pub injected: bool,
    pub raw: Box<RawValue>,
}
