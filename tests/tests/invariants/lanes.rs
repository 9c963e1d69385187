//! Connections kept between transactions: two round trips a turn, and never a transaction left open in one.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Acquire, Connection, Executor, PgPool};
use vitte_platform::database::lanes::Prepared;
use vitte_platform::database::literal::Execute;
use vitte_platform::database::{self, DatabaseSettings, Lanes, pool};
use vitte_platform::intake::Outcome;
use vitte_platform::module::{Handlers, Module};
use vitte_platform::outbox::{self, Entry, Priority};
use vitte_platform::telegram::Message;
use vitte_tests::database::{empty, migrated};
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::until;

const ADD: Prepared =
    Prepared { name: "test_add", parameters: "text, bigint", sql: "INSERT INTO words VALUES ($1, $2) RETURNING word" };

/// Lanes of a database with one table, and its pool.
async fn words(size: u32) -> (PgPool, Lanes) {
    let pool = pool(&DatabaseSettings { pool_size: size, ..DatabaseSettings::new(empty().await) }).unwrap();
    pool.execute("CREATE TABLE words (word text, n bigint)").await.unwrap();
    let lanes = Lanes::new(pool.clone(), &[ADD]);
    (pool, lanes)
}

fn add(word: &str) -> String {
    Execute::new(ADD.name).text(Some(word)).number(1).into_sql()
}

async fn known(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar("SELECT word FROM words ORDER BY word").fetch_all(pool).await.unwrap()
}

/// Breaks when a text becomes SQL as it is.
#[tokio::test]
async fn a_text_arrives_as_it_is_whatever_it_holds() {
    let (pool, lanes) = words(5).await;
    let texts = ["", "plain", "it's; DROP TABLE words; --", "\\'); SELECT 1", "слово 🎈\n\t\"", "$q$ $1 \\x00"];
    for text in texts {
        let (tx, rows) = lanes.begin(&add(text)).await.unwrap();
        assert_eq!(sqlx::Row::get::<String, _>(&rows[0], 0), text);
        tx.commit_with(&add(text)).await.unwrap();
    }
    let mut expected: Vec<String> = texts.iter().flat_map(|t| [(*t).to_owned(), (*t).to_owned()]).collect();
    let mut found = known(&pool).await;
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

/// Breaks when a dropped transaction's connection stays warm: the next one would begin inside of it.
#[tokio::test]
async fn a_transaction_dropped_anywhere_leaves_nothing_and_its_connection_is_not_used_again() {
    let (pool, lanes) = words(3).await;
    let (tx, _) = lanes.begin(&add("dropped")).await.unwrap();
    drop(tx);
    // In the middle of a statement.
    let slow = async {
        let (tx, _) = lanes.begin(&add("dropped too")).await.unwrap();
        tx.commit_with("SELECT pg_sleep(60)").await
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), slow).await.is_err());
    let (mut tx, _) = lanes.begin("").await.unwrap();
    let inside: Vec<String> = sqlx::query_scalar("SELECT word FROM words").fetch_all(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    assert!(inside.is_empty(), "{inside:?}");
    assert!(known(&pool).await.is_empty());
}

/// Breaks without the savepoint: PostgreSQL answers `COMMIT` of a failed transaction by rolling back, without an error.
#[tokio::test]
async fn a_failed_transaction_and_one_that_somebody_ended_are_not_taken_for_committed() {
    let (pool, lanes) = words(3).await;
    let (mut tx, _) = lanes.begin(&add("lost")).await.unwrap();
    assert!(tx.execute("SELECT 1 / 0").await.is_err());
    assert!(tx.commit().await.is_err());
    let (mut tx, _) = lanes.begin("").await.unwrap();
    // To the driver this is the first transaction: its end is the whole one's.
    Connection::begin(&mut *tx).await.unwrap().commit().await.unwrap();
    assert!(tx.commit_with(&add("after the end")).await.is_err());
    assert!(known(&pool).await.is_empty());
    let (tx, _) = lanes.begin(&add("good")).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(known(&pool).await, ["good"]);
}

/// Breaks without the second try: each warm connection would cost somebody their update.
#[tokio::test]
async fn connections_that_died_while_they_were_warm_are_noticed_by_nobody() {
    let (pool, lanes) = words(5).await;
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(lanes.begin("").await.unwrap().0);
    }
    for tx in open {
        tx.commit().await.unwrap();
    }
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let ended: i64 = sqlx::query_scalar(others).fetch_one(&pool).await.unwrap();
    assert!(ended >= 3);
    for _ in 0..5 {
        let (tx, _) = lanes.begin(&add("x")).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(known(&pool).await.len(), 5);
}

/// Breaks when warm connections are kept for ever: a quiet process would hold more of the server than it needs, and the
/// pool's end would wait for them.
#[tokio::test]
async fn connections_that_rest_go_back_and_the_pool_can_be_closed_at_once() {
    let (pool, lanes) = words(5).await;
    let (tx, _) = lanes.begin("").await.unwrap();
    tx.commit().await.unwrap();
    let size = || usize::try_from(pool.size()).unwrap();
    assert!(pool.num_idle() < size(), "it is kept");
    until("the connection to be back", async || (pool.num_idle() == size()).then_some(())).await;
    let (tx, _) = lanes.begin("").await.unwrap();
    tx.commit().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), pool.close()).await.expect("the pool closes");
}

/// Breaks without the way past stuck lanes: three chats whose lock another replica holds would stop all the others.
#[tokio::test]
async fn slow_chats_in_every_lane_do_not_stop_another_chat() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Arc::new(Replica::start(&telegram, &database).await);
    let mut holder = PgPool::connect(&database).await.unwrap().acquire().await.unwrap();
    let mut turns = holder.begin().await.unwrap();
    turns.execute("SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 3) AS n").await.unwrap();
    let stuck: Vec<_> = (1..=3)
        .map(|n| {
            let replica = replica.clone();
            tokio::spawn(async move { replica.take(&message(n, n, "slow")).await })
        })
        .collect();
    until("three turns that wait", async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&replica.pool).await.unwrap();
        (waiting == 3).then_some(())
    })
    .await;
    for n in 10..20 {
        assert_eq!(replica.take(&message(n, n, "quick")).await.unwrap(), Outcome::Done);
    }
    assert!(stuck.iter().all(|s| !s.is_finished()));
    turns.rollback().await.unwrap();
    for turn in stuck {
        assert_eq!(turn.await.unwrap().unwrap(), Outcome::Done);
    }
}

/// Breaks when turns may have all of the pool: what was sent would not be marked, and the process not be ready.
#[tokio::test]
async fn however_many_turns_are_stuck_messages_are_marked_and_the_database_answers() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Arc::new(Replica::start(&telegram, &database).await);
    let outside = PgPool::connect(&database).await.unwrap();
    let mut holder = outside.acquire().await.unwrap();
    let mut turns = holder.begin().await.unwrap();
    turns.execute("SELECT pg_advisory_xact_lock(n) FROM generate_series(1, 8) AS n").await.unwrap();
    let stuck: Vec<_> = (1..=8)
        .map(|n| {
            let replica = replica.clone();
            tokio::spawn(async move { replica.take(&message(n, n, "slow")).await })
        })
        .collect();
    let waiting = async || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        sqlx::query_scalar::<_, i64>(waiting).fetch_one(&outside).await.unwrap()
    };
    until("all turns to be stuck that can be", async || (waiting().await >= 4).then_some(())).await;
    let mut tx = outside.begin().await.unwrap();
    let entries = Entry::message(20, Priority::Interactive, Message::plain("from a job"));
    let _ = outbox::enqueue(&mut tx, entries, None, None).await.unwrap();
    tx.commit().await.unwrap();
    until("the message to be marked", async || {
        let sent = "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL";
        (sqlx::query_scalar::<_, i64>(sent).fetch_one(&outside).await.unwrap() == 1).then_some(())
    })
    .await;
    assert!(database::ping(&replica.pool).await);
    assert_eq!(waiting().await, 4, "meanwhile");
    turns.rollback().await.unwrap();
    for turn in stuck {
        assert_eq!(turn.await.unwrap().unwrap(), Outcome::Done);
    }
}

/// A handler that overlooks what the database told it.
struct Careless;

impl Module for Careless {
    fn name(&self) -> &'static str {
        "careless"
    }

    fn handlers(&self) -> Handlers {
        Handlers::new().free_text(|turn, message| {
            Box::pin(async move {
                let _ = turn.tx.execute("SELECT 1 / 0").await;
                if message.text.as_deref() == Some("speak") {
                    turn.reply(Message::plain("all is well"));
                }
                Ok(())
            })
        })
    }
}

/// Breaks without the savepoint in the commit: the update would be acknowledged, and nothing of it written.
#[tokio::test]
async fn a_handler_that_overlooks_an_error_of_its_transaction_has_failed() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::of(&telegram, &database, Setup::default(), vec![Arc::new(Careless)]).await;
    for (n, text) in [(1, "speak"), (2, "be silent")] {
        assert_eq!(replica.take(&message(n, 5, text)).await.unwrap(), Outcome::Dead);
    }
    let heard = telegram.person(5).hears(2).await;
    assert!(heard.iter().all(|text| text.starts_with("Sorry")), "{heard:?}");
}
