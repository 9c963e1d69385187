//! The charts: what they render, what they refuse, and what a cluster says to it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod cluster;
mod generated;
mod render;
mod schema;
mod values;
