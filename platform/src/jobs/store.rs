//! The queue's SQL. Every change of a taken job is fenced by its lease's token; all times are the database's.

use std::time::Duration;

use serde_json::Value;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::{Class, Job, JobId};

/// A job as taken.
#[derive(Debug, FromRow)]
pub(super) struct Taken {
    pub id: JobId,
    pub name: String,
    pub payload: String,
    pub attempts: i32,
    pub max_attempts: i32,
    pub trace_id: Option<String>,
    pub lease_token: Uuid,
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

/// Writes a job in the caller's transaction. With a key that waits already, that one is the same work: nothing is
/// written. The notification is a hint that leaves with the commit; workers also look by themselves.
pub async fn enqueue<J: Job>(c: &mut PgConnection, job: &J, trace_id: Option<&str>) -> anyhow::Result<()> {
    let payload = Json(serde_json::to_value(job)?);
    insert(c, J::NAME, J::CLASS, job.key(), &payload, i32::from(J::ATTEMPTS), trace_id).await?;
    Ok(())
}

pub(super) async fn insert(
    c: &mut PgConnection,
    name: &str,
    class: Class,
    key: Option<String>,
    payload: &Json<Value>,
    max_attempts: i32,
    trace_id: Option<&str>,
) -> sqlx::Result<()> {
    sqlx::query(
        "WITH new AS (
            INSERT INTO jobs (name, class, key, payload, max_attempts, trace_id) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (name, key) WHERE key IS NOT NULL AND lease_token IS NULL DO NOTHING RETURNING 1)
         SELECT pg_notify('vitte_jobs', $2) FROM new",
    )
    .bind(name)
    .bind(class.as_str())
    .bind(key)
    .bind(payload)
    .bind(max_attempts)
    .bind(trace_id)
    .execute(c)
    .await
    .map(|_| ())
}

/// [`enqueue`], and one of the same key that waits to be tried again is due now: but for a wait that the other side
/// asked for, which is kept.
pub async fn hasten<J: Job>(c: &mut PgConnection, job: &J, trace_id: Option<&str>) -> anyhow::Result<()> {
    let payload = Json(serde_json::to_value(job)?);
    sqlx::query(
        "WITH new AS (
            INSERT INTO jobs AS j (name, class, key, payload, max_attempts, trace_id) VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (name, key) WHERE key IS NOT NULL AND lease_token IS NULL
            DO UPDATE SET run_at = greatest(now(), j.not_before) WHERE j.run_at > greatest(now(), j.not_before)
            RETURNING 1)
         SELECT pg_notify('vitte_jobs', $2) FROM new",
    )
    .bind(J::NAME)
    .bind(J::CLASS.as_str())
    .bind(job.key())
    .bind(payload)
    .bind(i32::from(J::ATTEMPTS))
    .bind(trace_id)
    .execute(c)
    .await?;
    Ok(())
}

/// Takes up to `n` due jobs of a class, of those that this version knows by name: in a rollout the new version's wait
/// for its workers. One of a key that runs already waits until that one has ended.
pub(super) async fn take(
    pool: &PgPool,
    class: Class,
    known: &[&str],
    n: usize,
    lease: Duration,
) -> sqlx::Result<Vec<Taken>> {
    sqlx::query_as(
        "WITH due AS (
            SELECT id FROM jobs j
            WHERE class = $1 AND name = ANY($4) AND lease_token IS NULL AND run_at <= clock_timestamp()
              AND (key IS NULL OR NOT EXISTS (
                SELECT 1 FROM jobs r WHERE r.name = j.name AND r.key = j.key AND r.lease_token IS NOT NULL))
            ORDER BY run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
         UPDATE jobs j SET attempts = j.attempts + 1, lease_token = gen_random_uuid(),
            lease_until = clock_timestamp() + $3 * interval '1 microsecond', progress = NULL
         FROM due WHERE j.id = due.id
         RETURNING j.id, j.name, j.payload::text AS payload, j.attempts, j.max_attempts, j.trace_id, j.lease_token",
    )
    .bind(class.as_str())
    .bind(i64::try_from(n).unwrap_or(i64::MAX))
    .bind(micros(lease))
    .bind(known)
    .fetch_all(pool)
    .await
}

/// Locks the job's row if the lease is still ours.
pub(super) async fn hold(c: &mut PgConnection, id: JobId, token: Uuid) -> sqlx::Result<bool> {
    let row: Option<i32> = sqlx::query_scalar("SELECT 1 FROM jobs WHERE id = $1 AND lease_token = $2 FOR UPDATE")
        .bind(id)
        .bind(token)
        .fetch_optional(c)
        .await?;
    Ok(row.is_some())
}

pub(super) async fn done(c: &mut PgConnection, id: JobId, token: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM jobs WHERE id = $1 AND lease_token = $2").bind(id).bind(token).execute(c).await.map(|_| ())
}

pub(super) async fn progress(pool: &PgPool, id: JobId, token: Uuid, progress: &Value) -> sqlx::Result<()> {
    sqlx::query("UPDATE jobs SET progress = $3 WHERE id = $1 AND lease_token = $2")
        .bind(id)
        .bind(token)
        .bind(Json(progress))
        .execute(pool)
        .await
        .map(|_| ())
}

/// Longer leases for what runs here; returns the tokens that are still ours. A row that somebody has locked (its own last
/// transaction, or who erases a person) is passed by, so that it does not hold up the others' leases: as long as it is
/// locked nobody reaps it either.
pub(super) async fn renew(pool: &PgPool, tokens: &[Uuid], lease: Duration) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar(
        "WITH free AS (SELECT id FROM jobs WHERE lease_token = ANY($1) FOR UPDATE SKIP LOCKED),
         renewed AS (
            UPDATE jobs j SET lease_until = clock_timestamp() + $2 * interval '1 microsecond'
            FROM free WHERE j.id = free.id)
         SELECT lease_token FROM jobs WHERE lease_token = ANY($1)",
    )
    .bind(tokens)
    .bind(micros(lease))
    .fetch_all(pool)
    .await
}

/// What becomes of a job that did not succeed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Next {
    /// Waits again.
    Again {
        after: Duration,
        /// The other side asked for it: not sooner, whoever hastens the job.
        asked: bool,
    },
    /// Handed back unfinished by a worker that stops: this run does not count.
    HandBack,
    Dead,
}

/// Ends a run without success. Waiting again while a twin of its key waits, it is the same work: the twin stays and
/// inherits the attempts.
pub(super) async fn end(pool: &PgPool, id: JobId, token: Uuid, next: Next, error: &str) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    if hold(&mut tx, id, token).await? {
        give_up(&mut tx, id, next, error).await?;
    }
    tx.commit().await
}

async fn give_up(c: &mut PgConnection, id: JobId, next: Next, error: &str) -> sqlx::Result<()> {
    let (after, asked, counted) = match next {
        Next::Dead => return bury(c, id, error).await,
        Next::Again { after, asked } => (after, asked, 0),
        Next::HandBack => (Duration::ZERO, false, 1),
    };
    let merged = sqlx::query(
        "WITH me AS (SELECT id, name, key, attempts FROM jobs WHERE id = $1),
         twin AS (
            UPDATE jobs t SET attempts = greatest(t.attempts, me.attempts - $2), error = $3,
                run_at = greatest(t.run_at, clock_timestamp() + $4 * interval '1 microsecond'),
                not_before = CASE WHEN $5 THEN clock_timestamp() + $4 * interval '1 microsecond' END
            FROM me WHERE t.name = me.name AND t.key = me.key AND t.lease_token IS NULL AND t.id <> me.id
            RETURNING 1)
         DELETE FROM jobs WHERE id = $1 AND EXISTS (SELECT 1 FROM twin)",
    )
    .bind(id)
    .bind(counted)
    .bind(error)
    .bind(micros(after))
    .bind(asked)
    .execute(&mut *c)
    .await?;
    if merged.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "UPDATE jobs SET lease_token = NULL, lease_until = NULL, error = $3, attempts = attempts - $2,
            run_at = clock_timestamp() + $4 * interval '1 microsecond',
            not_before = CASE WHEN $5 THEN clock_timestamp() + $4 * interval '1 microsecond' END
         WHERE id = $1",
    )
    .bind(id)
    .bind(counted)
    .bind(error)
    .bind(micros(after))
    .bind(asked)
    .execute(c)
    .await
    .map(|_| ())
}

async fn bury(c: &mut PgConnection, id: JobId, error: &str) -> sqlx::Result<()> {
    sqlx::query(
        "WITH gone AS (DELETE FROM jobs WHERE id = $1 RETURNING *)
         INSERT INTO dead_jobs (id, name, class, key, payload, attempts, max_attempts, error, trace_id, created_at)
         SELECT id, name, class, key, payload, attempts, max_attempts, $2, trace_id, created_at FROM gone",
    )
    .bind(id)
    .bind(error)
    .execute(c)
    .await
    .map(|_| ())
}

/// Jobs whose lease ran out: their worker died or hangs. Dead if their attempts are used up, else again.
/// Returns how many were (put back, buried).
pub(super) async fn reap(pool: &PgPool, pause: Duration) -> sqlx::Result<(usize, usize)> {
    let mut tx = pool.begin().await?;
    let expired: Vec<(JobId, bool)> = sqlx::query_as(
        "SELECT id, attempts >= max_attempts FROM jobs
         WHERE lease_token IS NOT NULL AND lease_until < clock_timestamp()
         ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED",
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut counts = (0, 0);
    for (id, used_up) in expired {
        let next = if used_up { Next::Dead } else { Next::Again { after: pause, asked: false } };
        give_up(&mut tx, id, next, "its worker died or was stopped past the lease").await?;
        if used_up { counts.1 += 1 } else { counts.0 += 1 }
    }
    tx.commit().await?;
    Ok(counts)
}

/// Puts a dead job back into the queue with all its attempts. False: not there, or replayed already.
pub async fn replay_dead(c: &mut PgConnection, id: JobId) -> sqlx::Result<bool> {
    let done = sqlx::query(
        "WITH back AS (
            UPDATE dead_jobs SET replayed_at = now() WHERE id = $1 AND replayed_at IS NULL
            RETURNING name, class, key, payload, max_attempts, trace_id),
         new AS (
            INSERT INTO jobs (name, class, key, payload, max_attempts, trace_id)
            SELECT name, class, key, payload, max_attempts, trace_id FROM back
            ON CONFLICT (name, key) WHERE key IS NOT NULL AND lease_token IS NULL DO NOTHING)
         SELECT pg_notify('vitte_jobs', class) FROM back",
    )
    .bind(id)
    .execute(c)
    .await?;
    Ok(done.rows_affected() > 0)
}
