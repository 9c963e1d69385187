//! Role api: REST under `/api/v1`, described at `/api/v1/openapi.json` and browsable at `/docs`.
//!
//! ```text
//!  request -> trace id -> metrics -> body and time limits -> (problems) -> per-client limit -> a module's handler
//! ```
//!
//! The routes are the modules' own; what they have in common is here: every answer carries `X-Request-Id`, every
//! error is a problem document, every request ends. What must never happen here: an inside (an SQL text, a cause) in
//! an answer, a request without a limit, a label of a metric that a client can choose.

mod bot;
mod describe;
mod docs;
mod healthcheck;
mod limit;
mod problems;
mod router;
mod slash;
mod trace;

use tokio_util::sync::CancellationToken;
use vitte_platform::config::Config;
use vitte_platform::http::Door;
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

pub use describe::document;
pub use router::{RouterError, build};

/// Serves until `stop`, then lets requests in work end.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "api")?;
    let router = build(&config, &registry, &ground)?;
    let (served, grace) = ground.serve(&config, door, router, &stop).await;
    let _ = tokio::time::timeout(grace.part(1), ground.pool.close()).await;
    served.map_err(Into::into)
}
