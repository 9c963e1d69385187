//! What is over is pruned by age, in batches that hold no lock for long.

use std::time::Duration;

use sqlx::PgPool;

use super::store::micros;

const BATCH: i64 = 5_000;
/// Batches in one run: the rest is for the next.
const BATCHES: usize = 100;

/// Ages after which rows go.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Update ids (Telegram repeats for 24 h) and dead updates.
    pub updates: Duration,
    /// Sent and dead messages, files that no message names, dead jobs.
    pub sent: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { updates: day * 7, sent: day * 30 }
    }
}

/// Returns how many rows went.
pub async fn prune(pool: &PgPool, keep: Retention) -> sqlx::Result<u64> {
    let (updates, sent) = (micros(keep.updates), micros(keep.sent));
    let statements = [
        (
            "DELETE FROM updates WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM updates WHERE received_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            updates,
        ),
        (
            "DELETE FROM dead_updates WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM dead_updates WHERE failed_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
        (
            "DELETE FROM outbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox WHERE sent_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
        (
            "DELETE FROM outbox WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox WHERE dead_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
        (
            // A message that waits, or may be replayed, still needs its file.
            "DELETE FROM outbox_files WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox_files WHERE created_at < now() - $1 * interval '1 microsecond'
                  AND id <> ALL (ARRAY(
                    SELECT (field.value ->> 'outbox_file')::bigint FROM outbox, json_each(outbox.payload) AS field
                    WHERE outbox.sent_at IS NULL AND json_typeof(field.value) = 'object'
                      AND field.value ->> 'outbox_file' IS NOT NULL))
                LIMIT $2))",
            sent,
        ),
        (
            "DELETE FROM outbox_chats WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox_chats WHERE due_at IS NULL AND lease_token IS NULL
                  AND next_send_at < now() - $1 * interval '1 microsecond' LIMIT $2 FOR UPDATE SKIP LOCKED))",
            sent,
        ),
        (
            "DELETE FROM dead_jobs WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM dead_jobs WHERE died_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
    ];
    let mut total = 0;
    for (statement, age) in statements {
        for _ in 0..BATCHES {
            let done = sqlx::query(statement).bind(age).bind(BATCH).execute(pool).await?.rows_affected();
            total += done;
            if done < BATCH.unsigned_abs() {
                break;
            }
        }
    }
    Ok(total)
}
