//! Updates that come again because the database did not get them through: how often, and at whose cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use vitte_platform::intake::polling::{self, PollingSettings};
use vitte_platform::intake::{IntakeError, Outcome};
use vitte_platform::limits::LimitSettings;
use vitte_platform::module::{Handlers, Module};
use vitte_platform::telegram::Message;
use vitte_tests::database::{migrated, redis_url};
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::until;

/// Its statement exceeds the limit so many times, when somebody says "slow"; else it echoes.
struct Slow(AtomicU32);

impl Slow {
    fn times(times: u32) -> Arc<Self> {
        Arc::new(Self(AtomicU32::new(times)))
    }
}

/// A module with a state of its own.
struct Shared(Arc<Slow>);

impl Module for Shared {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn handlers(&self) -> Handlers {
        let slow = self.0.clone();
        Handlers::new().free_text(move |turn, message| {
            let slow = slow.clone();
            Box::pin(async move {
                let text = message.text.clone().unwrap_or_default();
                let once_less = |left: u32| left.checked_sub(1);
                if text == "slow" && slow.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, once_less).is_ok() {
                    sqlx::query("SET LOCAL statement_timeout = 10").execute(&mut *turn.tx).await?;
                    sqlx::query("SELECT pg_sleep(60)").execute(&mut *turn.tx).await?;
                }
                turn.reply(Message::plain(&text));
                Ok(())
            })
        })
    }
}

async fn replica(telegram: &Telegram, slow: &Arc<Slow>, setup: Setup) -> Replica {
    Replica::of(telegram, &migrated().await, setup, vec![Arc::new(Shared(slow.clone()))]).await
}

/// Breaks when each try counts: the message would be over the limit the second time, acknowledged, and never answered.
#[tokio::test]
async fn a_message_that_comes_again_is_counted_once_with_redis_and_without() {
    let nobody = "redis://127.0.0.1:1".to_owned();
    for redis in [Some(redis_url()), Some(nobody), None] {
        let (telegram, slow) = (Telegram::start().await, Slow::times(3));
        let limits = LimitSettings { per_minute: 1, per_hour: 100 };
        let replica = replica(&telegram, &slow, Setup { limits, redis, ..Setup::default() }).await;
        // A person of this test alone: the limiter's counts are shared by all that use this Redis.
        let person = i64::from(uuid::Uuid::new_v4().as_fields().0) + 1;
        telegram.meet(person).await;
        for _ in 0..3 {
            assert!(matches!(replica.take(&message(1, person, "slow")).await, Err(IntakeError::Unavailable(_))));
        }
        assert_eq!(replica.take(&message(1, person, "slow")).await.unwrap(), Outcome::Done);
        assert_eq!(telegram.person(person).hears(1).await, ["slow"]);
        assert_eq!(replica.take(&message(2, person, "more")).await.unwrap(), Outcome::Limited, "and counted it is");
    }
}

/// Breaks without `Tries`: Telegram would repeat it for ever.
#[tokio::test]
async fn an_update_that_the_database_never_gets_through_is_buried_after_some_tries() {
    let (telegram, slow) = (Telegram::start().await, Slow::times(u32::MAX));
    let replica = replica(&telegram, &slow, Setup::default()).await;
    for _ in 0..4 {
        assert!(matches!(replica.take(&message(1, 5, "slow")).await, Err(IntakeError::Unavailable(_))));
    }
    assert_eq!(replica.take(&message(1, 5, "slow")).await.unwrap(), Outcome::Dead);
    assert_eq!(replica.take(&message(1, 5, "slow")).await.unwrap(), Outcome::Duplicate);
    assert_eq!(replica.take(&message(2, 5, "quick")).await.unwrap(), Outcome::Done);
    let heard = telegram.person(5).hears(2).await;
    assert!(heard[0].starts_with("Sorry") && heard[1] == "quick", "{heard:?}");
    let error: String = sqlx::query_scalar("SELECT error FROM dead_updates WHERE update_id = 1")
        .fetch_one(&replica.pool)
        .await
        .unwrap();
    assert!(error.contains("statement timeout"), "{error}");
}

/// Breaks without `Tries`: the offset would stay, and a hundred updates later nobody would be served.
#[tokio::test]
async fn polling_goes_on_past_an_update_that_the_database_never_gets_through() {
    let (telegram, slow) = (Telegram::start().await, Slow::times(u32::MAX));
    let replica = replica(&telegram, &slow, Setup::default()).await;
    let (ann, stop) = (telegram.person(5), CancellationToken::new());
    let settings = PollingSettings { wait: 1, ..PollingSettings::default() };
    let (intake, pool, client) = (replica.intake.clone(), replica.pool.clone(), replica.client.clone());
    let poller = tokio::spawn(polling::run(intake, pool, client, settings, stop.clone()));
    until("the bot to be known", async || (!telegram.calls("getUpdates").await.is_empty()).then_some(())).await;
    let stuck = ann.say("slow").await;
    until("the offset to pass it", async || {
        let asked = telegram.calls("getUpdates").await;
        asked.iter().any(|p| p["offset"].as_i64() > Some(stuck)).then_some(())
    })
    .await;
    assert!(ann.hears(1).await[0].starts_with("Sorry"));
    stop.cancel();
    poller.await.unwrap();
}

/// Breaks when only those are limited who are let in: each answer to the others is a message of the outbox, too.
#[tokio::test]
async fn who_is_switched_off_is_told_so_within_the_limit_and_then_not_at_all() {
    let telegram = Telegram::start().await;
    let limits = LimitSettings { per_minute: 3, per_hour: 100 };
    let replica = replica(&telegram, &Slow::times(0), Setup { limits, ..Setup::default() }).await;
    replica.take(&message(1, 5, "hello")).await.unwrap();
    sqlx::query("UPDATE users SET is_active = false").execute(&replica.pool).await.unwrap();
    for id in 2..=10 {
        let press = json!({"update_id": id, "callback_query": {"id": "1", "data": "slow:x", "chat_instance": "1",
            "from": {"id": 5, "is_bot": false, "first_name": "Ann", "language_code": "en"},
            "message": {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private", "first_name": "Ann"}}}});
        let update = if id % 2 == 0 { message(id, 5, "and now?") } else { press };
        replica.take(&update).await.unwrap();
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&replica.pool).await.unwrap();
    assert_eq!(rows, 3, "the first message, and twice that they are switched off");
}
