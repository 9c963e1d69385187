//! Jobs by cron: once each, whatever the number of workers, and made up for when nobody was there.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeZone;
use sqlx::Acquire;
use vitte_platform::clock::{Clock, ManualClock};
use vitte_platform::jobs::Runner;
use vitte_platform::module::Module;
use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::talker::Talker;
use vitte_tests::telegram::Telegram;
use vitte_tests::until;

use crate::jobs::count;

/// A replica whose clock stands in the middle of a minute; the talker's bell rings when a minute begins.
async fn before_the_bell(telegram: &Telegram) -> (Replica, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(chrono::Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 30).unwrap()));
    let setup = Setup { clock: clock.clone(), ..Setup::default() };
    (Replica::with(telegram, &migrated().await, setup).await, clock)
}

/// A worker with the talker's jobs and schedules.
fn scheduler(replica: &Replica) -> Runner {
    let (pool, sender, clock) = (replica.pool.clone(), replica.sender.clone(), replica.setup.clock.clone());
    Runner::start(pool, sender, clock, replica.setup.jobs.clone(), Talker.jobs(), Talker.schedules())
}

/// Breaks when only one of the firings that were missed is made up for. That one worker fires is the next test's.
#[tokio::test]
async fn a_schedule_fires_once_over_two_workers_and_makes_up_for_what_it_missed() {
    let telegram = Telegram::start().await;
    let (replica, clock) = before_the_bell(&telegram).await;
    let (_a, _b) = (scheduler(&replica), scheduler(&replica));
    until("the schedule to be known", async || (count(&replica.pool, "schedules").await == 1).then_some(())).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(telegram.person(1).hears(1).await.len(), 1);
    clock.advance(Duration::from_secs(180));
    assert_eq!(telegram.person(1).hears(4).await.len(), 4, "three minutes away, three bells");
    until("all to be done", async || (count(&replica.pool, "jobs").await == 0).then_some(())).await;
    assert_eq!(telegram.person(1).read().await.len(), 4);
}

/// Breaks without the lock of the schedule's row.
#[tokio::test]
async fn a_schedule_that_another_worker_is_firing_is_not_fired_again() {
    let telegram = Telegram::start().await;
    let (replica, clock) = before_the_bell(&telegram).await;
    let pool = &replica.pool;
    let _worker = scheduler(&replica);
    until("the schedule to be known", async || (count(pool, "schedules").await == 1).then_some(())).await;
    let mut other = pool.acquire().await.unwrap();
    let mut firing = other.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM schedules FOR UPDATE").execute(&mut *firing).await.unwrap();
    clock.advance(Duration::from_secs(60));
    // The worker buries lost jobs and fires schedules in turn: with a second one buried it has been at the schedule.
    // Or it waits there.
    let waiting = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock')";
    for n in 1..=2 {
        let lost = "INSERT INTO jobs (name, class, payload, attempts, max_attempts, lease_token, lease_until)
                    VALUES ('lost', 'bulk', '{}', 1, 1, gen_random_uuid(), now() - interval '1 s')";
        sqlx::query(lost).execute(pool).await.unwrap();
        until("the worker to come to the schedule", async || {
            let waits: bool = sqlx::query_scalar(waiting).fetch_one(pool).await.unwrap();
            (waits || count(pool, "dead_jobs").await == n).then_some(())
        })
        .await;
    }
    let fired = "UPDATE schedules SET next_at = next_at + interval '1 minute'";
    sqlx::query(fired).execute(&mut *firing).await.unwrap();
    firing.commit().await.unwrap();
    until("the worker to go on", async || (count(pool, "dead_jobs").await == 2).then_some(())).await;
    clock.advance(Duration::from_secs(60));
    until("the next firing, and its job", async || {
        let fired = "SELECT EXISTS (SELECT 1 FROM schedules WHERE last_at = $1) AND NOT EXISTS (SELECT 1 FROM jobs)";
        let fired: bool = sqlx::query_scalar(fired).bind(clock.now()).fetch_one(pool).await.unwrap();
        fired.then_some(())
    })
    .await;
    assert_eq!(count(pool, "outbox").await, 1, "the first bell was the other's to ring");
}
