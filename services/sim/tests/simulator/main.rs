//! The simulated world as other programs see it: over a real port, by the protocols that they speak.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;
mod methods;
mod persistence;
mod person;
mod updates;
