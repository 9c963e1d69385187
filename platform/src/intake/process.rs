//! One update's transaction.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use serde_json::json;
use tokio::time::Instant;
use tracing::{Instrument, Span};

use super::tries::{is_stuck, is_stuck_chain};
use super::{Intake, IntakeError, Outcome, Replay, load};
use crate::clock::random_hex;
use crate::conversations::{self, Change, Conversation};
use crate::database::{is_transient, is_transient_chain};
use crate::limits::Verdict;
use crate::module::{BoxFuture, HandlerResult};
use crate::outbox::{self, Dispatch, Entry, Priority};
use crate::routing::Route;
use crate::telegram::client::object;
use crate::telegram::incoming::{ChatKind, Event, Update};
use crate::telegram::outgoing::Message;
use crate::telemetry::{metrics, trace};
use crate::texts::Texts;
use crate::turn::{TEXTS, Turn};
use crate::users;

/// How an attempt ended badly.
enum Failure {
    /// The database's state: nothing is known to be written, Telegram repeats.
    Away(String),
    /// The same, but the database is there: [`tries`].
    Stuck(String),
    /// The handler's: the update is kept in `dead_updates`.
    Handler(String),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match (is_stuck(&error), is_transient(&error)) {
            (true, _) => Failure::Stuck(text),
            (false, true) => Failure::Away(text),
            (false, false) => Failure::Handler(text),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let text = format!("{error:#}");
        match (is_stuck_chain(&error), is_transient_chain(&error)) {
            (true, _) => Failure::Stuck(text),
            (false, true) => Failure::Away(text),
            (false, false) => Failure::Handler(text),
        }
    }
}

impl Intake {
    pub(super) async fn process(&self, update: &Update) -> Result<Outcome, IntakeError> {
        let started = Instant::now();
        let trace_id = random_hex(16);
        // A handler's panic is caught where it runs; any other would leave its chat waiting for ever.
        let turn = AssertUnwindSafe(self.traced(update, &trace_id, false)).catch_unwind();
        let result = turn.await.unwrap_or_else(|_| Err(Failure::Handler("the turn panicked".to_owned())));
        metrics().turn_seconds.observe(started.elapsed().as_secs_f64());
        match result {
            Ok(outcome) => {
                let micros = started.elapsed().as_micros();
                tracing::debug!(trace_id, update_id = update.id, kind = %update.kind, ?outcome, micros, "update");
                Ok(outcome)
            }
            Err(Failure::Away(reason)) => {
                tracing::warn!(trace_id, update_id = update.id, %reason, "an update was not taken; Telegram repeats it");
                Err(IntakeError::Unavailable(reason))
            }
            Err(Failure::Stuck(error)) => {
                tracing::warn!(trace_id, update_id = update.id, kind = %update.kind, %error, "the database did not get an update through");
                self.tries.over(update.id, &error)?;
                let outcome = self.bury(update, &error, &trace_id).await?;
                self.tries.forget(update.id);
                Ok(outcome)
            }
            Err(Failure::Handler(error)) => self.bury(update, &error, &trace_id).await,
        }
    }

    /// Runs a dead update again, under the same lock; on success it is marked as replayed in the same transaction.
    pub async fn replay(&self, update_id: i64) -> Result<Replay, IntakeError> {
        let away = |e: sqlx::Error| IntakeError::Unavailable(e.to_string());
        let raw: Option<String> = sqlx::query_scalar(
            "SELECT raw::text FROM dead_updates WHERE bot_id = $1 AND update_id = $2 AND replayed_at IS NULL",
        )
        .bind(self.parts.bot_id)
        .bind(update_id)
        .fetch_optional(&self.parts.pool)
        .await
        .map_err(away)?;
        let Some(raw) = raw else { return Ok(Replay::Unknown) };
        let update = Update::parse(raw)?;
        let trace_id = random_hex(16);
        match self.traced(&update, &trace_id, true).await {
            Ok(Outcome::Duplicate) => Ok(Replay::Unknown),
            Ok(_) => Ok(Replay::Done),
            Err(Failure::Away(reason)) => Err(IntakeError::Unavailable(reason)),
            Err(Failure::Handler(error) | Failure::Stuck(error)) => Ok(Replay::Failed(error)),
        }
    }

    /// In the update's span as a whole where traces are collected, else only what the handler does.
    async fn traced(&self, update: &Update, trace_id: &str, replay: bool) -> Result<Outcome, Failure> {
        let span = trace::update(trace_id);
        let attempt = self.attempt(update, trace_id, &span, replay);
        if trace::collected() { attempt.instrument(span.clone()).await } else { attempt.await }
    }

    async fn attempt(&self, update: &Update, trace_id: &str, span: &Span, replay: bool) -> Result<Outcome, Failure> {
        let now = self.parts.clock.now();
        let chat = update.chat();
        let (mut tx, loaded) = load::begin(self, update, now, replay).await?;
        if !loaded.fresh {
            // What fails here closes the connection, which comes to the same.
            let _ = tx.rollback().await;
            return Ok(Outcome::Duplicate);
        }
        if matches!(update.event, Event::Unknown) {
            metrics().unknown_updates.inc();
        }
        let (Some(from), Some(chat)) = (update.from().filter(|f| !f.is_bot && f.id > 0), chat) else {
            tx.commit().await?;
            return Ok(Outcome::Done);
        };
        let (user, changed) = match loaded.user() {
            Some(user) if !user.differs(from) => (user, false),
            known => (users::upsert(&mut tx, from, now).await?, known.is_some()),
        };
        let language = user.speaks(&self.parts.languages).to_owned();
        let conversation = match (loaded.module, loaded.step, loaded.expires_at) {
            (Some(module), Some(step), Some(expires_at)) => Some(Conversation { module, step, expires_at }),
            _ => None,
        };
        let (callback_id, pressed) = match &update.event {
            Event::Callback(c) => (Some(c.id.clone()), c.message.as_ref().map(|m| m.message_id)),
            _ => (None, None),
        };
        let mut turn = Turn {
            tx,
            user,
            chat,
            now,
            language,
            languages: self.parts.languages.clone(),
            trace_id: trace_id.to_owned(),
            pressed,
            callback_id,
            conversation,
            change: Change::Keep,
            entries: Vec::new(),
            toast: None,
            enqueued: false,
            after_commit: Vec::new(),
        };
        if changed {
            let (registry, id) = (self.registry.clone(), turn.user.id);
            turn.after_commit(move || registry.modules().for_each(|module| module.person_changed(id)));
        }
        match self.answer(&mut turn, update, span, replay).await {
            Ok(outcome) => self.commit(turn).await.map(|()| outcome),
            Err(failure) => {
                // As above.
                let _ = turn.tx.rollback().await;
                Err(failure)
            }
        }
    }

    /// Access, limit, dialogue's age, route, handler.
    async fn answer(&self, turn: &mut Turn, update: &Update, span: &Span, replay: bool) -> Result<Outcome, Failure> {
        let texts = turn.texts(&TEXTS);
        if !turn.user.is_active {
            if !turn.chat.is_private() || matches!(update.event, Event::Membership(_)) {
                return Ok(Outcome::Done);
            }
            // Whatever they press or write: each answer is a row of the outbox.
            if self.parts.limits.count_once(turn.user.telegram_id, update.id).await != Verdict::Allowed {
                metrics().limited.inc();
                return Ok(Outcome::Limited);
            }
            turn.reply(Message::html(texts.get("closed")));
            return Ok(Outcome::Done);
        }
        let open = self.open_conversation(turn, update, &texts);
        // What died was for us when it came, whoever asks to replay it.
        let route = self.table.route(&update.event, open.as_deref(), replay);
        // A button pressed, or an answer to what a dialogue asks, belongs to a message that was counted.
        let answers = matches!(route, Route::Ignore | Route::Conversation { .. });
        let counted = matches!(update.event, Event::Message(_)) && !answers && !replay;
        if counted {
            match self.parts.limits.count_once(turn.user.telegram_id, update.id).await {
                Verdict::Allowed => {}
                refused => {
                    metrics().limited.inc();
                    if let Verdict::Refused { retry_after } = refused {
                        let seconds = retry_after.as_secs().max(1);
                        turn.reply(Message::html(texts.with("limited", &[("seconds", seconds.into())])));
                    }
                    return Ok(Outcome::Limited);
                }
            }
        }
        let handler: BoxFuture<'_, HandlerResult> = match (route, &update.event) {
            (Route::Command { module, name, args }, _) => {
                let command = self.handlers.get(module).and_then(|h| h.commands.iter().find(|c| c.name == name));
                let command = command.with_context(|| format!("/{name} has no handler"))?;
                if turn.conversation.is_some() {
                    turn.end_conversation();
                }
                (command.run)(turn, args)
            }
            (Route::Callback { module, data }, _) => {
                let handler = self.handlers.get(module).and_then(|h| h.callback.as_ref());
                handler.with_context(|| format!("module {module} has buttons without a handler"))?(turn, data)
            }
            (Route::Conversation { module }, Event::Message(message)) => {
                let handler = self.handlers.get(module).and_then(|h| h.conversation.as_ref());
                handler.with_context(|| format!("module {module} has a dialogue without a handler"))?(turn, message)
            }
            (Route::FreeText { module }, Event::Message(message)) => {
                let handler = self.handlers.get(module).and_then(|h| h.free_text.as_ref());
                handler.with_context(|| format!("module {module} has no handler of free text"))?(turn, message)
            }
            (Route::Cancel, _) => {
                let key = if turn.conversation.is_some() { "cancelled" } else { "nothing-to-cancel" };
                turn.reply(Message::html(texts.get(key)));
                turn.end_conversation();
                return Ok(Outcome::Done);
            }
            (Route::Help, _) => {
                let help = self.handlers.values().flat_map(|h| &h.commands).find(|c| c.name == "help");
                match help {
                    Some(help) => (help.run)(turn, ""),
                    None => return Ok(Outcome::Done),
                }
            }
            (Route::Blocked { blocked }, _) => {
                users::set_blocked(&mut turn.tx, turn.user.telegram_id, blocked).await?;
                return Ok(Outcome::Done);
            }
            _ => return Ok(Outcome::Done),
        };
        match AssertUnwindSafe(handler.instrument(span.clone())).catch_unwind().await {
            Ok(result) => result.map_err(Failure::from).map(|()| Outcome::Done),
            // What a panic says may repeat what a person wrote; where it happened is in the process's own report.
            Err(_) => Err(Failure::Handler("the handler panicked".to_owned())),
        }
    }

    /// The module whose dialogue is open; one that waited too long is closed, and the person is told.
    fn open_conversation(&self, turn: &mut Turn, update: &Update, texts: &Texts) -> Option<String> {
        let open = turn.conversation.as_ref()?;
        if open.expires_at > turn.now {
            return Some(open.module.clone());
        }
        turn.conversation = None;
        turn.end_conversation();
        let is_answer =
            matches!(&update.event, Event::Message(m) if m.text.as_deref().is_none_or(|t| !t.starts_with('/')));
        if is_answer {
            turn.reply(Message::html(texts.get("expired")));
        }
        None
    }

    /// Writes what the turn gathered, commits, and only then lets the outside see it.
    async fn commit(&self, mut turn: Turn) -> Result<(), Failure> {
        conversations::write(&mut turn.tx, turn.chat.id, turn.user.telegram_id, &turn.change, turn.now).await?;
        let entries = std::mem::take(&mut turn.entries);
        let sender = &self.parts.sender;
        let dispatch = outbox::enqueue_and_commit(turn.tx, entries, sender, Some(&turn.trace_id)).await?;
        sender.dispatch(dispatch);
        for action in turn.after_commit {
            action();
        }
        if turn.enqueued {
            crate::jobs::wake();
        }
        if let Some(id) = turn.callback_id {
            self.answer_callback(id, turn.toast);
        }
        Ok(())
    }

    /// Ends the button's spinner. Best effort: what must arrive is in the outbox.
    fn answer_callback(&self, id: String, toast: Option<String>) {
        let Ok(permit) = self.toasts.clone().try_acquire_owned() else { return };
        let telegram = self.parts.sender.telegram().clone();
        self.tasks.spawn(async move {
            let _permit = permit;
            let mut params = object(json!({"callback_query_id": id}));
            if let Some(text) = toast {
                params.insert("text".to_owned(), text.chars().take(200).collect::<String>().into());
            }
            if let Err(error) = telegram.call("answerCallbackQuery", &params, Duration::from_secs(5)).await {
                tracing::debug!(%error, "a button press was not answered");
            }
        });
    }

    /// Keeps the update with its error and apologises, in one transaction under the chat's lock.
    async fn bury(&self, update: &Update, error: &str, trace_id: &str) -> Result<Outcome, IntakeError> {
        tracing::error!(trace_id, update_id = update.id, kind = %update.kind, %error, "an update's handler failed");
        self.keep_dead(update, error, trace_id).await.map_err(|error| IntakeError::Unavailable(error.to_string()))
    }

    async fn keep_dead(&self, update: &Update, error: &str, trace_id: &str) -> sqlx::Result<Outcome> {
        let now = self.parts.clock.now();
        let chat = update.chat();
        let (mut tx, _) = self.lanes.begin(&load::lock(chat)).await?;
        let person = update.from().filter(|f| !f.is_bot && f.id > 0);
        let fresh: bool = sqlx::query_scalar(
            "WITH fresh AS (
                INSERT INTO updates (bot_id, update_id, received_at, kind) VALUES ($1, $2, $3, $4)
                ON CONFLICT DO NOTHING RETURNING 1),
             dead AS (
                INSERT INTO dead_updates (bot_id, update_id, kind, chat_id, user_id, raw, error, failed_at)
                SELECT $1, $2, $4, $5, $6, $7::json, $8, $3 FROM fresh
                ON CONFLICT (bot_id, update_id) DO UPDATE SET raw = excluded.raw, error = excluded.error,
                    failed_at = excluded.failed_at, replayed_at = NULL)
             SELECT EXISTS (SELECT 1 FROM fresh)",
        )
        .bind(self.parts.bot_id)
        .bind(update.id)
        .bind(now)
        .bind(&update.kind)
        .bind(chat.map(|c| c.id))
        .bind(person.map(|p| p.id))
        .bind(&update.raw)
        .bind(error)
        .fetch_one(&mut *tx)
        .await?;
        if !fresh {
            let _ = tx.rollback().await;
            return Ok(Outcome::Duplicate);
        }
        let mut dispatch = Dispatch::default();
        if let (Some(chat), Some(person)) = (chat.filter(|c| c.kind == ChatKind::Private), person) {
            let language = self.language_of(person.language_code.as_deref());
            let apology = Message::html(Texts::new(&TEXTS, &language).get("apology"));
            let entries = Entry::message(chat.id, Priority::Interactive, apology);
            dispatch = outbox::enqueue_and_commit(tx, entries, &self.parts.sender, Some(trace_id)).await?;
        } else {
            tx.commit().await?;
        }
        self.parts.sender.dispatch(dispatch);
        if let Event::Callback(callback) = &update.event {
            self.answer_callback(callback.id.clone(), None);
        }
        Ok(Outcome::Dead)
    }

    /// Without the person's row, which the failed transaction may never have written.
    fn language_of(&self, code: Option<&str>) -> String {
        let primary = code.and_then(|c| c.split('-').next()).unwrap_or("");
        let languages = &self.parts.languages;
        languages.iter().find(|l| *l == primary).or(languages.first()).cloned().unwrap_or_else(|| "en".to_owned())
    }
}
