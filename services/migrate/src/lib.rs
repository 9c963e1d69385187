//! Role migrate: the only one that changes the schema.
//!
//! `up` applies what is missing (of one phase, or all), `down` takes back, `status` lists, `check` says whether this
//! version could run now, `preflight` whether it could take over. Ten at once are harmless: they take turns by an advisory lock.

use std::time::Duration;

use anyhow::Context;
use vitte_platform::database::migrations::{Migrator, Phase, State, check};
use vitte_platform::database::preflight::{Preflight, preflight};
use vitte_platform::database::{self, DatabaseSettings};

/// How long a preflight looks. It reads a few rows: a server that takes longer to answer cannot be taken over.
const LOOK: Duration = Duration::from_secs(60);

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
        let looked = tokio::time::timeout(LOOK, preflight(settings, connections)).await;
        let looked =
            looked.with_context(|| format!("cannot take over: the database did not answer within {LOOK:?}"))?;
        return Ok(Report::Preflight(looked.context("cannot take over")?));
    }
    let mut migrator = Migrator::connect(settings).await.context("cannot migrate")?;
    Ok(match action {
        Action::Up(phase) => Report::Applied(migrator.up(phase).await?),
        Action::Down(to) => Report::Reverted(migrator.down(to).await?),
        Action::Status | Action::Check | Action::Preflight(_) => Report::Status(migrator.status().await?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_preflight_ends_beside_a_server_that_takes_connections_and_never_answers() -> anyhow::Result<()> {
        let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
        let settings = DatabaseSettings::new(format!("postgres://vitte@{}/vitte", silent.local_addr()?));
        let failed = run(&settings, Action::Preflight(None)).await;
        assert!(failed.is_err_and(|why| why.to_string().contains("did not answer within 60s")));
        Ok(())
    }
}
