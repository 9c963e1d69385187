//! One bot: its chats, its waiting updates, and how it wants them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::ONLY_ON_REQUEST;
use super::chat::Chat;
use super::limits::Limits;
use super::queue::Queue;
use crate::model::{BotProfile, ChatHead, Message, Webhook};

/// Callback queries that may still be answered.
const KEPT_QUERIES: usize = 1_000;

#[derive(Clone, Debug)]
pub struct Query {
    pub id: String,
    pub chat: i64,
    pub person: i64,
}

pub struct Bot {
    pub profile: BotProfile,
    pub chats: HashMap<i64, Chat>,
    pub queue: Queue,
    pub webhook: Option<Webhook>,
    /// When the last delivery failed, and how.
    pub hook_error: Option<(i64, String)>,
    /// Grows when the webhook changes, so that a delivery to the old one is known as such.
    pub hook_epoch: u64,
    pub allowed: Option<Vec<String>>,
    /// By scope (JSON) and language (empty: all others).
    pub commands: BTreeMap<(String, String), Vec<Value>>,
    pub queries: VecDeque<Query>,
    /// Number of the newest getUpdates; an older one still waiting is answered 409.
    pub polls: u64,
    /// Woken by new updates, a newer getUpdates and a new webhook.
    pub wake: Arc<Notify>,
    pub limits: Limits,
}

impl Bot {
    pub fn new(profile: BotProfile) -> Self {
        Self {
            profile,
            chats: HashMap::new(),
            queue: Queue::default(),
            webhook: None,
            hook_error: None,
            hook_epoch: 0,
            allowed: None,
            commands: BTreeMap::new(),
            queries: VecDeque::new(),
            polls: 0,
            wake: Arc::new(Notify::new()),
            limits: Limits::default(),
        }
    }

    /// Whether updates of this kind are to be kept for the bot.
    pub fn wants(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(kinds) => kinds.iter().any(|known| known == kind),
            None => !ONLY_ON_REQUEST.contains(&kind),
        }
    }

    pub fn put_chat(&mut self, mut head: ChatHead) {
        match self.chats.get_mut(&head.id) {
            Some(chat) => {
                head.next_message_id = head.next_message_id.max(chat.head.next_message_id);
                chat.revision = chat.revision.max(head.revision);
                chat.head = ChatHead { revision: 0, ..head };
            }
            None => {
                self.chats.insert(head.id, Chat::new(head));
            }
        }
    }

    pub fn put_message(&mut self, message: Message) {
        if let Some(chat) = self.chats.get_mut(&message.chat_id) {
            chat.put(message);
        }
    }

    pub fn set_webhook(&mut self, webhook: Option<Webhook>) {
        self.hook_epoch += 1;
        self.hook_error = None;
        if webhook.is_some() {
            self.queue.open_lanes();
        } else {
            self.queue.close_lanes();
        }
        self.webhook = webhook;
        self.wake.notify_waiters();
    }

    pub fn put_query(&mut self, id: String, chat: i64, person: i64) {
        if self.queries.len() >= KEPT_QUERIES {
            self.queries.pop_front();
        }
        self.queries.push_back(Query { id, chat, person });
    }

    pub fn query(&self, id: &str) -> Option<&Query> {
        self.queries.iter().rev().find(|query| query.id == id)
    }
}
