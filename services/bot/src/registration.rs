//! The bot at Telegram: its name, and its webhook, registered only when it differs from what Telegram has.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sqlx::Connection;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vitte_platform::clock::{backoff, jitter};
use vitte_platform::intake::polling::ALLOWED_UPDATES;
use vitte_platform::intake::{Intake, consumer};
use vitte_platform::role::Ground;
use vitte_platform::telegram::Telegram;
use vitte_platform::telegram::client::object;

const LIMIT: Duration = Duration::from_secs(10);
/// Between two questions to Telegram.
const LOOK: Duration = Duration::from_secs(600);
/// Between two looks at the database: whether somebody polls or has polled, and so removed the webhook.
const GLANCE: Duration = Duration::from_secs(3);

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
/// name is understood there, until [`learn_name`] has asked again.
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

/// Asks for the bot's name until Telegram says it.
pub async fn learn_name(intake: Arc<Intake>, telegram: Telegram, stop: CancellationToken) {
    for attempt in 1.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff(attempt, Duration::from_secs(1), Duration::from_secs(60))) => {}
        }
        if let Some(name) = username(&telegram, &stop).await {
            return intake.is_called(name);
        }
    }
}

/// Registers the webhook and looks at it again every ten minutes, and as soon as nobody polls any more: a rollout to polling
/// that is taken back has removed it under the pods that go on serving.
pub async fn keep(ground: Ground, target: Target, stop: CancellationToken) {
    let mut failures = 0;
    let mut renew = target.rotating;
    let mut due = Instant::now();
    loop {
        let pause = match step(&ground, &target, renew, due <= Instant::now()).await {
            Ok(step) => {
                failures = 0;
                match step {
                    Step::Registered => (renew, due) = (false, Instant::now() + jitter(LOOK)),
                    Step::Due => due = Instant::now(),
                    Step::Nothing => {}
                }
                jitter(GLANCE)
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

enum Step {
    /// Telegram has it as it should be.
    Registered,
    /// Somebody polls, or another process is at it: Telegram is asked at the next look.
    Due,
    Nothing,
}

async fn step(ground: &Ground, target: &Target, renew: bool, due: bool) -> anyhow::Result<Step> {
    let known = consumer::known(&ground.pool, ground.telegram.bot_id()).await?;
    Ok(match (known.polled, due || renew || known.webhook.is_none()) {
        (true, _) => Step::Due,
        (false, false) => Step::Nothing,
        (false, true) if register(ground, target, renew).await? => Step::Registered,
        (false, true) => Step::Due,
    })
}

/// One of several replicas asks Telegram at one time; the others find it done. Telegram does not tell the secret it
/// has, so a wrong one shows as 401 in its last error, and then it is registered anew. `renew`: whatever Telegram has.
/// `false`: another replica is at it.
async fn register(ground: &Ground, target: &Target, renew: bool) -> anyhow::Result<bool> {
    let mut connection = ground.pool.acquire().await?;
    let mut tx = connection.begin().await?;
    if !consumer::may_change(&mut tx).await? {
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
    consumer::registered(&mut tx, ground.telegram.bot_id(), Some(&target.url)).await?;
    tx.commit().await?;
    Ok(true)
}
