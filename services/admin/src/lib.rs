//! Role admin: pages for the owner under `/admin`, made on the server, without a script and without a request to
//! anywhere else.
//!
//! ```text
//!  request -> headers -> guard (session, same origin, token) -> a page: reads, or one change and back to the list
//! ```
//!
//! One file a page: its SQL, its template's fields, its handlers. What must never happen here: a value that is not
//! escaped, a change by GET or from another site, a message's text without a click, a list without an end.

mod auth;
mod desk;
mod guard;
mod pages;
mod router;
mod view;

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use vitte_platform::config::Config;
use vitte_platform::http::Door;
use vitte_platform::intake::{Intake, IntakeParts};
use vitte_platform::limits::{LimitSettings, Limits};
use vitte_platform::module::Registry;
use vitte_platform::outbox::Sender;
use vitte_platform::role::Ground;

use desk::{Admin, Parts};
pub use router::PageError;

/// Serves until `stop`, then lets requests in work end.
///
/// A dead update is replayed in this process, as a bot's process would do it; so this one has a hand in the outbox,
/// too. Health answers from the beginning; ready is only who has found its schema.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "admin")?;
    let sender = ground.sender(&config);
    let intake = Intake::new(parts(&config, &ground, sender.clone()), &registry)?;
    let admin =
        Admin::new(&Parts { config: &config, registry: &registry, ground: &ground, sender: &sender, intake: &intake });
    let router = router::build(admin)?;

    let closing = CancellationToken::new();
    let serving = door.serve("admin", router, ground.health.clone(), closing.clone());
    let until_stop = async {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            ready = ground.wait_for_schema(&config) => ready?,
        }
        ground.health.set_serving(true);
        tracing::info!(role = "admin", password = config.admin_password.is_some(), "serving");
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
    let third = config.grace / 3;
    if served.is_none() {
        // A client that never takes its answer does not hold up the end.
        served = tokio::time::timeout(third, serving).await.ok();
    }
    intake.close(third).await;
    sender.close(third).await;
    let _ = tokio::time::timeout(Duration::from_secs(2), ground.pool.close()).await;
    ended?;
    served.unwrap_or(Ok(())).map_err(Into::into)
}

fn parts(config: &Config, ground: &Ground, sender: Sender) -> IntakeParts {
    IntakeParts {
        bot_id: ground.telegram.bot_id(),
        pool: ground.pool.clone(),
        sender,
        // A replay is not counted: it was, when it came.
        limits: Limits::new(ground.telegram.bot_id(), "messages", LimitSettings { per_minute: 0, per_hour: 0 }, None),
        clock: ground.clock.clone(),
        languages: config.languages.clone(),
        // Only commands addressed in groups need it; a replayed one without it is taken as ours.
        username: None,
    }
}
