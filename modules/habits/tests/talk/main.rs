//! Conversations about habits, from what a person types and taps to what they see, in both languages.
#![expect(clippy::unwrap_used, reason = "tests")]

mod half_made;
mod list;
mod looks;
mod month;
mod profile;
mod reminders;
mod scripts;
mod target;
mod undo;
mod week;
mod world;
