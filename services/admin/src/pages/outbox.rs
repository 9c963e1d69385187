//! `/admin/outbox`: what waits, chat by chat, and what will never arrive by itself. No message's text is shown.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use sqlx::FromRow;
use vitte_platform::clock::Timestamp;
use vitte_platform::outbox;

use super::{Chosen, PageResult, Said, joined, render};
use crate::desk::Desk;
use crate::view::{Frame, Paged, Pager, ROWS, When, name};

#[derive(FromRow)]
struct ChatRow {
    chat_id: i64,
    pending: i64,
    oldest: Timestamp,
    due_at: Option<Timestamp>,
    frozen_until: Option<Timestamp>,
    sending: bool,
    error: Option<String>,
    person: Option<i64>,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
}

struct Chat {
    id: i64,
    name: String,
    person: Option<i64>,
    pending: i64,
    oldest: When,
    state: &'static str,
    next: Option<When>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct PendingPage {
    frame: Frame,
    chats: Vec<Chat>,
    pager: Pager,
}

pub async fn pending(desk: Desk, Query(paged): Query<Paged>) -> PageResult {
    let rows: Vec<ChatRow> = sqlx::query_as(
        "SELECT o.chat_id, o.pending, o.oldest, o.error, c.due_at,
            CASE WHEN c.frozen_until > now() THEN c.frozen_until END AS frozen_until,
            coalesce(c.lease_until > now(), false) AS sending,
            u.id AS person, u.first_name, u.last_name, u.username
         FROM (SELECT chat_id, count(*) AS pending, min(created_at) AS oldest,
                (array_agg(error ORDER BY id) FILTER (WHERE error IS NOT NULL))[1] AS error
               FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL
               GROUP BY chat_id ORDER BY min(created_at), chat_id LIMIT $1 OFFSET $2) AS o
         LEFT JOIN outbox_chats c USING (chat_id)
         LEFT JOIN users u ON u.telegram_id = o.chat_id
         ORDER BY o.oldest, o.chat_id",
    )
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut chats: Vec<Chat> = rows
        .into_iter()
        .map(|row| Chat {
            id: row.chat_id,
            name: chat_name(
                row.chat_id,
                row.person,
                row.first_name.as_deref(),
                row.last_name.as_deref(),
                row.username.as_deref(),
            ),
            person: row.person,
            pending: row.pending,
            oldest: desk.when(row.oldest),
            state: match (row.frozen_until, row.sending) {
                (Some(_), _) => "frozen",
                (None, true) => "sending",
                (None, false) => "waiting",
            },
            next: row.frozen_until.or(row.due_at.filter(|at| *at > desk.now())).map(|at| desk.when(at)),
            error: row.error,
        })
        .collect();
    let pager = paged.pager("/admin/outbox", Vec::new(), &mut chats);
    Ok(render(&PendingPage { frame: desk.frame("Outbox"), chats, pager }))
}

fn chat_name(id: i64, person: Option<i64>, first: Option<&str>, last: Option<&str>, username: Option<&str>) -> String {
    match person {
        Some(_) => name(first, last, username),
        None if id < 0 => "a group".to_owned(),
        None => "somebody unknown".to_owned(),
    }
}

#[derive(FromRow)]
struct DeadRow {
    id: i64,
    chat_id: i64,
    method: String,
    attempts: i16,
    error: Option<String>,
    dead_at: Timestamp,
    trace_id: Option<String>,
    person: Option<i64>,
    first_name: Option<String>,
    last_name: Option<String>,
    username: Option<String>,
}

struct Dead {
    id: i64,
    chat_id: i64,
    name: String,
    person: Option<i64>,
    method: String,
    attempts: i16,
    error: String,
    died: When,
    trace_id: Option<String>,
}

#[derive(Template)]
#[template(path = "outbox_dead.html")]
struct DeadPage {
    frame: Frame,
    notice: Option<String>,
    messages: Vec<Dead>,
    ids: String,
    pager: Pager,
}

pub async fn dead(desk: Desk, Query(paged): Query<Paged>, Query(said): Query<Said>) -> PageResult {
    let rows: Vec<DeadRow> = sqlx::query_as(
        "SELECT o.id, o.chat_id, o.method, o.attempts, o.error, o.dead_at, o.trace_id,
            u.id AS person, u.first_name, u.last_name, u.username
         FROM outbox o LEFT JOIN users u ON u.telegram_id = o.chat_id
         WHERE o.dead_at IS NOT NULL ORDER BY o.dead_at DESC, o.id DESC LIMIT $1 OFFSET $2",
    )
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut messages: Vec<Dead> = rows
        .into_iter()
        .map(|row| Dead {
            id: row.id,
            chat_id: row.chat_id,
            name: chat_name(
                row.chat_id,
                row.person,
                row.first_name.as_deref(),
                row.last_name.as_deref(),
                row.username.as_deref(),
            ),
            person: row.person,
            method: row.method,
            attempts: row.attempts,
            error: row.error.unwrap_or_default(),
            died: desk.when(row.dead_at),
            trace_id: row.trace_id,
        })
        .collect();
    let pager = paged.pager("/admin/outbox/dead", Vec::new(), &mut messages);
    Ok(render(&DeadPage {
        frame: desk.frame("Dead messages"),
        notice: said.count("message", "messages", "put back into its place"),
        ids: joined(messages.iter().map(|m| m.id)),
        messages,
        pager,
    }))
}

pub async fn replay(desk: Desk, Form(chosen): Form<Chosen>) -> PageResult {
    let ids = chosen.ids()?;
    let mut tx = desk.pool.begin().await?;
    // The statement itself tells chats, not messages.
    let messages: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE id = ANY($1) AND dead_at IS NOT NULL")
        .bind(&ids)
        .fetch_one(&mut *tx)
        .await?;
    outbox::replay_dead(&mut tx, &ids).await?;
    tx.commit().await?;
    desk.sender.wake();
    tracing::info!(messages, "dead messages were put back by the owner");
    Ok(Redirect::to(&format!("/admin/outbox/dead?said={messages}")).into_response())
}
