//! Sending: drains the chats whose lease this process holds.
//!
//! One task a chat, bounded by the number of permits. A drain ends when its chat is empty (lease released), when it has
//! to rest (429, retry: handed back with a time), when the lease is lost (somebody else goes on), or when the process
//! stops (handed back at once).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::marks::{Mark, Marks, Outcome};
use super::prepare::{self, Prepared};
use super::reach::Reach;
use super::store::{self, Row};
use super::{Dispatch, Gate, OutboxSettings, Priority, Taken};
use crate::clock::backoff;
use crate::database::{patience, within};
use crate::telegram::client::{ApiError, Telegram};
use crate::telemetry::{metrics, trace};
use crate::users;

/// What a lease has left beyond the request's own limit, for the mark.
const MARGIN: Duration = Duration::from_millis(500);
/// A chat over its rate is waited for in place up to this long; longer, the lease goes back.
const WAIT_IN_PLACE: Duration = Duration::from_millis(1500);

/// This process's hand in the outbox. Cheap to clone.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

struct Inner {
    pool: PgPool,
    telegram: Telegram,
    settings: OutboxSettings,
    gate: Arc<Gate>,
    marks: Marks,
    permits: Arc<Semaphore>,
    frozen_until: Mutex<Option<Instant>>,
    reach: Reach,
    /// One statement and its answer.
    patience: Duration,
    /// The chats that are sent into here, each with its lease: its token, and until when it runs.
    draining: Mutex<HashMap<i64, (Uuid, Instant)>>,
    wake: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A lease as its holder sees it: all by this process's monotonic clock, from before the database was asked.
struct Lease {
    chat_id: i64,
    token: Uuid,
    until: Instant,
    /// Theoretical arrival time of the chat's rate.
    arrival: Instant,
}

enum Sent {
    Yes(Option<i64>),
    /// Dead, with its reason written; the next message may go.
    Dead,
    /// Nothing may go before this.
    Rest(Duration),
    /// The lease was given away: frozen, moved or lost.
    Gone,
}

impl Sender {
    /// Starts this process's sweep. `role` names it among the live processes.
    pub fn start(
        pool: PgPool,
        telegram: Telegram,
        settings: OutboxSettings,
        gate: Arc<Gate>,
        role: &'static str,
    ) -> Self {
        let sender = Self(Arc::new(Inner {
            marks: Marks::start(pool.clone(), settings.lease / 4),
            permits: Arc::new(Semaphore::new(settings.concurrency)),
            reach: Reach::new(settings.probe_interval),
            patience: patience(&pool),
            draining: Mutex::default(),
            pool,
            telegram,
            settings,
            gate,
            frozen_until: Mutex::new(None),
            wake: Notify::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }));
        sender.0.tasks.spawn(sender.clone().sweep(role));
        sender
    }

    pub(super) fn settings(&self) -> &OutboxSettings {
        &self.0.settings
    }
    pub(super) fn pool(&self) -> &PgPool {
        &self.0.pool
    }
    pub(super) fn patience(&self) -> Duration {
        self.0.patience
    }
    pub(super) fn gate(&self) -> &Gate {
        &self.0.gate
    }
    pub fn telegram(&self) -> &Telegram {
        &self.0.telegram
    }
    pub(super) fn stopping(&self) -> &CancellationToken {
        &self.0.stop
    }
    pub(super) async fn woken(&self) {
        self.0.wake.notified().await;
    }
    /// Looks for due chats now rather than at the next interval.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// How many more chats this process could send into.
    pub(super) fn room(&self) -> usize {
        let closed = self.0.stop.is_cancelled() || !self.frozen_for().is_zero() || self.is_away();
        if closed { 0 } else { self.0.permits.available_permits() }
    }

    pub(super) fn is_away(&self) -> bool {
        self.0.reach.is_away()
    }

    /// While Telegram is away: may a message ask for it?
    pub(super) fn probe_is_due(&self) -> bool {
        !self.0.stop.is_cancelled() && self.0.reach.is_open()
    }

    fn draining(&self) -> MutexGuard<'_, HashMap<i64, (Uuid, Instant)>> {
        self.0.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chats that are sent into here and whose lease is over, as when the database is too slow to take a mark. Taken
    /// again beside that, what waits for its mark would be sent again.
    pub(super) fn overdue(&self) -> Vec<i64> {
        let soon = Instant::now() + MARGIN;
        self.draining().iter().filter(|(_, (_, until))| *until < soon).map(|(chat, _)| *chat).collect()
    }

    /// One of [`Sender::overdue`].
    pub(super) fn is_overdue(&self, chat_id: i64) -> bool {
        self.draining().get(&chat_id).is_some_and(|(_, until)| *until < Instant::now() + MARGIN)
    }

    pub(super) fn set_frozen(&self, pause: Duration) {
        let until = if pause.is_zero() { None } else { Some(Instant::now() + pause) };
        *self.0.frozen_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn frozen_for(&self) -> Duration {
        let until = *self.0.frozen_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// After the commit: sends what the transaction wrote into the chats whose lease it took.
    pub fn dispatch(&self, dispatch: Dispatch) {
        self.dispatch_taken(dispatch.chats);
    }

    pub(super) fn dispatch_taken(&self, taken: Vec<Taken>) {
        for chat in taken {
            let drain = Drain::begin(self.clone(), chat.chat_id, chat.token, chat.since + self.0.settings.lease);
            self.0.tasks.spawn(async move { drain.sender.drain(chat).await });
        }
    }

    /// Stops taking, lets requests in flight end, hands the rest back. Ends within the limit.
    pub async fn close(&self, limit: Duration) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if tokio::time::timeout(limit, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("sends in flight did not end in time; their messages may be repeated");
        }
    }

    async fn drain(&self, taken: Taken) {
        let Ok(_permit) = self.0.permits.acquire().await else { return };
        let now = Instant::now();
        let ahead = Duration::from_micros(u64::try_from(taken.ahead_micros).unwrap_or(0));
        let mut lease = Lease {
            chat_id: taken.chat_id,
            token: taken.token,
            until: taken.since + self.0.settings.lease,
            arrival: now + ahead,
        };
        metrics().outbox_draining.inc();
        let result = self.drain_all(&mut lease, taken.writes, taken.rows).await;
        metrics().outbox_draining.dec();
        if let Err(error) = result {
            // The lease runs out by itself, and a sweep goes on from there.
            tracing::warn!(%error, "a chat's messages wait for the database");
        }
    }

    async fn drain_all(&self, lease: &mut Lease, writes: i64, rows: Option<Vec<Row>>) -> sqlx::Result<()> {
        let mut known = rows.map(|rows| (writes, rows));
        loop {
            let (writes, rows) = match known.take() {
                Some(known) => known,
                None => match self.within(store::read(&self.0.pool, lease.chat_id, lease.token)).await? {
                    Some(read) => read,
                    None => return Ok(()),
                },
            };
            // A reading is bounded; only a whole one says that nothing else is pending.
            let whole = rows.len() < 50;
            if rows.is_empty() {
                if self.mark(lease, None, Some(writes)).await == Outcome::Released {
                    return Ok(());
                }
                continue;
            }
            let count = rows.len();
            for (n, row) in rows.into_iter().enumerate() {
                let (id, bulk) = (row.id, Priority::from_i16(row.priority) == Priority::Bulk);
                let last = whole && n + 1 == count;
                match self.send(lease, row).await? {
                    Sent::Yes(message_id) => {
                        let release = last.then_some(writes);
                        if self.mark(lease, Some((id, message_id)), release).await == Outcome::Released {
                            return Ok(());
                        }
                    }
                    Sent::Dead => {}
                    Sent::Rest(pause) => {
                        return self.within(store::hand_back(&self.0.pool, lease.chat_id, lease.token, pause)).await;
                    }
                    Sent::Gone => return Ok(()),
                }
                if bulk {
                    // Somebody may have written to this person meanwhile: that goes first.
                    break;
                }
            }
        }
    }

    async fn within<T>(&self, statement: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        within(self.0.patience, statement).await
    }

    async fn mark(&self, lease: &Lease, sent: Option<(i64, Option<i64>)>, release_at: Option<i64>) -> Outcome {
        let mark = Mark {
            sent,
            chat_id: lease.chat_id,
            token: lease.token,
            release_at,
            ahead: lease.arrival.saturating_duration_since(Instant::now()),
        };
        self.0.marks.put(mark).await
    }

    /// One message: rate, lease, request, and what its answer means.
    async fn send(&self, lease: &mut Lease, mut row: Row) -> sqlx::Result<Sent> {
        if self.0.stop.is_cancelled() {
            return Ok(Sent::Rest(Duration::ZERO));
        }
        let frozen = self.frozen_for();
        if !frozen.is_zero() {
            return Ok(Sent::Rest(frozen));
        }
        if !self.0.reach.is_open() {
            return Ok(Sent::Rest(Duration::ZERO));
        }
        let prepared = match self.within(prepare::prepare(&self.0.pool, lease.chat_id, &mut row)).await? {
            Ok(prepared) => prepared,
            Err(reason) => {
                self.within(self.bury(lease, &row, &reason)).await?;
                return Ok(Sent::Dead);
            }
        };
        let wait = self.chat_wait(lease, &row.method);
        if wait > WAIT_IN_PLACE {
            return Ok(Sent::Rest(wait));
        }
        if !wait.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.stop.cancelled() => return Ok(Sent::Rest(Duration::ZERO)),
            }
        }
        let priority = Priority::from_i16(row.priority);
        if tokio::time::timeout(Duration::from_secs(2), self.0.gate.pass(priority)).await.is_err() {
            // The whole bot is at its rate: let others of this process have the place meanwhile.
            return Ok(Sent::Rest(Duration::from_millis(200)));
        }
        let timeout = if matches!(prepared, Prepared::Upload { .. }) {
            self.0.settings.upload_timeout
        } else {
            self.0.settings.request_timeout
        };
        if lease.until.saturating_duration_since(Instant::now()) < timeout + MARGIN {
            let term = self.0.settings.lease.max(timeout + 2 * MARGIN);
            let since = Instant::now();
            if !self.within(store::renew(&self.0.pool, lease.chat_id, lease.token, term)).await? {
                return Ok(Sent::Gone);
            }
            lease.until = since + term;
            self.draining().insert(lease.chat_id, (lease.token, lease.until));
        }
        if !self.0.reach.pass() {
            return Ok(Sent::Rest(Duration::ZERO));
        }
        let request = self.request(lease, &row, prepared, timeout);
        let answer = if trace::collected() {
            request.instrument(trace::send(&row.method, row.trace_id.as_deref().unwrap_or_default())).await
        } else {
            request.await
        };
        self.within(self.judge(lease, &row, answer)).await
    }

    /// The chat's rate (GCRA): how long the next message has to wait. Edits in private chats are free.
    fn chat_wait(&self, lease: &mut Lease, method: &str) -> Duration {
        let settings = &self.0.settings;
        let group = lease.chat_id < 0;
        if method.starts_with("edit") && !group {
            return Duration::ZERO;
        }
        let (interval, burst) = if group {
            (settings.group_interval, settings.group_burst)
        } else {
            (settings.chat_interval, settings.chat_burst)
        };
        let now = Instant::now();
        let tolerance = interval.saturating_mul(burst.saturating_sub(1));
        let wait = lease.arrival.saturating_duration_since(now).saturating_sub(tolerance);
        if wait <= WAIT_IN_PLACE {
            lease.arrival = lease.arrival.max(now) + interval;
        }
        wait
    }

    async fn request(
        &self,
        lease: &Lease,
        row: &Row,
        call: Prepared,
        timeout: Duration,
    ) -> Result<Option<i64>, ApiError> {
        let started = Instant::now();
        let (method, trace_id) = (row.method.as_ref(), row.trace_id.as_deref());
        let telegram = &self.0.telegram;
        let refused = |reason: &str| {
            tracing::warn!(trace_id, method, %reason, "Telegram refuses the markup; sent as plain text");
            metrics().outbox_plain_text.inc();
            let left = lease.until.saturating_duration_since(Instant::now()).saturating_sub(MARGIN);
            timeout.min(left)
        };
        let result = match call {
            Prepared::Json(body) => match telegram.send(method, body.clone(), timeout).await {
                Err(ApiError::BadMarkup(reason)) => {
                    let timeout = refused(&reason);
                    telegram.send(method, prepare::plain(&body), timeout).await
                }
                other => other,
            },
            Prepared::Upload { id, params, upload } => {
                let field = upload.field.clone();
                let result = match telegram.call_with_upload(method, &params, upload.clone(), timeout).await {
                    Err(ApiError::BadMarkup(reason)) => {
                        let timeout = refused(&reason);
                        telegram.call_with_upload(method, &prepare::without_markup(params), upload, timeout).await
                    }
                    other => other,
                };
                if let Ok(message) = &result
                    && let Some(file_id) = prepare::sent_file(message, &field)
                    && let Err(error) = self.within(store::uploaded(&self.0.pool, id, file_id)).await
                {
                    tracing::warn!(trace_id, %error, "the file's id is not kept; it will be uploaded again");
                }
                result.map(|message| message.get("message_id").and_then(Value::as_i64))
            }
        };
        metrics().telegram_seconds.with_label_values(&[method]).observe(started.elapsed().as_secs_f64());
        result
    }

    async fn judge(&self, lease: &mut Lease, row: &Row, answer: Result<Option<i64>, ApiError>) -> sqlx::Result<Sent> {
        let pool = &self.0.pool;
        let settings = &self.0.settings;
        let trace_id = row.trace_id.as_deref();
        let silence = matches!(answer, Err(ApiError::Network(_) | ApiError::Server(_) | ApiError::Conflict(_)));
        if !silence && self.0.reach.answered() {
            self.wake();
        }
        let error = match answer {
            Ok(message_id) => {
                metrics().outbox_sent.with_label_values(&["sent"]).inc();
                tracing::debug!(trace_id, outbox = row.id, method = %row.method, "sent");
                return Ok(Sent::Yes(message_id));
            }
            Err(ApiError::NotModified) => return Ok(Sent::Yes(None)),
            Err(ApiError::RetryAfter(pause)) => {
                metrics().outbox_sent.with_label_values(&["refused"]).inc();
                let bot = self.0.telegram.bot_id();
                let whole =
                    store::freeze(pool, bot, lease.chat_id, lease.token, pause, settings.refusal_window).await?;
                tracing::warn!(trace_id, seconds = pause.as_secs(), whole_bot = whole, "Telegram asks to wait");
                if whole {
                    self.set_frozen(pause);
                }
                return Ok(Sent::Gone);
            }
            Err(ApiError::Migrated(to)) => {
                store::moved(pool, lease.chat_id, to, lease.token).await?;
                self.wake();
                return Ok(Sent::Gone);
            }
            Err(ApiError::Unauthorized) => {
                tracing::error!("Telegram does not know this bot token; messages are kept");
                return Ok(Sent::Rest(Duration::from_secs(30)));
            }
            Err(error) => error,
        };
        let reason = error.to_string();
        if let ApiError::Unreachable(_) = error {
            if lease.chat_id > 0 {
                let mut connection = pool.acquire().await?;
                users::set_blocked(&mut connection, lease.chat_id, true).await?;
            }
            self.bury(lease, row, &reason).await?;
            return Ok(Sent::Dead);
        }
        if !silence {
            tracing::error!(trace_id, outbox = row.id, method = %row.method, %reason, "a message is dead");
            self.bury(lease, row, &reason).await?;
            return Ok(Sent::Dead);
        }
        let away = self.0.reach.silent(&reason);
        if store::failed(pool, row.id, lease.token, &reason, settings.give_up).await? {
            tracing::error!(trace_id, outbox = row.id, method = %row.method, %reason, "a message is dead of its age");
            metrics().outbox_sent.with_label_values(&["dead"]).inc();
            return Ok(Sent::Dead);
        }
        metrics().outbox_sent.with_label_values(&["failed"]).inc();
        if away {
            // Said once for all. The next probe is another chat's, if there is one.
            return Ok(Sent::Rest(settings.probe_interval));
        }
        let attempt = u32::try_from(row.attempts).unwrap_or(0) + 1;
        tracing::warn!(trace_id, outbox = row.id, attempt, %reason, "a message will be tried again");
        Ok(Sent::Rest(backoff(attempt, settings.retry_first, settings.retry_cap)))
    }

    async fn bury(&self, lease: &Lease, row: &Row, reason: &str) -> sqlx::Result<()> {
        metrics().outbox_sent.with_label_values(&["dead"]).inc();
        store::bury(&self.0.pool, row.id, lease.token, reason).await
    }
}

/// A chat that is sent into here; ends with its task, however that ends.
struct Drain {
    sender: Sender,
    chat_id: i64,
    token: Uuid,
}

impl Drain {
    fn begin(sender: Sender, chat_id: i64, token: Uuid, until: Instant) -> Self {
        sender.draining().insert(chat_id, (token, until));
        Self { sender, chat_id, token }
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        let mut draining = self.sender.draining();
        // The next one of this chat may have begun.
        if draining.get(&self.chat_id).is_some_and(|(token, _)| *token == self.token) {
            draining.remove(&self.chat_id);
        }
    }
}
