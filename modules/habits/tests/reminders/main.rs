//! Reminders and what they stand on, on a real database, with the clock in the test's hand.
#![expect(clippy::unwrap_used, reason = "tests")]

mod admin;
mod conversation;
mod day;
mod due;
mod history;
mod pace;
#[path = "../reference/paper.rs"]
mod paper;
mod people;
mod races;
mod waiting;
mod weeks;
mod world;
