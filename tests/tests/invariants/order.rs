//! Order per chat, over replicas, and nothing lost or said twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;
use vitte_platform::intake::Outcome;
use vitte_platform::module::{Handlers, Module};
use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::until;

/// Breaks without the chat's lease: two processes would send into one chat.
#[tokio::test]
async fn answers_of_a_chat_keep_the_order_of_its_turns_over_two_replicas() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replicas =
        [Replica::start(&telegram, &database).await, Replica::start(&telegram, &database).await].map(Arc::new);
    let mut tasks = Vec::new();
    for chat in 1..=10i64 {
        for n in 0..20i64 {
            let replica = replicas[(n % 2) as usize].clone();
            tasks.push(tokio::spawn(async move { replica.take(&message(chat * 1000 + n, chat, "x")).await.unwrap() }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    for chat in 1..=10 {
        let heard = telegram.person(chat).hears(20).await;
        let expected: Vec<String> = (1..=20).map(|n| format!("{n}: x")).collect();
        assert_eq!(heard, expected, "chat {chat}");
    }
}

/// A turn of this module stays in its middle until it may go on.
struct Stands {
    begun: AtomicUsize,
    gate: Semaphore,
}

struct Standing(Arc<Stands>);

impl Module for Standing {
    fn name(&self) -> &'static str {
        "standing"
    }

    fn handlers(&self) -> Handlers {
        let stands = self.0.clone();
        Handlers::new().free_text(move |_, _| {
            let stands = stands.clone();
            Box::pin(async move {
                stands.begun.fetch_add(1, Ordering::SeqCst);
                stands.gate.acquire().await?.forget();
                Ok(())
            })
        })
    }
}

/// Breaks without the chat's advisory lock.
#[tokio::test]
async fn turns_of_a_chat_on_two_replicas_wait_for_each_other() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let stands = Arc::new(Stands { begun: AtomicUsize::new(0), gate: Semaphore::new(1) });
    let start = async || {
        let modules: Vec<Arc<dyn Module>> = vec![Arc::new(Standing(stands.clone()))];
        Arc::new(Replica::of(&telegram, &database, Setup::default(), modules).await)
    };
    let (a, b) = (start().await, start().await);
    let pool = a.pool.clone();
    // The person is known: nothing else than the lock is left to wait for.
    assert_eq!(a.take(&message(1, 5, "x")).await.unwrap(), Outcome::Done);
    let first = tokio::spawn(async move { a.take(&message(2, 5, "x")).await.unwrap() });
    until("the first turn", async || (stands.begun.load(Ordering::SeqCst) == 2).then_some(())).await;
    let second = tokio::spawn(async move { b.take(&message(3, 5, "x")).await.unwrap() });
    until("the second turn, or its wait", async || {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event = 'advisory')";
        let waits: bool = sqlx::query_scalar(waits).fetch_one(&pool).await.unwrap();
        (waits || stands.begun.load(Ordering::SeqCst) > 2).then_some(())
    })
    .await;
    assert_eq!(stands.begun.load(Ordering::SeqCst), 2, "the second waits for the first");
    stands.gate.add_permits(2);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Outcome::Done, Outcome::Done));
}

/// Breaks when a retry lets what comes later pass, or when a refusal with 429 does.
#[tokio::test]
async fn order_holds_while_a_message_is_refused_broken_and_tried_again() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    telegram.fault(serde_json::json!({"method": "sendMessage", "status": 502, "times": 3})).await;
    for n in 0..5 {
        replica.take(&message(n, 5, "x")).await.unwrap();
    }
    telegram.person(5).hears(5).await;
    // Of three messages written together the first fails.
    telegram.fault(serde_json::json!({"method": "sendMessage", "status": 502, "times": 1})).await;
    replica.take(&message(6, 5, "/many 3")).await.unwrap();
    telegram.person(5).hears(8).await;
    telegram.fault(serde_json::json!({"method": "sendMessage", "status": 429, "retry_after": 1, "times": 1})).await;
    replica.take(&message(7, 5, "/many 3")).await.unwrap();
    let heard = telegram.person(5).hears(11).await;
    assert_eq!(heard, ["1: x", "2: x", "3: x", "4: x", "5: x", "m0", "m1", "m2", "m0", "m1", "m2"]);
}

/// Breaks when a lease is released without asking whether somebody wrote meanwhile (`writes`).
#[tokio::test]
async fn no_message_is_left_behind_by_writers_that_race_with_a_release() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    // The sweep would find what a bad release leaves: here it comes too late to help.
    let mut setup = Setup::default();
    setup.outbox.sweep_interval = std::time::Duration::from_secs(3600);
    let replicas =
        [Replica::with(&telegram, &database, setup.clone()).await, Replica::with(&telegram, &database, setup).await];
    for n in 0..150 {
        replicas[(n % 2) as usize].take(&message(n, 5, "x")).await.unwrap();
    }
    assert_eq!(telegram.person(5).hears(150).await.len(), 150);
}
