//! `/admin`: is all well, and where to look if not.

use askama::Template;
use sqlx::FromRow;
use vitte_platform::clock::Timestamp;

use super::{PageResult, render};
use crate::desk::Desk;
use crate::view::{Frame, When};

#[derive(FromRow)]
struct Counts {
    people: i64,
    new_people: i64,
    blocked: i64,
    updates: i64,
    sent: i64,
    pending: i64,
    oldest_pending: Option<Timestamp>,
    dead_messages: i64,
    jobs_waiting: i64,
    jobs_later: i64,
    jobs_running: i64,
    dead_jobs: i64,
    dead_updates: i64,
    frozen_until: Option<Timestamp>,
}

struct Process {
    role: String,
    id: String,
    seen: When,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    counts: Counts,
    waits: Option<When>,
    frozen: Option<When>,
    processes: Vec<Process>,
    languages: String,
    version: &'static str,
}

impl Overview {
    fn needs_you(&self) -> bool {
        self.counts.dead_messages + self.counts.dead_jobs + self.counts.dead_updates > 0
    }
}

pub async fn show(desk: Desk) -> PageResult {
    // "Today" is the day in UTC: the owner's zone is not known here.
    let midnight = desk.now().date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let counts: Counts = sqlx::query_as(
        "SELECT (SELECT count(*) FROM users) AS people,
            (SELECT count(*) FROM users WHERE created_at >= $2) AS new_people,
            (SELECT count(*) FROM users WHERE is_bot_blocked) AS blocked,
            (SELECT count(*) FROM updates WHERE bot_id = $1 AND received_at >= $2) AS updates,
            (SELECT count(*) FROM outbox WHERE sent_at >= $2) AS sent,
            (SELECT count(*) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL) AS pending,
            (SELECT min(created_at) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL) AS oldest_pending,
            (SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL) AS dead_messages,
            (SELECT count(*) FROM jobs WHERE lease_token IS NULL AND run_at <= now()) AS jobs_waiting,
            (SELECT count(*) FROM jobs WHERE lease_token IS NULL AND run_at > now()) AS jobs_later,
            (SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL) AS jobs_running,
            (SELECT count(*) FROM dead_jobs WHERE replayed_at IS NULL) AS dead_jobs,
            (SELECT count(*) FROM dead_updates WHERE bot_id = $1 AND replayed_at IS NULL) AS dead_updates,
            (SELECT frozen_until FROM bot_state WHERE bot_id = $1 AND frozen_until > now()) AS frozen_until",
    )
    .bind(desk.bot_id)
    .bind(midnight)
    .fetch_one(&desk.pool)
    .await?;
    let processes: Vec<(String, String, Timestamp)> =
        sqlx::query_as("SELECT role, left(id::text, 8), seen_at FROM processes ORDER BY role, seen_at DESC LIMIT 50")
            .fetch_all(&desk.pool)
            .await?;
    let processes = processes.into_iter().map(|(role, id, seen)| Process { role, id, seen: desk.when(seen) }).collect();
    let mut frame = desk.frame("Overview");
    frame.refresh = Some(15);
    Ok(render(&Overview {
        frame,
        waits: counts.oldest_pending.map(|at| desk.when(at)),
        frozen: counts.frozen_until.map(|at| desk.when(at)),
        counts,
        processes,
        languages: desk.languages.join(", "),
        version: env!("CARGO_PKG_VERSION"),
    }))
}
