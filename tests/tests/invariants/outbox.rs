use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::PgPool;
use vitte_platform::outbox::{self, Entry, GateSettings, Priority};
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::Media;
use vitte_tests::database::{migrated, migrated_pool, redis_url};
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::until;

/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\x9cc\xf8\xff\xff?\0\x05\xfe\x02\xfe\xa7\x35\x81\x84\0\0\0\0IEND\xaeB`\x82";

async fn write(pool: &PgPool, chat: i64, priority: Priority, text: &str) -> i64 {
    let mut tx = pool.begin().await.unwrap();
    let entries = Entry::message(chat, priority, Message::plain(text));
    // Without a sender: as a process that dies right after its commit.
    let dispatch = outbox::enqueue(&mut tx, entries, None, None).await.unwrap();
    tx.commit().await.unwrap();
    dispatch.rows[0]
}

/// Breaks without the sweep.
#[tokio::test]
async fn what_a_dead_writer_left_is_sent_by_another_process() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let (_, pool) = (0, sqlx::PgPool::connect(&database).await.unwrap());
    write(&pool, 5, Priority::Interactive, "left behind").await;
    let _replica = Replica::start(&telegram, &database).await;
    assert_eq!(telegram.person(5).hears(1).await, ["left behind"]);
}

/// Breaks when an expired lease is not taken over.
#[tokio::test]
async fn a_lease_whose_holder_died_runs_out_and_the_chat_goes_on() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let pool = sqlx::PgPool::connect(&database).await.unwrap();
    write(&pool, 5, Priority::Interactive, "first").await;
    sqlx::query(
        "UPDATE outbox_chats SET lease_token = gen_random_uuid(), lease_until = clock_timestamp() + interval '1 s'",
    )
    .execute(&pool)
    .await
    .unwrap();
    let replica = Replica::start(&telegram, &database).await;
    replica.take(&message(1, 5, "second")).await.unwrap();
    assert_eq!(telegram.person(5).hears(2).await, ["first", "1: second"]);
}

/// Breaks when marks are not fenced by the lease's token.
#[tokio::test]
async fn a_holder_whose_lease_was_taken_marks_nothing() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    telegram.fault(json!({"method": "sendMessage", "delay_ms": 300, "times": 1})).await;
    replica.take(&message(1, 5, "x")).await.unwrap();
    // While the request is on its way, somebody else takes the chat.
    until("the request to be on its way", async || (!telegram.calls("sendMessage").await.is_empty()).then_some(()))
        .await;
    sqlx::query(
        "UPDATE outbox_chats SET lease_token = gen_random_uuid(), lease_until = clock_timestamp() + interval '2 s'",
    )
    .execute(&replica.pool)
    .await
    .unwrap();
    telegram.person(5).hears(1).await;
    // The other holder never sends; when its lease is over the message, unmarked, goes again: repeated, not lost.
    assert_eq!(telegram.person(5).hears(2).await, ["1: x", "1: x"]);
}

/// Breaks without the freeze: the storm would be answered with more requests.
#[tokio::test]
async fn a_429_rests_the_chat_and_two_chats_refused_rest_the_bot() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    for chat in [5, 6] {
        telegram
            .fault(json!({"method": "sendMessage", "status": 429, "retry_after": 2, "times": 1, "chat_id": chat}))
            .await;
    }
    replica.take(&message(1, 5, "a")).await.unwrap();
    until("the first refusal", async || (telegram.calls("sendMessage").await.len() == 1).then_some(())).await;
    replica.take(&message(2, 6, "b")).await.unwrap();
    until("the bot to rest", async || {
        let frozen: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM bot_state WHERE frozen_until > now())")
            .fetch_one(&replica.pool)
            .await
            .unwrap();
        frozen.then_some(())
    })
    .await;
    replica.take(&message(3, 7, "c")).await.unwrap();
    assert_eq!(telegram.calls("sendMessage").await.len(), 2, "a third chat waits too");
    for (chat, text) in [(5, "1: a"), (6, "1: b"), (7, "1: c")] {
        assert_eq!(telegram.person(chat).hears(1).await, [text]);
    }
}

/// Breaks when a 403 marks nobody, or when the mark outlives the person's return.
#[tokio::test]
async fn a_person_who_blocked_the_bot_is_marked_and_the_message_is_dead_with_its_reason() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let fault = json!({"method": "sendMessage", "status": 403, "times": 1});
    telegram.fault(fault).await;
    replica.take(&message(1, 5, "x")).await.unwrap();
    let reason = until("a dead message", async || {
        sqlx::query_scalar::<_, String>("SELECT error FROM outbox WHERE dead_at IS NOT NULL")
            .fetch_optional(&replica.pool)
            .await
            .unwrap()
    })
    .await;
    assert!(reason.contains("blocked"), "{reason}");
    let blocked = "SELECT is_bot_blocked FROM users WHERE telegram_id = 5";
    assert!(sqlx::query_scalar::<_, bool>(blocked).fetch_one(&replica.pool).await.unwrap());
    replica.take(&message(2, 5, "back again")).await.unwrap();
    telegram.person(5).hears(1).await;
    assert!(!sqlx::query_scalar::<_, bool>(blocked).fetch_one(&replica.pool).await.unwrap());
}

/// Breaks without the second request as plain text, or when a refusal is tried again.
#[tokio::test]
async fn refused_markup_goes_as_plain_text_and_a_hopeless_message_dies_without_stopping_the_rest() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    replica.take(&message(1, 5, "/markup")).await.unwrap();
    assert_eq!(telegram.person(5).hears(1).await, ["bold & more"]);
    telegram.fault(json!({"method": "sendMessage", "status": 400, "times": 1})).await;
    replica.take(&message(2, 5, "/say lost")).await.unwrap();
    replica.take(&message(3, 5, "/say found")).await.unwrap();
    assert_eq!(telegram.person(5).hears(2).await, ["bold & more", "found"]);
}

/// Breaks when an upload is given up with its caption.
#[tokio::test]
async fn a_file_whose_caption_is_refused_goes_with_a_plain_one() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    let mut tx = pool.begin().await.unwrap();
    let png = Media::Upload { file_name: "a.png".into(), mime: "image/png".into(), content: PIXEL.to_vec() };
    let entries = Entry::message(5, Priority::Interactive, Message::photo(png, "<b>look</i> &amp; see"));
    let _ = outbox::enqueue(&mut tx, entries, None, None).await.unwrap();
    tx.commit().await.unwrap();
    let _replica = Replica::start(&telegram, &database).await;
    let photo = telegram.person(5).hears_of("look & see").await;
    assert_eq!(photo["kind"], "photo");
}

/// Breaks when the moved chat's row is not locked before what is pending there is looked at.
#[tokio::test]
async fn a_message_written_while_its_group_moves_goes_to_the_new_one() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let fault = json!({"method": "sendMessage", "status": 400, "migrate_to_chat_id": 6, "chat_id": 5, "delay_ms": 500});
    telegram.fault(fault).await;
    replica.take(&message(1, 5, "/say first")).await.unwrap();
    until("the request to be on its way", async || (!telegram.calls("sendMessage").await.is_empty()).then_some(()))
        .await;
    // Written, and not yet committed when the group moves.
    let mut tx = replica.pool.begin().await.unwrap();
    let entries = Entry::message(5, Priority::Interactive, Message::plain("second"));
    let _ = outbox::enqueue(&mut tx, entries, None, None).await.unwrap();
    until("the move to wait for the writer", async || {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock')";
        sqlx::query_scalar::<_, bool>(waits).fetch_one(&replica.pool).await.unwrap().then_some(())
    })
    .await;
    tx.commit().await.unwrap();
    assert_eq!(telegram.person(6).hears(2).await, ["first", "second"]);
}

/// Breaks when a write takes the chat, or makes it due, whatever it waits for.
#[tokio::test]
async fn a_chat_that_waits_is_hurried_only_by_what_is_more_urgent() {
    let (_, pool) = migrated_pool().await;
    write(&pool, 5, Priority::Interactive, "first").await;
    write(&pool, 6, Priority::Bulk, "first").await;
    let later = "UPDATE outbox_chats SET due_at = now() + interval '1 hour'";
    sqlx::query(later).execute(&pool).await.unwrap();
    for chat in [5, 6] {
        write(&pool, chat, Priority::Interactive, "second").await;
    }
    let due = "SELECT chat_id FROM outbox_chats WHERE due_at <= clock_timestamp()";
    assert_eq!(sqlx::query_scalar::<_, i64>(due).fetch_all(&pool).await.unwrap(), [6]);
}

/// Breaks when waiting for Telegram has no end.
#[tokio::test]
async fn after_its_time_a_message_is_dead_and_can_be_replayed() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let mut setup = Setup::default();
    setup.outbox.give_up = Duration::ZERO;
    let replica = Replica::with(&telegram, &database, setup).await;
    telegram.fault(json!({"method": "sendMessage", "status": 500, "times": 2})).await;
    replica.take(&message(1, 5, "x")).await.unwrap();
    let id: i64 = until("a dead message", async || {
        sqlx::query_scalar("SELECT id FROM outbox WHERE dead_at IS NOT NULL")
            .fetch_optional(&replica.pool)
            .await
            .unwrap()
    })
    .await;
    assert_eq!(telegram.calls("sendMessage").await.len(), 2, "its time begins with the first failure");
    let mut connection = replica.pool.acquire().await.unwrap();
    outbox::replay_dead(&mut connection, &[id]).await.unwrap();
    assert_eq!(telegram.person(5).hears(1).await, ["1: x"]);
}

/// Breaks when an edit does not wait for the row it names.
#[tokio::test]
async fn an_edit_names_a_message_that_was_not_sent_yet() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    let row = write(&pool, 5, Priority::Interactive, "draft").await;
    let mut tx = pool.begin().await.unwrap();
    let edit = Entry::edit_of(5, row, Message::plain("final"));
    let _ = outbox::enqueue(&mut tx, vec![edit], None, None).await.unwrap();
    tx.commit().await.unwrap();
    let _replica = Replica::start(&telegram, &database).await;
    let message = telegram.person(5).hears_of("final").await;
    assert_eq!(message["edited"], true);
    assert_eq!(telegram.person(5).read().await.len(), 1);
}

/// Breaks when Telegram's id of the file is not kept, or kept and not used.
#[tokio::test]
async fn a_file_is_uploaded_once_and_then_sent_by_its_id() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    let mut tx = pool.begin().await.unwrap();
    let png = Media::Upload { file_name: "a.png".into(), mime: "image/png".into(), content: PIXEL.to_vec() };
    let entries = Entry::message(5, Priority::Interactive, Message::photo(png, "look"));
    let _ = outbox::enqueue(&mut tx, entries, None, None).await.unwrap();
    tx.commit().await.unwrap();
    let _replica = Replica::start(&telegram, &database).await;
    let photo = telegram.person(5).hears_of("look").await;
    assert_eq!(photo["kind"], "photo");
    let (id, bytes): (Option<String>, Option<i32>) = until("the file's id", async || {
        let row = "SELECT file_id, octet_length(content) FROM outbox_files WHERE file_id IS NOT NULL";
        sqlx::query_as(row).fetch_optional(&pool).await.unwrap()
    })
    .await;
    assert!(id.is_some() && bytes.is_none(), "the bytes are not kept beside the id");
    // As if the process had been killed between the upload and its mark.
    let unmark = "WITH again AS (UPDATE outbox SET sent_at = NULL WHERE sent_at IS NOT NULL RETURNING chat_id)
                  UPDATE outbox_chats c SET due_at = now() FROM again WHERE c.chat_id = again.chat_id";
    until("the photo's mark", async || {
        (sqlx::query(unmark).execute(&pool).await.unwrap().rows_affected() == 1).then_some(())
    })
    .await;
    let calls = until("the photo to go again", async || {
        let calls = telegram.calls("sendPhoto").await;
        (calls.len() == 2).then_some(calls)
    })
    .await;
    assert_eq!(calls[1]["photo"].as_str(), id.as_deref());
}

/// Breaks without the lanes: bulk committed first would be sent first.
#[tokio::test]
async fn people_who_wait_go_before_bulk_in_their_chat_and_over_all() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    for n in 0..10 {
        write(&pool, 5, Priority::Bulk, &format!("bulk {n}")).await;
    }
    write(&pool, 5, Priority::Interactive, "answer").await;
    let _replica = Replica::start(&telegram, &database).await;
    let heard = telegram.person(5).hears(11).await;
    assert_eq!(heard[0], "answer");
    assert_eq!(heard[1..], (0..10).map(|n| format!("bulk {n}")).collect::<Vec<_>>());
}

/// Breaks when bulk is sent as it was read, without a look at what was written meanwhile.
#[tokio::test]
async fn who_writes_in_the_middle_of_bulk_does_not_wait_for_its_end() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    for n in 0..10 {
        write(&pool, 5, Priority::Bulk, &format!("bulk {n}")).await;
    }
    telegram.fault(json!({"method": "sendMessage", "delay_ms": 200, "times": 10})).await;
    let replica = Replica::start(&telegram, &database).await;
    until("bulk to be on its way", async || (!telegram.calls("sendMessage").await.is_empty()).then_some(())).await;
    replica.take(&message(1, 5, "hello")).await.unwrap();
    let heard = telegram.person(5).hears(11).await;
    assert!(heard[..10].contains(&"1: hello".to_owned()), "{heard:?}");
}

/// Breaks when each process has the whole rate for itself.
#[tokio::test]
async fn two_processes_together_keep_the_bots_rate() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    let bot = "DELETE FROM bot_state";
    sqlx::query(bot).execute(&pool).await.unwrap();
    let rate = GateSettings { per_second: 20 };
    let mut setup = Setup { rate, redis: Some(redis_url()), ..Setup::default() };
    // One alone would take all the chats, and keep its rate without asking anybody.
    setup.outbox.concurrency = 30;
    for chat in 1..=60 {
        write(&pool, chat, Priority::Interactive, "x").await;
    }
    let started = Instant::now();
    let _a = Replica::with(&telegram, &database, setup.clone()).await;
    let _b = Replica::with(&telegram, &database, setup).await;
    until("all sixty", async || (telegram.calls("sendMessage").await.len() == 60).then_some(())).await;
    // Sixty at twenty a second with a burst of four: 2.8 s at least. An upper bound would test the machine.
    assert!(started.elapsed() > Duration::from_millis(2500), "{:?}", started.elapsed());
}

/// Breaks when a process that cannot ask Redis takes the whole rate for itself.
#[tokio::test]
async fn without_redis_a_process_keeps_to_its_share_of_the_bots_rate() {
    let (telegram, (database, pool)) = (Telegram::start().await, migrated_pool().await);
    let others = "INSERT INTO processes (id, role, seen_at)
                  SELECT gen_random_uuid(), 'bot', now() + interval '1 hour' FROM generate_series(1, 3)";
    sqlx::query(others).execute(&pool).await.unwrap();
    for chat in 1..=20 {
        write(&pool, chat, Priority::Interactive, "x").await;
    }
    let started = Instant::now();
    let setup = Setup { rate: GateSettings { per_second: 20 }, ..Setup::default() };
    let _replica = Replica::with(&telegram, &database, setup).await;
    until("all twenty", async || (telegram.calls("sendMessage").await.len() == 20).then_some(())).await;
    // A fourth of twenty a second, with a burst of one: 3.8 s at least.
    assert!(started.elapsed() > Duration::from_millis(3500), "{:?}", started.elapsed());
}

/// Breaks when an age is forgotten, or when what is still owed goes with what is over.
#[tokio::test]
async fn what_is_over_is_pruned_by_its_age_and_what_is_owed_stays() {
    let (_, pool) = migrated_pool().await;
    let rows = r#"INSERT INTO outbox (chat_id, priority, method, payload, created_at, sent_at, dead_at) VALUES
            (1, 0, 'sendMessage', '{}', now() - interval '40 days', now() - interval '40 days', NULL),
            (1, 0, 'sendMessage', '{}', now() - interval '40 days', NULL, now() - interval '40 days'),
            (1, 0, 'sendPhoto', '{"photo": {"outbox_file": 3}, "caption": "c"}', now() - interval '40 days', NULL, NULL),
            (1, 0, 'sendMessage', '{}', now(), now(), NULL);
        INSERT INTO updates (bot_id, update_id, kind, received_at) VALUES
            (1, 1, 'message', now() - interval '8 days'), (1, 2, 'message', now());
        INSERT INTO dead_updates (bot_id, update_id, kind, raw, error, failed_at) VALUES
            (1, 1, 'message', '{}', 'e', now() - interval '31 days'), (1, 2, 'message', '{}', 'e', now());
        INSERT INTO dead_jobs (id, name, class, payload, attempts, max_attempts, error, created_at, died_at) VALUES
            (1, 'j', 'bulk', '{}', 1, 1, 'e', now(), now() - interval '31 days'), (2, 'j', 'bulk', '{}', 1, 1, 'e', now(), now());
        INSERT INTO outbox_files (file_name, mime, created_at) VALUES
            ('a', 'm', now() - interval '40 days'), ('b', 'm', now()), ('c', 'm', now() - interval '40 days');
        INSERT INTO outbox_chats (chat_id, due_at, next_send_at) VALUES
            (1, NULL, now() - interval '40 days'), (2, now(), now() - interval '40 days'), (3, NULL, NULL);
        INSERT INTO conversations (chat_id, telegram_id, module, step, updated_at, expires_at) VALUES
            (1, 1, 'm', '{}', now(), now() - interval '8 days'), (2, 2, 'm', '{}', now(), now())"#;
    sqlx::raw_sql(rows).execute(&pool).await.unwrap();
    assert_eq!(outbox::prune(&pool, outbox::Retention::default()).await.unwrap(), 9);
    let left: Vec<i64> = sqlx::query_scalar(
        "SELECT count(*) FROM outbox UNION ALL SELECT count(*) FROM updates UNION ALL SELECT count(*) FROM dead_updates
         UNION ALL SELECT count(*) FROM dead_jobs UNION ALL SELECT count(*) FROM outbox_files
         UNION ALL SELECT count(*) FROM outbox_chats UNION ALL SELECT count(*) FROM conversations",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(left, [2, 1, 1, 1, 2, 1, 1]);
    assert_eq!(outbox::prune(&pool, outbox::Retention::default()).await.unwrap(), 0);
}
