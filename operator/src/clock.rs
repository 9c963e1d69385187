//! Time and chance: the one place of this crate that asks the system for either.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::Rng;

/// The time that goes into status: when a condition last changed.
#[must_use]
pub fn now() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the home of the crate's clock; everything pure takes `now`")]
    Utc::now()
}

/// Text of `length` characters that nobody guesses, of those that Telegram allows in a secret token and that need no
/// escaping in an address.
#[must_use]
pub fn secret(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    #[expect(clippy::disallowed_methods, reason = "the home of the crate's randomness; a cryptographic generator")]
    let mut random = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[usize::from(random.random::<u8>() & 63)])).collect()
}

/// Within a tenth of `duration`, so that a thousand timers set at one moment do not go off at one moment.
#[must_use]
pub fn jitter(duration: Duration) -> Duration {
    duration.mul_f64(0.9 + 0.2 * chance())
}

/// How long to wait after the `attempt`th failure in a row (1 is the first): doubling from `base` to `max`, the upper
/// half of each step random.
#[must_use]
pub fn backoff(attempt: u32, base: Duration, max: Duration) -> Duration {
    let doubled = base.saturating_mul(1_u32.checked_shl(attempt.saturating_sub(1).min(20)).unwrap_or(u32::MAX));
    doubled.min(max).mul_f64(0.5 + 0.5 * chance())
}

fn chance() -> f64 {
    #[expect(clippy::disallowed_methods, reason = "the home of the crate's randomness")]
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_to_its_bound_and_never_beyond() {
        let (base, max) = (Duration::from_secs(1), Duration::from_secs(300));
        for (attempt, longest) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (40, 300), (u32::MAX, 300)] {
            let wait = backoff(attempt, base, max);
            let longest = Duration::from_secs(longest);
            assert!(wait <= longest && wait >= longest / 2, "attempt {attempt}: {wait:?}");
        }
    }

    #[test]
    fn a_secret_has_its_length_and_only_allowed_characters() {
        let text = secret(43);
        assert_eq!(text.len(), 43);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        assert_ne!(text, secret(43));
    }
}
