//! A bot goes: its webhook is removed at Telegram first, for as long as that is worth waiting for.
//!
//! Everything else goes by itself, since the bot owns it. The bot's pods go before the webhook, because a pod registers
//! it again whenever it looks.

use std::time::Duration;

use chrono::DateTime;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;

use crate::apply::write::Writer;
use crate::cache::BotKey;
use crate::clock::{self, backoff, jitter};
use crate::cluster::Cluster;
use crate::controller::reconcile::{Failed, Next};
use crate::controller::webhook::{check, left_behind, remove};
use crate::controller::write_bot::has_finalizer;
use crate::names::{Component, LABEL_BOT, LABEL_COMPONENT, child};
use crate::objects::Kind;
use crate::resource::VitteBot;
use crate::status::{Event, Outcome, Severity};
use crate::telegram::Failure;
use crate::telegram::checks::token;

/// Another's finalizer that asks to leave the bot's objects alone.
const ORPHAN: &str = "orphan";

enum Step {
    /// The finalizer may go; what to tell, if it is worth telling.
    Done(Option<Event>),
    Wait(String),
}

/// One step towards the bot's end.
pub async fn delete(cluster: &Cluster, key: &BotKey, bot: &VitteBot) -> Result<Next, Failed> {
    if !has_finalizer(&bot.metadata) {
        return Ok(Next::Nothing);
    }
    let limit = chrono::TimeDelta::from_std(cluster.settings.deletion_deadline).unwrap_or(chrono::TimeDelta::MAX);
    let began = bot.metadata.deletion_timestamp.as_ref().and_then(|at| DateTime::from_timestamp(at.0.as_second(), 0));
    let left = began.map_or(chrono::TimeDelta::zero(), |began| began + limit - clock::now());
    let left = left.to_std().unwrap_or_default();
    match step(cluster, key, bot, left).await? {
        Step::Done(event) => {
            cluster.set_finalizer(key, &bot.metadata, false).await.map_err(Failed::finalizer)?;
            if let Some(event) = event {
                cluster.events.tell(&kube::Resource::object_ref(bot, &()), &[event]).await;
            }
            Ok(Next::Nothing)
        }
        Step::Wait(message) => {
            let uid = bot.metadata.uid.clone().unwrap_or_default();
            let failures = cluster.bots.memory(key, &uid, |memory| {
                memory.failures += 1;
                memory.failures
            });
            cluster.write_status(key, bot, &Outcome::Deleting { message: &message }).await.map_err(Failed::status)?;
            let again = backoff(failures, Duration::from_secs(1), Duration::from_secs(10));
            Ok(Next::In(again.min(left.max(Duration::from_millis(200)))))
        }
    }
}

async fn step(cluster: &Cluster, key: &BotKey, bot: &VitteBot, left: Duration) -> Result<Step, Failed> {
    let told = |severity, reason: &str, note: String| Some(Event { severity, reason: reason.to_owned(), note });
    if left.is_zero() {
        let note = "Telegram could not be told in time to remove the webhook: it goes on delivering to an address where \
                    nobody answers, until another webhook is set or deleteWebhook is called";
        return Ok(Step::Done(told(Severity::Warning, "WebhookLeft", note.to_owned())));
    }
    // Half of the time for the pods, half for Telegram.
    if left > cluster.settings.deletion_deadline / 2
        && let Some(message) = pods(cluster, key, bot).await
    {
        return Ok(Step::Wait(message));
    }
    let secret = &bot.spec.telegram.token_secret_ref;
    let token = match token(&cluster.client, &key.namespace, secret).await {
        Ok(Some(token)) => token,
        Ok(None) => {
            let note = format!("the token is gone with Secret {}: the webhook could not be removed", secret.name);
            return Ok(Step::Done(told(Severity::Warning, "WebhookLeft", note)));
        }
        Err(error) => return Ok(Step::Wait(format!("Secret {} with the token cannot be read: {error}", secret.name))),
    };
    let Ok(_slot) = cluster.telegram_slots.try_acquire() else {
        return Ok(Step::Wait("others are waiting for Telegram too".to_owned()));
    };
    let check = check(&bot.spec);
    let registered = bot.status.as_ref().and_then(|status| status.webhook.as_ref()).and_then(|w| w.url.clone());
    let children = cluster.watches.store.children(key);
    let is_ours = |url: &str| check.is_ours(url) || registered.as_deref() == Some(url) || left_behind(&children, url);
    Ok(match remove(cluster, &check, &token, is_ours).await {
        Ok(true) => {
            Step::Done(told(Severity::Normal, "WebhookRemoved", "the webhook is removed at Telegram".to_owned()))
        }
        Ok(false) => Step::Done(None),
        Err(failure @ Failure::Token(_)) => Step::Done(told(Severity::Warning, "WebhookLeft", failure.to_string())),
        Err(failure) => Step::Wait(format!("the webhook is to be removed: {failure}")),
    })
}

/// Lets the bot's pods go; `Some`: what is still there.
async fn pods(cluster: &Cluster, key: &BotKey, bot: &VitteBot) -> Option<String> {
    if bot.metadata.finalizers.iter().flatten().any(|name| name == ORPHAN) {
        return None;
    }
    let children = cluster.watches.store.children(key);
    let live = children.get(Kind::Deployment, &child(&key.name, Component::Bot));
    if let Some(live) = live.filter(|live| !live.is_being_deleted()) {
        let writer = Writer {
            client: &cluster.client,
            namespace: &key.namespace,
            store: &cluster.watches.store,
            metrics: &cluster.metrics,
        };
        if let Err(error) = writer.delete(live).await {
            return Some(format!("the bot's pods are to be removed: {error}"));
        }
    }
    let api: Api<Pod> = Api::namespaced(cluster.client.clone(), &key.namespace);
    let labels = format!("{LABEL_BOT}={},{LABEL_COMPONENT}={}", key.name, Component::Bot);
    match api.list_metadata(&ListParams::default().labels(&labels).limit(100)).await {
        Ok(pods) if pods.items.iter().any(|pod| pod.metadata.deletion_timestamp.is_none()) => {
            Some("the bot's pods are being stopped".to_owned())
        }
        Ok(_) => None,
        Err(error) => Some(format!("the bot's pods cannot be listed: {error}")),
    }
}

/// A bot that cannot be read goes too: nobody knows its token.
pub async fn delete_unreadable(cluster: &Cluster, key: &BotKey, meta: &kube::core::ObjectMeta) -> Result<Next, Failed> {
    if has_finalizer(meta) {
        tracing::warn!(bot = %key, "removed without being readable: its webhook, if it had one, stays at Telegram");
        cluster.set_finalizer(key, meta, false).await.map_err(Failed::finalizer)?;
    }
    Ok(Next::In(jitter(cluster.settings.resync)))
}
