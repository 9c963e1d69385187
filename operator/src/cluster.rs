//! All that a reconcile may touch.

use std::sync::Arc;

use kube::Client;
use tokio::sync::Semaphore;

use crate::cache::BotKey;
use crate::cache::watches::Watches;
use crate::controller::bots::Bots;
use crate::controller::queue::Queue;
use crate::events::Events;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::telegram::Telegram;
use crate::telegram::checks::Checks;

/// The outside world, and what is known of it.
pub struct Cluster {
    /// Passes the [`door`](crate::door): it writes only while the lease is held.
    pub client: Client,
    pub watches: Arc<Watches>,
    pub bots: Arc<Bots>,
    pub queue: Arc<Queue>,
    pub checks: Arc<Checks>,
    pub telegram: Telegram,
    /// Reconciles that may wait for Telegram at one time: fewer than there are, so that Telegram away stops nobody else.
    pub telegram_slots: Semaphore,
    pub events: Events,
    pub metrics: Arc<Metrics>,
    pub settings: Settings,
}

impl Cluster {
    /// A bot is gone: nothing of it is remembered.
    pub fn forget(&self, bot: &BotKey) {
        self.bots.remove(bot);
        self.queue.forget(bot);
        self.checks.forget(bot);
        self.watches.named.forget(bot);
    }
}
