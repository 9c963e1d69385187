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

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vitte_platform::config::Config;
use vitte_platform::http::Door;
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

pub use describe::document;
pub use router::{RouterError, build};

/// Serves until `stop`, then lets requests in work end.
///
/// Health answers from the beginning; ready is only who has found its schema.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "api")?;
    let router = build(&config, &registry, &ground)?;
    let closing = CancellationToken::new();
    let serving = door.serve("api", router, ground.health.clone(), closing.clone());
    let until_stop = async {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ready = ground.wait_for_schema(&config) => ready?,
        }
        ground.health.set_serving(true);
        tracing::info!(role = "api", "serving");
        stop.cancelled().await;
        Ok::<_, anyhow::Error>(())
    };
    tokio::pin!(serving);
    let mut served = None;
    let ended = tokio::select! {
        ended = until_stop => ended,
        early = &mut serving => {
            served = Some(early);
            Ok(())
        }
    };
    ground.health.set_serving(false);
    closing.cancel();
    if served.is_none() {
        // A client that never takes its answer does not hold up the end.
        served = tokio::time::timeout(config.grace, serving).await.ok();
    }
    let _ = tokio::time::timeout(Duration::from_secs(2), ground.pool.close()).await;
    ended?;
    served.unwrap_or(Ok(())).map_err(Into::into)
}
