//! The four tests that decide the queue (a worker killed, a database restarted, a job that kills its worker, a worker
//! stopped past its lease), and the rest of what jobs promise. Killed and stopped workers are processes of their own:
//! see services.rs of the executable's tests; here a dead worker is one whose leases nobody renews.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use vitte_platform::jobs::{self, Class, Job, JobContext, JobError, JobHandler, Runner};
use vitte_platform::outbox::Priority;
use vitte_platform::telegram::Message;
use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::talker::Report;
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::until;

/// What test jobs share.
struct Shared {
    runs: AtomicU32,
    /// What waiting jobs wait for.
    gate: Semaphore,
    /// Runs at one time, and the most there were.
    now: AtomicU32,
    most: AtomicU32,
}

impl Default for Shared {
    fn default() -> Self {
        Self { runs: AtomicU32::new(0), gate: Semaphore::new(0), now: AtomicU32::new(0), most: AtomicU32::new(0) }
    }
}

#[derive(Serialize, Deserialize)]
enum Work {
    /// Fails until this many runs.
    FailsUntil(u32),
    Panics,
    /// Asks to wait.
    Later,
    Hopeless,
    /// Ends when it may.
    Waits,
}

#[derive(Serialize, Deserialize)]
struct Task {
    work: Work,
    key: Option<String>,
}

impl Job for Task {
    type State = Shared;
    const NAME: &'static str = "test.task";
    const CLASS: Class = Class::Bulk;
    const ATTEMPTS: u16 = 3;

    fn key(&self) -> Option<String> {
        self.key.clone()
    }

    async fn run(self, shared: &Shared, job: &mut JobContext) -> Result<(), JobError> {
        let run = shared.runs.fetch_add(1, Ordering::SeqCst) + 1;
        let now = shared.now.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(now, Ordering::SeqCst);
        let result = match self.work {
            Work::FailsUntil(n) if run < n => Err(JobError::Retry(anyhow::anyhow!("run {run}"))),
            Work::FailsUntil(_) => Ok(()),
            Work::Panics => panic!("on purpose"),
            Work::Later if run == 1 => Err(JobError::RetryAfter(Duration::from_secs(60), "busy".to_owned())),
            Work::Later => Ok(()),
            Work::Hopeless => Err(JobError::Fail(anyhow::anyhow!("never"))),
            Work::Waits => {
                job.progress(&serde_json::json!({"half": true})).await?;
                shared.gate.acquire().await.unwrap().forget();
                Ok(())
            }
        };
        shared.now.fetch_sub(1, Ordering::SeqCst);
        if result.is_ok() {
            job.say(5, Priority::Interactive, Message::plain(&format!("done in run {run}")));
        }
        result
    }
}

fn worker(replica: &Replica, shared: &Arc<Shared>) -> Runner {
    let handlers = vec![JobHandler::new::<Task>(shared.clone()), JobHandler::new::<Report>(Arc::new(()))];
    let (pool, sender, clock) = (replica.pool.clone(), replica.sender.clone(), replica.setup.clock.clone());
    Runner::start(pool, sender, clock, replica.setup.jobs.clone(), handlers, Vec::new())
}

async fn enqueue(pool: &PgPool, job: &impl Job) {
    let mut tx = pool.begin().await.unwrap();
    jobs::enqueue(&mut tx, job, None).await.unwrap();
    tx.commit().await.unwrap();
}

async fn count(pool: &PgPool, table: &'static str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

fn task(work: Work) -> Task {
    Task { work, key: None }
}

#[tokio::test]
async fn a_job_enqueued_in_a_turn_runs_after_its_commit_and_speaks_through_the_outbox() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let _worker = replica.worker();
    replica.take(&message(1, 5, "/job hello from a job")).await.unwrap();
    assert_eq!(telegram.person(5).hears(1).await, ["hello from a job"]);
    until("the job to be gone", async || (count(&replica.pool, "jobs").await == 0).then_some(())).await;
    let traces: Vec<Option<String>> =
        sqlx::query_scalar("SELECT trace_id FROM outbox").fetch_all(&replica.pool).await.unwrap();
    assert!(traces.iter().all(|t| t.as_ref().is_some_and(|t| t.len() == 32)), "the trace runs from update to message");
}

#[tokio::test]
async fn a_failing_job_is_tried_again_and_a_panic_or_a_hopeless_one_ends_dead_and_replayable() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let shared = Arc::new(Shared::default());
    let worker_ = worker(&replica, &shared);
    enqueue(&replica.pool, &task(Work::FailsUntil(3))).await;
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 3"]);
    enqueue(&replica.pool, &task(Work::Panics)).await;
    until("a dead job", async || (count(&replica.pool, "dead_jobs").await == 1).then_some(())).await;
    assert_eq!(shared.runs.load(Ordering::SeqCst), 6, "three attempts");
    enqueue(&replica.pool, &task(Work::Hopeless)).await;
    until("two dead jobs", async || (count(&replica.pool, "dead_jobs").await == 2).then_some(())).await;
    assert_eq!(shared.runs.load(Ordering::SeqCst), 7, "a hopeless job has one attempt");
    let id: i64 = sqlx::query_scalar("SELECT max(id) FROM dead_jobs").fetch_one(&replica.pool).await.unwrap();
    let mut connection = replica.pool.acquire().await.unwrap();
    assert!(jobs::replay_dead(&mut connection, id).await.unwrap());
    assert!(!jobs::replay_dead(&mut connection, id).await.unwrap(), "once");
    until("three dead jobs", async || (count(&replica.pool, "dead_jobs").await == 3).then_some(())).await;
    worker_.close(Duration::from_secs(1)).await;
}

/// Breaks when what the other side asked for is ignored.
#[tokio::test]
async fn a_job_told_to_wait_waits() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    enqueue(&replica.pool, &task(Work::Later)).await;
    until("the first run to be over", async || {
        let waits = "SELECT run_at > created_at + interval '59 s' FROM jobs WHERE error IS NOT NULL";
        let waits: Option<bool> = sqlx::query_scalar(waits).fetch_optional(&replica.pool).await.unwrap();
        waits.filter(|waits| *waits)
    })
    .await;
    // The minute is over.
    sqlx::query("UPDATE jobs SET run_at = now()").execute(&replica.pool).await.unwrap();
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 2"]);
}

/// Breaks without the unique index, or without the look at what runs.
#[tokio::test]
async fn of_one_key_one_job_waits_and_one_runs_at_a_time() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    for _ in 0..5 {
        enqueue(&replica.pool, &Task { work: Work::Waits, key: Some("k".into()) }).await;
    }
    assert_eq!(count(&replica.pool, "jobs").await, 1);
    let shared = Arc::new(Shared::default());
    let (_a, _b) = (worker(&replica, &shared), worker(&replica, &shared));
    until("it to run, with progress", async || {
        sqlx::query_scalar::<_, i32>("SELECT 1 FROM jobs WHERE progress IS NOT NULL")
            .fetch_optional(&replica.pool)
            .await
            .unwrap()
    })
    .await;
    for _ in 0..5 {
        enqueue(&replica.pool, &Task { work: Work::Waits, key: Some("k".into()) }).await;
    }
    assert_eq!(count(&replica.pool, "jobs").await, 2, "one runs, one waits");
    shared.gate.add_permits(2);
    assert_eq!(telegram.person(5).hears(2).await, ["done in run 1", "done in run 2"]);
    assert_eq!(shared.most.load(Ordering::SeqCst), 1);
}

async fn expire(pool: &PgPool, attempts: i32) {
    sqlx::query("UPDATE jobs SET lease_token = gen_random_uuid(), lease_until = now() - interval '1 s', attempts = $1")
        .bind(attempts)
        .execute(pool)
        .await
        .unwrap();
}

/// Decides the queue, 1: a worker died with a job in flight. Breaks without `reap`.
#[tokio::test]
async fn a_dead_workers_job_runs_on_another() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    enqueue(&replica.pool, &task(Work::FailsUntil(1))).await;
    expire(&replica.pool, 1).await;
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 1"]);
}

/// Decides the queue, 2: a job that kills every worker. Breaks when attempts are counted at the end of a run.
#[tokio::test]
async fn a_job_that_kills_its_workers_is_dead_after_its_attempts() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    enqueue(&replica.pool, &task(Work::FailsUntil(1))).await;
    expire(&replica.pool, 3).await;
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    until("a dead job", async || (count(&replica.pool, "dead_jobs").await == 1).then_some(())).await;
    assert_eq!(shared.runs.load(Ordering::SeqCst), 0);
    assert_eq!(count(&replica.pool, "jobs").await, 0);
}

/// Decides the queue, 3: a worker stopped past its lease wakes up and goes on. Breaks when the last transaction does
/// not begin by locking the job's row under the lease's token.
#[tokio::test]
async fn a_worker_that_was_stopped_past_its_lease_has_no_effect() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    // Nobody renews and nobody reaps in this test's time: the worker does not learn that it lost its lease.
    setup.jobs.lease = Duration::from_secs(3600);
    let replica = Replica::with(&telegram, &database, setup).await;
    let shared = Arc::new(Shared::default());
    let worker_ = worker(&replica, &shared);
    enqueue(&replica.pool, &task(Work::Waits)).await;
    until("the job to run", async || (shared.runs.load(Ordering::SeqCst) == 1).then_some(())).await;
    // Another worker has it, and has done it.
    sqlx::query("UPDATE jobs SET lease_token = gen_random_uuid()").execute(&replica.pool).await.unwrap();
    shared.gate.add_permits(1);
    worker_.close(Duration::from_secs(5)).await;
    assert_eq!(count(&replica.pool, "outbox").await, 0, "nothing of the late run is written");
    assert_eq!(count(&replica.pool, "jobs").await, 1, "the other's lease is untouched");
}

/// Breaks when a stopping worker counts what it hands back.
#[tokio::test]
async fn a_stopping_worker_hands_its_unfinished_job_back_uncounted() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let shared = Arc::new(Shared::default());
    let worker_ = worker(&replica, &shared);
    enqueue(&replica.pool, &task(Work::Waits)).await;
    until("the job to run", async || (shared.runs.load(Ordering::SeqCst) == 1).then_some(())).await;
    worker_.close(Duration::from_millis(50)).await;
    let (attempts, free): (i32, bool) =
        sqlx::query_as("SELECT attempts, lease_token IS NULL FROM jobs").fetch_one(&replica.pool).await.unwrap();
    assert_eq!((attempts, free), (0, true));
}

/// Breaks without the lock of the schedule's row.
#[tokio::test]
async fn a_schedule_fires_once_over_two_workers_and_makes_up_for_what_it_missed() {
    use chrono::TimeZone;
    use vitte_platform::clock::{Clock, ManualClock};
    use vitte_platform::module::Module;
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let clock = Arc::new(ManualClock::at(chrono::Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 30).unwrap()));
    let shared: Arc<dyn Clock> = clock.clone();
    let replica = Replica::with(&telegram, &database, Setup { clock: shared.clone(), ..Setup::default() }).await;
    let start = || {
        let module = vitte_tests::talker::Talker;
        let (pool, sender) = (replica.pool.clone(), replica.sender.clone());
        Runner::start(pool, sender, shared.clone(), replica.setup.jobs.clone(), module.jobs(), module.schedules())
    };
    let (_a, _b) = (start(), start());
    until("the schedule to be known", async || (count(&replica.pool, "schedules").await == 1).then_some(())).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(telegram.person(1).hears(1).await.len(), 1);
    clock.advance(Duration::from_secs(180));
    assert_eq!(telegram.person(1).hears(4).await.len(), 4, "three minutes away, three bells");
    until("all to be done", async || (count(&replica.pool, "jobs").await == 0).then_some(())).await;
    assert_eq!(telegram.person(1).read().await.len(), 4);
}
