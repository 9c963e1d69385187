//! The private PostgreSQL and Redis of `vitte up`, kept under one data directory.
//!
//! In: a directory and a few settings. Out: a running server with the URL under which it is
//! reached. [`DataDir`] holds the directory for one Vitte at a time, [`Postgres`] and [`Redis`] are
//! one server each, started from the programs of this machine.
//!
//! ```text
//! .vitte/              DataDir: ours, `lock` names the holder
//!   postgres/          ours: lock, log, configuration, password (TCP only)
//!     cluster/         the data, owned by the account that runs the server
//!     cluster.new/     an initdb that has not finished; never one that has
//!     run/             the socket, closed to everybody else
//!   redis/             the same, without data: Redis is a cache here
//! ```
//!
//! What must never happen:
//! - a server, a file or a port of the system's own PostgreSQL or Redis is touched;
//! - a cluster that was once complete is deleted. `initdb` works beside it and is moved into place
//!   by one rename, so that the name `cluster` means complete;
//! - a server is left behind: not after [`Postgres::stop`], not after a drop, and what a SIGKILL of
//!   its owner leaves is found by the next start through the directory it works in;
//! - two owners share a directory. The lock is the kernel's and ends with the process;
//! - the terminal's Ctrl-C reaches a server before Vitte has drained: each has its own process
//!   group.
//!
//! PostgreSQL refuses to run as root, so root runs both servers as an account without rights. Where
//! a parent directory (such as a home) is closed to that account, the server gets the one
//! capability to pass it, and no other.
//!
//! The waiting is done on blocking threads; nothing here depends on the runtime that started it, so
//! that tests can share one server.

mod account;
mod datadir;
mod error;
mod files;
mod leftovers;
mod log;
mod postgres;
mod process;
mod programs;
mod redis;
mod urls;

pub use datadir::DataDir;
pub use error::LocalError;
pub use postgres::{Postgres, PostgresOptions};
pub use redis::{Redis, RedisOptions};

/// Runs what waits on a blocking thread. It runs to its end even when the caller goes away, so a
/// half started server is always owned by somebody who stops it.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LocalError> + Send + 'static,
) -> Result<T, LocalError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|end| Err(LocalError::Interrupted { why: end.to_string() }))
}
