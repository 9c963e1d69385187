//! The private servers, with the real PostgreSQL and Redis of this machine.

#![expect(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod killed_owner;
mod postgres;
mod redis;
mod world;
