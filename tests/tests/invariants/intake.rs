use std::sync::Arc;

use chrono::TimeZone;
use serde_json::{Value, json};
use sqlx::{Acquire, Executor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vitte_platform::clock::{Clock, ManualClock};
use vitte_platform::intake::{IntakeError, Outcome, Replay};
use vitte_platform::limits::LimitSettings;
use vitte_tests::database::{migrated, redis_url};
use vitte_tests::replica::{Replica, SECRET, Setup};
use vitte_tests::telegram::{Telegram, message};
use vitte_tests::{LIMIT, until};

async fn dead(replica: &Replica) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM dead_updates WHERE replayed_at IS NULL")
        .fetch_one(&replica.pool)
        .await
        .unwrap()
}

/// Breaks without the insert of `update_id` in the turn's transaction (process.rs, `load`).
#[tokio::test]
async fn an_update_delivered_many_times_to_two_replicas_is_answered_once() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let (a, b) = (Replica::start(&telegram, &database).await, Replica::start(&telegram, &database).await);
    let update = message(7, 5, "hello");
    let takes = (0..20).map(|n| if n % 2 == 0 { &a } else { &b }).map(|replica| replica.take(&update));
    let outcomes = futures::future::join_all(takes).await;
    let done = outcomes.iter().filter(|o| matches!(o, Ok(Outcome::Done))).count();
    assert_eq!(done, 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|o| matches!(o, Ok(Outcome::Done | Outcome::Duplicate))), "{outcomes:?}");
    assert_eq!(telegram.person(5).hears(1).await, ["1: hello"]);
    a.take(&message(8, 5, "again")).await.unwrap();
    assert_eq!(telegram.person(5).hears(2).await, ["1: hello", "2: again"]);
}

/// Breaks with a watermark instead of the ids themselves.
#[tokio::test]
async fn ids_that_restart_lower_after_an_idle_week_are_taken() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    replica.take(&message(900_000, 5, "before")).await.unwrap();
    assert_eq!(replica.take(&message(12, 5, "after")).await.unwrap(), Outcome::Done);
    assert_eq!(telegram.person(5).hears(2).await, ["1: before", "2: after"]);
}

/// Breaks without `bury`: the update would be lost, or repeated for ever.
#[tokio::test]
async fn a_failed_handler_leaves_nothing_but_a_dead_update_and_an_apology() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    assert_eq!(replica.take(&message(1, 5, "/fail")).await.unwrap(), Outcome::Dead);
    assert_eq!(replica.take(&message(2, 5, "/panic")).await.unwrap(), Outcome::Dead);
    assert_eq!(replica.take(&message(1, 5, "/fail")).await.unwrap(), Outcome::Duplicate);
    assert_eq!(replica.take(&message(3, 5, "and now?")).await.unwrap(), Outcome::Done);
    let heard = telegram.person(5).hears(3).await;
    assert!(heard[0].starts_with("Sorry") && heard[1].starts_with("Sorry"), "{heard:?}");
    assert_eq!(heard[2], "1: and now?", "the next message is answered");
    let errors: Vec<String> =
        sqlx::query_scalar("SELECT error FROM dead_updates ORDER BY update_id").fetch_all(&replica.pool).await.unwrap();
    assert!(errors[0].contains("on purpose") && errors[1] == "the handler panicked", "{errors:?}");
}

/// Breaks without the replay's own way past the known `update_id`.
#[tokio::test]
async fn a_dead_update_is_replayed_once_when_its_cause_is_gone() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    replica.pool.execute("ALTER TABLE talker RENAME TO broken").await.unwrap();
    assert_eq!(replica.take(&message(1, 5, "hello")).await.unwrap(), Outcome::Dead);
    assert!(matches!(replica.intake.replay(1).await.unwrap(), Replay::Failed(_)));
    assert_eq!(dead(&replica).await, 1, "a failed replay loses nothing");
    replica.pool.execute("ALTER TABLE broken RENAME TO talker").await.unwrap();
    assert_eq!(replica.intake.replay(1).await.unwrap(), Replay::Done);
    assert_eq!(replica.intake.replay(1).await.unwrap(), Replay::Unknown);
    assert_eq!((dead(&replica).await, replica.intake.replay(99).await.unwrap()), (0, Replay::Unknown));
    let heard = telegram.person(5).hears(2).await;
    assert_eq!(heard[1], "1: hello");
}

/// Breaks when a replay goes by the bot's name, which the process that replays does not ask for: nothing would be done,
/// and marked as done.
#[tokio::test]
async fn a_dead_command_of_a_group_is_replayed_by_who_does_not_know_the_bots_name() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let desk = Replica::with(&telegram, &database, Setup { username: None, ..Setup::default() }).await;
    let mut command = message(1, 5, "/fail@vitte_bot");
    command["message"]["chat"] = json!({"id": -7, "type": "supergroup", "title": "Friends"});
    assert_eq!(replica.take(&command).await.unwrap(), Outcome::Dead);
    let replayed = desk.intake.replay(1).await.unwrap();
    assert!(matches!(&replayed, Replay::Failed(error) if error.contains("on purpose")), "{replayed:?}");
    assert_eq!(dead(&replica).await, 1);
}

/// Breaks without the chat queue in front of the pool: forty transactions would wait for one lock and hold the pool.
#[tokio::test]
async fn forty_updates_of_one_slow_chat_do_not_delay_another() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Arc::new(Replica::start(&telegram, &database).await);
    // Somebody else (another replica) is in chat 5's turn.
    let mut holder = sqlx::PgPool::connect(&database).await.unwrap().acquire().await.unwrap();
    let mut turn = holder.begin().await.unwrap();
    turn.execute("SELECT pg_advisory_xact_lock(5)").await.unwrap();
    let slow: Vec<_> = (1..=40)
        .map(|n| {
            let replica = replica.clone();
            tokio::spawn(async move { replica.take(&message(n, 5, &n.to_string())).await })
        })
        .collect();
    until("a turn that waits for chat 5", async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        .fetch_one(&replica.pool)
        .await
        .unwrap();
        (waiting == 1).then_some(())
    })
    .await;
    assert_eq!(replica.take(&message(100, 6, "quick")).await.unwrap(), Outcome::Done);
    assert_eq!(telegram.person(6).hears(1).await, ["1: quick"]);
    turn.rollback().await.unwrap();
    for task in slow {
        assert_eq!(task.await.unwrap().unwrap(), Outcome::Done);
    }
    assert_eq!(telegram.person(5).hears(40).await.len(), 40);
}

/// Breaks without `is_transient`: a lock that is not had in time would bury a good update.
#[tokio::test]
async fn a_lock_not_had_in_time_is_answered_with_try_again_and_not_buried() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let mut holder = sqlx::PgPool::connect(&database).await.unwrap().acquire().await.unwrap();
    let mut other = holder.begin().await.unwrap();
    // In the handler's way, and not in the way of burying.
    other.execute("LOCK TABLE talker IN ACCESS EXCLUSIVE MODE").await.unwrap();
    assert!(matches!(replica.take(&message(1, 5, "x")).await, Err(IntakeError::Unavailable(_))));
    other.rollback().await.unwrap();
    assert_eq!(replica.take(&message(1, 5, "x")).await.unwrap(), Outcome::Done);
    assert_eq!(dead(&replica).await, 0);
}

/// Breaks when a kind that nobody knows is refused, or not stored as it came.
#[tokio::test]
async fn unknown_kinds_are_kept_raw_and_answered_with_success() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let strange = json!({"update_id": 4, "telepathy": {"thought": "?"}});
    assert_eq!(replica.take(&strange).await.unwrap(), Outcome::Done);
    let (kind, raw): (String, String) = sqlx::query_as("SELECT kind, raw::text FROM updates WHERE update_id = 4")
        .fetch_one(&replica.pool)
        .await
        .unwrap();
    assert_eq!((kind.as_str(), serde_json::from_str::<Value>(&raw).unwrap()), ("telepathy", strange));
}

/// Breaks without the secret's comparison, the method's, or the body's limit.
#[tokio::test]
async fn the_webhook_takes_only_posts_with_its_secret_and_of_a_sensible_size() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let http = &telegram.http;
    let post = |secret: Option<&str>, body: String| {
        let mut request = http.post(replica.webhook_url()).body(body);
        if let Some(secret) = secret {
            request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let good = message(1, 5, "hi").to_string();
    assert_eq!(post(None, good.clone()).await, 401);
    assert_eq!(post(Some("webhook-secreT"), good.clone()).await, 401);
    assert_eq!(post(Some(SECRET), good.clone()).await, 200);
    assert_eq!(post(Some(SECRET), "{".to_owned()).await, 400);
    assert_eq!(post(Some(SECRET), "[1]".to_owned()).await, 400);
    assert_eq!(post(Some(SECRET), "x".repeat(1024 * 1024 + 1)).await, 413);
    assert_eq!(http.get(replica.webhook_url()).send().await.unwrap().status().as_u16(), 405);
    assert_eq!(telegram.person(5).hears(1).await, ["1: hi"]);
}

/// What a client that says this and nothing more is told.
async fn told(replica: &Replica, said: String) -> String {
    let mut connection = tokio::net::TcpStream::connect(replica.address).await.unwrap();
    connection.write_all(said.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    tokio::time::timeout(LIMIT, connection.read_exact(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

/// Breaks when the body is read before the secret is looked at, or without a limit of time.
#[tokio::test]
async fn nobodys_body_is_waited_for_without_the_secret_and_telegrams_not_for_ever() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let head = |secret: &str| {
        format!(
            "POST /telegram/webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\
             x-telegram-bot-api-secret-token: {secret}\r\n\r\n"
        )
    };
    assert_eq!(told(&replica, head("a guess")).await, "HTTP/1.1 401");
    assert_eq!(told(&replica, head(SECRET) + "{").await, "HTTP/1.1 408");
}

/// Breaks with conversation state in memory.
#[tokio::test]
async fn a_dialogue_goes_on_after_a_restart_between_any_two_steps() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let ann = telegram.person(5);
    for (n, text) in ["/ask", "Ann", "Rome"].into_iter().enumerate() {
        let replica = Replica::start(&telegram, &database).await;
        replica.take(&message(n as i64, 5, text)).await.unwrap();
        ann.hears(n + 1).await;
    }
    assert_eq!(ann.read().await, ["your name?", "your town?", "Ann of Rome"]);
}

/// Breaks without `open_conversation`: an answer days later would be taken for the forgotten question's.
#[tokio::test]
async fn a_dialogue_left_alone_is_closed_politely_and_the_message_still_answered() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let clock = Arc::new(ManualClock::at(chrono::Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap()));
    let shared: Arc<dyn Clock> = clock.clone();
    let replica = Replica::with(&telegram, &database, Setup { clock: shared, ..Setup::default() }).await;
    replica.take(&message(1, 5, "/ask")).await.unwrap();
    clock.advance(std::time::Duration::from_secs(25 * 3600));
    replica.take(&message(2, 5, "hello again")).await.unwrap();
    let heard = telegram.person(5).hears(3).await;
    assert!(heard[1].contains("closed that question"), "{heard:?}");
    assert_eq!(heard[2], "1: hello again");
}

/// Breaks when /cancel, or a command, leaves the dialogue's row.
#[tokio::test]
async fn cancel_closes_a_dialogue_and_a_command_leaves_it() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    let said = ["/ask", "/cancel", "x", "/ask", "/say y", "z", "/cancel"];
    for (n, text) in said.into_iter().enumerate() {
        replica.take(&message(n as i64, 5, text)).await.unwrap();
    }
    let heard = telegram.person(5).hears(7).await;
    let expected = ["your name?", "Cancelled.", "1: x", "your name?", "y", "2: z", "There is nothing to cancel."];
    assert_eq!(heard, expected);
}

/// Breaks without the limiter, when it forgets that it has said so, or when it lets all through because Redis is away.
#[tokio::test]
async fn over_the_limit_a_person_is_told_once_and_then_there_is_silence_with_redis_and_without() {
    let nobody = "redis://127.0.0.1:1".to_owned();
    for redis in [Some(redis_url()), Some(nobody), None] {
        let (telegram, database) = (Telegram::start().await, migrated().await);
        let limits = LimitSettings { per_minute: 3, per_hour: 100 };
        let replica = Replica::with(&telegram, &database, Setup { limits, redis, ..Setup::default() }).await;
        // A person of this test alone: the limiter's counts are shared by all that use this Redis.
        let person = i64::from(uuid::Uuid::new_v4().as_fields().0) + 1;
        telegram.meet(person).await;
        telegram.meet(person + 1).await;
        for n in 0..6 {
            replica.take(&message(n, person, "hi")).await.unwrap();
        }
        replica.take(&message(7, person + 1, "other")).await.unwrap();
        telegram.person(person + 1).hears(1).await;
        let heard = telegram.person(person).hears(4).await;
        assert_eq!((heard.len(), &heard[..3]), (4, &["1: hi", "2: hi", "3: hi"].map(str::to_owned)[..]));
        assert!(heard[3].starts_with("You are quick"), "{heard:?}");
    }
}

/// Breaks when an answer costs as much as a message that nobody asked for: a dialogue would end in "You are quick".
#[tokio::test]
async fn answers_to_what_the_bot_asks_are_not_counted() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let limits = LimitSettings { per_minute: 3, per_hour: 100 };
    let replica = Replica::with(&telegram, &database, Setup { limits, ..Setup::default() }).await;
    telegram.meet(5).await;
    for (n, text) in (0..).zip(["/ask", "Ann", "Rome", "/ask", "Bob", "Oslo", "/ask", "Cay", "Lima", "hi"]) {
        replica.take(&message(n, 5, text)).await.unwrap();
    }
    let heard = telegram.person(5).hears(10).await;
    assert_eq!((heard[2].as_str(), heard[8].as_str()), ("Ann of Rome", "Cay of Lima"), "{heard:?}");
    assert!(heard[9].starts_with("You are quick"), "{heard:?}");
}

/// Breaks without `answer_callback` after the commit, or when an edit goes as a new message.
#[tokio::test]
async fn a_pressed_button_is_answered_and_its_message_edited_in_place() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    replica.register(&telegram).await;
    let ann = telegram.person(5);
    ann.say("/button").await;
    let message = ann.hears_of("a button").await;
    let (id, data) = (message["message_id"].as_i64().unwrap(), message["buttons"][0][0]["data"].as_str().unwrap());
    ann.press(id, data).await;
    let edited = ann.hears_of("pressed:1").await;
    assert_eq!((edited["message_id"].as_i64(), edited["edited"].as_bool()), (Some(id), Some(true)));
    until("the press to be answered", async || {
        let answers = telegram.calls("answerCallbackQuery").await;
        (answers.len() == 1 && answers[0]["text"] == "seen").then_some(())
    })
    .await;
}

/// Hears whose row changed.
#[derive(Default)]
struct Hears(std::sync::Mutex<Vec<i64>>);

impl vitte_platform::module::Module for Hears {
    fn name(&self) -> &'static str {
        "hears"
    }

    fn person_changed(&self, id: i64) {
        self.0.lock().unwrap().push(id);
    }
}

/// Breaks when a changed name is written and nobody is told: what is cached of the person would be used on.
#[tokio::test]
async fn modules_hear_of_a_persons_new_name_once_it_is_committed_and_of_nothing_else() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let hears = Arc::new(Hears::default());
    let replica = Replica::of(&telegram, &database, Setup::default(), vec![hears.clone()]).await;
    let heard = || hears.0.lock().unwrap().clone();
    replica.take(&message(1, 5, "new here")).await.unwrap();
    replica.take(&message(2, 5, "the same")).await.unwrap();
    assert!(heard().is_empty());
    let mut renamed = message(3, 5, "renamed");
    renamed["message"]["from"]["first_name"] = "Another".into();
    replica.take(&renamed).await.unwrap();
    let id: i64 = sqlx::query_scalar("SELECT id FROM users").fetch_one(&replica.pool).await.unwrap();
    assert_eq!(heard(), [id]);
    assert_eq!(replica.take(&renamed).await.unwrap(), Outcome::Duplicate);
    assert_eq!(heard(), [id]);
}
