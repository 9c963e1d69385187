//! Intake: updates in, each answered once, in its chat's order, acknowledged after the commit.
//!
//! ```text
//!  webhook or poller --raw JSON--> accept: the chat's queue in this process, before any connection is taken
//!      -> BEGIN + the chat's advisory lock (order across replicas)
//!         + update_id inserted (known: done), person and conversation loaded: one round trip
//!      -> access, limit, route, handler: rows, jobs
//!      -> replies + COMMIT: one round trip -> acknowledge; this process sends what it may
//! ```
//!
//! A handler that fails or panics: the transaction rolls back, and a second one, under the same lock, keeps the raw
//! update in `dead_updates` and apologises. (That equals a savepoint and saves every good update its cost.) A
//! database that is away is nobody's fault: nothing is written, the caller says so, and Telegram repeats. One that is
//! there and never gets an update through buries it, too, after some tries ([`tries`]).
//!
//! What must never happen here: an acknowledgement before the commit, a call of the outside world inside the
//! transaction, one bad update that stops the rest.

pub mod consumer;
mod load;
pub mod polling;
mod process;
mod queue;
mod tries;
pub mod webhook;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, backoff};
use crate::database::Lanes;
use crate::limits::Limits;
use crate::module::{Handlers, Registry};
use crate::outbox::{self, Sender};
use crate::routing::{Table, TableError};
use crate::telegram::incoming::{Malformed, Update};
use crate::telemetry::metrics;
use queue::{ChatQueues, Overloaded};
use tries::Tries;

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Known already.
    Duplicate,
    /// Its handler failed; kept and apologised for.
    Dead,
    /// Over the person's limit.
    Limited,
}

/// Why an update is not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The database is away, or busy beyond its limits. Telegram repeats.
    #[error("the database did not take the update: {0}")]
    Unavailable(String),
    /// Too many updates wait in this process. Telegram repeats.
    #[error("too many updates wait in this process")]
    Overloaded,
}

/// What a replay from `dead_updates` came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Replay {
    Done,
    /// No such dead update, or replayed already.
    Unknown,
    Failed(String),
}

/// Updates that may wait in one process.
const WAITING: usize = 2_000;
/// Answers to button presses on their way; over this a press is simply not answered.
const TOASTS: usize = 64;

/// Everything that is made once and needed by every update.
pub struct IntakeParts {
    pub bot_id: i64,
    pub pool: PgPool,
    pub sender: Sender,
    pub limits: Limits,
    pub clock: Arc<dyn Clock>,
    pub languages: Vec<String>,
    /// From getMe, for commands addressed in groups; [`Intake::is_called`] tells it later.
    pub username: Option<String>,
}

pub struct Intake {
    parts: IntakeParts,
    lanes: Lanes,
    table: Table,
    handlers: HashMap<&'static str, Handlers>,
    registry: Registry,
    queues: Arc<ChatQueues>,
    tries: Tries,
    toasts: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl Intake {
    pub fn new(parts: IntakeParts, registry: &Registry) -> Result<Arc<Self>, TableError> {
        let (table, handlers) = registry.routes()?;
        if let Some(username) = &parts.username {
            table.is_called(username.clone());
        }
        let lanes = Lanes::new(parts.pool.clone(), &[load::TAKE, load::TAKE_DEAD, outbox::WRITE]);
        Ok(Arc::new(Self {
            parts,
            lanes,
            table,
            handlers: handlers.into_iter().collect(),
            registry: registry.clone(),
            queues: Arc::new(ChatQueues::new(WAITING)),
            tries: Tries::default(),
            toasts: Arc::new(Semaphore::new(TOASTS)),
            tasks: TaskTracker::new(),
        }))
    }

    /// Telegram has said who the bot is.
    pub fn is_called(&self, username: String) {
        self.table.is_called(username);
    }

    /// Takes one raw update. `Ok` may be acknowledged: its effects are committed.
    pub async fn accept(self: &Arc<Self>, raw: String) -> Result<Outcome, IntakeError> {
        self.submit(raw)?.outcome().await
    }

    /// Puts one raw update into its chat's queue, in the order of the calls.
    pub fn submit(self: &Arc<Self>, raw: String) -> Result<Pending, IntakeError> {
        self.enqueue(raw, None)
    }

    /// The same, and while the database is away it is tried again in place, until `stop`: what comes later of its chat
    /// waits behind it. For polling, where nobody else repeats it.
    pub fn submit_until(self: &Arc<Self>, raw: String, stop: CancellationToken) -> Result<Pending, IntakeError> {
        self.enqueue(raw, Some(stop))
    }

    fn enqueue(self: &Arc<Self>, raw: String, again: Option<CancellationToken>) -> Result<Pending, IntakeError> {
        let update = match Update::parse(raw) {
            Ok(update) => update,
            Err(malformed) => {
                metrics().updates.with_label_values(&["malformed"]).inc();
                return Err(malformed.into());
            }
        };
        let (answer, result) = oneshot::channel();
        let chat = update.chat().map(|c| c.id);
        let this = self.clone();
        let work = async move {
            let mut attempt = 1;
            let result = loop {
                let result = this.process(&update).await;
                metrics().updates.with_label_values(&[label(&result)]).inc();
                let (Err(IntakeError::Unavailable(_)), Some(stop)) = (&result, &again) else { break result };
                tokio::select! {
                    () = stop.cancelled() => break result,
                    () = tokio::time::sleep(backoff(attempt, Duration::from_millis(100), Duration::from_secs(5))) => {}
                }
                attempt += 1;
            };
            // Who asked may have gone (its connection closed); what is committed stays committed.
            let _ = answer.send(result);
        };
        self.queues.push(chat, Box::pin(work), &self.tasks).map_err(|Overloaded| IntakeError::Overloaded)?;
        Ok(Pending(result))
    }

    /// Waits until every update taken has its outcome.
    pub async fn close(&self, limit: Duration) {
        self.tasks.close();
        if tokio::time::timeout(limit, self.tasks.wait()).await.is_err() {
            tracing::warn!("updates in work did not end in time; Telegram repeats them");
        }
    }
}

/// An update in its chat's queue.
pub struct Pending(oneshot::Receiver<Result<Outcome, IntakeError>>);

impl Pending {
    pub async fn outcome(self) -> Result<Outcome, IntakeError> {
        self.0.await.unwrap_or_else(|_| Err(IntakeError::Unavailable("the process stops".to_owned())))
    }
}

fn label(result: &Result<Outcome, IntakeError>) -> &'static str {
    match result {
        Ok(Outcome::Done) => "done",
        Ok(Outcome::Duplicate) => "duplicate",
        Ok(Outcome::Dead) => "dead",
        Ok(Outcome::Limited) => "limited",
        Err(_) => "retry",
    }
}
