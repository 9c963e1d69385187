//! Role worker: jobs, schedules, and the outbox of whoever died.
//!
//! The modules' jobs by class, and the platform's own: what is over is pruned each night.

mod prune;

use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;
use vitte_platform::config::Config;
use vitte_platform::http::Door;
use vitte_platform::jobs::{JobHandler, Runner};
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

/// Serves until `stop`.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "worker")?;
    ground.wait_for_schema(&config).await?;
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
    let served = door.serve("worker", Router::new(), ground.health.clone(), stop).await;
    ground.health.set_serving(false);
    let half = config.grace / 2;
    runner.close(half).await;
    sender.close(half).await;
    ground.pool.close().await;
    served.map_err(Into::into)
}
