//! The outbox: what must arrive, written in the same transaction as what it tells, sent in order per chat.
//!
//! ```text
//!  a turn or job --enqueue--> outbox rows + the chat's lease, one statement, its transaction
//!        | commit
//!        v
//!  Sender (the process that holds the lease) --rate--> Telegram --mark--> sent, lease released
//!        ^
//!  sweep: chats that are due and whose lease is free or has run out
//! ```
//!
//! Who may send into a chat is one row of `outbox_chats`: a lease with a random token. Enqueueing takes it when it is
//! free, so the writer itself sends right after its commit, with no other process asked. Every write raises `writes`;
//! a lease is given back only at the count that its holder saw, so a message that was committed meanwhile is never left
//! behind. A holder that dies lets its lease run out, and any process's sweep goes on.
//!
//! What must never happen here: a request that may outlive its lease, a mark without the lease's token, a message that
//! overtakes an older one of its chat and priority, a message that vanishes: it is pending, sent, or dead with its
//! reason.

mod gate;
mod marks;
mod prepare;
mod prune;
mod reach;
mod sender;
mod store;
mod sweep;
mod waiting;
mod write;

use std::time::Duration;

use sqlx::PgConnection;
use uuid::Uuid;

pub use gate::{Gate, GateSettings};
pub use prune::{Retention, prune};
pub use sender::Sender;
pub use store::replay_dead;
pub use waiting::{bulk_refused, bulk_waiting};
pub(crate) use write::WRITE;

use crate::database::Tx;
use crate::telegram::outgoing::{Call, Media, Message};

/// A row of the outbox.
pub type OutboxId = i64;
/// A row of `outbox_files`.
pub type FileId = i64;

/// In a stored payload, in the place of a file: names the row of `outbox_files`.
const FILE: &str = "outbox_file";

/// Interactive messages go before bulk ones, in a chat and over all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    #[default]
    Interactive,
    Bulk,
}

impl Priority {
    pub(crate) fn as_i16(self) -> i16 {
        match self {
            Priority::Interactive => 0,
            Priority::Bulk => 1,
        }
    }

    pub(crate) fn from_i16(value: i16) -> Self {
        if value == 0 { Priority::Interactive } else { Priority::Bulk }
    }
}

/// Numbers of the outbox; the defaults are what Telegram bears.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// How long a process may send into a chat without renewing; a dead one's messages wait this long.
    pub lease: Duration,
    /// One request, from connecting to the last byte. Shorter than the lease by a margin.
    pub request_timeout: Duration,
    /// One request that uploads a file; the lease is renewed to cover it.
    pub upload_timeout: Duration,
    /// A message that Telegram has not answered (nobody there, or a 5xx) for this long is dead. An age and no count of
    /// requests: it is Telegram's silence that is waited out, however often it is asked meanwhile.
    pub give_up: Duration,
    /// First and longest pause between the requests of one message.
    pub retry_first: Duration,
    pub retry_cap: Duration,
    /// While Telegram answers nobody: one message of this process's in this time.
    pub probe_interval: Duration,
    /// Messages into one private chat: one per this, after a burst.
    pub chat_interval: Duration,
    pub chat_burst: u32,
    /// Messages into one group: one per this, after a burst (20 a minute).
    pub group_interval: Duration,
    pub group_burst: u32,
    /// Two chats refused with 429 within this: the bot as a whole is meant.
    pub refusal_window: Duration,
    /// Chats that this process sends into at one time.
    pub concurrency: usize,
    /// How often chats are looked for that nobody sends into.
    pub sweep_interval: Duration,
}

impl Default for OutboxSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(8),
            request_timeout: Duration::from_secs(6),
            upload_timeout: Duration::from_secs(60),
            give_up: Duration::from_secs(24 * 3600),
            retry_first: Duration::from_millis(500),
            retry_cap: Duration::from_secs(60),
            probe_interval: Duration::from_secs(2),
            chat_interval: Duration::from_secs(1),
            chat_burst: 5,
            group_interval: Duration::from_secs(3),
            group_burst: 5,
            refusal_window: Duration::from_secs(5),
            concurrency: 256,
            sweep_interval: Duration::from_millis(500),
        }
    }
}

/// One call to be written into the outbox.
#[derive(Debug, Clone)]
pub struct Entry {
    pub chat_id: i64,
    pub priority: Priority,
    pub(crate) call: Call,
    pub(crate) edit_of: Option<OutboxId>,
}

impl Entry {
    /// The entries that say `message` in a chat: several when it is long.
    pub fn message(chat_id: i64, priority: Priority, message: Message) -> Vec<Self> {
        let entry = |call| Self { chat_id, priority, call, edit_of: None };
        message.into_sends().into_iter().map(entry).collect()
    }

    /// Puts `message` in the place of a message that Telegram has already.
    pub fn edit(chat_id: i64, message_id: i64, message: Message) -> Self {
        let mut call = message.into_edit();
        call.params.insert("message_id".to_owned(), message_id.into());
        Self { chat_id, priority: Priority::Interactive, call, edit_of: None }
    }

    /// Puts `message` in the place of one that may not have been sent yet: it is named by its outbox row.
    pub fn edit_of(chat_id: i64, row: OutboxId, message: Message) -> Self {
        Self { chat_id, priority: Priority::Interactive, call: message.into_edit(), edit_of: Some(row) }
    }
}

/// What to do after the commit: the chats whose lease this transaction took. Dropped without [`Sender::dispatch`]
/// (the commit failed), nothing was taken.
#[derive(Debug, Default)]
#[must_use = "after the commit, hand it to Sender::dispatch; otherwise the messages wait until the lease runs out"]
pub struct Dispatch {
    pub(crate) chats: Vec<Taken>,
    /// Rows written, in the order of the entries.
    pub rows: Vec<OutboxId>,
}

/// A chat whose lease is ours, and what is known of it.
#[derive(Debug)]
pub(crate) struct Taken {
    pub chat_id: i64,
    pub token: Uuid,
    pub writes: i64,
    /// The chat's rate state: microseconds from now until the theoretical arrival time; negative when it is past.
    pub ahead_micros: i64,
    /// All that is pending, when the transaction knows it; otherwise the sender reads it.
    pub rows: Option<Vec<store::Row>>,
    /// Moment since which the lease counts, taken before the database's own `now()`.
    pub since: tokio::time::Instant,
}

/// Writes entries in the caller's transaction and takes the leases of their chats where they are free and `sender`
/// has room. `sender: None` only writes; the sweep of some process sends.
pub async fn enqueue(
    connection: &mut PgConnection,
    entries: Vec<Entry>,
    sender: Option<&Sender>,
    trace_id: Option<&str>,
) -> sqlx::Result<Dispatch> {
    if entries.is_empty() {
        return Ok(Dispatch::default());
    }
    let prepared = prepare(connection, entries).await?;
    write::insert(connection, prepared, sender, trace_id).await
}

/// [`enqueue`] as the last thing that a transaction does, and its commit, in one round trip.
pub(crate) async fn enqueue_and_commit(
    mut tx: Tx,
    entries: Vec<Entry>,
    sender: &Sender,
    trace_id: Option<&str>,
) -> sqlx::Result<Dispatch> {
    if entries.is_empty() {
        tx.commit().await?;
        return Ok(Dispatch::default());
    }
    let prepared = prepare(&mut tx, entries).await?;
    write::insert_and_commit(tx, prepared, sender, trace_id).await
}

/// Stores a file that several messages may carry ([`Media::Stored`]); it is pruned as the outbox is, by its age.
pub async fn keep_file(
    connection: &mut PgConnection,
    file_name: &str,
    mime: &str,
    content: &[u8],
) -> sqlx::Result<FileId> {
    store::add_file(connection, file_name, mime, content).await
}

/// Forgets all that was said in a chat and all that is to be said there, with the files that only this chat was sent.
pub async fn erase(connection: &mut PgConnection, chat_id: i64) -> sqlx::Result<()> {
    store::erase(connection, chat_id).await
}

async fn prepare(connection: &mut PgConnection, entries: Vec<Entry>) -> sqlx::Result<Vec<write::Prepared>> {
    let mut prepared = Vec::with_capacity(entries.len());
    for mut entry in entries {
        if let Some((field, media)) = entry.call.upload.take() {
            let value = match media {
                Media::Upload { file_name, mime, content } => {
                    serde_json::json!({FILE: store::add_file(connection, &file_name, &mime, &content).await?})
                }
                Media::Stored(id) => serde_json::json!({FILE: id}),
                Media::FileId(id) => id.into(),
            };
            entry.call.params.insert(field.to_owned(), value);
        }
        prepared.push(write::Prepared {
            chat_id: entry.chat_id,
            priority: entry.priority,
            method: entry.call.method,
            payload: serde_json::to_string(&entry.call.params).map_err(|e| sqlx::Error::Encode(e.into()))?,
            edit_of: entry.edit_of,
        });
    }
    Ok(prepared)
}
