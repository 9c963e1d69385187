//! Pictures of months that Telegram has already.

use chrono::{NaiveDate, TimeDelta};
use sqlx::PgConnection;
use vitte_platform::clock::Timestamp;
use vitte_platform::outbox::FileId;

use crate::model::HabitId;

/// Files are pruned by age (`data.keepSentDays`): an older one may be going while it is named.
const FRESH: TimeDelta = TimeDelta::days(1);

/// Which picture.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    pub habit: HabitId,
    /// The first of it.
    pub month: NaiveDate,
    pub language: &'a str,
    /// Of all that it shows.
    pub digest: &'a [u8],
}

/// The stored file of a picture that looks exactly so.
pub async fn picture(c: &mut PgConnection, of: &Picture<'_>, now: Timestamp) -> sqlx::Result<Option<FileId>> {
    sqlx::query_scalar(
        "SELECT file_id FROM habits_pictures
         WHERE habit_id = $1 AND month = $2 AND language = $3 AND digest = $4 AND made_at > $5",
    )
    .bind(of.habit)
    .bind(of.month)
    .bind(of.language)
    .bind(of.digest)
    .bind(now - FRESH)
    .fetch_optional(c)
    .await
}

/// Remembers a picture's file in the place of the one before.
pub async fn keep_picture(c: &mut PgConnection, of: &Picture<'_>, file: FileId, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO habits_pictures (habit_id, month, language, digest, file_id, made_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (habit_id, month, language) DO UPDATE SET digest = excluded.digest, file_id = excluded.file_id,
            made_at = excluded.made_at",
    )
    .bind(of.habit)
    .bind(of.month)
    .bind(of.language)
    .bind(of.digest)
    .bind(file)
    .bind(now)
    .execute(c)
    .await
    .map(|_| ())
}
