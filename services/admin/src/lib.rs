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
/// too.
pub async fn run(config: Config, registry: Registry, door: Door, stop: CancellationToken) -> anyhow::Result<()> {
    let ground = Ground::new(&config, "admin")?;
    let sender = ground.sender(&config);
    let intake = Intake::new(parts(&config, &ground, sender.clone()), &registry)?;
    let admin =
        Admin::new(&Parts { config: &config, registry: &registry, ground: &ground, sender: &sender, intake: &intake });
    let router = router::build(admin)?;

    let (served, grace) = ground.serve(&config, door, router, &stop).await;
    intake.close(grace.part(3)).await;
    sender.close(grace.part(2)).await;
    let _ = tokio::time::timeout(grace.part(1), ground.pool.close()).await;
    served.map_err(Into::into)
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
        // Only commands addressed in groups need it, and what is replayed was for us.
        username: None,
    }
}
