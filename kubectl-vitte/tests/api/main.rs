//! The executable beside a real API server with Kubernetes' own controllers: what a person types, and what comes of it.
//!
//! Run through `tools/with-cluster`. Each test has a namespace of its own, so all run at once. No operator runs here:
//! the status of bots and pods is written by the tests.
#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod report;
mod status;
mod world;
