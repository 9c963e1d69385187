//! The invariants of the design, each with the mechanism that its test breaks without.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cache;
mod forgetting;
mod intake;
mod jobs;
mod lanes;
mod migrations;
mod order;
mod outages;
mod outbox;
mod polling;
mod properties;
mod schedules;
mod silence;
mod tries;
