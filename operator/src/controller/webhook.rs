//! What becomes of the webhook while the bot lives.

use chrono::DateTime;
use secrecy::SecretString;
use vitte_crds::Spec;
use vitte_crds::status::ConditionType;

use crate::cache::BotKey;
use crate::cluster::Cluster;
use crate::dereference::{Webhook, WebhookSeen};
use crate::objects::Children;
use crate::resource::VitteBot;
use crate::status::DELIVERY_FAILS;
use crate::telegram::Failure;
use crate::telegram::checks::{Check, token};
use crate::upgrade::Revisions;
use crate::validate::webhook;

/// What Telegram should say of a bot with this spec.
#[must_use]
pub fn check(spec: &Spec) -> Check {
    let target = webhook(spec);
    let path = target.as_ref().map(|target| target.path.clone()).unwrap_or_default();
    Check {
        api_url: spec.telegram.api_url.clone(),
        token: spec.telegram.token_secret_ref.clone(),
        url: target.map_or_else(|| Some(String::new()), |target| target.url),
        path,
    }
}

/// What Telegram said last, as the bot's status tells.
#[must_use]
pub fn remembered(bot: &VitteBot) -> Webhook {
    let Some(status) = &bot.status else { return Webhook::Unknown };
    let Some(webhook) = &status.webhook else { return Webhook::Unknown };
    let at = webhook.last_error_at.as_deref().and_then(|at| DateTime::parse_from_rfc3339(at).ok());
    let registered = status.conditions.iter().find(|c| c.type_ == ConditionType::WebhookRegistered.as_str());
    Webhook::Seen(WebhookSeen {
        url: webhook.url.clone().unwrap_or_default(),
        pending_updates: webhook.pending_updates.unwrap_or_default(),
        last_error: webhook.last_error.clone(),
        last_error_at: at.map(|at| at.timestamp()),
        fails: registered.is_some_and(|condition| condition.reason == DELIVERY_FAILS),
    })
}

/// Whether an address at Telegram is one that this bot had, as its revisions tell.
#[must_use]
pub fn left_behind(children: &Children, url: &str) -> bool {
    Revisions::of(children).all().any(|revision| check(&revision.spec).is_ours(url))
}

/// Removes the webhook that stands in the way of a bot whose pods all poll by now. They do so themselves as they begin; not
/// so those of earlier versions, nor those with another database than the pods that registered it. Updates that wait are
/// kept. Not before: whatever pods there are, one kind of them takes the updates.
///
/// # Errors
/// Why it is still there.
pub async fn withdraw(cluster: &Cluster, key: &BotKey, spec: &Spec) -> Result<(), String> {
    let check = check(spec);
    let Ok(_slot) = cluster.telegram_slots.try_acquire() else {
        return Err("others are waiting for Telegram too".to_owned());
    };
    let token = match token(&cluster.client, &key.namespace, &check.token).await {
        Ok(Some(token)) => token,
        // The condition about Secrets tells of it.
        Ok(None) => return Ok(()),
        Err(error) => return Err(format!("the token cannot be read: {error}")),
    };
    let ours = |url: &str| left_behind(&cluster.watches.store.children(key), url);
    let removed = remove(cluster, &check, &token, ours).await;
    cluster.checks.ask_soon(key);
    match removed {
        // Nobody's token has no webhook.
        Ok(_) | Err(Failure::Token(_)) => Ok(()),
        Err(failure) => Err(failure.to_string()),
    }
}

/// Removes the webhook if it is the bot's own; `false`: another bot, or a person, has set one with the same token, or there
/// is none.
///
/// # Errors
/// See [`Failure`].
pub async fn remove(
    cluster: &Cluster,
    check: &Check,
    token: &SecretString,
    is_ours: impl FnOnce(&str) -> bool,
) -> Result<bool, Failure> {
    let seen = cluster.telegram.webhook_info(&check.api_url, token).await?;
    let ours = !seen.url.is_empty() && is_ours(&seen.url);
    if ours {
        cluster.telegram.delete_webhook(&check.api_url, token).await?;
    }
    Ok(ours)
}
