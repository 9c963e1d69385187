//! Schedules: jobs by cron, in UTC, once each however many workers there are, also after an hour away.

use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use serde_json::Value;
use sqlx::PgPool;
use sqlx::types::Json;

use super::store;
use super::{Class, Job};
use crate::clock::Timestamp;

/// A job that repeats.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// `platform.prune`.
    pub name: &'static str,
    /// Five fields, UTC.
    pub cron: &'static str,
    /// Firings missed for longer than this are not made up for.
    pub catch_up: Duration,
    job: &'static str,
    class: Class,
    attempts: i32,
    payload: Value,
}

#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    #[error("schedule {0}: {1:?} is not a cron expression of five fields: {2}")]
    Cron(&'static str, &'static str, String),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Firings made up for in one look; the rest follow with the next.
const AT_ONCE: usize = 100;

impl Schedule {
    pub fn new<J: Job>(
        name: &'static str,
        cron: &'static str,
        catch_up: Duration,
        job: &J,
    ) -> serde_json::Result<Self> {
        Ok(Self {
            name,
            cron,
            catch_up,
            job: J::NAME,
            class: J::CLASS,
            attempts: i32::from(J::ATTEMPTS),
            payload: serde_json::to_value(job)?,
        })
    }

    fn parsed(&self) -> Result<Cron, ScheduleError> {
        Cron::from_str(self.cron).map_err(|e| ScheduleError::Cron(self.name, self.cron, e.to_string()))
    }

    /// The firings due at `now` that began at `next`, within the catch-up window, and the one after them.
    fn due(&self, next: Timestamp, now: Timestamp) -> Result<(Vec<Timestamp>, Timestamp), ScheduleError> {
        let cron = self.parsed()?;
        let after = |at: &Timestamp| {
            cron.find_next_occurrence(at, false).map_err(|e| ScheduleError::Cron(self.name, self.cron, e.to_string()))
        };
        let oldest = now - self.catch_up;
        let mut at = if next < oldest { after(&oldest)? } else { next };
        let mut fired = Vec::new();
        while at <= now && fired.len() < AT_ONCE {
            fired.push(at);
            at = after(&at)?;
        }
        Ok((fired, at))
    }
}

/// Enqueues what is due. The schedule's row is locked: of many workers one fires, and the rest pass by.
pub(super) async fn fire(pool: &PgPool, schedule: &Schedule, now: Timestamp) -> Result<usize, ScheduleError> {
    let mut tx = pool.begin().await?;
    let first = schedule.due(now, now)?.1;
    // A new schedule begins with its next firing.
    sqlx::query("INSERT INTO schedules (name, cron, next_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING")
        .bind(schedule.name)
        .bind(schedule.cron)
        .bind(first)
        .execute(&mut *tx)
        .await?;
    let row: Option<(Timestamp, String)> = sqlx::query_as(
        "SELECT next_at, cron FROM schedules
         WHERE name = $1 AND (next_at <= $2 OR cron <> $3) FOR UPDATE SKIP LOCKED",
    )
    .bind(schedule.name)
    .bind(now)
    .bind(schedule.cron)
    .fetch_optional(&mut *tx)
    .await?;
    let next = match row {
        // Its times were changed: it begins anew.
        Some((_, cron)) if cron != schedule.cron => {
            sqlx::query("UPDATE schedules SET cron = $2, next_at = $3 WHERE name = $1")
                .bind(schedule.name)
                .bind(schedule.cron)
                .bind(first)
                .execute(&mut *tx)
                .await?;
            None
        }
        row => row.map(|(next, _)| next),
    };
    let Some(next) = next else {
        tx.commit().await?;
        return Ok(0);
    };
    let (fired, after) = schedule.due(next, now)?;
    for at in &fired {
        let key = format!("{}@{}", schedule.name, at.timestamp());
        let payload = Json(schedule.payload.clone());
        store::insert(&mut tx, schedule.job, schedule.class, Some(key), &payload, schedule.attempts, None).await?;
    }
    sqlx::query("UPDATE schedules SET next_at = $2, last_at = $3 WHERE name = $1")
        .bind(schedule.name)
        .bind(after)
        .bind(now)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(fired.len())
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use chrono::Utc;

    use super::*;

    fn hourly(catch_up_hours: u64) -> Schedule {
        Schedule {
            name: "test",
            cron: "0 * * * *",
            catch_up: Duration::from_secs(catch_up_hours * 3600),
            job: "j",
            class: Class::Bulk,
            attempts: 1,
            payload: Value::Null,
        }
    }

    #[test]
    fn a_scheduler_away_makes_up_for_what_is_within_its_window_and_no_more() {
        let at = |h, m| Utc.with_ymd_and_hms(2026, 1, 1, h, m, 0).unwrap();
        let (fired, next) = hourly(24).due(at(1, 0), at(4, 30)).unwrap();
        assert_eq!((fired, next), (vec![at(1, 0), at(2, 0), at(3, 0), at(4, 0)], at(5, 0)));
        let (fired, next) = hourly(2).due(at(1, 0), at(4, 30)).unwrap();
        assert_eq!((fired, next), (vec![at(3, 0), at(4, 0)], at(5, 0)));
        let (fired, next) = hourly(2).due(at(5, 0), at(4, 30)).unwrap();
        assert_eq!((fired, next), (vec![], at(5, 0)));
    }
}
