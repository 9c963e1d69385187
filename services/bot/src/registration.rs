//! The bot at Telegram: its name, and its webhook, registered only when it differs from what Telegram has.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::Connection;
use tokio_util::sync::CancellationToken;
use vitte_platform::clock::{backoff, jitter};
use vitte_platform::intake::polling::ALLOWED_UPDATES;
use vitte_platform::role::Ground;
use vitte_platform::telegram::Telegram;
use vitte_platform::telegram::client::object;

const LIMIT: Duration = Duration::from_secs(10);
/// Two-integer advisory locks are a key space of their own.
const REGISTRATION_LOCK: (i32, i32) = (7_215, 2);

/// Where updates are to come.
pub struct Target {
    pub url: String,
    pub secret: SecretString,
    pub max_connections: u32,
    /// The secret is new: Telegram may still have the previous one, and does not tell which. So each process that
    /// starts meanwhile registers once, whatever Telegram says.
    pub rotating: bool,
}

/// The bot's own name, for commands addressed in groups. Unknown while Telegram is away: then only the form without a
/// name is understood there.
pub async fn username(telegram: &Telegram, stop: &CancellationToken) -> Option<String> {
    tokio::select! {
        () = stop.cancelled() => None,
        me = telegram.get_me(Duration::from_secs(3)) => match me {
            Ok(me) => me.username,
            Err(error) => {
                tracing::warn!(%error, "Telegram does not say who the bot is");
                None
            }
        },
    }
}

/// Registers the webhook and looks at it again every ten minutes.
pub async fn keep(ground: Ground, target: Target, stop: CancellationToken) {
    let mut failures = 0;
    let mut renew = target.rotating;
    loop {
        let pause = match register(&ground, &target, renew).await {
            Ok(done) => {
                failures = 0;
                renew &= !done;
                jitter(if renew { Duration::from_secs(5) } else { Duration::from_secs(600) })
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(error = format!("{error:#}"), failures, "the webhook is not registered yet");
                backoff(failures, Duration::from_secs(1), Duration::from_secs(300))
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One of several replicas asks Telegram at one time; the others find it done. Telegram does not tell the secret it
/// has, so a wrong one shows as 401 in its last error, and then it is registered anew. `renew`: whatever Telegram has.
/// `false`: another replica is at it.
async fn register(ground: &Ground, target: &Target, renew: bool) -> anyhow::Result<bool> {
    let mut connection = ground.pool.acquire().await?;
    let mut tx = connection.begin().await?;
    let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1, $2)")
        .bind(REGISTRATION_LOCK.0)
        .bind(REGISTRATION_LOCK.1)
        .fetch_one(&mut *tx)
        .await?;
    if !free {
        return Ok(false);
    }
    let info = ground.telegram.webhook_info(LIMIT).await?;
    let wanted: Vec<&str> = ALLOWED_UPDATES.to_vec();
    let same = !renew
        && info.url == target.url
        && info.max_connections == Some(i64::from(target.max_connections))
        && info.allowed_updates.is_some_and(|kinds| kinds == wanted)
        && info.last_error_message.is_none_or(|text| !text.contains("401"));
    if !same {
        let params = object(json!({
            "url": target.url, "secret_token": target.secret.expose_secret(),
            "max_connections": target.max_connections, "allowed_updates": wanted}));
        ground.telegram.call("setWebhook", &params, LIMIT).await?;
        tracing::info!(url = %target.url, "webhook registered");
    }
    tx.commit().await?;
    Ok(true)
}
