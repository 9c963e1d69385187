//! Health: alive (the process answers), ready (the database answers, the schema is there, not stopping), and what each
//! part says. Readiness depends on PostgreSQL alone, never on Redis or Telegram.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use sqlx::PgPool;

use crate::database;
use crate::redis::Redis;
use crate::telemetry::{gather, metrics};

/// What a process's health is read from. Cheap to clone.
#[derive(Clone)]
pub struct Health(Arc<Inner>);

struct Inner {
    pool: PgPool,
    redis: Option<Redis>,
    serving: AtomicBool,
}

impl Health {
    /// Not ready until [`Health::set_serving`].
    pub fn new(pool: PgPool, redis: Option<Redis>) -> Self {
        Self(Arc::new(Inner { pool, redis, serving: AtomicBool::new(false) }))
    }

    /// True once the role takes work; false again when it stops, so that nobody sends it more.
    pub fn set_serving(&self, serving: bool) {
        self.0.serving.store(serving, Ordering::Relaxed);
    }

    /// `/health`, `/health/live`, `/health/ready`, `/health/db`, `/health/redis`, `/metrics`.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(all))
            .route("/health/live", get(|| async { Json(json!({"status": "ok"})) }))
            .route("/health/ready", get(ready))
            .route("/health/db", get(db))
            .route("/health/redis", get(redis))
            .route("/metrics", get(scrape))
            .with_state(self.clone())
    }
}

fn answer(ok: bool, body: serde_json::Value) -> Response {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "out" }
}

async fn db(State(health): State<Health>) -> Response {
    let ok = database::ping(&health.0.pool).await;
    answer(ok, json!({"status": word(ok)}))
}

async fn redis(State(health): State<Health>) -> Response {
    match &health.0.redis {
        None => answer(true, json!({"status": "ok", "detail": "not configured; limits and rates are kept in process"})),
        Some(redis) => {
            let ok = redis.ping().await;
            answer(ok, json!({"status": word(ok)}))
        }
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let serving = health.0.serving.load(Ordering::Relaxed);
    let ok = serving && database::ping(&health.0.pool).await;
    answer(ok, json!({"status": word(ok), "serving": serving}))
}

async fn all(State(health): State<Health>) -> Response {
    let serving = health.0.serving.load(Ordering::Relaxed);
    let db = database::ping(&health.0.pool).await;
    let redis = match &health.0.redis {
        None => "not configured",
        Some(redis) => word(redis.ping().await),
    };
    let ok = serving && db;
    answer(ok, json!({"status": word(ok), "serving": serving, "db": word(db), "redis": redis}))
}

/// Stored state is read at scrape: no process has to count for the others.
async fn scrape(State(health): State<Health>) -> Response {
    let stored = async {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT 'outbox_pending', count(*) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL
             UNION ALL SELECT 'outbox_dead', count(*) FROM outbox WHERE dead_at IS NOT NULL
             UNION ALL SELECT 'jobs_waiting', count(*) FROM jobs WHERE lease_token IS NULL
             UNION ALL SELECT 'jobs_running', count(*) FROM jobs WHERE lease_token IS NOT NULL
             UNION ALL SELECT 'jobs_dead', count(*) FROM dead_jobs WHERE replayed_at IS NULL
             UNION ALL SELECT 'updates_dead', count(*) FROM dead_updates WHERE replayed_at IS NULL
             UNION ALL SELECT 'users', count(*) FROM users",
        )
        .fetch_all(&health.0.pool)
        .await?;
        for (what, count) in rows {
            metrics().stored.with_label_values(&[what.as_str()]).set(count);
        }
        Ok::<_, sqlx::Error>(())
    };
    if !matches!(tokio::time::timeout(std::time::Duration::from_secs(2), stored).await, Ok(Ok(()))) {
        metrics().stored.reset();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], gather()).into_response()
}
