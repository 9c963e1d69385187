//! Who takes the bot's updates: its webhook, or the process that polls. Telegram refuses getUpdates with 409 while there is
//! a webhook, so whoever polls removes the bot's own, and while somebody polls none is registered.
//!
//! What must never happen here: a webhook removed that another program set with the same token, or an update dropped
//! with it.

use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::telegram::Telegram;
use crate::telegram::client::{ApiError, object};

/// Two-integer advisory locks are a key space of their own.
const LOCK: (i32, i32) = (7_215, 2);

/// What is known of a bot's consumers without asking Telegram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Where its webhook was registered last; `None`: nowhere, or it was removed to poll.
    pub webhook: Option<String>,
    /// Whether a process holds the poller's lease.
    pub polled: bool,
}

/// What became of the webhook that stood in the poller's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Withdrawn {
    /// It was the bot's own, and is removed. What waits at Telegram still waits.
    Removed,
    /// There is none.
    Gone,
    /// Another process is at it.
    Busy,
    /// Another program's, with the same token.
    Foreign,
}

/// Why the webhook could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Telegram(#[from] ApiError),
}

/// What is known of the bot's consumers.
pub async fn known(pool: &PgPool, bot_id: i64) -> sqlx::Result<Known> {
    let row: Option<(Option<String>, bool)> = sqlx::query_as(
        "SELECT webhook_url, poller_token IS NOT NULL AND poller_until > clock_timestamp() IS TRUE
         FROM bot_state WHERE bot_id = $1",
    )
    .bind(bot_id)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|(webhook, polled)| Known { webhook, polled }).unwrap_or_default())
}

/// Whether this transaction may change the webhook at Telegram; of several processes one at a time.
pub async fn may_change(tx: &mut PgConnection) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, $2)").bind(LOCK.0).bind(LOCK.1).fetch_one(tx).await
}

/// Keeps where the webhook is registered; `None`: nowhere any more.
pub async fn registered(tx: &mut PgConnection, bot_id: i64, url: Option<&str>) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO bot_state AS b (bot_id, webhook_url) VALUES ($1, $2)
         ON CONFLICT (bot_id) DO UPDATE SET webhook_url = $2 WHERE b.webhook_url IS DISTINCT FROM $2",
    )
    .bind(bot_id)
    .bind(url)
    .execute(tx)
    .await
    .map(drop)
}

/// Removes the bot's own webhook, for the holder of the poller's lease. `limit`: of each of the two calls.
pub async fn withdraw(pool: &PgPool, telegram: &Telegram, limit: Duration) -> Result<Withdrawn, WithdrawError> {
    let mut tx = pool.begin().await?;
    if !may_change(&mut tx).await? {
        return Ok(Withdrawn::Busy);
    }
    let at_telegram = telegram.webhook_info(limit).await?.url;
    if at_telegram.is_empty() {
        return Ok(Withdrawn::Gone);
    }
    let ours: Option<Option<String>> = sqlx::query_scalar("SELECT webhook_url FROM bot_state WHERE bot_id = $1")
        .bind(telegram.bot_id())
        .fetch_optional(&mut *tx)
        .await?;
    if ours.flatten() != Some(at_telegram) {
        return Ok(Withdrawn::Foreign);
    }
    telegram.call("deleteWebhook", &object(json!({"drop_pending_updates": false})), limit).await?;
    registered(&mut tx, telegram.bot_id(), None).await?;
    tx.commit().await?;
    Ok(Withdrawn::Removed)
}
