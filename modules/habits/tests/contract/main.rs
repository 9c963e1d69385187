//! The REST contract over HTTP, row by row and status by status, with a real database and a clock of the tests' own.
#![expect(clippy::unwrap_used, reason = "tests")]

mod anything;
mod document;
mod executions;
mod habits;
mod login;
mod me;
mod request;
mod shape;
mod world;
