//! The only home of the wall clock and of random numbers. Everything else gets them passed in.
//!
//! Leases, rates and job times use the database's clock instead (`now()` in SQL): several processes must agree on
//! them. This clock is for what people see: when a message came, when a reminder is due.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use rand::Rng;

/// An instant, UTC.
pub type Timestamp = DateTime<Utc>;

/// What time it is. Outside world, hence a trait.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock, to the microsecond as PostgreSQL keeps it: what is answered is what is read again, and no client
/// meets more digits than its language can read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that stands still until it is told to go on: for tests and fast motion.
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicI64,
}

impl ManualClock {
    pub fn at(now: Timestamp) -> Self {
        Self { micros: AtomicI64::new(now.timestamp_micros()) }
    }

    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.micros.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        DateTime::from_timestamp_micros(self.micros.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// `base` times a random factor in `0.5..1.5`: retries of many do not arrive together.
pub fn jitter(base: Duration) -> Duration {
    base.mul_f64(random_fraction() + 0.5)
}

/// Exponential backoff with jitter: `first * 2^(attempt - 1)`, at most `cap`. `attempt` counts from 1.
pub fn backoff(attempt: u32, first: Duration, cap: Duration) -> Duration {
    let doubled = first.saturating_mul(2u32.saturating_pow(attempt.saturating_sub(1).min(20)));
    jitter(doubled.min(cap)).min(cap)
}

#[expect(clippy::disallowed_methods, reason = "the one home of random numbers")]
fn random_fraction() -> f64 {
    rand::rng().random::<f64>()
}

/// `n` random bytes as lower-case hex: trace ids, draft ids.
#[expect(clippy::disallowed_methods, reason = "the one home of random numbers")]
pub fn random_hex(n: usize) -> String {
    let mut bytes = vec![0u8; n];
    rand::rng().fill(&mut bytes[..]);
    hex::encode(bytes)
}

/// A random id (version 4). From the process's own generator, which asks the system for a seed now and then: lease
/// tokens are drawn for every message.
#[expect(clippy::disallowed_methods, reason = "the one home of random numbers")]
pub fn random_uuid() -> uuid::Uuid {
    uuid::Builder::from_random_bytes(rand::rng().random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_one_that_the_database_keeps_as_it_is() {
        let odd = (0..200).filter(|_| !SystemClock.now().timestamp_subsec_nanos().is_multiple_of(1000)).count();
        assert_eq!(odd, 0);
    }

    #[test]
    fn backoff_grows_stays_under_its_cap_and_is_never_zero() {
        let cap = Duration::from_secs(60);
        for attempt in 1..100 {
            let wait = backoff(attempt, Duration::from_millis(100), cap);
            assert!(wait > Duration::from_millis(40) && wait <= cap, "{attempt}: {wait:?}");
        }
        assert!(backoff(30, Duration::from_millis(100), cap) >= cap / 2);
    }
}
