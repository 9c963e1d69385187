//! The other side neither answers nor hangs up: PostgreSQL, and Telegram.

use std::time::Duration;

use serde_json::json;
use sqlx::PgPool;
use vitte_platform::database::{self, DatabaseSettings};
use vitte_platform::intake::Outcome;
use vitte_tests::database::{migrated, url_of};
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::tunnel::Tunnel;
use vitte_tests::{LIMIT, until};

/// A database, and its address by way of a tunnel.
async fn tunnelled() -> (String, Tunnel, String) {
    let url = migrated().await;
    let (_, rest) = url.split_once('@').unwrap();
    let (host, name) = rest.split_once('/').unwrap();
    let tunnel = Tunnel::to(host.to_owned()).await;
    let through = url_of(&url.replace(host, &tunnel.address.to_string()), name);
    (url, tunnel, through)
}

fn impatient() -> Setup {
    Setup { statement_timeout: Duration::from_millis(100), ..Setup::default() }
}

async fn until_sent(direct: &PgPool, n: i64) {
    until("the messages to be marked", async || {
        let sent = "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL";
        (sqlx::query_scalar::<_, i64>(sent).fetch_one(direct).await.unwrap() == n).then_some(())
    })
    .await;
}

async fn until_asked(telegram: &Telegram, n: usize) {
    let asked = async || (telegram.calls("sendMessage").await.len() >= n).then_some(());
    until("the request to be on its way", asked).await;
}

/// Breaks without the limits of this side: the mark would hang, the lease run out, and the message be sent again.
#[tokio::test]
async fn connections_that_fall_silent_are_left_before_the_lease_is_over() {
    let (telegram, (url, tunnel, through)) = (Telegram::start().await, tunnelled().await);
    let direct = PgPool::connect(&url).await.unwrap();
    let mut setup = impatient();
    setup.outbox.lease = Duration::from_secs(8);
    let replica = Replica::with(&telegram, &through, setup).await;
    replica.take(&message(1, 5, "before")).await.unwrap();
    until_sent(&direct, 1).await;
    telegram.fault(json!({"method": "sendMessage", "delay_ms": 300, "times": 1})).await;
    replica.take(&message(2, 5, "during")).await.unwrap();
    until_asked(&telegram, 2).await;
    tunnel.falls_silent();
    tunnel.opens();
    until_sent(&direct, 2).await;
    assert_eq!(telegram.person(5).hears(2).await, ["1: before", "2: during"]);
}

/// Breaks without the limit of a turn's two ends: it would wait on a connection kept warm, and its chat with it.
#[tokio::test]
async fn a_turn_whose_connection_fell_silent_is_done_on_another() {
    let (telegram, (_, tunnel, through)) = (Telegram::start().await, tunnelled().await);
    let replica = Replica::with(&telegram, &through, impatient()).await;
    replica.take(&message(1, 5, "before")).await.unwrap();
    tunnel.falls_silent();
    tunnel.opens();
    let taken = tokio::time::timeout(LIMIT, replica.take(&message(2, 6, "after"))).await.expect("the turn goes on");
    assert_eq!(taken.unwrap(), Outcome::Done);
    assert_eq!(telegram.person(6).hears(1).await, ["1: after"]);
}

/// Breaks when this process takes a chat again that it still sends into: a message that waits for its mark would be sent
/// once more for each lease.
#[tokio::test]
async fn marks_refused_for_longer_than_a_lease_make_nobody_hear_a_message_twice() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let direct = replica.pool.clone();
    telegram.fault(json!({"method": "sendMessage", "delay_ms": 300, "times": 1})).await;
    replica.take(&message(1, 5, "once")).await.unwrap();
    until_asked(&telegram, 1).await;
    // Marks are tried again and again, while others get through.
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '53000'; END $$;
         CREATE TRIGGER refuse BEFORE UPDATE OF sent_at ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .execute(&direct)
    .await
    .unwrap();
    until("the lease to be over, and the sweep to have looked", async || {
        let over = "SELECT lease_until < clock_timestamp() - interval '1 s' FROM outbox_chats WHERE chat_id = 5";
        sqlx::query_scalar::<_, bool>(over).fetch_one(&direct).await.unwrap().then_some(())
    })
    .await;
    sqlx::query("DROP TRIGGER refuse ON outbox").execute(&direct).await.unwrap();
    until_sent(&direct, 1).await;
    assert_eq!(telegram.calls("sendMessage").await.len(), 1);
}

/// Breaks when what comes back to the pool is asked without a limit whether it lives: five pings of a server that is
/// gone, and the pool would be empty for as long as TCP waits.
#[tokio::test]
async fn connections_that_fall_silent_do_not_keep_their_place_in_the_pool() {
    let (_, tunnel, through) = tunnelled().await;
    let settings = DatabaseSettings { pool_size: 2, ..DatabaseSettings::new(through) };
    let pool = database::pool(&settings).unwrap();
    let (a, b) = (pool.acquire().await.unwrap(), pool.acquire().await.unwrap());
    tunnel.falls_silent();
    drop((a, b));
    assert!(!database::ping(&pool).await);
    tunnel.opens();
    until("the pool to have room again", async || database::ping(&pool).await.then_some(())).await;
}

/// Breaks when requests are counted: Telegram's absence of some minutes would kill what must arrive.
#[tokio::test]
async fn a_telegram_that_was_away_for_many_requests_costs_no_message() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    telegram.fault(json!({"method": "sendMessage", "status": 502, "times": 15})).await;
    telegram.fault(json!({"method": "sendMessage", "drop": true, "times": 15})).await;
    replica.take(&message(1, 5, "still")).await.unwrap();
    replica.take(&message(2, 6, "here")).await.unwrap();
    for (chat, said) in [(5, "1: still"), (6, "1: here")] {
        assert_eq!(telegram.person(chat).hears(1).await, [said]);
    }
}

/// Breaks when every chat asks for itself whether Telegram is back.
#[tokio::test]
async fn while_telegram_is_away_the_bot_as_a_whole_asks_now_and_then() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    setup.outbox.probe_interval = Duration::from_secs(3600);
    let replica = Replica::with(&telegram, &database, setup).await;
    telegram.fault(json!({"method": "sendMessage", "drop": true, "times": 1000})).await;
    replica.take(&message(1, 1, "x")).await.unwrap();
    until_asked(&telegram, 3).await;
    for chat in 2..=40 {
        replica.take(&message(chat, chat, "x")).await.unwrap();
    }
    // The sweep has looked at them, if it does.
    let beat = "SELECT seen_at FROM processes";
    let before: chrono::DateTime<chrono::Utc> = sqlx::query_scalar(beat).fetch_one(&replica.pool).await.unwrap();
    until("the sweep to have been there", async || {
        let now: chrono::DateTime<chrono::Utc> = sqlx::query_scalar(beat).fetch_one(&replica.pool).await.unwrap();
        (now > before).then_some(())
    })
    .await;
    assert_eq!(telegram.calls("sendMessage").await.len(), 3);
}
