use tokio_util::sync::CancellationToken;
use vitte_platform::intake::polling::{self, PollingSettings};
use vitte_tests::database::migrated;
use vitte_tests::replica::Replica;
use vitte_tests::telegram::Telegram;
use vitte_tests::until;

struct Poller {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn poll(replica: &Replica) -> Poller {
    poll_with(replica, PollingSettings { wait: 2, window: 200, lease: std::time::Duration::from_secs(3) })
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
    let patience = |wait| PollingSettings { wait, window: 200, lease: std::time::Duration::from_secs(10) };
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
