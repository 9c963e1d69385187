//! Marks: "Telegram has this message", and with a chat's last one its lease goes back, in the same statement.
//!
//! Marks gather while the statement before theirs runs, and a chat's last one for some milliseconds more: many share
//! one round trip and one commit. A mark is retried until the database takes it: the message is out, and only the mark
//! keeps it from being sent again. So a connection that nobody answers on any more is left while the lease still lasts.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{FromRow, PgConnection, PgPool, Postgres};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{OutboxId, store};
use crate::clock::backoff;
use crate::database::{patience, within};

/// Marks in one statement.
const BATCH: usize = 128;
/// How long the first mark of a statement waits for others. A kill repeats the sends whose marks wait, so this is of
/// the order of one request to Telegram and not longer.
const GATHER: Duration = Duration::from_millis(5);
/// Without marks for this long, the connection goes back to the pool.
const REST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Mark {
    /// `None`: only give the lease back.
    pub sent: Option<(OutboxId, Option<i64>)>,
    pub chat_id: i64,
    pub token: Uuid,
    /// Give the lease back if nobody wrote since this count.
    pub release_at: Option<i64>,
    /// The chat's rate state, as in [`super::Taken`].
    pub ahead: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The lease is given back.
    Released,
    /// The lease is still ours: there is more to send, or a writer is about to commit.
    Kept,
}

pub(super) struct Marks {
    queue: mpsc::Sender<(Mark, oneshot::Sender<Outcome>)>,
}

impl Marks {
    /// Starts the writer; it ends when the last handle is gone. `first`: how long a statement is waited for at first, of
    /// the order of a part of the lease; each time again it is twice as long, up to what the server allows.
    pub fn start(pool: PgPool, first: Duration) -> Self {
        let (queue, received) = mpsc::channel(1024);
        tokio::spawn(write_all(pool, first, received));
        Self { queue }
    }

    /// Ends when the database has it.
    pub async fn put(&self, mark: Mark) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        if self.queue.send((mark, answer)).await.is_err() {
            return Outcome::Released;
        }
        // The writer goes away only with its runtime: then nobody drains any more either.
        outcome.await.unwrap_or(Outcome::Released)
    }
}

async fn write_all(pool: PgPool, first: Duration, mut received: mpsc::Receiver<(Mark, oneshot::Sender<Outcome>)>) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut kept = None;
    let patience = patience(&pool);
    loop {
        let count = tokio::select! {
            count = received.recv_many(&mut batch, BATCH) => count,
            () = rest(&pool), if kept.is_some() => {
                kept = None;
                continue;
            }
        };
        if count == 0 {
            return;
        }
        // With the lease kept, the chat's next message waits for its mark.
        if batch.iter().all(|(mark, _)| mark.release_at.is_some()) {
            tokio::time::sleep(GATHER).await;
        }
        while batch.len() < BATCH
            && let Ok(more) = received.try_recv()
        {
            batch.push(more);
        }
        let mut attempt = 1;
        let released = loop {
            let limit = first.saturating_mul(2u32.saturating_pow(attempt - 1)).min(patience);
            match write(&pool, &mut kept, limit, &batch).await {
                Ok(released) => break released,
                Err(error) => {
                    tracing::warn!(%error, attempt, marks = batch.len(), "cannot mark messages as sent; trying again");
                    let first = Duration::from_millis(20);
                    tokio::time::sleep(backoff(attempt, first, Duration::from_secs(1))).await;
                    attempt += 1;
                }
            }
        };
        for (mark, answer) in batch.drain(..) {
            let outcome = if released.contains(&mark.token) { Outcome::Released } else { Outcome::Kept };
            // A drain that went away meanwhile does not need its answer.
            let _ = answer.send(outcome);
        }
    }
}

/// Until a connection without work has to go back: by its rest, or because the pool closes.
async fn rest(pool: &PgPool) {
    tokio::select! {
        () = pool.close_event() => {}
        () = tokio::time::sleep(REST) => {}
    }
}

type Connection = PoolConnection<Postgres>;

/// On the connection kept from the statement before, or on another of the pool's. None is kept after an error, nor when
/// it is the last one that the pool has to give: others have to say something too.
async fn write(
    pool: &PgPool,
    kept: &mut Option<Connection>,
    limit: Duration,
    batch: &[(Mark, oneshot::Sender<Outcome>)],
) -> sqlx::Result<Vec<Uuid>> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => pool.acquire().await?,
    };
    let result = within(limit, write_on(&mut connection, batch)).await;
    if result.is_err() {
        connection.close_on_drop();
    } else if pool.num_idle() > 0 || pool.size() < pool.options().get_max_connections() {
        *kept = Some(connection);
    }
    result
}

#[derive(FromRow)]
struct Released {
    token: Uuid,
}

/// A chat whose row a writer has locked is not waited for: its holder reads again and finds what was written.
async fn write_on(c: &mut PgConnection, batch: &[(Mark, oneshot::Sender<Outcome>)]) -> sqlx::Result<Vec<Uuid>> {
    let column = |f: &dyn Fn(&Mark) -> Option<i64>| batch.iter().map(|(m, _)| f(m)).collect::<Vec<_>>();
    let rows: Vec<Released> = sqlx::query_as(
        "WITH m AS (
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[])
                AS m (id, message_id, chat_id, token, release_at, ahead)),
         sent AS (
            UPDATE outbox o SET sent_at = clock_timestamp(), message_id = m.message_id, error = NULL
            FROM m JOIN outbox_chats c ON c.chat_id = m.chat_id AND c.lease_token = m.token
            WHERE o.id = m.id AND o.sent_at IS NULL),
         ours AS (
            SELECT c.chat_id, m.ahead, m.token, coalesce(m.release_at = c.writes, false) AS release
            FROM outbox_chats c JOIN m ON c.chat_id = m.chat_id AND c.lease_token = m.token
            FOR UPDATE OF c SKIP LOCKED),
         written AS (
            UPDATE outbox_chats c SET
                next_send_at = clock_timestamp() + ours.ahead * interval '1 microsecond',
                lease_token = CASE WHEN ours.release THEN NULL ELSE c.lease_token END,
                lease_until = CASE WHEN ours.release THEN NULL ELSE c.lease_until END,
                due_at = CASE WHEN ours.release THEN NULL ELSE c.due_at END
            FROM ours WHERE c.chat_id = ours.chat_id)
         SELECT token FROM ours WHERE release",
    )
    .bind(column(&|m| m.sent.map(|(id, _)| id)))
    .bind(column(&|m| m.sent.and_then(|(_, message)| message)))
    .bind(column(&|m| Some(m.chat_id)))
    .bind(batch.iter().map(|(m, _)| m.token).collect::<Vec<_>>())
    .bind(column(&|m| m.release_at))
    .bind(column(&|m| Some(store::micros(m.ahead))))
    .fetch_all(c)
    .await?;
    Ok(rows.into_iter().map(|r| r.token).collect())
}
