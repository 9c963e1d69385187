//! Order per chat, over replicas, and nothing lost or said twice.

use std::sync::Arc;

use vitte_tests::database::migrated;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};

/// Breaks without the chat's lease (two senders of one chat) or without the chat's advisory lock.
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

/// Breaks when a retry lets what comes later pass.
#[tokio::test]
async fn order_holds_while_a_message_is_refused_broken_and_tried_again() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    telegram.fault(serde_json::json!({"method": "sendMessage", "status": 502, "times": 3})).await;
    for n in 0..5 {
        replica.take(&message(n, 5, "x")).await.unwrap();
    }
    telegram.fault(serde_json::json!({"method": "sendMessage", "status": 429, "retry_after": 1, "times": 1})).await;
    replica.take(&message(6, 5, "/many 3")).await.unwrap();
    let heard = telegram.person(5).hears(8).await;
    assert_eq!(heard, ["1: x", "2: x", "3: x", "4: x", "5: x", "m0", "m1", "m2"]);
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
