//! Polling: one process of all fetches updates, the others stand by.
//!
//! Who polls is a lease in `bot_state`. Updates go into their chats' queues as they come; the offset sent to Telegram,
//! which is the acknowledgement, is the longest prefix whose transactions have committed. An update whose database was
//! away is submitted again here; after a hand-over the next poller gets it from Telegram, and known ids are skipped.
//! A webhook of the bot's own that is in the way is removed by the lease's holder ([`consumer`]).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::consumer::{self, Withdrawn};
use super::{Intake, IntakeError, Pending};
use crate::clock::{backoff, jitter};
use crate::module::BoxFuture;
use crate::telegram::Telegram;
use crate::telegram::client::{ApiError, object};
use crate::telemetry::metrics;

/// Update kinds asked for. Left out, Telegram would keep an earlier setting: always sent.
pub const ALLOWED_UPDATES: &[&str] = &["message", "callback_query", "my_chat_member", "pre_checkout_query"];

/// With updates in work (one chat is slow), how soon the others' next ones are asked for.
const AGAIN: Duration = Duration::from_millis(100);
/// After the first failure of several.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub struct PollingSettings {
    /// Long poll, in seconds. A connection that died unseen is noticed some seconds later.
    pub wait: u64,
    /// Updates fetched and not committed, at most.
    pub window: usize,
    /// The poller's lease, renewed at a third of it, also while a long poll is on its way. A dead poller is followed as
    /// soon as it has run out; no message is to wait for ten seconds.
    pub lease: Duration,
}

impl Default for PollingSettings {
    fn default() -> Self {
        Self { wait: 4, window: 200, lease: Duration::from_secs(6) }
    }
}

/// Polls, or stands by, until told to stop. A poller that stops gives its lease back at once.
pub async fn run(
    intake: Arc<Intake>,
    pool: PgPool,
    telegram: Telegram,
    settings: PollingSettings,
    stop: CancellationToken,
) {
    let token = Uuid::new_v4();
    let mut failures = 0;
    while !stop.is_cancelled() {
        let look = jitter(settings.lease / 4);
        let pause = match claim(&pool, telegram.bot_id(), token, settings.lease).await {
            Ok(Claim::Ours) => {
                failures = 0;
                tracing::info!("this process polls for updates");
                poll(&intake, &pool, &telegram, &settings, token, &stop).await;
                continue;
            }
            // Before that its holder may give it back.
            Ok(Claim::Until(left)) => {
                failures = 0;
                look.min(left + jitter(Duration::from_millis(50)))
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(%error, "cannot ask who polls");
                look * 2u32.saturating_pow(failures.min(4))
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    let given_back = sqlx::query(
        "UPDATE bot_state SET poller_token = NULL, poller_until = NULL WHERE bot_id = $1 AND poller_token = $2",
    )
    .bind(telegram.bot_id())
    .bind(token)
    .execute(&pool);
    // Best effort: it runs out by itself.
    let _ = tokio::time::timeout(Duration::from_secs(1), given_back).await;
}

/// Whose the poller's lease is.
enum Claim {
    Ours,
    /// Another's, for so long unless it is renewed.
    Until(Duration),
}

/// Takes or renews the poller's lease.
async fn claim(pool: &PgPool, bot_id: i64, token: Uuid, lease: Duration) -> sqlx::Result<Claim> {
    let claimed = sqlx::query(
        "INSERT INTO bot_state AS b (bot_id, poller_token, poller_until)
         VALUES ($1, $2, clock_timestamp() + $3 * interval '1 microsecond')
         ON CONFLICT (bot_id) DO UPDATE SET poller_token = $2, poller_until = excluded.poller_until
         WHERE b.poller_token IS NULL OR b.poller_token = $2 OR b.poller_until < clock_timestamp()",
    )
    .bind(bot_id)
    .bind(token)
    .bind(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX))
    .execute(pool)
    .await?;
    if claimed.rows_affected() == 1 {
        return Ok(Claim::Ours);
    }
    let left: Option<i64> = sqlx::query_scalar(
        "SELECT (extract(epoch FROM poller_until - clock_timestamp()) * 1000000)::bigint FROM bot_state
         WHERE bot_id = $1",
    )
    .bind(bot_id)
    .fetch_optional(pool)
    .await?
    .flatten();
    Ok(Claim::Until(Duration::from_micros(left.map_or(0, |left| u64::try_from(left).unwrap_or(0)))))
}

/// What is fetched and not yet acknowledged to Telegram.
#[derive(Default)]
struct Window {
    /// In Telegram's order; true once committed.
    fetched: BTreeMap<u64, (i64, bool)>,
    ids: HashSet<i64>,
    next: u64,
    /// The offset to ask with: one above the longest committed prefix's last id.
    offset: Option<i64>,
}

impl Window {
    /// `None`: known already, it is in work.
    fn add(&mut self, id: i64) -> Option<u64> {
        if !self.ids.insert(id) {
            return None;
        }
        self.next += 1;
        self.fetched.insert(self.next, (id, false));
        Some(self.next)
    }

    fn committed(&mut self, place: u64) {
        if let Some(entry) = self.fetched.get_mut(&place) {
            entry.1 = true;
        }
        while let Some(first) = self.fetched.first_entry() {
            let (id, true) = *first.get() else { return };
            first.remove();
            self.ids.remove(&id);
            self.offset = Some(id + 1);
        }
    }
}

/// The update's place in the window once it is committed; `None` when the process stops first.
async fn settled(place: u64, pending: Pending) -> Option<u64> {
    match pending.outcome().await {
        Ok(_) | Err(IntakeError::Malformed(_)) => Some(place),
        Err(IntakeError::Unavailable(_) | IntakeError::Overloaded) => None,
    }
}

/// A getUpdates on its way. It is never dropped for another one: Telegram would answer both with 409.
type Fetch = BoxFuture<'static, Result<Value, ApiError>>;

fn fetch(telegram: &Telegram, offset: Option<i64>, wait: u64) -> Fetch {
    let telegram = telegram.clone();
    let params = object(json!({"offset": offset, "limit": 100, "timeout": wait, "allowed_updates": ALLOWED_UPDATES}));
    Box::pin(async move { telegram.call("getUpdates", &params, Duration::from_secs(wait + 5)).await })
}

/// The answer of what is on its way; without one, never.
async fn answer(fetch: &mut Option<Fetch>) -> Result<Value, ApiError> {
    match fetch {
        Some(fetch) => fetch.await,
        None => std::future::pending().await,
    }
}

async fn poll(
    intake: &Arc<Intake>,
    pool: &PgPool,
    telegram: &Telegram,
    settings: &PollingSettings,
    token: Uuid,
    stop: &CancellationToken,
) {
    let mut window = Window::default();
    let mut work = FuturesUnordered::new();
    let mut on_its_way: Option<Fetch> = None;
    let mut failures = 0u32;
    let mut renewed = Instant::now();
    // After a failure nothing is asked before this.
    let mut pause_until = Instant::now();
    // Telegram answers at once while anything is unacknowledged: asking again waits for progress, or this long.
    let mut again_at = Instant::now();
    loop {
        let stopping = stop.is_cancelled();
        if stopping && window.fetched.is_empty() {
            acknowledge(telegram, window.offset).await;
            return;
        }
        if renewed.elapsed() > settings.lease / 3 {
            match claim(pool, telegram.bot_id(), token, settings.lease).await {
                Ok(Claim::Ours) => renewed = Instant::now(),
                Ok(Claim::Until(_)) => {
                    tracing::warn!("another process polls now");
                    return;
                }
                // The lease may run out while the database is away; then nobody else can take it either.
                Err(error) => tracing::warn!(%error, "the poller's lease is not renewed"),
            }
        }
        let now = Instant::now();
        let room = window.fetched.len() < settings.window;
        let due = pause_until.max(if window.fetched.is_empty() { now } else { again_at });
        if on_its_way.is_none() && !stopping && room && due <= now {
            let wait = if window.fetched.is_empty() { settings.wait } else { 0 };
            on_its_way = Some(fetch(telegram, window.offset, wait));
        }
        let look_again = if due > now { due } else { now + settings.lease / 3 };
        let fetched = tokio::select! {
            Some(done) = work.next(), if !work.is_empty() => {
                match done {
                    Some(place) => window.committed(place),
                    // Not taken, and we stop: Telegram gives it to the next poller.
                    None => {
                        acknowledge(telegram, window.offset).await;
                        return;
                    }
                }
                continue;
            }
            fetched = answer(&mut on_its_way) => fetched,
            () = stop.cancelled(), if !stopping => continue,
            () = tokio::time::sleep_until(look_again) => continue,
        };
        on_its_way = None;
        match fetched {
            Ok(Value::Array(updates)) => {
                failures = 0;
                for update in updates {
                    let Some(id) = update.get("update_id").and_then(Value::as_i64) else { continue };
                    if window.ids.contains(&id) {
                        continue;
                    }
                    match intake.submit_until(update.to_string(), stop.clone()) {
                        Ok(pending) => {
                            if let Some(place) = window.add(id) {
                                work.push(settled(place, pending));
                            }
                        }
                        // No room: what comes after it must not pass it.
                        Err(error) => {
                            tracing::warn!(update_id = id, %error, "the rest waits at Telegram");
                            break;
                        }
                    }
                }
                again_at = Instant::now() + AGAIN;
            }
            Ok(_) => pause_until = Instant::now() + Duration::from_secs(1),
            Err(error) => {
                failures += 1;
                metrics().poll_errors.inc();
                tracing::warn!(%error, failures, "updates cannot be fetched; trying again");
                let pause = match &error {
                    ApiError::RetryAfter(pause) => *pause,
                    error if is_webhooks(error) => {
                        let free = make_way(pool, telegram, settings.lease / 2).await;
                        // Another's may go at any moment.
                        backoff(if free { 1 } else { failures }, FIRST_PAUSE, Duration::from_secs(5))
                    }
                    _ => backoff(failures, FIRST_PAUSE, Duration::from_secs(30)),
                };
                pause_until = Instant::now() + pause;
            }
        }
    }
}

/// Whether a webhook is why Telegram refuses. It has no code of its own:
/// "can't use getUpdates method while webhook is active", "terminated by setWebhook request".
fn is_webhooks(error: &ApiError) -> bool {
    matches!(error, ApiError::Conflict(text) if text.to_lowercase().contains("webhook"))
}

/// Removes the bot's own webhook, within `limit`, which is a part of the lease. `true`: there is none any more.
async fn make_way(pool: &PgPool, telegram: &Telegram, limit: Duration) -> bool {
    match tokio::time::timeout(limit, consumer::withdraw(pool, telegram, limit / 2)).await {
        Ok(Ok(Withdrawn::Removed)) => {
            tracing::info!("the bot polls from now on: its webhook is removed, and what waits at Telegram is kept");
            true
        }
        Ok(Ok(Withdrawn::Gone)) => true,
        Ok(Ok(Withdrawn::Busy)) => false,
        Ok(Ok(Withdrawn::Foreign)) => {
            tracing::error!(
                "Telegram delivers to a webhook that this bot did not register: another program has the same token, and \
                 gets the updates. Give the bot a token of its own, or call deleteWebhook"
            );
            false
        }
        Ok(Err(error)) => {
            tracing::warn!(%error, "the webhook in the way of polling is not removed yet");
            false
        }
        Err(_) => {
            tracing::warn!("the webhook in the way of polling is not removed yet: no answer in time");
            false
        }
    }
}

/// Tells Telegram what is committed, without waiting for more.
async fn acknowledge(telegram: &Telegram, offset: Option<i64>) {
    let Some(offset) = offset else { return };
    let params = object(json!({"offset": offset, "limit": 1, "timeout": 0, "allowed_updates": ALLOWED_UPDATES}));
    if let Err(error) = telegram.call("getUpdates", &params, Duration::from_secs(3)).await {
        tracing::debug!(%error, "the last updates will come again and be skipped");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_stays_at_the_longest_committed_prefix() {
        let mut window = Window::default();
        let places: Vec<u64> = [10, 11, 12].into_iter().map(|id| window.add(id).unwrap()).collect();
        assert_eq!(window.add(11), None, "an update in work is not taken twice");
        window.committed(places[1]);
        assert_eq!(window.offset, None);
        window.committed(places[0]);
        assert_eq!(window.offset, Some(12));
        window.committed(places[2]);
        assert_eq!((window.offset, window.fetched.len(), window.ids.len()), (Some(13), 0, 0));
    }
}
