//! `/admin/updates`: updates whose handler failed, and their replay in this process. The raw update holds what a
//! person wrote: it is shown on its own page, after a click that says so.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use sqlx::FromRow;
use vitte_platform::clock::Timestamp;
use vitte_platform::intake::{IntakeError, Replay};

use super::{PageFailure, PageResult, render};
use crate::desk::Desk;
use crate::view::{Frame, Paged, Pager, ROWS, When};

#[derive(FromRow)]
struct Row {
    update_id: i64,
    kind: String,
    chat_id: Option<i64>,
    error: String,
    failed_at: Timestamp,
    replayed_at: Option<Timestamp>,
}

struct Dead {
    id: i64,
    kind: String,
    chat_id: Option<i64>,
    error: String,
    failed: When,
    replayed: Option<When>,
}

impl Dead {
    fn new(desk: &Desk, row: Row) -> Self {
        Self {
            id: row.update_id,
            kind: row.kind,
            chat_id: row.chat_id,
            error: row.error,
            failed: desk.when(row.failed_at),
            replayed: row.replayed_at.map(|at| desk.when(at)),
        }
    }
}

#[derive(Template)]
#[template(path = "updates.html")]
struct ListPage {
    frame: Frame,
    notice: Option<String>,
    updates: Vec<Dead>,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    replayed: Option<i64>,
}

pub async fn list(desk: Desk, Query(paged): Query<Paged>, Query(asked): Query<Asked>) -> PageResult {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT update_id, kind, chat_id, error, failed_at, replayed_at FROM dead_updates
         WHERE bot_id = $1 AND replayed_at IS NULL ORDER BY failed_at DESC, update_id DESC LIMIT $2 OFFSET $3",
    )
    .bind(desk.bot_id)
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut updates: Vec<Dead> = rows.into_iter().map(|row| Dead::new(&desk, row)).collect();
    let pager = paged.pager("/admin/updates", Vec::new(), &mut updates);
    Ok(render(&ListPage {
        frame: desk.frame("Dead updates"),
        notice: asked.replayed.map(|id| format!("Update {id} was handled; its answer is on its way.")),
        updates,
        pager,
    }))
}

#[derive(Template)]
#[template(path = "update.html")]
struct OnePage {
    frame: Frame,
    update: Dead,
    /// Pretty JSON, once it was asked for.
    raw: Option<String>,
    /// Why a replay failed again.
    failed: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub struct Look {
    raw: Option<String>,
}

async fn find(desk: &Desk, id: i64) -> Result<Dead, PageFailure> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT update_id, kind, chat_id, error, failed_at, replayed_at FROM dead_updates
         WHERE bot_id = $1 AND update_id = $2",
    )
    .bind(desk.bot_id)
    .bind(id)
    .fetch_optional(&desk.pool)
    .await?;
    Ok(Dead::new(desk, row.ok_or(PageFailure::NotFound)?))
}

pub async fn show(desk: Desk, Path(id): Path<i64>, Query(look): Query<Look>) -> PageResult {
    let update = find(&desk, id).await?;
    let raw = match look.raw {
        None => None,
        Some(_) => {
            let raw: serde_json::Value =
                sqlx::query_scalar("SELECT raw FROM dead_updates WHERE bot_id = $1 AND update_id = $2")
                    .bind(desk.bot_id)
                    .bind(id)
                    .fetch_one(&desk.pool)
                    .await?;
            tracing::info!(update_id = id, "the owner looked at a raw update");
            Some(format!("{raw:#}"))
        }
    };
    Ok(render(&OnePage { frame: desk.frame(&format!("Update {id}")), update, raw, failed: None }))
}

pub async fn replay(desk: Desk, Path(id): Path<i64>) -> PageResult {
    let failed = match desk.intake.replay(id).await {
        Ok(Replay::Done) => {
            tracing::info!(update_id = id, "a dead update was replayed by the owner");
            return Ok(Redirect::to(&format!("/admin/updates?replayed={id}")).into_response());
        }
        Ok(Replay::Unknown) => "It was replayed already.".to_owned(),
        Ok(Replay::Failed(error)) => error,
        Err(IntakeError::Malformed(error)) => error.to_string(),
        Err(error @ (IntakeError::Unavailable(_) | IntakeError::Overloaded)) => {
            tracing::warn!(update_id = id, %error, "a replay was not taken");
            return Err(PageFailure::Away);
        }
    };
    let update = find(&desk, id).await?;
    Ok(render(&OnePage { frame: desk.frame(&format!("Update {id}")), update, raw: None, failed: Some(failed) }))
}
