//! The arithmetic of days against slow, obvious references.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fires;
#[path = "../reference/paper.rs"]
mod paper;
mod streaks;

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// What a clock on the wall shows.
fn wall(zone: Tz, at: DateTime<Utc>) -> NaiveDateTime {
    let utc = at.naive_utc();
    utc + TimeDelta::seconds(zone.offset_from_utc_datetime(&utc).fix().local_minus_utc().into())
}
