//! Role bot: updates in, by webhook or polling, each answered in one transaction.
//!
//! `run` serves until it is told to stop, then takes no more, lets what it has end, and gives back its leases.
//! A webhook is registered from here (under a lock, and only when it differs), so that a bot works wherever its
//! manifest was applied; the menu of commands is set for each language.

mod menu;
mod registration;

use axum::Router;
use tokio_util::sync::CancellationToken;
use vitte_platform::config::{Config, Updates};
use vitte_platform::http::{Door, Part, Served};
use vitte_platform::intake::{Intake, IntakeParts, polling, webhook};
use vitte_platform::limits::Limits;
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

/// Serves until `stop`.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "bot")?;
    tokio::select! {
        () = stop.cancelled() => return Ok(()),
        found = ground.wait_for_schema(&config) => found?,
    }
    let sender = ground.sender(&config);
    let username = registration::username(&ground.telegram, &stop).await;
    let named = username.is_some();
    let parts = IntakeParts {
        bot_id: ground.telegram.bot_id(),
        pool: ground.pool.clone(),
        sender: sender.clone(),
        limits: Limits::new(ground.telegram.bot_id(), "messages", config.limits, ground.redis.clone()),
        clock: ground.clock.clone(),
        languages: config.languages.clone(),
        username,
    };
    let intake = Intake::new(parts, &registry)?;
    // Ends with the role: what it does in the background is bounded by this token.
    let background = stop.child_token();
    let tasks = tokio_util::task::TaskTracker::new();
    tasks.spawn(menu::keep(ground.telegram.clone(), registry.clone(), background.clone()));
    if !named {
        tasks.spawn(registration::learn_name(intake.clone(), ground.telegram.clone(), background.clone()));
    }

    let mut router = Router::new();
    match &config.updates {
        Updates::Polling(settings) => {
            let poller = polling::run(
                intake.clone(),
                ground.pool.clone(),
                ground.telegram.clone(),
                settings.clone(),
                background.clone(),
            );
            tasks.spawn(poller);
        }
        Updates::Webhook { url, path, secrets, max_connections } => {
            router = webhook::router(intake.clone(), path, secrets.clone());
            if let (Some(url), Some(secret)) = (url, secrets.first()) {
                let target = registration::Target {
                    url: url.clone(),
                    secret: secret.clone(),
                    max_connections: *max_connections,
                    rotating: secrets.len() > 1,
                };
                tasks.spawn(registration::keep(ground.clone(), target, background.clone()));
            }
        }
    }
    ground.health.set_serving(true);
    tracing::info!(role = "bot", "serving");
    let visited = matches!(config.updates, Updates::Webhook { .. });
    let part = Part { role: "bot", router, health: ground.health.clone() };
    let Served { result, grace } = door.serve(part, visited, config.grace, &stop).await;
    background.cancel();
    tasks.close();
    // A poller ends when its updates are committed.
    let _ = tokio::time::timeout(grace.part(3), tasks.wait()).await;
    intake.close(grace.part(2)).await;
    sender.close(grace.part(2)).await;
    let _ = tokio::time::timeout(grace.part(1), ground.pool.close()).await;
    result.map_err(Into::into)
}
