//! Asks Telegram about every bot's webhook, apart from reconciles: Telegram may be slow or away, and a reconcile never
//! waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::sync::Notify;
use vitte_crds::SecretKeyRef;

use crate::cache::BotKey;
use crate::clock::{self, backoff, jitter};
use crate::controller::queue::Queue;
use crate::dereference::Webhook;
use crate::metrics::Metrics;
use crate::telegram::Telegram;
use crate::telegram::deliveries::{self, Deliveries};

/// Bots that are asked about at one time.
const AT_ONCE: usize = 8;

/// What to ask, and what the answer should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub api_url: String,
    pub token: SecretKeyRef,
    /// Where Telegram should deliver: empty for a bot that polls; `None`: any address with this path will do, since a
    /// Gateway alone knows the host.
    pub url: Option<String>,
    pub path: String,
}

impl Check {
    /// Whether an address at Telegram is this bot's own.
    #[must_use]
    pub fn is_ours(&self, url: &str) -> bool {
        match &self.url {
            Some(wanted) => wanted == url,
            None => url
                .split_once("://")
                .is_some_and(|(_, rest)| rest.find('/').map_or("/", |slash| &rest[slash..]) == self.path),
        }
    }

    fn is_satisfied(&self, webhook: &Webhook) -> bool {
        matches!(webhook, Webhook::Seen(seen) if self.is_ours(&seen.url) && !seen.fails)
    }
}

struct Entry {
    check: Check,
    last: Webhook,
    due: Instant,
    deliveries: Deliveries,
    /// Looks in a row that did not find what should be.
    unsatisfied: u32,
    running: bool,
}

/// Every bot's webhook, as Telegram told last.
pub struct Checks {
    entries: Mutex<HashMap<BotKey, Entry>>,
    notify: Notify,
    every: Duration,
    telegram: Telegram,
    client: Client,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
}

impl Checks {
    #[must_use]
    pub fn new(telegram: Telegram, client: Client, every: Duration, queue: Arc<Queue>, metrics: Arc<Metrics>) -> Self {
        Self { entries: Mutex::default(), notify: Notify::new(), every, telegram, client, queue, metrics }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<BotKey, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known; asks at once for what is new or has changed. `remembered`: what is known of a bot that this process
    /// never asked about, so that a new process does not take back what the one before it found.
    pub fn want(&self, bot: &BotKey, check: Check, remembered: impl FnOnce() -> Webhook) -> Webhook {
        let mut entries = self.lock();
        if let Some(entry) = entries.get(bot)
            && entry.check == check
        {
            return entry.last.clone();
        }
        // A changed target keeps the last answer: it tells what Telegram has, whatever it should have.
        let last = entries.remove(bot).map_or_else(remembered, |entry| entry.last);
        let deliveries = Deliveries::remembered(matches!(&last, Webhook::Seen(seen) if seen.fails));
        let entry =
            Entry { check, last: last.clone(), due: Instant::now(), deliveries, unsatisfied: 0, running: false };
        entries.insert(bot.clone(), entry);
        drop(entries);
        self.notify.notify_one();
        last
    }

    /// The bot's pods are all new, or its webhook was just removed: what was found before says little.
    pub fn ask_soon(&self, bot: &BotKey) {
        if let Some(entry) = self.lock().get_mut(bot) {
            entry.due = Instant::now();
            entry.unsatisfied = 0;
        }
        self.notify.notify_one();
    }

    pub fn forget(&self, bot: &BotKey) {
        self.lock().remove(bot);
    }

    /// Sets the gauges; called before they are read.
    pub fn measure(&self) {
        let (mut sum, mut max, mut failing) = (0, 0, 0);
        for entry in self.lock().values() {
            if let Webhook::Seen(seen) = &entry.last {
                sum += seen.pending_updates;
                max = max.max(seen.pending_updates);
            }
            failing += i64::from(!entry.check.is_satisfied(&entry.last));
        }
        self.metrics.webhook_pending.set(sum);
        self.metrics.webhook_pending_max.set(max);
        self.metrics.webhook_failing.set(failing);
    }

    /// Asks for ever.
    pub async fn run(&self) {
        let mut running = FuturesUnordered::new();
        loop {
            let (due, next) = self.due(AT_ONCE.saturating_sub(running.len()));
            for (bot, check) in due {
                running.push(async move {
                    let webhook = self.ask(&bot, &check).await;
                    (bot, check, webhook)
                });
            }
            tokio::select! {
                Some((bot, check, webhook)) = running.next() => self.answered(&bot, &check, webhook),
                () = self.notify.notified() => {}
                () = tokio::time::sleep(next), if running.len() < AT_ONCE => {}
            }
        }
    }

    /// What to ask now, and how long until something else is due.
    fn due(&self, most: usize) -> (Vec<(BotKey, Check)>, Duration) {
        let now = Instant::now();
        let mut next = Duration::from_secs(60);
        let mut due = Vec::new();
        for (bot, entry) in self.lock().iter_mut().filter(|(_, entry)| !entry.running) {
            if entry.due > now {
                next = next.min(entry.due - now);
            } else if due.len() < most {
                entry.running = true;
                due.push((bot.clone(), entry.check.clone()));
            }
        }
        (due, next)
    }

    async fn ask(&self, bot: &BotKey, check: &Check) -> Webhook {
        match token(&self.client, &bot.namespace, &check.token).await {
            // The condition about Secrets tells of it.
            Ok(None) => Webhook::Unknown,
            Ok(Some(token)) => match self.telegram.webhook_info(&check.api_url, &token).await {
                Ok(seen) => Webhook::Seen(seen),
                Err(failure) => Webhook::Failed(failure.to_string()),
            },
            Err(error) => Webhook::Failed(format!("the token cannot be read: {error}")),
        }
    }

    fn answered(&self, bot: &BotKey, check: &Check, mut webhook: Webhook) {
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(bot) else { return };
        entry.running = false;
        if entry.check != *check {
            // It changed while the answer was under way: ask again.
            entry.due = Instant::now();
            return;
        }
        match &mut webhook {
            Webhook::Seen(seen) if !seen.url.is_empty() && check.is_ours(&seen.url) => {
                let patience = deliveries::PATIENCE.min(self.every);
                seen.fails = entry.deliveries.look(seen, patience, Instant::now(), clock::now().timestamp());
            }
            // It has none.
            Webhook::Seen(_) => entry.deliveries = Deliveries::default(),
            Webhook::Unknown | Webhook::Failed(_) => {}
        }
        if check.is_satisfied(&webhook) && !entry.deliveries.is_doubtful() {
            entry.unsatisfied = 0;
            entry.due = Instant::now() + jitter(self.every);
        } else {
            entry.unsatisfied += 1;
            entry.due = Instant::now() + backoff(entry.unsatisfied, Duration::from_secs(1), self.every);
        }
        let news = entry.last != webhook;
        entry.last = webhook;
        drop(entries);
        if news {
            self.queue.add([bot.clone()]);
        }
    }
}

/// A bot's token; `None`: the Secret or its key is not there. Lives as long as the request that it is for.
///
/// # Errors
/// When the Secret cannot be read.
pub async fn token(client: &Client, namespace: &str, key: &SecretKeyRef) -> Result<Option<SecretString>, kube::Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(secret) = api.get_opt(&key.name).await? else { return Ok(None) };
    let value = secret.data.and_then(|mut data| data.remove(&key.key));
    let text = value.and_then(|value| String::from_utf8(value.0).ok());
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).map(SecretString::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_ours_by_its_address_or_behind_a_gateway_by_its_path() {
        let check = |url: Option<&str>| Check {
            api_url: String::new(),
            token: SecretKeyRef { name: "s".to_owned(), key: "k".to_owned() },
            url: url.map(str::to_owned),
            path: "/telegram/webhook".to_owned(),
        };
        assert!(check(Some("https://h/p")).is_ours("https://h/p"));
        assert!(!check(Some("https://h/p")).is_ours("https://other/p"));
        assert!(!check(Some("")).is_ours("https://h/p"));
        assert!(check(Some("")).is_ours(""));
        assert!(check(None).is_ours("https://any/telegram/webhook"));
        assert!(!check(None).is_ours("https://any/other"));
        assert!(!check(None).is_ours(""));
    }
}
