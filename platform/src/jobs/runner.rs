//! The worker's loops: one a class takes jobs, one renews leases, one reaps what dead workers left, one fires schedules.
//!
//! A fault of the database ends no loop: each waits with backoff and goes on.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::store::{self, Next, Taken};
use super::{Class, JobContext, JobError, JobHandler, Schedule, WAKE, by_name, schedule};
use crate::clock::{Clock, backoff, jitter, random_hex};
use crate::outbox::Sender;
use crate::telemetry::{metrics, trace};

#[derive(Debug, Clone)]
pub struct JobSettings {
    /// A job whose worker is silent for this long goes to another.
    pub lease: Duration,
    /// How often jobs are looked for when nothing hints at one.
    pub poll: Duration,
    /// Jobs run at one time in this process, by class.
    pub concurrency: fn(Class) -> usize,
    /// First and longest pause before a job is tried again.
    pub retry_first: Duration,
    pub retry_cap: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(8),
            poll: Duration::from_secs(1),
            concurrency: |class| match class {
                Class::Interactive => 16,
                Class::Model => 64,
                Class::Media => 4,
                Class::Bulk => 4,
            },
            retry_first: Duration::from_secs(1),
            retry_cap: Duration::from_secs(600),
        }
    }
}

/// This process's worker. Cheap to clone.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    pool: PgPool,
    sender: Sender,
    clock: Arc<dyn Clock>,
    settings: JobSettings,
    handlers: HashMap<&'static str, JobHandler>,
    schedules: Vec<Schedule>,
    /// What runs here: cancelled when its lease is found to be lost.
    running: Mutex<HashMap<Uuid, CancellationToken>>,
    looks: HashMap<Class, Notify>,
    takers: TaskTracker,
    loops: TaskTracker,
    jobs: TaskTracker,
    stop: CancellationToken,
    /// Ends the renewal of leases, after the last job.
    stop_renewing: CancellationToken,
}

impl Runner {
    /// Starts the loops.
    pub fn start(
        pool: PgPool,
        sender: Sender,
        clock: Arc<dyn Clock>,
        settings: JobSettings,
        handlers: Vec<JobHandler>,
        schedules: Vec<Schedule>,
    ) -> Self {
        let runner = Self(Arc::new(Inner {
            pool,
            sender,
            clock,
            settings,
            handlers: by_name(handlers),
            schedules,
            running: Mutex::default(),
            looks: Class::ALL.into_iter().map(|class| (class, Notify::new())).collect(),
            takers: TaskTracker::new(),
            loops: TaskTracker::new(),
            jobs: TaskTracker::new(),
            stop: CancellationToken::new(),
            stop_renewing: CancellationToken::new(),
        }));
        let loops = &runner.0.loops;
        for class in Class::ALL {
            if runner.0.handlers.values().any(|h| h.class == class) {
                runner.0.takers.spawn(runner.clone().take(class));
            }
        }
        loops.spawn(runner.clone().listen());
        loops.spawn(runner.clone().renew());
        loops.spawn(runner.clone().reap_and_fire());
        runner
    }

    /// Stops taking, waits for what runs, hands the rest back uncounted. Ends within the limit and a second.
    pub async fn close(&self, limit: Duration) {
        let inner = &self.0;
        inner.stop.cancel();
        inner.takers.close();
        inner.loops.close();
        inner.jobs.close();
        let ended = async {
            // Until they have ended, what they took may still come.
            inner.takers.wait().await;
            inner.jobs.wait().await;
        };
        if tokio::time::timeout(limit, ended).await.is_err() {
            let left: Vec<_> = inner.running.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
            tracing::info!(jobs = left.len(), "unfinished jobs are handed back");
            left.iter().for_each(CancellationToken::cancel);
            // Their hand-back is one statement each.
            let _ = tokio::time::timeout(Duration::from_secs(1), inner.jobs.wait()).await;
        }
        inner.stop_renewing.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(1), inner.loops.wait()).await;
    }

    fn look(&self, class: Option<&str>) {
        for (c, notify) in &self.0.looks {
            if class.is_none_or(|name| name == c.as_str()) {
                notify.notify_one();
            }
        }
    }

    async fn take(self, class: Class) {
        let inner = &self.0;
        let permits = Arc::new(Semaphore::new((inner.settings.concurrency)(class)));
        let known: Vec<&str> = inner.handlers.values().filter(|h| h.class == class).map(|h| h.name).collect();
        let mut failures = 0u32;
        while !inner.stop.is_cancelled() {
            // One permit is waited for; as many as are free are asked for.
            let first = tokio::select! {
                biased;
                () = inner.stop.cancelled() => return,
                first = permits.acquire() => first,
            };
            let room = 1 + permits.available_permits();
            drop(first);
            // Not given up halfway: what it took and nobody heard of would wait for its lease to run out.
            let taken = match store::take(&inner.pool, class, &known, room, inner.settings.lease).await {
                Ok(taken) => {
                    failures = 0;
                    taken
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, class = class.as_str(), failures, "jobs cannot be taken; trying again");
                    Vec::new()
                }
            };
            let full = taken.len() == room;
            for job in taken {
                if inner.stop.is_cancelled() {
                    self.end(&job, Next::HandBack, "its worker stopped").await;
                    continue;
                }
                let permit = permits.clone().acquire_owned().await;
                let runner = self.clone();
                inner.jobs.spawn(async move {
                    runner.run(job, class).await;
                    drop(permit);
                    // What waits for this job's key can be taken now.
                    runner.look(Some(class.as_str()));
                });
            }
            if !full {
                let pause = match failures {
                    0 => jitter(inner.settings.poll),
                    n => backoff(n, inner.settings.poll, Duration::from_secs(30)),
                };
                tokio::select! {
                    () = inner.stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => {}
                    () = inner.looks[&class].notified(), if failures == 0 => {}
                    () = WAKE.notified(), if failures == 0 => {}
                }
            }
        }
    }

    async fn run(&self, taken: Taken, class: Class) {
        let inner = &self.0;
        let lost = CancellationToken::new();
        inner.running.lock().unwrap_or_else(PoisonError::into_inner).insert(taken.lease_token, lost.clone());
        let running = metrics().jobs_running.with_label_values(&[class.as_str()]);
        running.inc();
        let started = Instant::now();
        let span = trace::job(&taken.name, taken.trace_id.as_deref().unwrap_or_default());
        let result = tokio::select! {
            biased;
            result = self.run_handler(&taken).instrument(span.clone()) => Some(result),
            () = lost.cancelled() => None,
        };
        // From here on nothing cancels it: what is committed has to be sent, and a commit cut off is one that nobody knows
        // of. It is a few statements, fenced by the lease.
        let result = match result {
            Some(Ok(context)) => Some(context.finish(&inner.sender).instrument(span).await),
            Some(Err(error)) => Some(Err(error)),
            None => None,
        };
        let seconds = started.elapsed().as_secs_f64();
        inner.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&taken.lease_token);
        running.dec();
        let (next, error, label) = self.judge(&taken, result);
        if self.0.handlers.contains_key(taken.name.as_str()) {
            metrics().jobs.with_label_values(&[taken.name.as_str(), label]).inc();
            metrics().job_seconds.with_label_values(&[taken.name.as_str()]).observe(seconds);
        }
        let Some(next) = next else { return };
        let trace_id = taken.trace_id.as_deref();
        let attempt = taken.attempts;
        match next {
            Next::Dead => tracing::error!(trace_id, job = %taken.name, id = taken.id, attempt, %error, "a job is dead"),
            Next::Again { after, .. } => {
                tracing::warn!(trace_id, job = %taken.name, id = taken.id, attempt, ?after, %error, "a job will be tried again");
            }
            Next::HandBack => {}
        }
        self.end(&taken, next, &error).await;
    }

    /// Writes the end of a run without success.
    async fn end(&self, taken: &Taken, next: Next, error: &str) {
        if let Err(failure) = store::end(&self.0.pool, taken.id, taken.lease_token, next, error).await {
            // Its lease runs out, and it is reaped.
            tracing::warn!(job = %taken.name, id = taken.id, error = %failure, "a job's end is not written");
        }
    }

    /// What the job has done is in the context, and not committed.
    async fn run_handler(&self, taken: &Taken) -> Result<JobContext, JobError> {
        let inner = &self.0;
        let Some(handler) = inner.handlers.get(taken.name.as_str()) else {
            // Only known names are taken.
            return Err(JobError::Retry(anyhow::anyhow!("no handler for {}", taken.name)));
        };
        let mut context = JobContext {
            id: taken.id,
            attempt: u32::try_from(taken.attempts).unwrap_or(1),
            max_attempts: u32::try_from(taken.max_attempts).unwrap_or(1),
            trace_id: taken.trace_id.clone().unwrap_or_else(|| random_hex(16)),
            pool: inner.pool.clone(),
            telegram: inner.sender.telegram().clone(),
            clock: inner.clock.clone(),
            token: taken.lease_token,
            tx: None,
            entries: Vec::new(),
            enqueued: false,
        };
        let run = AssertUnwindSafe((handler.run)(&taken.payload, &mut context)).catch_unwind().await;
        match run {
            Ok(result) => result.map(|()| context),
            Err(_) => Err(JobError::Retry(anyhow::anyhow!("the job panicked"))),
        }
    }

    /// `None`: nothing is left to write. No result: cancelled, by a lost lease (then the write is fenced off) or a stop.
    fn judge(&self, taken: &Taken, result: Option<Result<(), JobError>>) -> (Option<Next>, String, &'static str) {
        let used_up = taken.attempts >= taken.max_attempts;
        let settings = &self.0.settings;
        match result {
            None => (Some(Next::HandBack), "its worker stopped".to_owned(), "lost"),
            Some(Ok(())) => (None, String::new(), "done"),
            Some(Err(JobError::Lost)) => {
                tracing::warn!(job = %taken.name, id = taken.id, "a job's lease ran out; nothing of this run is kept");
                (None, String::new(), "lost")
            }
            Some(Err(error)) => {
                let text = error.to_string();
                let dead = used_up || matches!(error, JobError::Fail(_));
                if dead {
                    return (Some(Next::Dead), text, "dead");
                }
                let (after, asked) = match error {
                    JobError::RetryAfter(pause, _) => (pause + jitter(Duration::from_millis(200)), true),
                    _ => {
                        let attempt = u32::try_from(taken.attempts).unwrap_or(1);
                        (backoff(attempt, settings.retry_first, settings.retry_cap), false)
                    }
                };
                (Some(Next::Again { after, asked }), text, "retry")
            }
        }
    }

    /// Hints from other processes. Without them (a pooler that cannot, a database away) jobs are found by looking.
    async fn listen(self) {
        let mut failures = 0;
        while !self.0.stop.is_cancelled() {
            let connected = async {
                let mut listener = PgListener::connect_with(&self.0.pool).await?;
                listener.listen("vitte_jobs").await?;
                Ok::<_, sqlx::Error>(listener)
            };
            let result = tokio::select! {
                () = self.0.stop.cancelled() => return,
                result = connected => result,
            };
            match result {
                Ok(mut listener) => {
                    failures = 0;
                    self.look(None);
                    loop {
                        tokio::select! {
                            () = self.0.stop.cancelled() => return,
                            hint = listener.try_recv() => match hint {
                                Ok(Some(hint)) => self.look(Some(hint.payload())),
                                Ok(None) | Err(_) => break,
                            },
                        }
                    }
                }
                Err(error) => tracing::debug!(%error, "no hints of jobs"),
            }
            failures += 1;
            tokio::select! {
                () = self.0.stop.cancelled() => {}
                () = tokio::time::sleep(backoff(failures, Duration::from_millis(200), Duration::from_secs(30))) => {}
            }
        }
    }

    async fn renew(self) {
        let inner = &self.0;
        loop {
            tokio::select! {
                () = inner.stop_renewing.cancelled() => return,
                () = tokio::time::sleep(inner.settings.lease / 4) => {}
            }
            let tokens: Vec<Uuid> =
                inner.running.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
            if tokens.is_empty() {
                continue;
            }
            match store::renew(&inner.pool, &tokens, inner.settings.lease).await {
                Ok(ours) => {
                    let running = inner.running.lock().unwrap_or_else(PoisonError::into_inner);
                    for token in tokens.iter().filter(|t| !ours.contains(t)) {
                        // Ended since, or somebody else's: a run that goes on could only waste its work.
                        if let Some(run) = running.get(token) {
                            run.cancel();
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "leases of jobs are not renewed"),
            }
        }
    }

    async fn reap_and_fire(self) {
        let inner = &self.0;
        let mut failures = 0u32;
        while !inner.stop.is_cancelled() {
            let result = self.reap_and_fire_once().await;
            failures = if result.is_ok() { 0 } else { failures + 1 };
            if let Err(error) = result {
                tracing::warn!(error = format!("{error:#}"), failures, "schedules and lost jobs wait");
            }
            let pause = jitter(inner.settings.poll.min(inner.settings.lease / 4)) * 2u32.pow(failures.min(4));
            tokio::select! {
                () = inner.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn reap_and_fire_once(&self) -> anyhow::Result<()> {
        let inner = &self.0;
        let (again, dead) = store::reap(&inner.pool, jitter(inner.settings.retry_first)).await?;
        if again + dead > 0 {
            tracing::warn!(again, dead, "jobs of dead workers");
        }
        for schedule in &inner.schedules {
            schedule::fire(&inner.pool, schedule, inner.clock.now()).await?;
        }
        Ok(())
    }
}
