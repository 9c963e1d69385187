//! Delivers updates to webhooks.
//!
//! One task looks for what is due and starts a delivery for it; a delivery that ends takes the next
//! update itself, if one is due. Which update is due is the queue's business (`world::queue`): one at
//! a time of a chat, no more than `max_connections` of a bot. An update leaves the queue only when a
//! 2xx has come; everything else brings it back after a growing pause.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Sim;
use crate::botapi::{self, Params};
use crate::chance;
use crate::clock;
use crate::entry::Entry;
use crate::model::{Pending, Webhook};
use crate::world::World;

const SECRET_HEADER: &str = "X-Telegram-Bot-Api-Secret-Token";
/// Looks for expired updates at least this often.
const IDLE: Duration = Duration::from_secs(60);
/// Most that is read of a webhook's answer.
const MAX_REPLY: usize = 1024 * 1024;

struct Delivery {
    bot: i64,
    epoch: u64,
    hook: Webhook,
    update: Pending,
}

/// Runs until it is dropped; deliveries in flight end with it and are repeated by the next world.
pub async fn deliver_all(sim: &Sim) {
    let mut running = JoinSet::new();
    loop {
        let retry = {
            let mut world = sim.world();
            let bots: Vec<i64> = world.bots.keys().copied().collect();
            for bot in &bots {
                if let Err(error) = world.expire(*bot) {
                    tracing::warn!(%error, "expired updates could not be dropped");
                }
                while let Some(delivery) = next(&mut world, *bot) {
                    running.spawn(deliver(sim.clone(), delivery));
                }
            }
            bots.iter().filter_map(|bot| world.bot(*bot)?.queue.next_retry()).min()
        };
        let idle = Instant::now() + IDLE;
        tokio::select! {
            () = sim.hooks().notified() => {}
            () = tokio::time::sleep_until(retry.unwrap_or(idle).min(idle)) => {}
            Some(_) = running.join_next() => {}
        }
    }
}

fn next(world: &mut World, bot: i64) -> Option<Delivery> {
    let state = world.bots.get_mut(&bot)?;
    let hook = state.webhook.as_ref()?;
    let update = state.queue.next(hook.max_connections as usize, Instant::now())?;
    Some(Delivery { bot, epoch: state.hook_epoch, hook: hook.clone(), update })
}

async fn deliver(sim: Sim, first: Delivery) {
    let mut current = Some(first);
    while let Some(delivery) = current {
        let outcome = post(&sim, &delivery).await;
        if let Ok(reply) = &outcome {
            // Before the next update of the chat, so that what the bot says stays in order.
            execute(&sim, delivery.bot, reply).await;
        }
        let refused = outcome.is_err();
        let mut world = sim.world();
        settle(&mut world, &delivery, outcome.err());
        current = next(&mut world, delivery.bot);
        if refused {
            // Somebody has to wake up for the next try.
            sim.hooks().notify_one();
        }
    }
}

fn settle(world: &mut World, delivery: &Delivery, error: Option<String>) {
    let Delivery { bot, epoch, update, .. } = delivery;
    let mut acknowledged = error.is_none();
    if acknowledged && let Err(error) = world.commit(vec![Entry::Done { bot: *bot, seqs: vec![update.seq] }]) {
        tracing::error!(%error, "an acknowledged update could not be marked and will come again");
        acknowledged = false;
    }
    let Some(state) = world.bots.get_mut(bot) else { return };
    if state.hook_epoch != *epoch {
        return;
    }
    if let Some(error) = error {
        tracing::debug!(update_id = update.update_id, error, "the webhook refused an update");
        state.hook_error = Some((clock::now(), error));
    }
    state.queue.delivered(update.lane, acknowledged, Instant::now(), chance::jitter());
}

/// Gives the body of a 2xx, or what `last_error_message` will say.
async fn post(sim: &Sim, delivery: &Delivery) -> Result<Vec<u8>, String> {
    let mut request = sim.client().post(&delivery.hook.url).header("content-type", "application/json");
    if let Some(secret) = &delivery.hook.secret {
        request = request.header(SECRET_HEADER, secret);
    }
    let sent = request.body(delivery.update.raw.get().to_owned()).send().await;
    let mut response = sent.map_err(|error| describe(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("Wrong response from the webhook: {status}"));
    }
    let mut body = Vec::new();
    // A 2xx has come: whatever happens to its body, the update is acknowledged.
    while let Ok(Some(chunk)) = response.chunk().await {
        if body.len() + chunk.len() > MAX_REPLY {
            return Ok(Vec::new());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        "Read timeout expired".to_owned()
    } else if error.is_connect() {
        "Connection refused".to_owned()
    } else {
        "Connection reset by peer".to_owned()
    }
}

/// A webhook may answer with a method to call; its result is not told to anyone.
/// <https://core.telegram.org/bots/api#making-requests-when-getting-updates>
async fn execute(sim: &Sim, bot: i64, reply: &[u8]) {
    if reply.first() != Some(&b'{') {
        return;
    }
    let Ok(Value::Object(mut values)) = serde_json::from_slice(reply) else { return };
    let Some(Value::String(method)) = values.remove("method") else { return };
    let params = Params { values, ..Params::default() };
    // getUpdates and its like would wait or conflict; Telegram ignores them here.
    if !method.to_ascii_lowercase().starts_with("get") {
        botapi::answer(sim, bot, &method, params).await;
    }
}
