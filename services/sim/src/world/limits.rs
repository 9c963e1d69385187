//! Telegram's rate limits for what a bot sends, as far as they are known: about one message a second
//! in a chat with short bursts, 20 a minute in a group, 30 a second over all chats.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Chats remembered before idle ones are forgotten.
const SWEEP_ABOVE: usize = 10_000;

#[derive(Clone, Copy)]
struct Rate {
    burst: f64,
    per_second: f64,
}

const CHAT: Rate = Rate { burst: 3.0, per_second: 1.0 };
const GROUP: Rate = Rate { burst: 20.0, per_second: 20.0 / 60.0 };
const OVERALL: Rate = Rate { burst: 30.0, per_second: 30.0 };

/// A token bucket.
struct Bucket {
    tokens: f64,
    seen: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, seen: now }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let elapsed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.tokens = elapsed.mul_add(rate.per_second, self.tokens).min(rate.burst);
        self.seen = now;
    }

    fn wait(&self, rate: Rate) -> Duration {
        Duration::from_secs_f64(((1.0 - self.tokens) / rate.per_second).max(0.0))
    }
}

/// The buckets of one bot.
#[derive(Default)]
pub struct Limits {
    overall: Option<Bucket>,
    chats: HashMap<i64, Bucket>,
}

impl Limits {
    /// Takes one message out of the chat's and the bot's allowance.
    ///
    /// # Errors
    /// Whole seconds to wait, at least 1. A refused message costs nothing.
    pub fn take(&mut self, chat: i64, now: Instant) -> Result<(), u64> {
        let rate = if chat < 0 { GROUP } else { CHAT };
        if self.chats.len() > SWEEP_ABOVE {
            self.sweep(now);
        }
        let overall = self.overall.get_or_insert_with(|| Bucket::full(OVERALL, now));
        let bucket = self.chats.entry(chat).or_insert_with(|| Bucket::full(rate, now));
        overall.refill(OVERALL, now);
        bucket.refill(rate, now);
        if overall.tokens >= 1.0 && bucket.tokens >= 1.0 {
            overall.tokens -= 1.0;
            bucket.tokens -= 1.0;
            return Ok(());
        }
        let wait = overall.wait(OVERALL).max(bucket.wait(rate));
        Err(wait.as_secs_f64().ceil().max(1.0) as u64)
    }

    /// A full bucket says no more than none.
    fn sweep(&mut self, now: Instant) {
        self.chats.retain(|chat, bucket| {
            let rate = if *chat < 0 { GROUP } else { CHAT };
            bucket.refill(rate, now);
            bucket.tokens < rate.burst
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_burst_in_a_chat_passes_and_then_one_a_second() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        for _ in 0..3 {
            assert_eq!(limits.take(7, now), Ok(()));
        }
        assert_eq!(limits.take(7, now), Err(1));
        assert_eq!(limits.take(7, now + Duration::from_secs(1)), Ok(()));
        assert_eq!(limits.take(7, now + Duration::from_secs(1)), Err(1));
    }

    #[test]
    fn a_group_takes_twenty_a_minute() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        for _ in 0..20 {
            assert_eq!(limits.take(-7, now), Ok(()));
        }
        assert_eq!(limits.take(-7, now), Err(3));
    }

    #[test]
    fn thirty_a_second_leave_over_all_chats() {
        let (mut limits, now) = (Limits::default(), Instant::now());
        for chat in 1..=30 {
            assert_eq!(limits.take(chat, now), Ok(()));
        }
        assert_eq!(limits.take(31, now), Err(1));
        assert_eq!(limits.take(31, now + Duration::from_millis(40)), Ok(()));
    }
}
