//! Jobs: work for later, enqueued in the caller's transaction, done once as far as the database can tell.
//!
//! A worker takes a job by a lease with a random token; taking counts as an attempt, so a job that kills its worker
//! runs out of them. Its last transaction ([`JobContext::tx`]) begins by locking the job's row under that token and
//! ends by deleting it: a worker that was stopped past its lease finds the token changed and commits nothing. What a
//! job does to the outside world before that may happen twice; what it writes and says may not.
//!
//! A library was the first choice. graphile_worker completes jobs without checking who holds them, and counts an
//! attempt back when it recovers a dead worker's job: two of the four properties we need (no double effect after a
//! pause longer than the lease; a poisonous job dies) are not to be had from the outside. So this queue is ours.

mod runner;
mod schedule;
mod store;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::Notify;
use uuid::Uuid;

pub use runner::{JobSettings, Runner};
pub use schedule::Schedule;
pub use store::{enqueue, hasten, replay_dead};

use crate::clock::Clock;
use crate::module::BoxFuture;
use crate::outbox::{self, Entry, Priority, Sender};
use crate::telegram::{Message, Telegram};

/// A job's id.
pub type JobId = i64;

/// Kinds of work that must not wait for each other: each has its own concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Somebody waits, and it is quick.
    Interactive,
    /// Answers of a language model.
    Model,
    /// Images, voice.
    Media,
    /// Nobody waits.
    Bulk,
}

impl Class {
    pub const ALL: [Class; 4] = [Class::Interactive, Class::Model, Class::Media, Class::Bulk];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Interactive => "interactive",
            Class::Model => "model",
            Class::Media => "media",
            Class::Bulk => "bulk",
        }
    }
}

/// Work for later. Idempotent towards the outside world: it may run again after a crash.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What the module shares with its jobs: its model, its settings.
    type State: Send + Sync + 'static;
    /// `companion.answer`.
    const NAME: &'static str;
    const CLASS: Class;
    /// Runs until it is dead.
    const ATTEMPTS: u16;

    /// At most one job of this name and key waits (a second one is the same work), and at most one runs.
    fn key(&self) -> Option<String> {
        None
    }

    fn run(self, state: &Self::State, job: &mut JobContext) -> impl Future<Output = Result<(), JobError>> + Send;
}

/// How a run ends badly.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Again, after a growing pause, until its attempts are used up.
    #[error("{0:#}")]
    Retry(anyhow::Error),
    /// Again, after what the other side asked for.
    #[error("asked to wait {0:?}: {1}")]
    RetryAfter(Duration, String),
    /// Never again: dead, kept, replayable.
    #[error("{0:#}")]
    Fail(anyhow::Error),
    /// The lease ran out; another worker has the job. Nothing of this run is committed.
    #[error("the lease ran out")]
    Lost,
}

impl From<anyhow::Error> for JobError {
    fn from(error: anyhow::Error) -> Self {
        JobError::Retry(error)
    }
}

impl From<sqlx::Error> for JobError {
    fn from(error: sqlx::Error) -> Self {
        JobError::Retry(error.into())
    }
}

impl From<serde_json::Error> for JobError {
    fn from(error: serde_json::Error) -> Self {
        JobError::Fail(error.into())
    }
}

/// What a running job may touch.
pub struct JobContext {
    pub id: JobId,
    /// Counts from 1.
    pub attempt: u32,
    pub max_attempts: u32,
    pub trace_id: String,
    pub pool: PgPool,
    pub telegram: Telegram,
    pub clock: Arc<dyn Clock>,
    token: Uuid,
    tx: Option<Transaction<'static, Postgres>>,
    entries: Vec<Entry>,
    enqueued: bool,
}

impl JobContext {
    /// The job's last transaction, opened at first use: from here on the job's row is locked under our lease. Open it
    /// after the slow work. It commits when `run` returns `Ok`, together with the job's end.
    pub async fn tx(&mut self) -> Result<&mut PgConnection, JobError> {
        if self.tx.is_none() {
            let mut tx = self.pool.begin().await?;
            if !store::hold(&mut tx, self.id, self.token).await? {
                return Err(JobError::Lost);
            }
            self.tx = Some(tx);
        }
        match &mut self.tx {
            Some(tx) => Ok(&mut *tx),
            None => Err(JobError::Lost),
        }
    }

    /// A message, written to the outbox in the last transaction and sent by this process after it.
    pub fn say(&mut self, chat_id: i64, priority: Priority, message: Message) {
        self.entries.extend(Entry::message(chat_id, priority, message));
    }

    /// A message in a small transaction of its own, for what must be said although this run ends badly. Fenced by the
    /// lease like the last transaction; some process's sweep sends it. Not after [`JobContext::tx`], which holds the
    /// job's row.
    pub async fn say_now(&self, chat_id: i64, priority: Priority, message: Message) -> Result<(), JobError> {
        let mut tx = self.pool.begin().await?;
        if !store::hold(&mut tx, self.id, self.token).await? {
            return Err(JobError::Lost);
        }
        let entries = Entry::message(chat_id, priority, message);
        // Without a sender no lease is taken: there is nothing to dispatch.
        let _ = outbox::enqueue(&mut tx, entries, None, Some(&self.trace_id)).await?;
        tx.commit().await?;
        Ok(())
    }

    /// More work, in the last transaction.
    pub async fn enqueue<J: Job>(&mut self, job: &J) -> Result<(), JobError> {
        let trace_id = self.trace_id.clone();
        enqueue(self.tx().await?, job, Some(&trace_id)).await?;
        self.enqueued = true;
        Ok(())
    }

    /// How far it is, for admin. Not part of the last transaction.
    pub async fn progress(&self, progress: &impl Serialize) -> Result<(), JobError> {
        let value = serde_json::to_value(progress)?;
        store::progress(&self.pool, self.id, self.token, &value).await?;
        Ok(())
    }

    /// Is this the last run before the job is dead? Time to tell whoever waits.
    pub fn is_last_attempt(&self) -> bool {
        self.attempt >= self.max_attempts
    }

    async fn finish(mut self, sender: &Sender) -> Result<(), JobError> {
        let entries = std::mem::take(&mut self.entries);
        let trace_id = self.trace_id.clone();
        let (id, token) = (self.id, self.token);
        let tx = self.tx().await?;
        let dispatch = outbox::enqueue(tx, entries, Some(sender), Some(&trace_id)).await?;
        store::done(tx, id, token).await?;
        if let Some(tx) = self.tx.take() {
            tx.commit().await?;
        }
        sender.dispatch(dispatch);
        if self.enqueued {
            wake();
        }
        Ok(())
    }
}

type RunFn = dyn for<'a> Fn(&'a str, &'a mut JobContext) -> BoxFuture<'a, Result<(), JobError>> + Send + Sync;

/// A kind of job and how to run it.
#[derive(Clone)]
pub struct JobHandler {
    pub name: &'static str,
    pub class: Class,
    run: Arc<RunFn>,
}

impl JobHandler {
    pub fn new<J: Job>(state: Arc<J::State>) -> Self {
        let run: Arc<RunFn> = Arc::new(move |payload, context| {
            let state = state.clone();
            let job: Result<J, _> = serde_json::from_str(payload);
            Box::pin(async move {
                // A payload that this version cannot read will not become readable by trying.
                let job = job.map_err(|e| JobError::Fail(anyhow::anyhow!("the payload of {}: {e}", J::NAME)))?;
                job.run(&state, context).await
            })
        });
        Self { name: J::NAME, class: J::CLASS, run }
    }
}

/// Rung after a commit that enqueued something: a worker of this process looks at once.
static WAKE: LazyLock<Notify> = LazyLock::new(Notify::new);

pub(crate) fn wake() {
    WAKE.notify_waiters();
}

/// The handlers by name.
fn by_name(handlers: Vec<JobHandler>) -> HashMap<&'static str, JobHandler> {
    handlers.into_iter().map(|h| (h.name, h)).collect()
}
