//! Which bots have to be looked at, and since when.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::cache::BotKey;

/// Bots of which a change is known. Each is in it once, so it never holds more than there are bots.
#[derive(Default)]
pub struct Queue {
    inner: Mutex<Inner>,
    notify: Notify,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<BotKey>,
    /// What `waiting` holds.
    listed: HashSet<BotKey>,
    /// The first sign of a change that no reconcile has begun to act on.
    since: HashMap<BotKey, Instant>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, bots: impl IntoIterator<Item = BotKey>) {
        let mut inner = self.lock();
        for bot in bots {
            inner.since.entry(bot.clone()).or_insert_with(Instant::now);
            if inner.listed.insert(bot.clone()) {
                inner.waiting.push_back(bot);
            }
        }
        drop(inner);
        self.notify.notify_one();
    }

    /// A reconcile begins: how long it was waited for; nothing, when time alone brought it about.
    pub fn begin(&self, bot: &BotKey) -> Option<Duration> {
        self.lock().since.remove(bot).map(|since| since.elapsed())
    }

    pub fn forget(&self, bot: &BotKey) {
        self.lock().since.remove(bot);
    }

    /// How many bots wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().since.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bot that waits longest. One reader.
    pub fn next(&self) -> Option<BotKey> {
        let mut inner = self.lock();
        let bot = inner.waiting.pop_front()?;
        inner.listed.remove(&bot);
        Some(bot)
    }

    /// Ends when something was added since the last call.
    pub async fn changed(&self) {
        self.notify.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bot_that_changes_many_times_is_taken_once() {
        let queue = Queue::default();
        let (luna, nova) = (BotKey::new("n", "luna"), BotKey::new("n", "nova"));
        queue.add([luna.clone(), nova.clone(), luna.clone()]);
        queue.add([luna.clone()]);
        assert_eq!(queue.len(), 2);
        queue.changed().await;
        assert_eq!(queue.next(), Some(luna.clone()));
        assert!(queue.begin(&luna).is_some());
        assert_eq!(queue.begin(&luna), None);
        assert_eq!((queue.next(), queue.next()), (Some(nova), None));
        queue.add([luna.clone()]);
        assert_eq!(queue.next(), Some(luna));
    }
}
