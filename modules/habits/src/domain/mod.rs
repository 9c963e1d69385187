//! What can be decided without asking anybody: which day it is for a person, what is due on it, how long a streak is,
//! and when a reminder fires. No I/O, no clock, no random.

pub mod day;
pub mod fire;
pub mod schedule;
pub mod streak;

pub use day::{Calendar, Range, before, exists, skipped, today};
pub use fire::{Clockwork, Quiet, instant_after, next_fire};
pub use schedule::{Schedule, Weekdays, week_of};
pub use streak::{Rules, Status, Streak, Summary, reached_on};
