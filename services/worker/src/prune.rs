//! Each night what is over goes: update ids, sent and dead messages, dead jobs, by their ages.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vitte_platform::jobs::{Class, Job, JobContext, JobError, Schedule};
use vitte_platform::outbox::{Retention, prune};

#[derive(Serialize, Deserialize)]
pub struct Prune;

impl Job for Prune {
    type State = Retention;
    const NAME: &'static str = "platform.prune";
    const CLASS: Class = Class::Bulk;
    const ATTEMPTS: u16 = 3;

    fn key(&self) -> Option<String> {
        Some("prune".to_owned())
    }

    async fn run(self, keep: &Retention, job: &mut JobContext) -> Result<(), JobError> {
        let rows = prune(&job.pool, *keep).await?;
        tracing::info!(rows, "pruned");
        Ok(())
    }
}

/// At 03:17 UTC; one night missed is made up for, older ones are the same work.
pub fn schedule() -> serde_json::Result<Schedule> {
    Schedule::new("platform.prune", "17 3 * * *", Duration::from_secs(24 * 3600), &Prune)
}
