//! How much waits: who has many messages to write looks here first.
//!
//! What is in the outbox leaves as it was written, however late. So a job that decides what to say by how things are
//! writes no more than leaves soon, and decides about the rest when there is room for it.

use sqlx::PgConnection;

use super::Priority;
use crate::clock::Timestamp;

/// Chats in which bulk messages wait, counted up to `limit`.
pub async fn bulk_waiting(c: &mut PgConnection, limit: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM
            (SELECT 1 FROM outbox_chats WHERE priority = $1 AND due_at IS NOT NULL LIMIT $2) AS waiting",
    )
    .bind(Priority::Bulk.as_i16())
    .bind(limit)
    .fetch_one(c)
    .await
}

/// Bulk messages that Telegram refused for good since then.
pub async fn bulk_refused(c: &mut PgConnection, since: Timestamp) -> sqlx::Result<i64> {
    sqlx::query_scalar("SELECT count(*) FROM outbox WHERE dead_at >= $1 AND priority = $2")
        .bind(since)
        .bind(Priority::Bulk.as_i16())
        .fetch_one(c)
        .await
}
