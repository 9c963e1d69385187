//! What became of reminders, counted by day in the transaction that decides it; and what waits now.

use chrono::NaiveDate;
use sqlx::{FromRow, PgConnection};
use vitte_platform::clock::Timestamp;

use crate::jobs::Told;

/// One day's reminders, UTC.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Day {
    pub day: NaiveDate,
    pub sent: i64,
    pub late: i64,
    pub needless: i64,
    pub expired: i64,
    pub unreachable: i64,
}

/// What there is, and what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct Waiting {
    pub people: i64,
    /// Not archived.
    pub habits: i64,
    pub due: i64,
    /// Due for more than five minutes: no worker has taken it.
    pub late: i64,
    pub next_hour: i64,
}

/// Adds to the day's figures. The last thing that a batch does: the row is everybody's.
pub async fn count(c: &mut PgConnection, told: Told, now: Timestamp) -> sqlx::Result<()> {
    let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO habits_told AS t (day, sent, late, needless, expired, unreachable) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (day) DO UPDATE SET sent = t.sent + excluded.sent, late = t.late + excluded.late,
            needless = t.needless + excluded.needless, expired = t.expired + excluded.expired,
            unreachable = t.unreachable + excluded.unreachable",
    )
    .bind(now.date_naive())
    .bind(number(told.sent))
    .bind(number(told.late))
    .bind(number(told.needless))
    .bind(number(told.expired))
    .bind(number(told.unreachable))
    .execute(c)
    .await
    .map(|_| ())
}

/// The latest days, newest first.
pub async fn days(c: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<Day>> {
    sqlx::query_as("SELECT day, sent, late, needless, expired, unreachable FROM habits_told ORDER BY day DESC LIMIT $1")
        .bind(limit)
        .fetch_all(c)
        .await
}

pub async fn waiting(c: &mut PgConnection, now: Timestamp) -> sqlx::Result<Waiting> {
    sqlx::query_as(
        "SELECT (SELECT count(DISTINCT user_id) FROM habits) AS people,
            (SELECT count(*) FROM habits WHERE is_active) AS habits,
            (SELECT count(*) FROM habits WHERE next_at <= $1) AS due,
            (SELECT count(*) FROM habits WHERE next_at <= $1 - interval '5 minutes') AS late,
            (SELECT count(*) FROM habits WHERE next_at > $1 AND next_at <= $1 + interval '1 hour') AS next_hour",
    )
    .bind(now)
    .fetch_one(c)
    .await
}
