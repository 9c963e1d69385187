//! `/admin/jobs`: what runs, what waits, what has died. Payloads are not shown: they may hold what people wrote.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use sqlx::FromRow;
use sqlx::types::JsonValue;
use vitte_platform::clock::Timestamp;
use vitte_platform::jobs;

use super::{Chosen, PageResult, Said, joined, render};
use crate::desk::Desk;
use crate::view::{Frame, Paged, Pager, ROWS, When};

#[derive(FromRow)]
struct JobRow {
    id: i64,
    name: String,
    class: String,
    attempts: i32,
    max_attempts: i32,
    run_at: Timestamp,
    created_at: Timestamp,
    running: bool,
    lost: bool,
    progress: Option<JsonValue>,
    error: Option<String>,
}

struct Job {
    id: i64,
    name: String,
    class: String,
    attempts: i32,
    max_attempts: i32,
    state: &'static str,
    due: When,
    made: When,
    progress: Vec<(String, String)>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct QueuePage {
    frame: Frame,
    jobs: Vec<Job>,
    pager: Pager,
}

/// An object's fields, side by side; anything else as it is.
fn progress(value: Option<JsonValue>) -> Vec<(String, String)> {
    let said = |v: &JsonValue| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    match value {
        None | Some(JsonValue::Null) => Vec::new(),
        Some(JsonValue::Object(fields)) => fields.iter().take(8).map(|(k, v)| (k.clone(), said(v))).collect(),
        Some(other) => vec![("progress".to_owned(), said(&other))],
    }
}

pub async fn queue(desk: Desk, Query(paged): Query<Paged>) -> PageResult {
    let rows: Vec<JobRow> = sqlx::query_as(
        "SELECT id, name, class, attempts, max_attempts, run_at, created_at, lease_token IS NOT NULL AS running,
            coalesce(lease_until < now(), false) AS lost, progress, error
         FROM jobs ORDER BY lease_token IS NULL, run_at, id LIMIT $1 OFFSET $2",
    )
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut jobs: Vec<Job> = rows
        .into_iter()
        .map(|row| Job {
            id: row.id,
            name: row.name,
            class: row.class,
            attempts: row.attempts,
            max_attempts: row.max_attempts,
            state: match (row.running, row.lost) {
                (true, false) => "running",
                (true, true) => "lost",
                (false, _) if row.run_at > desk.now() => "later",
                (false, _) => "waiting",
            },
            due: desk.when(row.run_at),
            made: desk.when(row.created_at),
            progress: progress(row.progress),
            error: row.error,
        })
        .collect();
    let pager = paged.pager("/admin/jobs", Vec::new(), &mut jobs);
    let mut frame = desk.frame("Jobs");
    frame.refresh = Some(15);
    Ok(render(&QueuePage { frame, jobs, pager }))
}

#[derive(FromRow)]
struct DeadRow {
    id: i64,
    name: String,
    attempts: i32,
    error: String,
    trace_id: Option<String>,
    died_at: Timestamp,
}

struct Dead {
    id: i64,
    name: String,
    attempts: i32,
    error: String,
    trace_id: Option<String>,
    died: When,
}

#[derive(Template)]
#[template(path = "jobs_dead.html")]
struct DeadPage {
    frame: Frame,
    notice: Option<String>,
    jobs: Vec<Dead>,
    ids: String,
    pager: Pager,
}

pub async fn dead(desk: Desk, Query(paged): Query<Paged>, Query(said): Query<Said>) -> PageResult {
    let rows: Vec<DeadRow> = sqlx::query_as(
        "SELECT id, name, attempts, error, trace_id, died_at FROM dead_jobs
         WHERE replayed_at IS NULL ORDER BY died_at DESC, id DESC LIMIT $1 OFFSET $2",
    )
    .bind(ROWS + 1)
    .bind(paged.offset())
    .fetch_all(&desk.pool)
    .await?;
    let mut jobs: Vec<Dead> = rows
        .into_iter()
        .map(|row| Dead {
            id: row.id,
            name: row.name,
            attempts: row.attempts,
            error: row.error,
            trace_id: row.trace_id,
            died: desk.when(row.died_at),
        })
        .collect();
    let pager = paged.pager("/admin/jobs/dead", Vec::new(), &mut jobs);
    Ok(render(&DeadPage {
        frame: desk.frame("Dead jobs"),
        notice: said.count("job", "jobs", "put back into the queue"),
        ids: joined(jobs.iter().map(|j| j.id)),
        jobs,
        pager,
    }))
}

pub async fn replay(desk: Desk, Form(chosen): Form<Chosen>) -> PageResult {
    let ids = chosen.ids()?;
    let mut tx = desk.pool.begin().await?;
    let mut done = 0;
    for id in ids {
        done += i64::from(jobs::replay_dead(&mut tx, id).await?);
    }
    tx.commit().await?;
    tracing::info!(jobs = done, "dead jobs were put back by the owner");
    Ok(Redirect::to(&format!("/admin/jobs/dead?said={done}")).into_response())
}
