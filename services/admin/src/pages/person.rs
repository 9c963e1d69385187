//! `/admin/people/{id}`: one person, what waits for them, and the end of both.

use askama::Template;
use axum::Form;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use sqlx::{FromRow, PgConnection};
use vitte_platform::clock::Timestamp;
use vitte_platform::database;
use vitte_platform::telemetry::trace;
use vitte_platform::users::{self, User};

use super::{PageFailure, PageResult, render};
use crate::desk::Desk;
use crate::view::{Frame, When, name};

#[derive(FromRow)]
struct Counts {
    pending: i64,
    sent: i64,
    dead_messages: i64,
    jobs: i64,
    dead_updates: i64,
    dialogue: Option<String>,
    last_sent: Option<Timestamp>,
}

/// What a module knows of the person.
struct Part {
    title: &'static str,
    /// HTML that the module has escaped.
    body: String,
}

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    name: String,
    speaks: String,
    since: When,
    changed: When,
    last_sent: Option<When>,
    user: User,
    counts: Counts,
    parts: Vec<Part>,
}

async fn find(c: &mut PgConnection, id: i64) -> Result<User, PageFailure> {
    let user: Option<User> = sqlx::query_as(
        "SELECT id, telegram_id, username, first_name, last_name, client_language, language, timezone, is_active,
            is_bot_blocked, created_at, updated_at FROM users WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(c)
    .await?;
    user.ok_or(PageFailure::NotFound)
}

pub async fn show(desk: Desk, Path(id): Path<i64>) -> PageResult {
    let mut connection = desk.pool.acquire().await?;
    let user = find(&mut connection, id).await?;
    // In a private chat the chat's id is the person's. What is over and what is pending have an index each.
    let counts: Counts = sqlx::query_as(
        "SELECT (SELECT count(*) FROM outbox WHERE chat_id = $1 AND sent_at IS NULL AND dead_at IS NULL) AS pending,
            count(*) FILTER (WHERE sent_at IS NOT NULL) AS sent, count(*) FILTER (WHERE dead_at IS NOT NULL) AS dead_messages,
            max(sent_at) AS last_sent,
            (SELECT count(*) FROM jobs WHERE key = $1::text) AS jobs,
            (SELECT count(*) FROM dead_updates WHERE user_id = $1 AND replayed_at IS NULL) AS dead_updates,
            (SELECT module FROM conversations WHERE telegram_id = $1 AND chat_id = $1 AND expires_at > now()) AS dialogue
         FROM outbox WHERE chat_id = $1 AND (sent_at IS NOT NULL OR dead_at IS NOT NULL)",
    )
    .bind(user.telegram_id)
    .fetch_one(&mut *connection)
    .await?;
    let mut parts = Vec::new();
    for page in &desk.modules {
        let Some(draw) = &page.person else { continue };
        let body = draw(desk.ask(), id).await.map_err(|error| {
            let trace_id = trace::current_or_new();
            tracing::error!(
                trace_id,
                page = page.path,
                error = format!("{error:#}"),
                "a module's part of a page failed"
            );
            if database::is_transient_chain(&error) { PageFailure::Away } else { PageFailure::Broken }
        })?;
        if !body.is_empty() {
            parts.push(Part { title: page.title, body });
        }
    }
    let called = name(user.first_name.as_deref(), user.last_name.as_deref(), user.username.as_deref());
    Ok(render(&PersonPage {
        frame: desk.frame(&called),
        name: called,
        speaks: user.speaks(&desk.languages).to_owned(),
        since: desk.when(user.created_at),
        changed: desk.when(user.updated_at),
        last_sent: counts.last_sent.map(|at| desk.when(at)),
        user,
        counts,
        parts,
    }))
}

#[derive(Debug, Deserialize)]
pub struct Confirmed {
    #[serde(default)]
    telegram_id: String,
}

pub async fn erase(desk: Desk, Path(id): Path<i64>, Form(confirmed): Form<Confirmed>) -> PageResult {
    let mut tx = desk.pool.begin().await?;
    let user = find(&mut tx, id).await?;
    if confirmed.telegram_id.trim() != user.telegram_id.to_string() {
        return Err(PageFailure::Wrong(
            "The number typed is not this person's Telegram id. Nothing was erased.".to_owned(),
        ));
    }
    // The chat's lock, as a turn takes it: nobody writes for this person meanwhile.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(user.telegram_id).execute(&mut *tx).await?;
    users::erase(&mut tx, &user).await?;
    tx.commit().await?;
    desk.registry.modules().for_each(|module| module.person_changed(user.id));
    tracing::info!(user = id, "a person was erased by the owner");
    Ok(Redirect::to("/admin/people?erased=yes").into_response())
}
