//! Runs reconciles: so many at one time, one a bot, again when something happens or its time has come.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cache::BotKey;
use crate::controller::queue::Queue;
use crate::metrics::Metrics;

/// A reconcile that panicked is a fault of the program: tried again, but seldom.
const AFTER_PANIC: Duration = Duration::from_secs(60);

struct Runner {
    queue: Arc<Queue>,
    running: JoinSet<Option<Duration>>,
    ids: HashMap<Id, BotKey>,
    busy: HashSet<BotKey>,
    /// Something happened to them while they were being reconciled.
    dirty: HashSet<BotKey>,
    due: HashMap<BotKey, Instant>,
    timers: BinaryHeap<Reverse<(Instant, BotKey)>>,
}

/// Takes bots off the queue until told to stop, then waits for those in work. `reconcile` says when to look again
/// (`None`: when something happens). Dropping this stops everything at once.
pub async fn run<F, R>(
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    concurrency: usize,
    stop: CancellationToken,
    reconcile: F,
) where
    F: Fn(BotKey) -> R,
    R: Future<Output = Option<Duration>> + Send + 'static,
{
    let mut runner = Runner {
        queue,
        running: JoinSet::new(),
        ids: HashMap::new(),
        busy: HashSet::new(),
        dirty: HashSet::new(),
        due: HashMap::new(),
        timers: BinaryHeap::new(),
    };
    while !stop.is_cancelled() {
        while runner.running.len() < concurrency.max(1)
            && let Some(bot) = runner.next()
        {
            let id = runner.running.spawn(reconcile(bot.clone())).id();
            runner.ids.insert(id, bot);
        }
        metrics.running.set(i64::try_from(runner.running.len()).unwrap_or(i64::MAX));
        let free = runner.running.len() < concurrency.max(1);
        let next_timer = runner.next_timer();
        tokio::select! {
            () = stop.cancelled() => {}
            Some(ended) = runner.running.join_next_with_id() => runner.ended(ended),
            () = runner.queue.changed(), if free => {}
            () = tokio::time::sleep_until(next_timer), if free => {}
        }
    }
    while runner.running.join_next().await.is_some() {}
    metrics.running.set(0);
}

impl Runner {
    /// The next bot to work on: one to which something happened, or whose time has come.
    fn next(&mut self) -> Option<BotKey> {
        while let Some(bot) = self.queue.next() {
            if self.busy.contains(&bot) {
                self.dirty.insert(bot);
            } else {
                return Some(self.take(bot));
            }
        }
        let now = Instant::now();
        while let Some(Reverse((at, bot))) = self.timers.peek().cloned() {
            if at > now {
                return None;
            }
            self.timers.pop();
            // A timer that was set anew since is no timer.
            if self.due.get(&bot) == Some(&at) && !self.busy.contains(&bot) {
                return Some(self.take(bot));
            }
        }
        None
    }

    fn take(&mut self, bot: BotKey) -> BotKey {
        self.due.remove(&bot);
        self.busy.insert(bot.clone());
        bot
    }

    fn next_timer(&self) -> Instant {
        let far = Instant::now() + Duration::from_secs(3600);
        self.timers.peek().map_or(far, |Reverse((at, _))| (*at).min(far))
    }

    fn ended(&mut self, ended: Result<(Id, Option<Duration>), tokio::task::JoinError>) {
        let (id, again) = match ended {
            Ok((id, again)) => (id, again),
            Err(error) => {
                tracing::error!(bot = self.ids.get(&error.id()).map(ToString::to_string), %error, "a reconcile broke off");
                (error.id(), Some(AFTER_PANIC))
            }
        };
        let Some(bot) = self.ids.remove(&id) else { return };
        self.busy.remove(&bot);
        if self.dirty.remove(&bot) {
            self.queue.add([bot]);
        } else if let Some(again) = again {
            let at = Instant::now() + again;
            self.due.insert(bot.clone(), at);
            self.timers.push(Reverse((at, bot)));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    fn bot(name: &str) -> BotKey {
        BotKey::new("n", name)
    }

    struct World {
        queue: Arc<Queue>,
        stop: CancellationToken,
        metrics: Arc<Metrics>,
    }

    fn world() -> World {
        World { queue: Arc::default(), stop: CancellationToken::new(), metrics: Arc::new(Metrics::new().unwrap()) }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_run_at_once_than_allowed_and_never_two_of_one_bot() {
        let World { queue, stop, metrics } = world();
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let runs: Arc<Mutex<HashMap<BotKey, usize>>> = Arc::default();
        queue.add((0..20).map(|n| bot(&n.to_string())));
        let again = Arc::clone(&queue);
        let (peak, counts, ended) = (Arc::clone(&most), Arc::clone(&runs), stop.clone());
        let busy: Arc<Mutex<HashSet<BotKey>>> = Arc::default();
        run(queue, metrics, 3, stop, move |bot| {
            let (now, peak, runs, busy) = (Arc::clone(&now), Arc::clone(&peak), Arc::clone(&counts), Arc::clone(&busy));
            let (queue, stop) = (Arc::clone(&again), ended.clone());
            async move {
                assert!(busy.lock().unwrap().insert(bot.clone()), "{bot} runs twice at once");
                peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let count = {
                    let mut runs = runs.lock().unwrap();
                    *runs.entry(bot.clone()).and_modify(|n| *n += 1).or_insert(1)
                };
                // Something happens while it is in work: it comes once more.
                if count == 1 {
                    queue.add([bot.clone()]);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                busy.lock().unwrap().remove(&bot);
                if runs.lock().unwrap().values().sum::<usize>() == 40 {
                    stop.cancel();
                }
                None
            }
        })
        .await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
        assert!(runs.lock().unwrap().values().all(|count| *count == 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bot_comes_again_when_its_time_has_come_and_a_panic_stops_nobody() {
        let World { queue, stop, metrics } = world();
        queue.add([bot("breaks"), bot("works")]);
        let began = Instant::now();
        let seen: Arc<Mutex<Vec<(String, u64)>>> = Arc::default();
        let (log, ended) = (Arc::clone(&seen), stop.clone());
        run(queue, metrics, 1, stop, move |bot| {
            let (log, stop) = (Arc::clone(&log), ended.clone());
            async move {
                let mut log = log.lock().unwrap();
                log.push((bot.name.clone(), began.elapsed().as_secs()));
                if log.len() == 5 {
                    stop.cancel();
                }
                drop(log);
                assert_ne!(bot.name, "breaks", "as this test wants it");
                Some(Duration::from_secs(25))
            }
        })
        .await;
        let seen = seen.lock().unwrap().clone();
        let expected = [("breaks", 0), ("works", 0), ("works", 25), ("works", 50), ("breaks", 60)];
        assert_eq!(seen, expected.map(|(name, at)| (name.to_owned(), at)));
    }

    #[tokio::test]
    async fn what_is_in_work_is_finished_before_the_end() {
        let World { queue, stop, metrics } = world();
        let (began, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let done = Arc::new(AtomicUsize::new(0));
        queue.add([bot("luna")]);
        let (b, g, d) = (Arc::clone(&began), Arc::clone(&go), Arc::clone(&done));
        let all = tokio::spawn(run(queue, metrics, 1, stop.clone(), move |_| {
            let (began, go, done) = (Arc::clone(&b), Arc::clone(&g), Arc::clone(&d));
            async move {
                began.add_permits(1);
                go.acquire().await.unwrap().forget();
                done.fetch_add(1, Ordering::SeqCst);
                None
            }
        }));
        began.acquire().await.unwrap().forget();
        stop.cancel();
        go.add_permits(1);
        tokio::time::timeout(Duration::from_secs(10), all).await.unwrap().unwrap();
        assert_eq!(done.load(Ordering::SeqCst), 1);
    }
}
