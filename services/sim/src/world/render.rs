//! The forms in which the world is shown: Telegram's objects for bots, plainer ones for persons.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::chat::Chat;
use crate::entities;
use crate::model::{Author, BotProfile, FileMeta, MediaKind, Message, Person};

/// All that the form of a message depends on beside the message.
#[derive(Clone, Copy)]
pub struct View<'w> {
    pub bot: &'w BotProfile,
    pub chat: &'w Chat,
    pub people: &'w HashMap<i64, Person>,
    pub files: &'w HashMap<String, FileMeta>,
}

/// Telegram's User.
pub fn person(person: &Person) -> Value {
    let mut user = json!({"id": person.id, "is_bot": false, "first_name": person.first_name});
    let more =
        [("last_name", &person.last_name), ("username", &person.username), ("language_code", &person.language_code)];
    for (key, value) in more {
        if let Some(value) = value {
            user[key] = value.as_str().into();
        }
    }
    user
}

pub fn bot(bot: &BotProfile) -> Value {
    json!({"id": bot.id, "is_bot": true, "first_name": bot.name, "username": bot.username})
}

/// A file id names its kind in its first four letters, as Telegram's do.
pub fn file_id(kind: MediaKind, unique: &str) -> String {
    let prefix = match kind {
        MediaKind::Photo => "AgAC",
        MediaKind::Voice => "AwAC",
        MediaKind::Document => "BQAC",
    };
    format!("{prefix}{unique}")
}

/// The `FileMeta::unique` in a file id.
pub fn unique_of(file_id: &str) -> Option<&str> {
    let (prefix, unique) = file_id.split_at_checked(4)?;
    ["AgAC", "AwAC", "BQAC"].contains(&prefix).then_some(unique)
}

impl View<'_> {
    /// Telegram's Chat.
    pub fn chat(&self) -> Value {
        let head = &self.chat.head;
        if self.chat.is_group() {
            return json!({"id": head.id, "title": self.title(), "type": "supergroup"});
        }
        let mut chat = json!({"id": head.id});
        if let Some(person) = head.people.first().and_then(|id| self.people.get(id)) {
            chat["first_name"] = person.first_name.as_str().into();
            if let Some(last_name) = &person.last_name {
                chat["last_name"] = last_name.as_str().into();
            }
            if let Some(username) = &person.username {
                chat["username"] = username.as_str().into();
            }
        }
        chat["type"] = "private".into();
        chat
    }

    pub fn title(&self) -> String {
        let head = &self.chat.head;
        let first = head.people.first().and_then(|id| self.people.get(id));
        match (&head.title, first) {
            (Some(title), _) => title.clone(),
            (None, Some(person)) if !self.chat.is_group() => person.first_name.clone(),
            _ => format!("Chat {}", head.id),
        }
    }

    fn sender(&self, author: Author) -> Value {
        match author {
            Author::Bot => bot(self.bot),
            Author::Person(id) => self
                .people
                .get(&id)
                .map_or_else(|| json!({"id": id, "is_bot": false, "first_name": id.to_string()}), person),
        }
    }

    /// Telegram's Message.
    pub fn message(&self, message: &Message) -> Value {
        let mut value = self.bare(message);
        if let Some(reply) = message.reply_to.and_then(|id| self.chat.messages.get(&id)) {
            value["reply_to_message"] = self.bare(reply);
        }
        value
    }

    fn bare(&self, message: &Message) -> Value {
        let mut value = Map::new();
        value.insert("message_id".into(), message.message_id.into());
        value.insert("from".into(), self.sender(message.from));
        value.insert("chat".into(), self.chat());
        value.insert("date".into(), message.date.into());
        if let Some(at) = message.edit_date {
            value.insert("edit_date".into(), at.into());
        }
        let (text, entities) =
            if message.media.is_some() { ("caption", "caption_entities") } else { ("text", "entities") };
        if let Some(media) = &message.media {
            value.insert(media.kind.name().into(), self.media(message));
        }
        if message.media.is_none() || !message.text.is_empty() {
            value.insert(text.into(), message.text.as_str().into());
        }
        if !message.entities.is_empty() {
            value.insert(entities.into(), json!(message.entities));
        }
        if let Some(keyboard) = &message.inline_keyboard {
            value.insert("reply_markup".into(), keyboard.clone());
        }
        Value::Object(value)
    }

    fn media(&self, message: &Message) -> Value {
        let Some(media) = &message.media else { return Value::Null };
        let mut value = json!({
            "file_id": file_id(media.kind, &media.file),
            "file_unique_id": media.file,
        });
        let file = self.files.get(&media.file);
        if let Some(file) = file {
            value["file_size"] = file.size.into();
        }
        match media.kind {
            MediaKind::Photo => {
                value["width"] = file.map_or(0, |file| file.width).into();
                value["height"] = file.map_or(0, |file| file.height).into();
                return json!([value]);
            }
            MediaKind::Voice => {
                value["duration"] = media.duration.into();
                value["mime_type"] = "audio/ogg".into();
            }
            MediaKind::Document => {
                if let Some(file) = file {
                    value["mime_type"] = file.mime.as_str().into();
                    if let Some(name) = &file.name {
                        value["file_name"] = name.as_str().into();
                    }
                }
            }
        }
        value
    }

    /// A message as `GET /sim/chats/{chat_id}/messages` gives it.
    pub fn seen(&self, message: &Message) -> Value {
        let empty = Vec::new();
        let buttons = message.inline_keyboard.as_ref().map_or(&Value::Null, |markup| &markup["inline_keyboard"]);
        let buttons = buttons.as_array().unwrap_or(&empty);
        let mut value = json!({
            "message_id": message.message_id,
            "from": if message.from == Author::Bot { "bot" } else { "user" },
            "sender": self.sender(message.from),
            "text": message.text,
            "html": entities::to_html(&message.text, &message.entities),
            "buttons": buttons.iter().map(plain_row).collect::<Vec<_>>(),
            "edited": message.edit_date.is_some(),
            "kind": message.media.as_ref().map_or("text", |media| media.kind.name()),
            "date": message.date,
            "revision": message.revision,
        });
        if !message.entities.is_empty() {
            value["entities"] = json!(message.entities);
        }
        if let Some(reply) = message.reply_to {
            value["reply_to_message_id"] = reply.into();
        }
        if let Some(keyboard) = &message.keyboard {
            value["keyboard"] = keyboard.clone();
        }
        if let Some(media) = &message.media {
            let url = format!("/sim/files/{}", media.file);
            if media.kind == MediaKind::Photo {
                value["photo_url"] = url.as_str().into();
            }
            value["file_url"] = url.into();
            if let Some(file) = self.files.get(&media.file) {
                value["file"] = json!({
                    "name": file.name, "mime": file.mime, "size": file.size,
                    "width": file.width, "height": file.height, "duration": media.duration,
                });
            }
        }
        value
    }
}

/// Only what a person sees of a button and may press.
fn plain_row(row: &Value) -> Value {
    let buttons = row.as_array().map(Vec::as_slice).unwrap_or_default();
    buttons
        .iter()
        .map(|button| {
            let mut plain = json!({"text": button["text"]});
            for (from, to) in [("callback_data", "data"), ("url", "url")] {
                if let Some(value) = button.get(from) {
                    plain[to] = value.clone();
                }
            }
            plain
        })
        .collect()
}
