//! The four tests that decide the queue (a worker killed, a database restarted, a job that kills its worker, a worker
//! stopped past its lease), and the rest of what jobs promise. Killed and stopped workers are processes of their own:
//! see roles/kills.rs; here a dead worker is one whose leases nobody renews.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use vitte_platform::intake::Outcome;
use vitte_platform::jobs::{self, Class, Job, JobContext, JobError, JobHandler, Runner};
use vitte_platform::module::{Handlers, Module};
use vitte_platform::outbox::Priority;
use vitte_platform::telegram::Message;
use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::talker::{Report, Talker};
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

pub async fn count(pool: &PgPool, table: &'static str) -> i64 {
    let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

fn task(work: Work) -> Task {
    Task { work, key: None }
}

/// Breaks when a job's last transaction forgets its messages, or when the trace ends at the job.
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

/// Enqueues a job in a turn that fails.
struct Hasty;

impl Module for Hasty {
    fn name(&self) -> &'static str {
        "hasty"
    }

    fn handlers(&self) -> Handlers {
        Handlers::new().command("hasty", vec![], |turn, _| {
            Box::pin(async move {
                turn.enqueue(&task(Work::FailsUntil(1))).await?;
                anyhow::bail!("on second thoughts")
            })
        })
    }
}

/// Breaks when a job is not written in the turn's transaction.
#[tokio::test]
async fn a_turn_that_fails_enqueues_nothing() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let modules: Vec<Arc<dyn Module>> = vec![Arc::new(Talker), Arc::new(Hasty)];
    let replica = Replica::of(&telegram, &database, Setup::default(), modules).await;
    let outcome = replica.take(&message(1, 5, "/hasty")).await.unwrap();
    assert_eq!((outcome, count(&replica.pool, "jobs").await), (Outcome::Dead, 0));
}

/// Breaks when attempts have no end, a panic is not caught, `JobError::Fail` is tried again, or a replay is not marked.
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

/// Decides the queue, 1: a worker died with a job in flight. Breaks without `reap`.
#[tokio::test]
async fn a_dead_workers_job_runs_on_another() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    enqueue(&replica.pool, &task(Work::FailsUntil(1))).await;
    let taken = "UPDATE jobs SET lease_token = gen_random_uuid(), lease_until = now() - interval '1 s', attempts = 1";
    sqlx::query(taken).execute(&replica.pool).await.unwrap();
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 1"]);
}

/// Decides the queue, 2: a job that kills every worker. Breaks when attempts are counted at the end of a run.
#[tokio::test]
async fn a_job_that_kills_its_workers_is_dead_after_its_attempts() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    enqueue(&replica.pool, &task(Work::Waits)).await;
    // Whoever takes it is never heard of again.
    let silence = "UPDATE jobs SET lease_until = now() - interval '1 s' WHERE lease_token IS NOT NULL";
    until("a dead job", async || {
        sqlx::query(silence).execute(&replica.pool).await.unwrap();
        (count(&replica.pool, "dead_jobs").await == 1).then_some(())
    })
    .await;
    let attempts: i32 = sqlx::query_scalar("SELECT attempts FROM dead_jobs").fetch_one(&replica.pool).await.unwrap();
    assert_eq!((attempts, count(&replica.pool, "jobs").await), (3, 0));
    assert!(shared.runs.load(Ordering::SeqCst) <= 3, "no run beyond its attempts");
}

/// Breaks when a hastened job is left where it waits, or is moved before what the other side asked for.
#[tokio::test]
async fn a_hastened_job_waits_no_longer_but_for_what_the_other_side_asked_for() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    (setup.jobs.retry_first, setup.jobs.retry_cap) = (Duration::from_secs(3600), Duration::from_secs(3600));
    let replica = Replica::with(&telegram, &database, setup).await;
    let shared = Arc::new(Shared::default());
    let _worker = worker(&replica, &shared);
    let hasten = async |task: &Task| {
        let mut tx = replica.pool.begin().await.unwrap();
        vitte_platform::jobs::hasten(&mut tx, task, None).await.unwrap();
        tx.commit().await.unwrap();
    };
    let waits = async |after: &str| {
        until("the job to wait", async || {
            let waits = "SELECT run_at > now() + $1::interval FROM jobs WHERE error IS NOT NULL";
            let waits: Option<bool> =
                sqlx::query_scalar(waits).bind(after).fetch_optional(&replica.pool).await.unwrap();
            waits.filter(|waits| *waits)
        })
        .await;
    };
    let mut patient = task(Work::FailsUntil(2));
    patient.key = Some("a".to_owned());
    hasten(&patient).await;
    waits("20 minutes").await;
    hasten(&patient).await;
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 2"]);
    shared.runs.store(0, Ordering::SeqCst);
    let mut told = task(Work::Later);
    told.key = Some("b".to_owned());
    hasten(&told).await;
    waits("55 seconds").await;
    hasten(&told).await;
    waits("50 seconds").await;
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

/// Of a newer version.
#[derive(Serialize, Deserialize)]
struct Newer;

impl Job for Newer {
    type State = ();
    const NAME: &'static str = "test.newer";
    const CLASS: Class = Class::Bulk;
    const ATTEMPTS: u16 = 1;

    async fn run(self, (): &(), job: &mut JobContext) -> Result<(), JobError> {
        job.say(5, Priority::Interactive, Message::plain("newer"));
        Ok(())
    }
}

/// Breaks when jobs are taken by their class alone: the old version's workers would use up the new one's attempts.
#[tokio::test]
async fn a_job_of_a_newer_version_waits_for_a_worker_that_knows_it() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let old = worker(&replica, &Arc::new(Shared::default()));
    enqueue(&replica.pool, &Newer).await;
    // Enqueued later, done sooner: the worker has looked.
    enqueue(&replica.pool, &task(Work::FailsUntil(1))).await;
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 1"]);
    let waits: (i32, bool) =
        sqlx::query_as("SELECT attempts, lease_token IS NULL FROM jobs").fetch_one(&replica.pool).await.unwrap();
    assert_eq!((waits, count(&replica.pool, "dead_jobs").await), ((0, true), 0));
    old.close(Duration::from_secs(1)).await;
    let (pool, sender, clock) = (replica.pool.clone(), replica.sender.clone(), replica.setup.clock.clone());
    let handlers = vec![JobHandler::new::<Newer>(Arc::new(()))];
    let _new = Runner::start(pool, sender, clock, replica.setup.jobs.clone(), handlers, Vec::new());
    assert_eq!(telegram.person(5).hears(2).await[1], "newer");
}

/// Breaks when the loop looks whether it was told to stop before it waits for room, and not after.
#[tokio::test]
async fn a_worker_that_was_told_to_stop_takes_no_more_when_a_job_ends() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    setup.jobs.concurrency = |_| 1;
    let replica = Replica::with(&telegram, &database, setup).await;
    let shared = Arc::new(Shared::default());
    let worker_ = worker(&replica, &shared);
    for _ in 0..2 {
        enqueue(&replica.pool, &task(Work::Waits)).await;
    }
    until("the first to run", async || (shared.runs.load(Ordering::SeqCst) == 1).then_some(())).await;
    let mut closing = std::pin::pin!(worker_.close(Duration::from_secs(10)));
    assert!(futures::poll!(&mut closing).is_pending());
    shared.gate.add_permits(2);
    closing.await;
    let left: Vec<(i32, bool)> =
        sqlx::query_as("SELECT attempts, lease_token IS NULL FROM jobs").fetch_all(&replica.pool).await.unwrap();
    assert_eq!((left, shared.runs.load(Ordering::SeqCst)), (vec![(0, true)], 1));
}

/// Breaks when one statement renews all leases and waits for a row that somebody has locked.
#[tokio::test]
async fn a_job_whose_row_is_locked_does_not_cost_the_others_their_leases() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let shared = Arc::new(Shared::default());
    let worker_ = worker(&replica, &shared);
    for _ in 0..2 {
        enqueue(&replica.pool, &task(Work::Waits)).await;
    }
    until("both to run", async || (shared.runs.load(Ordering::SeqCst) == 2).then_some(())).await;
    // Who erases a person does that, and then looks for their messages.
    let mut other = replica.pool.begin().await.unwrap();
    sqlx::query("SELECT FROM jobs ORDER BY id LIMIT 1 FOR UPDATE").execute(&mut *other).await.unwrap();
    let free = "SELECT lease_token::text, lease_until > $1 FROM jobs ORDER BY id DESC LIMIT 1";
    let end: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT max(lease_until) FROM jobs").fetch_one(&replica.pool).await.unwrap();
    let of_free = async |after: chrono::DateTime<chrono::Utc>| -> (Option<String>, Option<bool>) {
        sqlx::query_as(free).bind(after).fetch_one(&replica.pool).await.unwrap()
    };
    let (token, _) = of_free(end).await;
    until("its lease to be renewed past its first end", async || {
        let (now, renewed) = of_free(end + chrono::Duration::seconds(2)).await;
        assert_eq!(now, token, "it is taken anew");
        renewed.filter(|renewed| *renewed)
    })
    .await;
    other.rollback().await.unwrap();
    shared.gate.add_permits(2);
    telegram.person(5).hears(2).await;
    assert_eq!(shared.runs.load(Ordering::SeqCst), 2, "each ran once");
    worker_.close(Duration::from_secs(5)).await;
}

/// Breaks when a job that is just committing is cancelled: the commit takes place all the same, and nobody sends what it
/// says before the chat's lease, which it has taken, runs out.
#[tokio::test]
async fn what_a_job_commits_while_its_worker_stops_is_sent_by_that_worker() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    setup.outbox.lease = Duration::from_secs(3600);
    let replica = Replica::with(&telegram, &database, setup).await;
    for statement in [
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER linger AFTER DELETE ON jobs DEFERRABLE INITIALLY DEFERRED
         FOR EACH ROW EXECUTE FUNCTION linger()",
    ] {
        sqlx::query(statement).execute(&replica.pool).await.unwrap();
    }
    let worker_ = worker(&replica, &Arc::new(Shared::default()));
    enqueue(&replica.pool, &task(Work::FailsUntil(1))).await;
    until("the commit to be on its way", async || {
        let sleeps = "SELECT EXISTS (SELECT FROM pg_stat_activity
                      WHERE datname = current_database() AND wait_event = 'PgSleep')";
        sqlx::query_scalar::<_, bool>(sleeps).fetch_one(&replica.pool).await.unwrap().then_some(())
    })
    .await;
    worker_.close(Duration::ZERO).await;
    assert_eq!(telegram.person(5).hears(1).await, ["done in run 1"]);
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
