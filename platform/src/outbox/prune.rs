//! What is over is pruned by age, in batches that hold no lock for long.
//!
//! Large tables are read in an order that costs each row once: messages by their ids, which grow with their time, up to
//! the first that is young; update ids, which Telegram may begin anew, page by page. Their BRIN indexes would do for one
//! cycle only: freed pages are filled again, and a range that ever held something old says so for ever.

use std::time::Duration;

use sqlx::{FromRow, PgPool};

use super::store::micros;

const BATCH: i64 = 5_000;
/// Batches of a small table in one run: the rest is for the next.
const BATCHES: usize = 100;
/// Pages of one statement: 8 MiB, as PostgreSQL is built by default.
const PAGES: i64 = 1_000;

/// Ages after which rows go.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// Update ids (Telegram repeats for 24 h), and dialogues after they expired.
    pub updates: Duration,
    /// Sent and dead messages, files that no message names, dead updates, dead jobs.
    pub sent: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { updates: day * 7, sent: day * 30 }
    }
}

/// Returns how many rows went. A table that fails stops no other; the first one's error is returned at the end.
pub async fn prune(pool: &PgPool, keep: Retention) -> sqlx::Result<u64> {
    let (updates, sent) = (micros(keep.updates), micros(keep.sent));
    let small = [
        (
            "conversations",
            "DELETE FROM conversations WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM conversations WHERE expires_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            updates,
        ),
        (
            "dead_updates",
            "DELETE FROM dead_updates WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM dead_updates WHERE failed_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
        (
            "outbox_files",
            // A message that waits, or may be replayed, still needs its file.
            r#"DELETE FROM outbox_files WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox_files f WHERE created_at < now() - $1 * interval '1 microsecond'
                  AND NOT EXISTS (
                    SELECT 1 FROM outbox o WHERE o.method <> 'sendMessage' AND o.sent_at IS NULL
                      AND CAST(substring(o.payload #>> '{}' FROM '"outbox_file": *([0-9]+)') AS bigint) = f.id)
                LIMIT $2))"#,
            sent,
        ),
        (
            "outbox_chats",
            "DELETE FROM outbox_chats WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM outbox_chats WHERE due_at IS NULL AND lease_token IS NULL
                  AND (next_send_at IS NULL OR next_send_at < now() - $1 * interval '1 microsecond')
                LIMIT $2 FOR UPDATE SKIP LOCKED))",
            sent,
        ),
        (
            "dead_jobs",
            "DELETE FROM dead_jobs WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM dead_jobs WHERE died_at < now() - $1 * interval '1 microsecond' LIMIT $2))",
            sent,
        ),
    ];
    let mut results = vec![("updates", prune_updates(pool, updates).await), ("outbox", prune_outbox(pool, sent).await)];
    for (table, statement, age) in small {
        results.push((table, prune_small(pool, statement, age).await));
    }
    let (mut total, mut failure) = (0, None);
    for (table, result) in results {
        match result {
            Ok(rows) => total += rows,
            Err(error) => {
                tracing::warn!(table, %error, "a table is not pruned");
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(total), Err)
}

async fn prune_updates(pool: &PgPool, age: i64) -> sqlx::Result<u64> {
    let pages: i64 = sqlx::query_scalar("SELECT pg_relation_size('updates') / current_setting('block_size')::bigint")
        .fetch_one(pool)
        .await?;
    let mut total = 0;
    for first in (0..pages).step_by(usize::try_from(PAGES).unwrap_or(1)) {
        // Written so that no index on `received_at` offers itself.
        let done = sqlx::query(
            "DELETE FROM updates WHERE ctid >= ('(' || $2 || ',0)')::tid AND ctid < ('(' || $3 || ',0)')::tid
               AND now() - received_at > $1 * interval '1 microsecond'",
        )
        .bind(age)
        .bind(first)
        .bind(first + PAGES)
        .execute(pool)
        .await?;
        total += done.rows_affected();
    }
    Ok(total)
}

async fn prune_outbox(pool: &PgPool, age: i64) -> sqlx::Result<u64> {
    #[derive(FromRow)]
    struct Batch {
        gone: i64,
        last: Option<i64>,
        /// Among them was one that is too young to be over.
        young: bool,
    }
    let (mut total, mut last) = (0, i64::MIN);
    loop {
        let batch: Batch = sqlx::query_as(
            "WITH batch AS MATERIALIZED (SELECT id, created_at FROM outbox WHERE id > $2 ORDER BY id LIMIT $3),
             gone AS (
                DELETE FROM outbox o USING batch WHERE o.id = batch.id
                  AND (o.sent_at < now() - $1 * interval '1 microsecond'
                    OR o.dead_at < now() - $1 * interval '1 microsecond')
                RETURNING 1)
             SELECT (SELECT count(*) FROM gone) AS gone, max(id) AS last,
                coalesce(bool_or(created_at > now() - $1 * interval '1 microsecond'), false) AS young FROM batch",
        )
        .bind(age)
        .bind(last)
        .bind(BATCH)
        .fetch_one(pool)
        .await?;
        total += u64::try_from(batch.gone).unwrap_or(0);
        match batch.last {
            Some(id) if !batch.young => last = id,
            _ => return Ok(total),
        }
    }
}

async fn prune_small(pool: &PgPool, statement: &'static str, age: i64) -> sqlx::Result<u64> {
    let mut total = 0;
    for _ in 0..BATCHES {
        let done = sqlx::query(statement).bind(age).bind(BATCH).execute(pool).await?.rows_affected();
        total += done;
        if done < BATCH.unsigned_abs() {
            break;
        }
    }
    Ok(total)
}
