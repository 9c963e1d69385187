//! The sweep: finds chats that are due and that nobody sends into. What a dead process left, what waits for a freeze
//! or a retry, and all bulk. It also says that this process lives, and learns how many others do.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::Sender;
use super::store;
use crate::clock::jitter;
use crate::database::within;

const HEARTBEAT: Duration = Duration::from_secs(5);
/// A process that was not seen for this long does not count for the rate's division.
const SILENT: Duration = Duration::from_secs(15);

impl Sender {
    /// Runs until the sender is told to stop. One a process.
    pub(super) async fn sweep(self, role: &'static str) {
        let process = Uuid::new_v4();
        let mut beat: Option<Instant> = None;
        let mut failures = 0u32;
        loop {
            let interval = self.settings().sweep_interval.saturating_mul(2u32.saturating_pow(failures.min(4)));
            tokio::select! {
                () = self.stopping().cancelled() => break,
                () = tokio::time::sleep(jitter(interval)) => {}
                () = self.woken() => {}
            }
            let due = beat.is_none_or(|at| at.elapsed() > HEARTBEAT);
            let look = async {
                if due {
                    let live = heartbeat(self.pool(), process, role).await?;
                    self.gate().set_shares(live);
                }
                self.sweep_once().await
            };
            match within(self.patience(), look).await {
                Ok(()) => {
                    failures = 0;
                    if due {
                        beat = Some(Instant::now());
                    }
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, failures, "the outbox cannot be looked through");
                }
            }
        }
        let gone = sqlx::query("DELETE FROM processes WHERE id = $1").bind(process).execute(self.pool());
        // Best effort: others stop counting us anyway.
        let _ = tokio::time::timeout(Duration::from_secs(1), gone).await;
    }

    async fn sweep_once(&self) -> sqlx::Result<()> {
        let frozen = store::frozen_for(self.pool(), self.telegram().bot_id()).await?;
        self.set_frozen(frozen);
        if !frozen.is_zero() {
            return Ok(());
        }
        // While Telegram is away, one chat's message asks for it.
        let room = if self.is_away() { usize::from(self.probe_is_due()) } else { self.room() };
        if room > 0 {
            let taken = store::claim(self.pool(), room.min(64), self.settings().lease, &self.overdue()).await?;
            if taken.len() == 64 {
                self.wake();
            }
            self.dispatch_taken(taken);
        }
        Ok(())
    }
}

async fn heartbeat(pool: &sqlx::PgPool, process: Uuid, role: &str) -> sqlx::Result<u32> {
    let live: i64 = sqlx::query_scalar(
        "WITH me AS (
            INSERT INTO processes (id, role, seen_at) VALUES ($1, $2, now())
            ON CONFLICT (id) DO UPDATE SET seen_at = now()),
         gone AS (DELETE FROM processes WHERE seen_at < now() - interval '1 hour')
         SELECT count(*) + 1 FROM processes
         WHERE id <> $1 AND seen_at > now() - $3 * interval '1 microsecond'",
    )
    .bind(process)
    .bind(role)
    .bind(store::micros(SILENT))
    .fetch_one(pool)
    .await?;
    Ok(u32::try_from(live).unwrap_or(1))
}
