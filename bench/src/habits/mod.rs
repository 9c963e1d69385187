//! What habits cost: the REST API over a stored town of them, and a day of reminders in fast motion. Each has a
//! database of its own, and asks it in the end whether all that was answered is there.
//!
//! ```text
//!  stored (5,000 people, 100,000 habits) -> rest: load -> `vitte api`                -> report
//!  day: people in 40 zones -> scheduler processes, killed -> `vitte worker`, killed  -> fake Bot API -> ledger
//! ```

mod crowd;
mod day;
mod report;
mod rest;
mod scheduler;
mod stored;

use anyhow::Context;
use sqlx::postgres::{PgPool, PgPoolOptions};

pub use day::Day;
pub use report::text;
pub use rest::Row;
pub use scheduler::serve as schedule;

use crate::settings::{Mode, Settings, Stage};

const MANIFEST: &str = include_str!("../../habits.yaml");

/// What was measured of habits.
#[derive(Default)]
pub struct Figures {
    pub rows: Vec<Row>,
    pub day: Option<Day>,
    /// Empty: nothing was measured.
    pub postgres: String,
}

impl Figures {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.day.is_none()
    }

    /// Stages in which something was lost, or not answered as it should be.
    pub fn wrong(&self) -> usize {
        self.rows.iter().filter(|row| !row.accounted_for()).count()
            + self.day.iter().filter(|day| !day.accounted_for()).count()
    }
}

/// The stages of habits, in their order.
pub async fn measure(settings: &Settings, plan: &[Stage]) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let calls: Vec<_> = plan.iter().filter(|stage| matches!(stage.mode, Mode::Rest(_))).collect();
    if !calls.is_empty() {
        (figures.rows, figures.postgres) = rest::measure(settings, &calls).await?;
    }
    for stage in plan.iter().filter(|stage| stage.mode == Mode::Day) {
        let (day, postgres) = day::run(settings, stage).await?;
        (figures.day, figures.postgres) = (Some(day), postgres);
    }
    Ok(figures)
}

/// For what is written before and asked after a measurement, never within.
async fn database(url: &str) -> anyhow::Result<PgPool> {
    PgPoolOptions::new().max_connections(2).connect(url).await.context("cannot reach the private PostgreSQL")
}
