//! The outbox's SQL. All times are the database's: leases and rates are agreed between processes.

use std::borrow::Cow;
use std::time::Duration;

use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use super::{OutboxId, Taken};

/// A pending message as the sender needs it.
#[derive(Debug)]
pub(crate) struct Row {
    pub id: OutboxId,
    pub method: Cow<'static, str>,
    /// The method's parameters but `chat_id`: a JSON object.
    pub payload: String,
    pub edit_of: Option<OutboxId>,
    pub attempts: i16,
    pub priority: i16,
    pub trace_id: Option<String>,
}

pub(super) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}

pub(super) async fn add_file(c: &mut PgConnection, name: &str, mime: &str, content: &[u8]) -> sqlx::Result<i64> {
    sqlx::query_scalar("INSERT INTO outbox_files (file_name, mime, content) VALUES ($1, $2, $3) RETURNING id")
        .bind(name)
        .bind(mime)
        .bind(content)
        .fetch_one(c)
        .await
}

/// The conditions are those of the indexes: what is over and what is pending are two, and a message's file is the
/// expression of a third.
pub(super) async fn erase(c: &mut PgConnection, chat_id: i64) -> sqlx::Result<()> {
    let files: Vec<i64> = sqlx::query_scalar(
        r#"WITH over AS (
            DELETE FROM outbox WHERE chat_id = $1 AND (sent_at IS NOT NULL OR dead_at IS NOT NULL) RETURNING payload),
         pending AS (
            DELETE FROM outbox WHERE chat_id = $1 AND sent_at IS NULL AND dead_at IS NULL RETURNING payload)
         SELECT DISTINCT file FROM (SELECT * FROM over UNION ALL SELECT * FROM pending) AS gone,
            CAST(substring(payload #>> '{}' FROM '"outbox_file": *([0-9]+)') AS bigint) AS file
         WHERE file IS NOT NULL"#,
    )
    .bind(chat_id)
    .fetch_all(&mut *c)
    .await?;
    if files.is_empty() {
        return Ok(());
    }
    sqlx::query(
        r#"DELETE FROM outbox_files f WHERE id = ANY($1) AND NOT EXISTS (
            SELECT 1 FROM outbox o WHERE o.method <> 'sendMessage'
              AND CAST(substring(o.payload #>> '{}' FROM '"outbox_file": *([0-9]+)') AS bigint) = f.id)"#,
    )
    .bind(&files)
    .execute(c)
    .await
    .map(|_| ())
}

/// A chat's lease row as it stands after a statement that may have taken it.
#[derive(FromRow)]
pub(super) struct LeaseRow {
    pub chat_id: i64,
    pub lease_token: Uuid,
    pub writes: i64,
    pub backlog: bool,
    pub ahead_micros: i64,
}

/// All that is pending in a chat whose lease we hold, and the count of writes that this reading covers: one snapshot.
/// `None`: the lease is not ours any more.
pub(super) async fn read(pool: &PgPool, chat_id: i64, token: Uuid) -> sqlx::Result<Option<(i64, Vec<Row>)>> {
    #[derive(FromRow)]
    struct Joined {
        writes: i64,
        id: Option<OutboxId>,
        method: Option<String>,
        payload: Option<String>,
        edit_of: Option<OutboxId>,
        attempts: Option<i16>,
        priority: Option<i16>,
        trace_id: Option<String>,
    }
    let rows: Vec<Joined> = sqlx::query_as(
        "SELECT c.writes, o.id, o.method, o.payload::text AS payload, o.edit_of, o.attempts, o.priority, o.trace_id
         FROM outbox_chats c
         LEFT JOIN LATERAL (
            SELECT * FROM outbox o WHERE o.chat_id = c.chat_id AND o.sent_at IS NULL AND o.dead_at IS NULL
            ORDER BY o.priority, o.id LIMIT 50) o ON true
         WHERE c.chat_id = $1 AND c.lease_token = $2
         ORDER BY o.priority, o.id",
    )
    .bind(chat_id)
    .bind(token)
    .fetch_all(pool)
    .await?;
    let Some(writes) = rows.first().map(|r| r.writes) else { return Ok(None) };
    let row = |r: Joined| {
        Some(Row {
            id: r.id?,
            method: r.method?.into(),
            payload: r.payload?,
            edit_of: r.edit_of,
            attempts: r.attempts?,
            priority: r.priority?,
            trace_id: r.trace_id,
        })
    };
    Ok(Some((writes, rows.into_iter().filter_map(row).collect())))
}

/// Longer lease for the same holder. False: it is not ours any more.
pub(super) async fn renew(pool: &PgPool, chat_id: i64, token: Uuid, lease: Duration) -> sqlx::Result<bool> {
    sqlx::query(
        "UPDATE outbox_chats SET lease_until = clock_timestamp() + $3 * interval '1 microsecond'
         WHERE chat_id = $1 AND lease_token = $2",
    )
    .bind(chat_id)
    .bind(token)
    .bind(micros(lease))
    .execute(pool)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Gives a lease back with something still pending, to be looked at again after `pause`.
pub(super) async fn hand_back(pool: &PgPool, chat_id: i64, token: Uuid, pause: Duration) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox_chats SET lease_token = NULL, lease_until = NULL,
            due_at = clock_timestamp() + $3 * interval '1 microsecond'
         WHERE chat_id = $1 AND lease_token = $2",
    )
    .bind(chat_id)
    .bind(token)
    .bind(micros(pause))
    .execute(pool)
    .await
    .map(|_| ())
}

/// Telegram's 429: the chat rests, and the bot too when another chat was refused within the window. Fenced.
pub(super) async fn freeze(
    pool: &PgPool,
    bot_id: i64,
    chat_id: i64,
    token: Uuid,
    pause: Duration,
    window: Duration,
) -> sqlx::Result<bool> {
    let mut tx = pool.begin().await?;
    sqlx::query(
        "UPDATE outbox_chats SET lease_token = NULL, lease_until = NULL, refused_at = clock_timestamp(),
            due_at = clock_timestamp() + $3 * interval '1 microsecond',
            frozen_until = clock_timestamp() + $3 * interval '1 microsecond'
         WHERE chat_id = $1 AND lease_token = $2",
    )
    .bind(chat_id)
    .bind(token)
    .bind(micros(pause))
    .execute(&mut *tx)
    .await?;
    let others: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM outbox_chats
            WHERE refused_at > clock_timestamp() - $2 * interval '1 microsecond' AND chat_id <> $1)",
    )
    .bind(chat_id)
    .bind(micros(window))
    .fetch_one(&mut *tx)
    .await?;
    if others {
        sqlx::query(
            "INSERT INTO bot_state AS b (bot_id, frozen_until)
             VALUES ($1, clock_timestamp() + $2 * interval '1 microsecond')
             ON CONFLICT (bot_id) DO UPDATE SET frozen_until = greatest(b.frozen_until, excluded.frozen_until)",
        )
        .bind(bot_id)
        .bind(micros(pause))
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(others)
}

/// How long the whole bot has to rest, zero when it has not.
pub(super) async fn frozen_for(pool: &PgPool, bot_id: i64) -> sqlx::Result<Duration> {
    let micros: Option<i64> = sqlx::query_scalar(
        "SELECT (extract(epoch FROM frozen_until - clock_timestamp()) * 1000000)::bigint FROM bot_state
         WHERE bot_id = $1 AND frozen_until > clock_timestamp()",
    )
    .bind(bot_id)
    .fetch_optional(pool)
    .await?;
    Ok(Duration::from_micros(micros.and_then(|m| u64::try_from(m).ok()).unwrap_or(0)))
}

/// Chats with something due that nobody sends into, leased to the caller: people who wait before bulk.
/// `but`: those that the caller still sends into, under a lease that ran out.
pub(super) async fn claim(pool: &PgPool, room: usize, lease: Duration, but: &[i64]) -> sqlx::Result<Vec<Taken>> {
    let since = tokio::time::Instant::now();
    let rows: Vec<LeaseRow> = sqlx::query_as(
        "WITH due AS (
            SELECT chat_id FROM outbox_chats
            WHERE due_at <= clock_timestamp() AND (lease_until IS NULL OR lease_until < clock_timestamp())
              AND (frozen_until IS NULL OR frozen_until < clock_timestamp())
              AND chat_id <> ALL ($3)
            ORDER BY priority, due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
         UPDATE outbox_chats c SET lease_token = gen_random_uuid(),
            lease_until = clock_timestamp() + $2 * interval '1 microsecond'
         FROM due WHERE c.chat_id = due.chat_id
         RETURNING c.chat_id, c.lease_token, c.writes, true AS backlog,
            coalesce((extract(epoch FROM c.next_send_at - clock_timestamp()) * 1000000)::bigint, 0) AS ahead_micros",
    )
    .bind(i64::try_from(room).unwrap_or(i64::MAX))
    .bind(micros(lease))
    .bind(but)
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|l| Taken {
            chat_id: l.chat_id,
            token: l.lease_token,
            writes: l.writes,
            ahead_micros: l.ahead_micros,
            rows: None,
            since,
        })
        .collect())
}

/// One more request that was not answered; the lease is kept. Returns whether the message is dead: not answered for
/// as long as `give_up`. Fenced.
pub(super) async fn failed(
    pool: &PgPool,
    id: OutboxId,
    token: Uuid,
    error: &str,
    give_up: Duration,
) -> sqlx::Result<bool> {
    let dead: Option<bool> = sqlx::query_scalar(
        "UPDATE outbox o SET attempts = least(o.attempts + 1, 32767), error = $3,
            failing_since = coalesce(o.failing_since, clock_timestamp()),
            dead_at = CASE WHEN o.failing_since <= clock_timestamp() - $4 * interval '1 microsecond'
                           THEN clock_timestamp() END
         FROM outbox_chats c
         WHERE o.id = $1 AND c.chat_id = o.chat_id AND c.lease_token = $2 AND o.sent_at IS NULL
         RETURNING o.dead_at IS NOT NULL",
    )
    .bind(id)
    .bind(token)
    .bind(error)
    .bind(micros(give_up))
    .fetch_optional(pool)
    .await?;
    Ok(dead.unwrap_or(false))
}

/// A message that will never arrive, kept with its reason. Fenced.
pub(super) async fn bury(pool: &PgPool, id: OutboxId, token: Uuid, error: &str) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE outbox o SET attempts = least(o.attempts + 1, 32767), error = $3, dead_at = now() FROM outbox_chats c
         WHERE o.id = $1 AND c.chat_id = o.chat_id AND c.lease_token = $2 AND o.sent_at IS NULL",
    )
    .bind(id)
    .bind(token)
    .bind(error)
    .execute(pool)
    .await
    .map(|_| ())
}

/// The message that an edit names by its outbox row: Telegram's id once it was sent.
pub(super) async fn sent_as(pool: &PgPool, id: OutboxId) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar::<_, Option<i64>>("SELECT message_id FROM outbox WHERE id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
        .map(Option::flatten)
}

#[derive(FromRow)]
pub(super) struct StoredFile {
    pub file_name: String,
    pub mime: String,
    pub content: Option<Vec<u8>>,
    pub file_id: Option<String>,
}

pub(super) async fn file(pool: &PgPool, id: i64) -> sqlx::Result<Option<StoredFile>> {
    sqlx::query_as("SELECT file_name, mime, content, file_id FROM outbox_files WHERE id = $1")
        .bind(id)
        .fetch_optional(pool)
        .await
}

/// Uploaded once: from now on Telegram's id is sent, and the bytes may go.
pub(super) async fn uploaded(pool: &PgPool, id: i64, file_id: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE outbox_files SET file_id = $2, content = NULL WHERE id = $1")
        .bind(id)
        .bind(file_id)
        .execute(pool)
        .await
        .map(|_| ())
}

/// A group that became a supergroup: what is pending goes to its new id. Its row is locked first: who has written and
/// is about to commit is waited for, and who comes later finds nothing pending and a free lease.
pub(super) async fn moved(pool: &PgPool, from: i64, to: i64, token: Uuid) -> sqlx::Result<()> {
    let mut tx = pool.begin().await?;
    let ours = sqlx::query("SELECT 1 FROM outbox_chats WHERE chat_id = $1 AND lease_token = $2 FOR UPDATE")
        .bind(from)
        .bind(token)
        .fetch_optional(&mut *tx)
        .await?;
    if ours.is_none() {
        return tx.rollback().await;
    }
    sqlx::query("UPDATE outbox SET chat_id = $2 WHERE chat_id = $1 AND sent_at IS NULL AND dead_at IS NULL")
        .bind(from)
        .bind(to)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO outbox_chats AS c (chat_id, due_at) VALUES ($1, now())
         ON CONFLICT (chat_id) DO UPDATE SET writes = c.writes + 1, due_at = least(c.due_at, now())",
    )
    .bind(to)
    .execute(&mut *tx)
    .await?;
    sqlx::query("UPDATE outbox_chats SET lease_token = NULL, lease_until = NULL, due_at = NULL WHERE chat_id = $1")
        .bind(from)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

/// Puts dead messages back; they keep their place among what is still pending. Returns how many chats have some.
pub async fn replay_dead(connection: &mut PgConnection, ids: &[OutboxId]) -> sqlx::Result<u64> {
    let done = sqlx::query(
        "WITH back AS (
            UPDATE outbox SET dead_at = NULL, attempts = 0, error = NULL, failing_since = NULL
            WHERE id = ANY($1) AND dead_at IS NOT NULL RETURNING chat_id)
         INSERT INTO outbox_chats AS c (chat_id, due_at) SELECT DISTINCT chat_id, now() FROM back
         ON CONFLICT (chat_id) DO UPDATE SET writes = c.writes + 1, due_at = least(c.due_at, now())",
    )
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}
