//! Role migrate: the only one that changes the schema.
//!
//! `up` applies what is missing (of one phase, or all), `down` takes back, `status` lists, `check` says whether this
//! version could run. Ten at once are harmless: they take turns by an advisory lock.

use anyhow::Context;
use vitte_platform::database::migrations::{Migrator, Phase, State, check};
use vitte_platform::database::{self, DatabaseSettings};

/// What to do.
#[derive(Debug, Clone, Copy)]
pub enum Action {
    /// `None`: both phases.
    Up(Option<Phase>),
    /// Takes back everything above this version; 0: all.
    Down(i32),
    Status,
    Check,
}

/// What was done or found.
#[derive(Debug)]
pub enum Report {
    Applied(Vec<String>),
    Reverted(Vec<String>),
    Status(Vec<State>),
    Ready,
}

pub async fn run(settings: &DatabaseSettings, action: Action) -> anyhow::Result<Report> {
    if let Action::Check = action {
        let pool = database::pool(settings)?;
        check(&pool).await?;
        pool.close().await;
        return Ok(Report::Ready);
    }
    let mut migrator = Migrator::connect(settings).await.context("cannot migrate")?;
    Ok(match action {
        Action::Up(phase) => Report::Applied(migrator.up(phase).await?),
        Action::Down(to) => Report::Reverted(migrator.down(to).await?),
        Action::Status | Action::Check => Report::Status(migrator.status().await?),
    })
}
