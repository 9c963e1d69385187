//! One update being answered: everything a handler may touch. All of it happens in one transaction; dropped without
//! commit, nothing happened.

use fluent_templates::static_loader;

use crate::clock::Timestamp;
use crate::conversations::{Change, Conversation, Step};
use crate::database::Tx;
use crate::jobs::{self, Job};
use crate::outbox::{Entry, OutboxId, Priority};
use crate::telegram::{Chat, Message};
use crate::texts::{Bundle, Texts};
use crate::users::User;

// The platform's own words.
static_loader! {
    pub static TEXTS = { locales: "./texts", fallback_language: "en", customise: |bundle| bundle.set_use_isolating(false) };
}

/// What a handler gets.
pub struct Turn {
    /// The transaction. Never committed by a handler.
    pub tx: Tx,
    pub user: User,
    pub chat: Chat,
    /// When the update was taken up.
    pub now: Timestamp,
    /// The language to speak, one of the bot's.
    pub language: String,
    /// The bot's languages, in the manifest's order.
    pub languages: Vec<String>,
    /// Runs from the update through its jobs to the messages sent.
    pub trace_id: String,
    /// The message whose button was pressed.
    pub pressed: Option<i64>,
    pub(crate) callback_id: Option<String>,
    pub(crate) conversation: Option<Conversation>,
    pub(crate) change: Change,
    pub(crate) entries: Vec<Entry>,
    pub(crate) toast: Option<String>,
    pub(crate) enqueued: bool,
    pub(crate) after_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Turn {
    /// A message to this chat, through the outbox.
    pub fn reply(&mut self, message: Message) {
        self.say_to(self.chat.id, message);
    }

    /// A message to another chat.
    pub fn say_to(&mut self, chat_id: i64, message: Message) {
        self.entries.extend(Entry::message(chat_id, Priority::Interactive, message));
    }

    /// Puts `message` in the place of one that Telegram has.
    pub fn edit(&mut self, message_id: i64, message: Message) {
        self.entries.push(Entry::edit(self.chat.id, message_id, message));
    }

    /// Puts `message` in the place of one written to the outbox earlier, sent or not.
    pub fn edit_of(&mut self, row: OutboxId, message: Message) {
        self.entries.push(Entry::edit_of(self.chat.id, row, message));
    }

    /// Shown over the chat when a button was pressed; without one the press is answered silently.
    pub fn toast(&mut self, text: impl Into<String>) {
        self.toast = Some(text.into());
    }

    /// Work for later, committed with this turn.
    pub async fn enqueue<J: Job>(&mut self, job: &J) -> anyhow::Result<()> {
        jobs::enqueue(&mut self.tx, job, Some(&self.trace_id)).await?;
        self.enqueued = true;
        Ok(())
    }

    /// The same, and one of its key that waits to be tried again is tried as soon as it may.
    pub async fn hasten<J: Job>(&mut self, job: &J) -> anyhow::Result<()> {
        jobs::hasten(&mut self.tx, job, Some(&self.trace_id)).await?;
        self.enqueued = true;
        Ok(())
    }

    /// Where the dialogue stands now.
    pub fn converse<S: Step>(&mut self, step: &S) -> anyhow::Result<()> {
        let expires_at = self.now + S::EXPIRES;
        self.change = Change::To { module: S::MODULE, step: serde_json::to_string(step)?, expires_at };
        Ok(())
    }

    /// The open dialogue's step, if it is `S`'s.
    pub fn step<S: Step>(&self) -> Option<S> {
        self.conversation.as_ref().and_then(Conversation::step)
    }

    /// Closes the dialogue.
    pub fn end_conversation(&mut self) {
        self.change = Change::End;
    }

    /// A module's texts in the person's language.
    pub fn texts(&self, bundle: &'static Bundle) -> Texts {
        Texts::new(bundle, &self.language)
    }

    /// Runs when this turn has been committed, and only then: to forget cached values.
    pub fn after_commit(&mut self, what: impl FnOnce() + Send + 'static) {
        self.after_commit.push(Box::new(what));
    }
}
