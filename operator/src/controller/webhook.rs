//! What becomes of the webhook while the bot lives.

use chrono::DateTime;

use crate::apply::{ObjectError, Reason};
use crate::cache::BotKey;
use crate::cluster::Cluster;
use crate::dereference::{Webhook, WebhookSeen};
use crate::names::{Component, child};
use crate::objects::Kind;
use crate::resource::VitteBot;
use crate::telegram::Failure;
use crate::telegram::checks::{Check, token};
use crate::validate::webhook;

/// What Telegram should say of this bot.
#[must_use]
pub fn check(bot: &VitteBot) -> Check {
    let target = webhook(&bot.spec);
    let path = target.as_ref().map(|target| target.path.clone()).unwrap_or_default();
    Check {
        api_url: bot.spec.telegram.api_url.clone(),
        token: bot.spec.telegram.token_secret_ref.clone(),
        url: target.map_or_else(|| Some(String::new()), |target| target.url),
        path,
    }
}

/// What Telegram said last, as the bot's status tells.
#[must_use]
pub fn remembered(bot: &VitteBot) -> Webhook {
    let Some(webhook) = bot.status.as_ref().and_then(|status| status.webhook.as_ref()) else {
        return Webhook::Unknown;
    };
    let at = webhook.last_error_at.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    Webhook::Seen(WebhookSeen {
        url: webhook.url.clone().unwrap_or_default(),
        pending_updates: webhook.pending_updates.unwrap_or_default(),
        last_error: webhook.last_error.clone(),
        last_error_at: at.map(|at| at.timestamp()),
    })
}

/// Removes the webhook of a bot that polls from now on; updates that wait are kept. Telegram refuses polling while there
/// is one, so the bot's own pods are not switched before.
///
/// # Errors
/// Why the pods have to wait.
pub async fn before_polling(cluster: &Cluster, key: &BotKey, bot: &VitteBot) -> Result<(), ObjectError> {
    let uid = bot.metadata.uid.clone().unwrap_or_default();
    let generation = bot.metadata.generation;
    if cluster.bots.memory(key, &uid, |memory| memory.polling_since.is_some() && memory.polling_since == generation) {
        return Ok(());
    }
    let wait = |message: String| ObjectError {
        kind: Kind::Deployment,
        name: child(&key.name, Component::Bot),
        message: format!("before the bot can poll, its webhook has to be removed: {message}"),
        reason: Reason::Failed,
    };
    let check = check(bot);
    let Ok(_slot) = cluster.telegram_slots.try_acquire() else {
        return Err(wait("others are waiting for Telegram too".to_owned()));
    };
    match token(&cluster.client, &key.namespace, &check.token).await {
        Ok(Some(token)) => match cluster.telegram.delete_webhook(&check.api_url, &token).await {
            // Nobody's token has no webhook.
            Ok(()) | Err(Failure::Token(_)) => {}
            Err(failure) => return Err(wait(failure.to_string())),
        },
        Ok(None) => {}
        Err(error) => return Err(wait(format!("the token cannot be read: {error}"))),
    }
    cluster.bots.memory(key, &uid, |memory| memory.polling_since = generation);
    cluster.checks.ask_soon(key);
    Ok(())
}
