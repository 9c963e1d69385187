//! The only place of this crate that asks for the time.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};

/// Milliseconds since 1970. A clock before 1970 counts as 1970.
pub fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the simulated world has its own one clock, here")]
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
}

/// Seconds since 1970, as Telegram's `date` fields count.
pub fn now() -> i64 {
    now_ms() / 1000
}

/// `2026-01-31T12:00:00.123Z`.
pub fn rfc3339(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
