//! PostgreSQL and Redis go away and come back, under way.

use std::time::Duration;

use vitte_local::{Postgres, PostgresOptions, Redis, RedisOptions};
use vitte_platform::database::migrations::Migrator;
use vitte_platform::database::{DatabaseSettings, pool};
use vitte_platform::intake::IntakeError;
use vitte_platform::jobs::Runner;
use vitte_platform::limits::LimitSettings;
use vitte_platform::module::Module;
use vitte_platform::outbox::GateSettings;
use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::talker::Talker;
use vitte_tests::telegram::{Telegram, message};

async fn postgres(folder: &tempfile::TempDir) -> Postgres {
    // What this test is about is what survives a crash: fsync stays on.
    let postgres = Postgres::start(PostgresOptions::new(folder.path().join("postgres"))).await.unwrap();
    Migrator::connect(&DatabaseSettings::new(postgres.url())).await.unwrap().up(None).await.unwrap();
    postgres
}

/// Until PostgreSQL knows of every message that it was sent: one whose mark a kill takes away is sent again.
async fn marked(replica: &Replica) {
    vitte_tests::until("every message to be marked", async || {
        let all = "SELECT NOT EXISTS (SELECT 1 FROM outbox WHERE sent_at IS NULL)";
        sqlx::query_scalar::<_, bool>(all).fetch_one(&replica.pool).await.unwrap().then_some(())
    })
    .await;
}

/// Breaks when an update is acknowledged before its commit.
#[tokio::test]
async fn with_the_database_away_telegram_is_told_to_repeat_and_everything_is_answered_once_later() {
    let (telegram, folder) = (Telegram::start().await, tempfile::tempdir().unwrap());
    let mut postgres = postgres(&folder).await;
    let replica = Replica::start(&telegram, postgres.url()).await;
    replica.register(&telegram).await;
    let people: Vec<_> = (1..=5).map(|id| telegram.person(id)).collect();
    for person in &people {
        person.say("before").await;
        person.hears(1).await;
    }
    marked(&replica).await;
    postgres.kill().await.unwrap();
    assert!(matches!(replica.take(&message(1, 9, "x")).await, Err(IntakeError::Unavailable(_))));
    for person in &people {
        person.say("during").await;
    }
    postgres.restart().await.unwrap();
    for person in &people {
        person.say("after").await;
    }
    for person in &people {
        // The one message whose mark the crash took away may be repeated; none is lost, and order is kept.
        let mut heard = person.hears(3).await;
        heard.dedup();
        assert_eq!(heard, ["1: before", "2: during", "3: after"]);
    }
    let dead: i64 = sqlx::query_scalar("SELECT count(*) FROM dead_updates").fetch_one(&replica.pool).await.unwrap();
    assert_eq!(dead, 0);
    postgres.stop().await;
}

/// Decides the queue, 4: a database restarted under an idle worker. Breaks when an error ends a loop.
#[tokio::test]
async fn an_idle_worker_goes_on_after_its_database_was_restarted() {
    let (telegram, folder) = (Telegram::start().await, tempfile::tempdir().unwrap());
    let mut postgres = postgres(&folder).await;
    let replica = Replica::start(&telegram, postgres.url()).await;
    let mut impatient = DatabaseSettings::new(postgres.url());
    impatient.acquire_timeout = Duration::from_millis(200);
    let pool = pool(&impatient).unwrap();
    let (sender, clock, jobs) = (replica.sender.clone(), replica.setup.clock.clone(), replica.setup.jobs.clone());
    let worker = Runner::start(pool.clone(), sender, clock, jobs, Talker.jobs(), Vec::new());
    replica.take(&message(1, 5, "/job before")).await.unwrap();
    telegram.person(5).hears(1).await;
    marked(&replica).await;
    postgres.kill().await.unwrap();
    // The worker looks far more often than its pool gives up: by the second time it has met the failure.
    for _ in 0..2 {
        let gives_up = async || matches!(pool.acquire().await, Err(sqlx::Error::PoolTimedOut)).then_some(());
        vitte_tests::until("the pool to give up", gives_up).await;
    }
    postgres.restart().await.unwrap();
    vitte_tests::until("the update to be taken", async || replica.take(&message(2, 5, "/job after")).await.ok()).await;
    assert_eq!(telegram.person(5).hears(2).await, ["before", "after"]);
    worker.close(Duration::from_secs(1)).await;
    postgres.stop().await;
}

/// Breaks when a failing Redis call is an error instead of a miss.
#[tokio::test]
async fn redis_killed_under_way_is_noticed_by_nobody() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let folder = tempfile::tempdir().unwrap();
    let mut redis = Redis::start(RedisOptions::new(folder.path().join("redis"))).await.unwrap();
    let setup = Setup {
        redis: Some(redis.url().to_owned()),
        limits: LimitSettings { per_minute: 1000, per_hour: 1000 },
        rate: GateSettings { per_second: 1000 },
        ..Setup::default()
    };
    let replica = Replica::with(&telegram, &database, setup).await;
    for n in 0..30 {
        if n == 10 {
            redis.kill().await.unwrap();
        }
        if n == 20 {
            telegram.person(5).hears(20).await;
            redis.restart().await.unwrap();
        }
        replica.take(&message(n, 5, "x")).await.unwrap();
    }
    let expected: Vec<String> = (1..=30).map(|n| format!("{n}: x")).collect();
    assert_eq!(telegram.person(5).hears(30).await, expected);
    redis.stop().await;
}
