//! One chat of one bot: its messages, and what its members see of it at this moment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, broadcast};
use tokio::time::Instant;

use crate::entities::Entity;
use crate::model::{ChatHead, Message};

/// Older messages are forgotten.
const KEPT_MESSAGES: usize = 5_000;
/// Events that a slow reader may be behind before it is told to read all again.
const EVENT_BACKLOG: usize = 256;
/// How long a chat action is shown.
const TYPING: Duration = Duration::from_secs(5);
/// How long a draft is shown after its last change.
const DRAFT: Duration = Duration::from_secs(30);

/// What a watcher of a chat is told: the name of a server-sent event and its data.
#[derive(Clone, Debug)]
pub struct ChatEvent {
    pub name: &'static str,
    pub data: Arc<Value>,
}

/// A message while it is being written.
#[derive(Clone, Debug)]
pub struct Draft {
    pub id: i64,
    pub text: String,
    pub entities: Vec<Entity>,
    until: Instant,
}

pub struct Chat {
    pub head: ChatHead,
    pub messages: BTreeMap<i64, Message>,
    pub revision: u64,
    /// Woken by every message and every edit.
    pub changed: Arc<Notify>,
    typing: Option<(String, Instant)>,
    draft: Option<Draft>,
    events: Option<broadcast::Sender<ChatEvent>>,
}

impl Chat {
    pub fn new(head: ChatHead) -> Self {
        Self {
            head,
            messages: BTreeMap::new(),
            revision: 0,
            changed: Arc::new(Notify::new()),
            typing: None,
            draft: None,
            events: None,
        }
    }

    pub fn is_group(&self) -> bool {
        self.head.id < 0
    }

    pub fn next_message_id(&self) -> i64 {
        self.head.next_message_id.max(1)
    }

    /// Adds a message or puts it in the place of its older self.
    pub fn put(&mut self, mut message: Message) {
        self.revision = (self.revision + 1).max(message.revision);
        message.revision = self.revision;
        self.head.next_message_id = self.next_message_id().max(message.message_id + 1);
        self.messages.insert(message.message_id, message);
        while self.messages.len() > KEPT_MESSAGES {
            self.messages.pop_first();
        }
        self.changed.notify_waiters();
    }

    pub fn remove(&mut self, message_id: i64) {
        self.messages.remove(&message_id);
        self.revision += 1;
        self.changed.notify_waiters();
    }

    /// The action shown now, as `typing`.
    pub fn action(&self, now: Instant) -> Option<&str> {
        self.typing.as_ref().filter(|(_, until)| *until > now).map(|(action, _)| action.as_str())
    }

    pub fn draft(&self, now: Instant) -> Option<&Draft> {
        self.draft.as_ref().filter(|draft| draft.until > now)
    }

    pub fn set_action(&mut self, action: String, now: Instant) {
        self.typing = Some((action, now + TYPING));
    }

    pub fn set_draft(&mut self, id: i64, text: String, entities: Vec<Entity>, now: Instant) {
        self.draft = Some(Draft { id, text, entities, until: now + DRAFT });
    }

    /// A message of the bot ends what announced it.
    pub fn settle(&mut self) {
        self.typing = None;
        self.draft = None;
    }

    pub fn watch(&mut self) -> broadcast::Receiver<ChatEvent> {
        self.events.get_or_insert_with(|| broadcast::channel(EVENT_BACKLOG).0).subscribe()
    }

    /// Whether anyone would see an event; making one costs.
    pub fn is_watched(&self) -> bool {
        self.events.as_ref().is_some_and(|events| events.receiver_count() > 0)
    }

    pub fn emit(&mut self, name: &'static str, data: Value) {
        if !self.is_watched() {
            self.events = None;
        } else if let Some(events) = &self.events {
            // No receiver left: nobody to tell.
            let _ = events.send(ChatEvent { name, data: Arc::new(data) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Author;

    fn message(message_id: i64) -> Message {
        Message {
            chat_id: 7,
            message_id,
            from: Author::Bot,
            date: 0,
            edit_date: None,
            text: String::new(),
            entities: Vec::new(),
            media: None,
            inline_keyboard: None,
            keyboard: None,
            reply_to: None,
            revision: 0,
        }
    }

    #[test]
    fn the_oldest_messages_are_forgotten_and_ids_go_on() {
        let head = ChatHead { id: 7, title: None, people: vec![7], blocked: false, next_message_id: 1, revision: 0 };
        let mut chat = Chat::new(head);
        for _ in 0..KEPT_MESSAGES + 2 {
            chat.put(message(chat.next_message_id()));
        }
        assert_eq!(chat.messages.len(), KEPT_MESSAGES);
        assert_eq!(chat.messages.first_key_value().map(|(id, _)| *id), Some(3));
        assert_eq!(chat.next_message_id(), 5_003);
    }
}
