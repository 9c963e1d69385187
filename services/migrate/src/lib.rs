//! Role migrate: the only one that changes the schema.
//!
//! `up` applies what is missing (of one phase, or all), `down` takes back, `status` lists, `check` says whether this
//! version could run now, `preflight` whether it could take over. Ten at once are harmless: they take turns by an advisory lock.

use anyhow::Context;
use vitte_platform::database::migrations::{Migrator, Phase, State, check};
use vitte_platform::database::preflight::{Preflight, preflight};
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
    /// Looks whether this version could take over, with so many connections of all pods together.
    Preflight(Option<i64>),
}

/// What was done or found.
#[derive(Debug)]
pub enum Report {
    Applied(Vec<String>),
    Reverted(Vec<String>),
    Status(Vec<State>),
    Ready,
    Preflight(Preflight),
}

pub async fn run(settings: &DatabaseSettings, action: Action) -> anyhow::Result<Report> {
    if let Action::Check = action {
        let pool = database::pool(settings)?;
        check(&pool).await?;
        pool.close().await;
        return Ok(Report::Ready);
    }
    if let Action::Preflight(connections) = action {
        return Ok(Report::Preflight(preflight(settings, connections).await.context("cannot take over")?));
    }
    let mut migrator = Migrator::connect(settings).await.context("cannot migrate")?;
    Ok(match action {
        Action::Up(phase) => Report::Applied(migrator.up(phase).await?),
        Action::Down(to) => Report::Reverted(migrator.down(to).await?),
        Action::Status | Action::Check | Action::Preflight(_) => Report::Status(migrator.status().await?),
    })
}
