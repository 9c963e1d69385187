//! The world's state: bots, people, chats, messages, waiting updates, and the rules that keep them whole.
//!
//! Every lasting change is a list of [`Entry`] given to [`World::commit`], which writes it to the
//! journal and then applies it; opening a world applies the journal's entries by the same function.
//! What need not outlive a restart (calls, faults, typing, drafts, rate limits) is changed directly.
//! A world is used under a lock that is never held across an await, and does no network I/O.

pub mod bot;
pub mod calls;
pub mod chat;
pub mod faults;
pub mod limits;
pub mod queue;
pub mod render;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::Notify;

use crate::clock;
use crate::config::SimError;
use crate::entry::Entry;
use crate::journal::Journal;
use crate::model::{BotProfile, FileMeta, Message, Pending, Person};
use bot::Bot;
use chat::Chat;
use render::View;

/// Kinds that Telegram sends only to bots that ask for them.
const ONLY_ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

pub struct World {
    journal: Option<Journal>,
    pub people: HashMap<i64, Person>,
    pub files: HashMap<String, FileMeta>,
    pub bots: BTreeMap<i64, Bot>,
    /// In order of creation.
    order: Vec<i64>,
    next_update_id: i64,
    next_seq: u64,
    next_file: u64,
    pub calls: calls::Calls,
    pub faults: faults::Faults,
    pub rate_limits: bool,
    /// Woken when a webhook may have something to deliver.
    hooks: Arc<Notify>,
    /// Woken when a bot or a chat appears.
    pub arrivals: Arc<Notify>,
}

impl World {
    /// # Errors
    /// The journal cannot be read or written.
    pub fn open(dir: Option<&Path>, hooks: Arc<Notify>) -> Result<Self, SimError> {
        let mut world = Self {
            journal: None,
            people: HashMap::new(),
            files: HashMap::new(),
            bots: BTreeMap::new(),
            order: Vec::new(),
            // A world without a journal must not give ids again that a bot's database has seen in
            // an earlier one: seconds grow faster than a demo writes.
            next_update_id: if dir.is_some() { 1_000 } else { clock::now() - 1_600_000_000 },
            next_seq: 1,
            next_file: 1,
            calls: calls::Calls::default(),
            faults: faults::Faults::default(),
            rate_limits: false,
            hooks,
            arrivals: Arc::new(Notify::new()),
        };
        if let Some(dir) = dir {
            let mut journal = Journal::open(dir, |entry| world.apply(entry))?;
            journal.compact(&world.snapshot())?;
            world.journal = Some(journal);
        }
        Ok(world)
    }

    /// Makes the entries last, then true. All of them or none.
    ///
    /// # Errors
    /// The journal could not be written; nothing has changed.
    pub fn commit(&mut self, entries: Vec<Entry>) -> Result<(), SimError> {
        if let Some(journal) = &mut self.journal {
            journal.append(&entries)?;
        }
        for entry in entries {
            self.apply(entry);
        }
        if self.journal.as_ref().is_some_and(Journal::wants_compaction) {
            let snapshot = self.snapshot();
            if let Some(journal) = &mut self.journal
                && let Err(error) = journal.compact(&snapshot)
            {
                tracing::warn!(%error, "the journal could not be compacted and goes on growing");
            }
        }
        Ok(())
    }

    /// The bot meant by a person who may have named none: the first.
    pub fn bot_or_first(&self, id: Option<i64>) -> Option<&Bot> {
        self.bots.get(&id.or_else(|| self.order.first().copied())?)
    }

    pub fn bot(&self, id: i64) -> Option<&Bot> {
        self.bots.get(&id)
    }

    pub fn chat(&self, bot: i64, chat: i64) -> Option<&Chat> {
        self.bots.get(&bot)?.chats.get(&chat)
    }

    pub fn chat_mut(&mut self, bot: i64, chat: i64) -> Option<&mut Chat> {
        self.bots.get_mut(&bot)?.chats.get_mut(&chat)
    }

    pub fn view(&self, bot: i64, chat: i64) -> Option<View<'_>> {
        let bot = self.bots.get(&bot)?;
        let chat = bot.chats.get(&chat)?;
        Some(View { bot: &bot.profile, chat, people: &self.people, files: &self.files })
    }

    /// A place in the queue for a new update of a bot, and its id. The entry is missing when the bot
    /// does not want updates of this kind; the id is used up all the same, as at Telegram.
    ///
    /// # Errors
    /// Only if `body` cannot be written as JSON.
    pub fn update(&mut self, bot: i64, kind: &str, lane: i64, body: Value) -> Result<(i64, Option<Entry>), SimError> {
        let update_id = self.next_update_id;
        self.next_update_id += 1;
        if !self.bots.get(&bot).is_some_and(|bot| bot.wants(kind)) {
            return Ok((update_id, Some(self.floor())));
        }
        let mut update = serde_json::Map::new();
        update.insert("update_id".into(), update_id.into());
        update.insert(kind.into(), body);
        let raw = serde_json::value::to_raw_value(&update).map_err(|e| SimError::io("update")(e.into()))?;
        Ok((update_id, Some(self.queued(bot, update_id, lane, raw, false))))
    }

    /// A place in the queue for an update that somebody else made.
    pub fn queued(&mut self, bot: i64, update_id: i64, lane: i64, raw: Box<RawValue>, injected: bool) -> Entry {
        let seq = self.next_seq;
        self.next_seq += 1;
        Entry::Update(Pending { bot, seq, update_id, lane, at: clock::now(), injected, raw })
    }

    fn floor(&self) -> Entry {
        Entry::Floor { update_id: self.next_update_id, seq: self.next_seq, file: self.next_file }
    }

    /// A number for the path of a new file.
    pub fn file_number(&mut self) -> u64 {
        self.next_file += 1;
        self.next_file - 1
    }

    /// Forgets updates that nobody fetched in time.
    ///
    /// # Errors
    /// The journal could not be written.
    pub fn expire(&mut self, bot: i64) -> Result<(), SimError> {
        let now = clock::now();
        let seqs = self.bots.get(&bot).map(|bot| bot.queue.expired(now)).unwrap_or_default();
        if seqs.is_empty() { Ok(()) } else { self.commit(vec![Entry::Done { bot, seqs }]) }
    }

    /// Shows watchers of the chat a message, new or `edited`.
    pub fn show(&mut self, bot: i64, chat: i64, message_id: i64, name: &'static str) {
        if !self.chat(bot, chat).is_some_and(Chat::is_watched) {
            return;
        }
        let seen = self.view(bot, chat).and_then(|view| Some(view.seen(view.chat.messages.get(&message_id)?)));
        if let (Some(seen), Some(chat)) = (seen, self.chat_mut(bot, chat)) {
            chat.emit(name, seen);
        }
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Floor { update_id, seq, file } => {
                self.next_update_id = self.next_update_id.max(update_id);
                self.next_seq = self.next_seq.max(seq);
                self.next_file = self.next_file.max(file);
            }
            Entry::Bot(profile) => self.apply_bot(profile),
            Entry::Person(person) => {
                self.people.insert(person.id, person);
            }
            Entry::File(file) => {
                let number =
                    file.path.rsplit_once('_').and_then(|(_, rest)| rest.split('.').next()?.parse::<u64>().ok());
                self.next_file = self.next_file.max(number.map_or(0, |number| number + 1));
                self.files.insert(file.unique.clone(), file);
            }
            Entry::FileGone { unique } => {
                self.files.remove(&unique);
            }
            Entry::Update(pending) => self.apply_update(pending),
            Entry::Chat { bot, chat } => {
                self.with_bot(bot, |bot| bot.put_chat(chat));
                self.arrivals.notify_waiters();
            }
            Entry::Message { bot, message } => self.with_bot(bot, |bot| bot.put_message(*message)),
            Entry::Deleted { bot, chat, message_id } => self.with_bot(bot, |bot| {
                if let Some(chat) = bot.chats.get_mut(&chat) {
                    chat.remove(message_id);
                }
            }),
            Entry::Done { bot, seqs } => self.with_bot(bot, |bot| bot.queue.remove(&seqs)),
            Entry::Webhook { bot, webhook } => {
                self.with_bot(bot, |bot| bot.set_webhook(webhook));
                self.hooks.notify_one();
            }
            Entry::Allowed { bot, kinds } => self.with_bot(bot, |bot| bot.allowed = kinds),
            Entry::Commands { bot, scope, language, commands } => self.with_bot(bot, |bot| {
                if commands.is_empty() {
                    bot.commands.remove(&(scope, language));
                } else {
                    bot.commands.insert((scope, language), commands);
                }
            }),
            Entry::Query { bot, id, chat, person } => self.with_bot(bot, |bot| bot.put_query(id, chat, person)),
        }
    }

    fn with_bot(&mut self, id: i64, change: impl FnOnce(&mut Bot)) {
        if let Some(bot) = self.bots.get_mut(&id) {
            change(bot);
        }
    }

    fn apply_bot(&mut self, profile: BotProfile) {
        let id = profile.id;
        if let Some(bot) = self.bots.get_mut(&id) {
            bot.profile = profile;
        } else {
            self.bots.insert(id, Bot::new(profile));
            self.order.push(id);
            self.arrivals.notify_waiters();
        }
    }

    fn apply_update(&mut self, pending: Pending) {
        self.next_update_id = self.next_update_id.max(pending.update_id.saturating_add(1));
        self.next_seq = self.next_seq.max(pending.seq + 1);
        let Some(bot) = self.bots.get_mut(&pending.bot) else { return };
        bot.queue.push(pending);
        if bot.webhook.is_some() {
            self.hooks.notify_one();
        } else {
            bot.wake.notify_waiters();
        }
    }

    /// A message of `bot` in `chat` that is not in the world yet, with the next id.
    pub fn draft_message(&self, bot: i64, chat: i64, from: crate::model::Author) -> Message {
        Message {
            chat_id: chat,
            message_id: self.chat(bot, chat).map_or(1, Chat::next_message_id),
            from,
            date: clock::now(),
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
}
