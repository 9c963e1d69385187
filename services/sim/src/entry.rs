//! One fact of the journal. The world is what these facts, applied in order, make of nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{BotProfile, ChatHead, FileMeta, Message, Pending, Person, Webhook};

/// Every entry replaces what it names, so that a snapshot is a list of entries too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Entry {
    /// Counters that must not fall back although nothing else remembers them.
    Floor {
        update_id: i64,
        seq: u64,
        file: u64,
    },
    Bot(BotProfile),
    Person(Person),
    Chat {
        bot: i64,
        chat: ChatHead,
    },
    Message {
        bot: i64,
        message: Box<Message>,
    },
    Deleted {
        bot: i64,
        chat: i64,
        message_id: i64,
    },
    Update(Pending),
    /// Acknowledged, or dropped for another reason.
    Done {
        bot: i64,
        seqs: Vec<u64>,
    },
    Webhook {
        bot: i64,
        webhook: Option<Webhook>,
    },
    /// `None`: Telegram's default kinds.
    Allowed {
        bot: i64,
        kinds: Option<Vec<String>>,
    },
    Commands {
        bot: i64,
        scope: String,
        language: String,
        commands: Vec<Value>,
    },
    /// A callback query that may be answered.
    Query {
        bot: i64,
        id: String,
        chat: i64,
        person: i64,
    },
    File(FileMeta),
    FileGone {
        unique: String,
    },
}
