//! The bot's send rate over all chats and processes: a token bucket in Redis.
//!
//! Whoever waits while Redis is asked shares the next answer, so that a busy process asks once for many. People who
//! wait go before bulk, and bulk leaves a fifth of the bucket untouched. Without Redis each process has its share:
//! the rate divided by the number of live senders.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::Priority;
use crate::redis::{Redis, Script};

/// Messages a second, over all chats. Telegram's limit is 30; 25 leaves room for calls outside the outbox.
#[derive(Debug, Clone, Copy)]
pub struct GateSettings {
    /// Zero: no limit.
    pub per_second: u32,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self { per_second: 25 }
    }
}

/// Returns {granted, milliseconds until the next token}. KEYS[1] the bucket; ARGV rate, size, wanted, reserve.
static TAKE: Script = Script::new(
    "local t = redis.call('TIME')
     local now = t[1] + t[2] / 1000000
     local rate, size, want, reserve = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
     local b = redis.call('HMGET', KEYS[1], 'tokens', 'at')
     local tokens = math.min(size, (tonumber(b[1]) or size) + math.max(0, now - (tonumber(b[2]) or now)) * rate)
     local give = math.max(0, math.min(want, math.floor(tokens - reserve)))
     tokens = tokens - give
     redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
     redis.call('EXPIRE', KEYS[1], 60)
     return {give, math.ceil(math.max(0, (1 + reserve - tokens) / rate) * 1000)}",
);

#[derive(Default)]
struct Lanes {
    interactive: VecDeque<oneshot::Sender<()>>,
    bulk: VecDeque<oneshot::Sender<()>>,
}

struct Local {
    tokens: f64,
    at: Instant,
}

/// Shared by everything in a process that sends.
pub struct Gate {
    settings: GateSettings,
    redis: Option<Redis>,
    key: String,
    lanes: Mutex<Lanes>,
    waiting: Notify,
    /// Live senders, this one included.
    shares: AtomicU32,
}

impl Gate {
    /// Starts the gate's task; it ends with the last handle.
    pub fn start(bot_id: i64, settings: GateSettings, redis: Option<Redis>) -> Arc<Self> {
        let gate = Arc::new(Self {
            settings,
            redis,
            key: format!("vitte:{bot_id}:rate"),
            lanes: Mutex::default(),
            waiting: Notify::new(),
            shares: AtomicU32::new(1),
        });
        if settings.per_second > 0 {
            tokio::spawn(serve(Arc::downgrade(&gate)));
        }
        gate
    }

    pub(super) fn set_shares(&self, live: u32) {
        self.shares.store(live.max(1), Ordering::Relaxed);
    }

    /// Waits for a place in the rate. The caller bounds the wait by dropping the future: its place goes to the next.
    pub async fn pass(&self, priority: Priority) {
        if self.settings.per_second == 0 {
            return;
        }
        let (granted, wait) = oneshot::channel();
        {
            let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            match priority {
                Priority::Interactive => lanes.interactive.push_back(granted),
                Priority::Bulk => lanes.bulk.push_back(granted),
            }
        }
        self.waiting.notify_one();
        // An error means that the gate's task is gone with its runtime.
        let _ = wait.await;
    }

    fn waiting(&self) -> (usize, usize) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.interactive.retain(|w| !w.is_closed());
        lanes.bulk.retain(|w| !w.is_closed());
        (lanes.interactive.len(), lanes.bulk.len())
    }

    /// Lets `n` through; tokens of those who gave up meanwhile go to the next in line.
    fn let_through(&self, n: usize, priority: Priority) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = if priority == Priority::Interactive { &mut lanes.interactive } else { &mut lanes.bulk };
        let mut left = n;
        while left > 0 {
            let Some(waiter) = lane.pop_front() else { return };
            if waiter.send(()).is_ok() {
                left -= 1;
            }
        }
    }

    async fn take(&self, local: &mut Local, want: usize, priority: Priority) -> (usize, Duration) {
        let rate = f64::from(self.settings.per_second);
        let size = (rate / 5.0).max(1.0);
        let reserve = if priority == Priority::Bulk { (size / 5.0).floor() } else { 0.0 };
        if let Some(redis) = &self.redis {
            let args = [rate.to_string(), size.to_string(), want.to_string(), reserve.to_string()];
            if let Some((give, millis)) = redis.eval::<(usize, u64)>(&TAKE, &self.key, &args).await {
                return (give, Duration::from_millis(millis));
            }
        }
        let shares = f64::from(self.shares.load(Ordering::Relaxed));
        local.take(rate / shares, (size / shares).max(1.0), want, (reserve / shares).min(size / shares - 1.0).max(0.0))
    }
}

impl Local {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, not negative")]
    fn take(&mut self, rate: f64, size: f64, want: usize, reserve: f64) -> (usize, Duration) {
        let now = Instant::now();
        self.tokens = size.min(self.tokens + now.duration_since(self.at).as_secs_f64() * rate);
        self.at = now;
        let give = want.min((self.tokens - reserve).max(0.0).floor() as usize);
        self.tokens -= give as f64;
        (give, Duration::from_secs_f64(((1.0 + reserve - self.tokens) / rate).max(0.0)))
    }
}

async fn serve(gate: std::sync::Weak<Gate>) {
    let mut local = Local { tokens: 1.0, at: Instant::now() };
    loop {
        let Some(gate) = gate.upgrade() else { return };
        let (interactive, bulk) = gate.waiting();
        if interactive + bulk == 0 {
            // Wakes now and then to see whether anyone still holds the gate.
            let _ = tokio::time::timeout(Duration::from_secs(1), gate.waiting.notified()).await;
            continue;
        }
        let mut pause = Duration::ZERO;
        if interactive > 0 {
            let (given, wait) = gate.take(&mut local, interactive, Priority::Interactive).await;
            gate.let_through(given, Priority::Interactive);
            if given < interactive {
                pause = wait;
            }
        }
        if bulk > 0 && pause.is_zero() {
            let (given, wait) = gate.take(&mut local, bulk, Priority::Bulk).await;
            gate.let_through(given, Priority::Bulk);
            if given < bulk {
                pause = wait;
            }
        }
        if !pause.is_zero() {
            // Somebody new may be interactive while only bulk has to wait.
            let pause = pause.clamp(Duration::from_millis(1), Duration::from_secs(1));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = gate.waiting.notified(), if interactive == 0 => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_local_share_never_lets_more_through_than_rate_and_burst() {
        let mut local = Local { tokens: 5.0, at: Instant::now() };
        let mut given = 0;
        for _ in 0..1000 {
            tokio::time::advance(Duration::from_millis(10)).await;
            given += local.take(25.0, 5.0, 100, 0.0).0;
        }
        assert!((250..=255).contains(&given), "{given} in ten seconds at 25 a second");
    }

    #[tokio::test(start_paused = true)]
    async fn people_who_wait_go_before_bulk() {
        let gate = Gate::start(1, GateSettings { per_second: 10 }, None);
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (n, priority) in [Priority::Bulk, Priority::Bulk, Priority::Interactive].into_iter().enumerate() {
            let (gate, order) = (gate.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                gate.pass(priority).await;
                order.lock().unwrap().push(n);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(order.lock().unwrap()[0], 2);
    }
}
