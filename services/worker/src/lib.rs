//! Role worker: jobs, schedules, and the outbox of whoever died.
//!
//! The modules' jobs by class, and the platform's own: what is over is pruned each night.

mod prune;

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use vitte_platform::config::Config;
use vitte_platform::http::{Door, Part};
use vitte_platform::jobs::{JobHandler, Runner};
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

/// Serves until `stop`.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "worker")?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        found = ground.wait_for_schema(&config) => found?,
    }
    let sender = ground.sender(&config);
    let mut handlers = vec![JobHandler::new::<prune::Prune>(Arc::new(config.retention))];
    let mut schedules = vec![prune::schedule()?];
    for module in registry.modules() {
        handlers.extend(module.jobs());
        schedules.extend(module.schedules());
    }
    let runner = Runner::start(
        ground.pool.clone(),
        sender.clone(),
        ground.clock.clone(),
        config.jobs.clone(),
        handlers,
        schedules,
    );
    ground.health.set_serving(true);
    tracing::info!(role = "worker", "serving");
    let closing = stop.child_token();
    let part = Part { role: "worker", router: Router::new(), health: ground.health.clone() };
    let serving = async {
        let served = door.serve(part, false, config.grace, &closing).await;
        closing.cancel();
        served
    };
    // At once: no job is taken while somebody reads the metrics.
    let ending = async {
        closing.cancelled().await;
        runner.close(config.grace / 2).await;
    };
    let (served, ()) = tokio::join!(serving, ending);
    sender.close(served.grace.part(2)).await;
    let _ = tokio::time::timeout(served.grace.part(1), ground.pool.close()).await;
    served.result.map_err(Into::into)
}
