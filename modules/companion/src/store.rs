//! The conversation's SQL.
//!
//! A person's message with neither `answered_at` nor `refused_at` is owed an answer. One that is refused (by the model's
//! provider, which will not see it) is never shown to the model again.

use sqlx::{FromRow, PgConnection, PgPool};
use vitte_platform::clock::Timestamp;

use crate::domain::{Said, Speaker};
use crate::model::Usage;

/// Most messages answered by one answer; more stay owed for the next.
const BATCH: i64 = 100;

/// What the model is to answer, and what was said before it.
#[derive(Debug, Default)]
pub struct Thread {
    /// Ids of the owed messages.
    pub owed: Vec<i64>,
    /// Oldest first; the owed ones last.
    pub said: Vec<Said>,
    /// Nothing was said before the first of these.
    pub from_the_start: bool,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    role: String,
    content: String,
    at: Timestamp,
}

impl Row {
    fn said(self) -> Said {
        let by = if self.role == "assistant" { Speaker::Persona } else { Speaker::Person };
        Said { by, text: self.content }
    }
}

/// Text as PostgreSQL can keep it.
fn storable(text: &str) -> String {
    text.replace('\0', "")
}

pub async fn add_from_person(
    c: &mut PgConnection,
    (chat_id, user_id): (i64, i64),
    persona: &str,
    text: &str,
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO companion_messages (chat_id, user_id, persona, role, content, created_at)
         VALUES ($1, $2, $3, 'user', $4, $5)",
    )
    .bind(chat_id)
    .bind(user_id)
    .bind(persona)
    .bind(storable(text))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ())
}

/// Loads what is owed and at most `limit` messages in all (the owed ones whatever their number, up to a batch).
///
/// Waits for the chat's turn that is being committed: its message found this job still waiting and enqueued no other
/// one, so a look that came before its commit would leave it without an answer until the next message.
pub async fn thread(pool: &PgPool, chat_id: i64, persona: &str, limit: u32) -> sqlx::Result<Thread> {
    let mut tx = pool.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1)").bind(chat_id).execute(&mut *tx).await?;
    let owed: Vec<Row> = sqlx::query_as(
        "SELECT id, role, content, created_at AS at FROM companion_messages
         WHERE chat_id = $1 AND role = 'user' AND answered_at IS NULL AND refused_at IS NULL ORDER BY id LIMIT $2",
    )
    .bind(chat_id)
    .bind(BATCH)
    .fetch_all(&mut *tx)
    .await?;
    if owed.is_empty() {
        return Ok(Thread::default());
    }
    let room = i64::from(limit).saturating_sub(i64::try_from(owed.len()).unwrap_or(i64::MAX)).max(0);
    let mut past: Vec<Row> = sqlx::query_as(
        "SELECT id, role, content, coalesce(answered_at, created_at) AS at FROM companion_messages
         WHERE chat_id = $1 AND persona = $2 AND refused_at IS NULL AND (role = 'assistant' OR answered_at IS NOT NULL)
         ORDER BY id DESC LIMIT $3",
    )
    .bind(chat_id)
    .bind(persona)
    .bind(room)
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    let from_the_start = i64::try_from(past.len()).unwrap_or(i64::MAX) < room;
    // A message that came while another was being answered has the smaller id but belongs after that answer.
    past.sort_by_key(|row| (row.at, row.id));
    let ids = owed.iter().map(|row| row.id).collect();
    let said = past.into_iter().chain(owed).map(Row::said).collect();
    Ok(Thread { owed: ids, said, from_the_start })
}

/// Is another message than `last` the last that is owed? The person wrote on, or is gone.
pub async fn moved_on(pool: &PgPool, chat_id: i64, last: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT max(id) IS DISTINCT FROM $2 FROM companion_messages
         WHERE chat_id = $1 AND role = 'user' AND answered_at IS NULL AND refused_at IS NULL",
    )
    .bind(chat_id)
    .bind(last)
    .fetch_one(pool)
    .await
}

/// How many messages of a chat are owed an answer.
pub async fn owed(c: &mut PgConnection, chat_id: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT count(*) FROM companion_messages
         WHERE chat_id = $1 AND role = 'user' AND answered_at IS NULL AND refused_at IS NULL",
    )
    .bind(chat_id)
    .fetch_one(c)
    .await
}

/// The persona's answer to exactly these messages.
pub async fn add_answer(
    c: &mut PgConnection,
    (chat_id, user_id): (i64, i64),
    persona: &str,
    text: &str,
    answers: &[i64],
    now: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE companion_messages SET answered_at = $2 WHERE id = ANY($1) AND answered_at IS NULL")
        .bind(answers)
        .bind(now)
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "INSERT INTO companion_messages (chat_id, user_id, persona, role, content, created_at)
         VALUES ($1, $2, $3, 'assistant', $4, $5)",
    )
    .bind(chat_id)
    .bind(user_id)
    .bind(persona)
    .bind(storable(text))
    .bind(now)
    .execute(c)
    .await
    .map(|_| ())
}

/// These will not be answered, nor shown to the model again.
pub async fn set_aside(c: &mut PgConnection, messages: &[i64], now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE companion_messages SET refused_at = $2 WHERE id = ANY($1)")
        .bind(messages)
        .bind(now)
        .execute(c)
        .await
        .map(|_| ())
}

pub async fn add_usage(
    c: &mut PgConnection,
    user_id: i64,
    usage: &Usage,
    estimated: bool,
    now: Timestamp,
) -> sqlx::Result<()> {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    sqlx::query(
        "INSERT INTO companion_usage (user_id, model, prompt_tokens, completion_tokens, estimated, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(user_id)
    .bind(storable(&usage.model))
    .bind(count(usage.prompt_tokens))
    .bind(count(usage.completion_tokens))
    .bind(estimated)
    .bind(now)
    .execute(c)
    .await
    .map(|_| ())
}
