use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use vitte_platform::intake::consumer;
use vitte_platform::intake::polling::{self, PollingSettings};
use vitte_platform::telegram::client::object;
use vitte_tests::database::migrated;
use vitte_tests::replica::Replica;
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

struct Poller {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn poll(replica: &Replica) -> Poller {
    poll_with(replica, PollingSettings { wait: 2, window: 200, lease: Duration::from_secs(3) })
}

fn poll_with(replica: &Replica, settings: PollingSettings) -> Poller {
    let stop = CancellationToken::new();
    let run =
        polling::run(replica.intake.clone(), replica.pool.clone(), replica.client.clone(), settings, stop.clone());
    Poller { stop, task: tokio::spawn(run) }
}

/// Breaks without the poller's lease: two consumers would be refused by Telegram with 409, again and again.
#[tokio::test]
async fn of_two_replicas_one_polls_and_the_other_follows_without_losing_or_repeating() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let (a, b) = (Replica::start(&telegram, &database).await, Replica::start(&telegram, &database).await);
    // How long each asks Telegram to wait tells which one asks.
    let patience = |wait| PollingSettings { wait, window: 200, lease: Duration::from_secs(10) };
    let asked = async |wait: i64| telegram.calls("getUpdates").await.iter().any(|p| p["timeout"] == wait);
    let first = poll_with(&a, patience(2));
    until("the bot to be known", async || asked(2).await.then_some(())).await;
    let ann = telegram.person(5);
    ann.say("one").await;
    ann.hears(1).await;
    let second = poll_with(&b, patience(1));
    for n in 0..20 {
        ann.say(&n.to_string()).await;
        if n == 10 {
            ann.hears(12).await;
            assert!(!asked(1).await, "the second stands by");
            first.stop.cancel();
        }
    }
    until("the second to follow", async || asked(1).await.then_some(())).await;
    let heard = ann.hears(21).await;
    let expected: Vec<String> = (0..20).map(|n| format!("{}: {n}", n + 2)).collect();
    assert_eq!(heard[1..], expected);
    first.task.await.unwrap();
    second.stop.cancel();
    second.task.await.unwrap();
    let answers: Vec<_> = telegram.calls("getUpdates").await;
    assert!(
        answers.iter().all(|p| !p["allowed_updates"].is_null()),
        "always sent: left out, an old setting would stay"
    );
}

/// Breaks when the offset moves with what is fetched instead of what is committed.
#[tokio::test]
async fn an_update_that_is_not_committed_is_not_acknowledged() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let a = Replica::start(&telegram, &database).await;
    let mut holder = sqlx::PgPool::connect(&database).await.unwrap().acquire().await.unwrap();
    let mut turn = sqlx::Acquire::begin(&mut *holder).await.unwrap();
    sqlx::Executor::execute(&mut *turn, "SELECT pg_advisory_xact_lock(5)").await.unwrap();
    let first = poll(&a);
    until("the bot to be known", async || (!telegram.calls("getUpdates").await.is_empty()).then_some(())).await;
    let blocked = telegram.person(5).say("held up").await;
    telegram.person(6).say("free").await;
    telegram.person(6).hears(1).await;
    // Asked again meanwhile, always from the one that is not committed.
    let asked = telegram.calls("getUpdates").await.len();
    until("more requests", async || (telegram.calls("getUpdates").await.len() > asked + 1).then_some(())).await;
    let highest = telegram.calls("getUpdates").await.iter().filter_map(|p| p["offset"].as_i64()).max();
    assert!(highest.is_none_or(|offset| offset <= blocked), "{highest:?}, the update is {blocked}");
    // The process dies; another gets it.
    first.task.abort();
    turn.rollback().await.unwrap();
    let b = Replica::start(&telegram, &database).await;
    let second = poll(&b);
    assert_eq!(telegram.person(5).hears(1).await, ["1: held up"]);
    assert_eq!(telegram.person(6).read().await, ["1: free"]);
    second.stop.cancel();
    second.task.await.unwrap();
}

/// Whoever polled before this test's replicas, and does so for a while.
async fn leased_for(pool: &PgPool, bot_id: i64, time: &'static str) {
    let lease = "INSERT INTO bot_state (bot_id, poller_token, poller_until)
                 VALUES ($1, gen_random_uuid(), clock_timestamp() + $2::interval)";
    sqlx::query(lease).bind(bot_id).bind(time).execute(pool).await.unwrap();
}

/// Breaks when a stand-by sleeps for a part of the lease instead of until its end: here that part is minutes.
#[tokio::test]
async fn a_poller_that_died_is_followed_as_soon_as_its_lease_is_over() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    leased_for(&replica.pool, replica.client.bot_id(), "300 ms").await;
    let settings = PollingSettings { wait: 1, window: 200, lease: Duration::from_secs(3_600) };
    let follower = poll_with(&replica, settings);
    telegram.person(5).say("anybody?").await;
    assert_eq!(telegram.person(5).hears(1).await, ["1: anybody?"]);
    follower.stop.cancel();
    follower.task.await.unwrap();
}

/// As the bot's processes do that take updates by webhook.
async fn register(telegram: &Telegram, replica: &Replica, url: &str, by_us: bool) {
    let hook = object(json!({"url": url}));
    replica.client.call("setWebhook", &hook, Duration::from_secs(5)).await.unwrap();
    assert_eq!(webhook(telegram).await, url);
    if by_us {
        let mut tx = replica.pool.begin().await.unwrap();
        consumer::registered(&mut tx, replica.client.bot_id(), Some(url)).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn webhook(telegram: &Telegram) -> String {
    let address = format!("{}/bot{TOKEN}/getWebhookInfo", telegram.url());
    let info: Value = telegram.http.get(address).send().await.unwrap().json().await.unwrap();
    info["result"]["url"].as_str().unwrap_or_default().to_owned()
}

/// Breaks without the removal: Telegram answers every getUpdates with 409 for as long as there is a webhook.
#[tokio::test]
async fn who_polls_removes_the_webhook_that_the_bot_registered_and_loses_nothing_that_waits() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    register(&telegram, &replica, "http://127.0.0.1:9/telegram/webhook", true).await;
    telegram.person(5).say("while nobody answered").await;
    let poller = poll(&replica);
    assert_eq!(telegram.person(5).hears(1).await, ["1: while nobody answered"]);
    assert_eq!(webhook(&telegram).await, "");
    let known = consumer::known(&replica.pool, replica.client.bot_id()).await.unwrap();
    assert_eq!(known, consumer::Known { webhook: None, polled: true });
    // Registered once more by a process that has not ended yet.
    register(&telegram, &replica, "http://127.0.0.1:9/telegram/webhook", true).await;
    telegram.person(5).say("again").await;
    assert_eq!(telegram.person(5).hears(2).await[1], "2: again");
    poller.stop.cancel();
    poller.task.await.unwrap();
}

/// Breaks when whatever webhook is there is removed: a developer's bot with the token of one that serves would take its
/// updates.
#[tokio::test]
async fn who_polls_leaves_another_programs_webhook_alone() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let replica = Replica::start(&telegram, &database).await;
    register(&telegram, &replica, "http://127.0.0.1:9/of-another-program", false).await;
    let poller = poll(&replica);
    until("some refusals", async || (telegram.calls("getUpdates").await.len() > 2).then_some(())).await;
    assert_eq!(webhook(&telegram).await, "http://127.0.0.1:9/of-another-program");
    assert_eq!(telegram.calls("deleteWebhook").await, Vec::<Value>::new());
    poller.stop.cancel();
    poller.task.await.unwrap();
}
