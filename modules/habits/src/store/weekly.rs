//! Whose week is to be summed up.

use chrono::{NaiveDate, TimeDelta};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use vitte_platform::clock::Timestamp;

use super::people;
use crate::model::Person;
use crate::settings::HabitsSettings;

/// When a person's week is summed up, in their zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Weekly {
    /// In the evening of its last day.
    #[default]
    Sunday,
    /// In the morning after.
    Monday,
    Never,
}

impl Weekly {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sunday => "sunday",
            Self::Monday => "monday",
            Self::Never => "never",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sunday, Self::Monday, Self::Never].into_iter().find(|when| when.as_str() == text)
    }
}

pub async fn weekly(c: &mut PgConnection, user_id: i64) -> sqlx::Result<Weekly> {
    let stored: Option<String> = sqlx::query_scalar("SELECT weekly FROM habits_people WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(c)
        .await?;
    Ok(stored.as_deref().and_then(Weekly::parse).unwrap_or_default())
}

pub async fn set_weekly(c: &mut PgConnection, user_id: i64, weekly: Weekly, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO habits_people (user_id, weekly, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET weekly = excluded.weekly, updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(weekly.as_str())
    .bind(now)
    .execute(c)
    .await
    .map(|_| ())
}

/// The zones that people with habits live in.
pub async fn zones(c: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT DISTINCT u.timezone FROM users u WHERE EXISTS (SELECT 1 FROM habits h WHERE h.user_id = u.id)",
    )
    .fetch_all(c)
    .await
}

/// Somebody whose week is over.
#[derive(Debug, Clone)]
pub struct Summed {
    pub person: Person,
    /// Their private chat with the bot.
    pub chat_id: i64,
    /// What they chose to be spoken to in, and what their client speaks.
    pub languages: [Option<String>; 2],
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    person: people::Row,
    telegram_id: i64,
    language: Option<String>,
    client_language: Option<String>,
}

/// Locks and returns up to `limit` people of a zone who want the summary of the week that began on `week` then, have
/// not had it, and have had a habit for more than a day of it; by id, after `after`. Another worker's are passed by, but
/// one that has just committed may have told some of them: only [`claim_week`] says who is to be told.
pub async fn weekly_due(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    (zone, when, week): (&str, Weekly, NaiveDate),
    after: i64,
    limit: i64,
) -> sqlx::Result<Vec<Summed>> {
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {}, u.telegram_id, u.language, u.client_language
         FROM users u LEFT JOIN habits_people p ON p.user_id = u.id
         WHERE u.timezone = $1 AND coalesce(p.weekly, 'sunday') = $2 AND (p.told_week IS NULL OR p.told_week < $3)
           AND u.is_active AND NOT u.is_bot_blocked AND u.id > $4
           AND EXISTS (SELECT 1 FROM habits h WHERE h.user_id = u.id AND h.first_day < $5)
         ORDER BY u.id LIMIT $6 FOR NO KEY UPDATE OF u SKIP LOCKED",
        people::COLUMNS
    )))
    .bind(zone)
    .bind(when.as_str())
    .bind(week)
    .bind(after)
    .bind(week + TimeDelta::days(6))
    .bind(limit)
    .fetch_all(c)
    .await?;
    let summed = |row: Row| Summed {
        person: row.person.person(settings.end_of_day),
        chat_id: row.telegram_id,
        languages: [row.language, row.client_language],
    };
    Ok(rows.into_iter().map(summed).collect())
}

/// Their week is dealt with in this transaction, told or not; those of them for whom nobody else has done that.
pub async fn claim_week(
    c: &mut PgConnection,
    people: &[i64],
    week: NaiveDate,
    now: Timestamp,
) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar(
        "INSERT INTO habits_people AS p (user_id, told_week, updated_at)
         SELECT id, $2, $3 FROM unnest($1::bigint[]) AS t (id)
         ON CONFLICT (user_id) DO UPDATE SET told_week = excluded.told_week
            WHERE p.told_week IS NULL OR p.told_week < excluded.told_week
         RETURNING user_id",
    )
    .bind(people)
    .bind(week)
    .bind(now)
    .fetch_all(c)
    .await
}
