//! The arithmetic of days against slow, obvious references.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fires;
mod streaks;
