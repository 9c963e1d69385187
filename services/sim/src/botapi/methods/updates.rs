//! How a bot gets its updates: by getUpdates, or by a webhook.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Answer, ApiError, Params};
use crate::Sim;
use crate::entry::Entry;
use crate::model::Webhook;
use crate::world::World;

/// Seconds; Telegram does not wait longer whatever is asked.
const MAX_TIMEOUT: u64 = 50;
const MAX_UPDATES: i64 = 100;
const DEFAULT_CONNECTIONS: u32 = 40;

pub async fn get_updates(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let limit = params.integer("limit").unwrap_or(MAX_UPDATES).clamp(1, MAX_UPDATES);
    let limit = usize::try_from(limit).unwrap_or(1);
    let timeout = u64::try_from(params.integer("timeout").unwrap_or(0)).unwrap_or(0).min(MAX_TIMEOUT);
    let deadline = Instant::now() + Duration::from_secs(timeout);
    let (poll, wake) = {
        let mut world = sim.world();
        begin_poll(&mut world, bot, params)?;
        let bot = world.bots.get_mut(&bot).ok_or_else(ApiError::unauthorized)?;
        bot.polls += 1;
        // Ends the wait of whoever polled before.
        bot.wake.notify_waiters();
        (bot.polls, bot.wake.clone())
    };
    loop {
        let mut woken = std::pin::pin!(wake.notified());
        // Registered before looking, so that an update between look and wait is not missed.
        woken.as_mut().enable();
        {
            let mut world = sim.world();
            let bot = world.bots.get_mut(&bot).ok_or_else(ApiError::unauthorized)?;
            if bot.webhook.is_some() {
                return Err(ApiError::conflict("terminated by setWebhook request"));
            }
            if bot.polls != poll {
                return Err(ApiError::conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running",
                ));
            }
            let updates = bot.queue.serve(limit);
            if !updates.is_empty() || Instant::now() >= deadline || sim.is_closing() {
                let updates: Vec<&str> = updates.iter().map(|update| update.raw.get()).collect();
                return Ok(Answer::Raw(format!("[{}]", updates.join(","))));
            }
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = sim.closing() => {}
        }
    }
}

/// What a getUpdates changes at once: the kinds wanted, and what its offset acknowledges.
fn begin_poll(world: &mut World, bot: i64, params: &Params) -> Result<(), ApiError> {
    let state = world.bot(bot).ok_or_else(ApiError::unauthorized)?;
    if state.webhook.is_some() {
        return Err(ApiError::conflict(
            "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
        ));
    }
    let mut entries = Vec::new();
    if let Some(kinds) = allowed_updates(params)?
        && kinds != state.allowed
    {
        entries.push(Entry::Allowed { bot, kinds });
    }
    let offset = params.integer("offset").unwrap_or(0);
    let seqs = match offset {
        0 => Vec::new(),
        1.. => state.queue.below(offset),
        _ => state.queue.all_but_last(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)),
    };
    if !seqs.is_empty() {
        entries.push(Entry::Done { bot, seqs });
    }
    if !entries.is_empty() {
        world.commit(entries)?;
    }
    Ok(world.expire(bot)?)
}

/// `None`: not said, the former setting stays. `Some(None)`: an empty list, Telegram's default kinds.
fn allowed_updates(params: &Params) -> Result<Option<Option<Vec<String>>>, ApiError> {
    let Some(given) = params.json("allowed_updates") else { return Ok(None) };
    let kinds: Vec<String> = serde_json::from_value(given.clone())
        .map_err(|_| ApiError::bad("can't parse allowed updates: Expected an Array of String"))?;
    Ok(Some((!kinds.is_empty()).then_some(kinds)))
}

pub fn set_webhook(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let url = params.text("url").unwrap_or_default().into_owned();
    if url.is_empty() {
        return delete_webhook(sim, bot, params);
    }
    check_url(&url)?;
    let secret = params.text("secret_token").filter(|secret| !secret.is_empty()).map(std::borrow::Cow::into_owned);
    if let Some(secret) = &secret {
        if secret.len() > 256 {
            return Err(ApiError::bad("secret token is too long"));
        }
        if !secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err(ApiError::bad("secret token contains unallowed characters"));
        }
    }
    let max_connections = params.integer("max_connections").and_then(|most| u32::try_from(most).ok());
    let max_connections = max_connections.filter(|most| (1..=100).contains(most)).unwrap_or(DEFAULT_CONNECTIONS);
    let ip_address = params.text("ip_address").filter(|ip| !ip.is_empty()).map(std::borrow::Cow::into_owned);
    let mut entries = Vec::new();
    if let Some(kinds) = allowed_updates(params)? {
        entries.push(Entry::Allowed { bot, kinds });
    }
    let mut world = sim.world();
    if params.flag("drop_pending_updates") {
        entries.push(drop_pending(&world, bot));
    }
    entries.push(Entry::Webhook { bot, webhook: Some(Webhook { url, secret, max_connections, ip_address }) });
    world.commit(entries)?;
    Ok(Answer::Remark(true.into(), "Webhook was set"))
}

/// Plain HTTP is allowed here: the bot is on the same machine or in the same cluster.
fn check_url(url: &str) -> Result<(), ApiError> {
    let parsed = reqwest::Url::parse(url).map_err(|_| ApiError::bad("invalid webhook URL specified"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(ApiError::bad("bad webhook: An HTTPS URL must be provided for webhook"));
    }
    Ok(())
}

fn drop_pending(world: &World, bot: i64) -> Entry {
    Entry::Done { bot, seqs: world.bot(bot).map(|bot| bot.queue.all()).unwrap_or_default() }
}

pub fn delete_webhook(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let mut world = sim.world();
    let was_set = world.bot(bot).is_some_and(|bot| bot.webhook.is_some());
    let mut entries = Vec::new();
    if params.flag("drop_pending_updates") {
        entries.push(drop_pending(&world, bot));
    }
    if was_set {
        entries.push(Entry::Webhook { bot, webhook: None });
    }
    if !entries.is_empty() {
        world.commit(entries)?;
    }
    let remark = if was_set { "Webhook was deleted" } else { "Webhook is already deleted" };
    Ok(Answer::Remark(true.into(), remark))
}

pub fn get_webhook_info(sim: &Sim, bot: i64) -> Result<Answer, ApiError> {
    let mut world = sim.world();
    world.expire(bot)?;
    let bot = world.bot(bot).ok_or_else(ApiError::unauthorized)?;
    let mut info = json!({
        "url": bot.webhook.as_ref().map_or("", |hook| hook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": bot.queue.len(),
    });
    if let Some((at, message)) = &bot.hook_error {
        info["last_error_date"] = (*at).into();
        info["last_error_message"] = message.as_str().into();
    }
    if let Some(hook) = &bot.webhook {
        info["max_connections"] = hook.max_connections.into();
        if let Some(ip) = &hook.ip_address {
            info["ip_address"] = ip.as_str().into();
        }
    }
    if let Some(kinds) = &bot.allowed {
        info["allowed_updates"] = Value::from(kinds.clone());
    }
    Ok(info.into())
}
