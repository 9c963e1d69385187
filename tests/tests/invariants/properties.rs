//! What holds whatever comes.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use vitte_platform::intake::IntakeError;
use vitte_platform::outbox::{self, Entry, Priority};
use vitte_platform::telegram::Message;
use vitte_tests::database::{migrated, migrated_pool};
use vitte_tests::replica::Replica;
use vitte_tests::telegram::{Telegram, message};

fn templates() -> Vec<Value> {
    let from = json!({"id": 5, "is_bot": false, "first_name": "Ann", "username": "ann", "language_code": "ru"});
    let chat = json!({"id": 5, "type": "private", "first_name": "Ann"});
    vec![
        message(1, 5, "hello"),
        message(1, 5, "/ask"),
        message(1, 5, "/button@vitte_bot x"),
        json!({"update_id": 1, "message": {"message_id": 1, "date": 1, "chat": {"id": -7, "type": "supergroup"},
            "from": from, "photo": [{"file_id": "a", "width": 1}], "caption": "c"}}),
        json!({"update_id": 1, "callback_query": {"id": "1", "from": from, "chat_instance": "1", "data": "talker:x",
            "message": {"message_id": 1, "date": 0, "chat": chat}}}),
        json!({"update_id": 1, "my_chat_member": {"chat": chat, "from": from, "date": 1,
            "old_chat_member": {"status": "member"}, "new_chat_member": {"status": "kicked"}}}),
        json!({"update_id": 1, "pre_checkout_query": {"id": "1", "from": from, "currency": "XTR"}}),
        json!({"update_id": 1, "telepathy": [1, 2, 3]}),
    ]
}

/// Values that are wrong anywhere.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        Just(Value::from("\u{0}nul\u{0}")),
        Just(Value::from("🎈".repeat(5000))),
        Just(json!([])),
        Just(json!({})),
        Just(json!({"id": 0, "type": "private"})),
    ]
}

/// Puts `value` at the n-th place of a tree, counted over everything in it.
fn replace(tree: &mut Value, n: &mut usize, value: &Value) {
    if *n == 0 {
        *tree = value.clone();
    }
    *n = n.wrapping_sub(1);
    match tree {
        Value::Object(map) => map.values_mut().for_each(|v| replace(v, n, value)),
        Value::Array(list) => list.iter_mut().for_each(|v| replace(v, n, value)),
        _ => {}
    }
}

fn mutated() -> impl Strategy<Value = String> {
    let all = templates();
    (0..all.len(), any::<i64>(), prop::collection::vec((1..25usize, odd()), 0..4), any::<prop::sample::Index>())
        .prop_map(move |(template, id, changes, cut)| {
            let mut update = all[template].clone();
            for (mut place, value) in changes {
                replace(&mut update, &mut place, &value);
            }
            if update["update_id"] == 1 {
                update["update_id"] = id.into();
            }
            let text = update.to_string();
            // One in eight is torn somewhere.
            if cut.index(8) == 0 { text.chars().take(cut.index(text.len().max(1))).collect() } else { text }
        })
}

/// Breaks with any unwrap on the way, and with any bad input that looks like the database's fault: Telegram would
/// repeat it for ever.
#[test]
fn whatever_comes_as_an_update_is_taken_buried_or_refused_and_never_repeated() {
    let runtime = Runtime::new().unwrap();
    let (_telegram, replica) = runtime.block_on(async {
        let telegram = Telegram::start().await;
        let replica = Replica::start(&telegram, &migrated().await).await;
        (telegram, replica)
    });
    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let result = runner.run(&mutated(), |raw| {
        let outcome = runtime.block_on(replica.intake.accept(raw.clone()));
        prop_assert!(matches!(outcome, Ok(_) | Err(IntakeError::Malformed(_))), "{outcome:?} for {raw}");
        Ok(())
    });
    result.unwrap();
    // And the bot still answers.
    let answer = runtime.block_on(async {
        replica.take(&message(77, 50, "/say alive")).await.unwrap();
        _telegram.person(50).hears(1).await
    });
    assert_eq!(answer, ["alive"]);
}

#[derive(Debug, Clone)]
enum Step {
    Say {
        chat: i64,
        bulk: bool,
    },
    Fault {
        status: u16,
    },
    /// Whoever sends into this chat is gone.
    LoseLease {
        chat: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..4i64, prop::bool::weighted(0.3)).prop_map(|(chat, bulk)| Step::Say { chat, bulk }),
        1 => prop_oneof![Just(500u16), Just(502)].prop_map(|status| Step::Fault { status }),
        1 => (1..4i64).prop_map(|chat| Step::LoseLease { chat }),
    ];
    prop::collection::vec(step, 5..40)
}

/// Breaks when anything lets a message pass an older one of its chat and priority.
#[test]
fn messages_of_a_chat_and_priority_arrive_in_the_order_of_their_writing() {
    let runtime = Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
    let result = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
            let replica = Replica::start(&telegram, &database).await;
            let mut written = 0;
            for (n, step) in steps.iter().enumerate() {
                match step {
                    Step::Say { chat, bulk } => {
                        let priority = if *bulk { Priority::Bulk } else { Priority::Interactive };
                        let mut tx = pool.begin().await.unwrap();
                        let text = format!("{}{n:03}", if *bulk { "b" } else { "i" });
                        let entries = Entry::message(*chat, priority, Message::plain(&text));
                        let dispatch = outbox::enqueue(&mut tx, entries, Some(&replica.sender), None).await.unwrap();
                        tx.commit().await.unwrap();
                        replica.sender.dispatch(dispatch);
                        written += 1;
                    }
                    Step::Fault { status } => {
                        telegram.fault(json!({"method": "sendMessage", "status": status, "times": 1})).await;
                    }
                    Step::LoseLease { chat } => {
                        sqlx::query("UPDATE outbox_chats SET lease_token = NULL, lease_until = NULL, due_at = now() WHERE chat_id = $1 AND due_at IS NOT NULL")
                            .bind(chat)
                            .execute(&pool)
                            .await
                            .unwrap();
                    }
                }
            }
            vitte_tests::until("everything to be sent", async || {
                let sent: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL")
                    .fetch_one(&pool)
                    .await
                    .unwrap();
                (sent == written).then_some(())
            })
            .await;
            for chat in 1..4 {
                for lane in ["i", "b"] {
                    let mut heard: Vec<_> =
                        telegram.person(chat).read().await.into_iter().filter(|t| t.starts_with(lane)).collect();
                    // A lease taken from a sender in the middle of its request repeats that one message, later too.
                    let mut seen = std::collections::HashSet::new();
                    heard.retain(|text| seen.insert(text.clone()));
                    let mut sorted = heard.clone();
                    sorted.sort();
                    prop_assert_eq!(heard, sorted, "chat {}", chat);
                }
            }
            Ok(())
        })
    });
    result.unwrap();
}
