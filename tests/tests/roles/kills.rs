//! Two bots and two workers as pods run them, behind a balancer, killed again and again under load.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use nix::sys::signal::Signal;
use sqlx::PgPool;
use vitte_tests::database::{migrated_pool, redis_url};
use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

const SECRET: &str = "a-webhook-secret";
const PEOPLE: i64 = 12;
const ROUNDS: usize = 6;

fn manifest(telegram: &str, webhook: &str) -> String {
    let example = include_str!("../../../crds/examples/companion.yaml");
    let manifest = example
        .replace(
            "updates: Polling",
            &format!("updates: Webhook\n    apiUrl: {telegram}\n    webhook: {{url: {webhook}}}"),
        )
        .replace("https://openrouter.ai/api/v1", &format!("{telegram}/sim/llm/v1"))
        .replace("deepseek/deepseek-chat", "vitte-sim-fast");
    manifest.replace("  languages:", "  limits: {messagesPerMinute: 600, messagesPerHour: 10000}\n  languages:")
}

/// Forwards the webhook to one of the replicas, in turn; one that is gone is a 502, and Telegram repeats.
async fn balancer(targets: Vec<u16>) -> String {
    #[expect(clippy::disallowed_methods, reason = "a client of a test")]
    let http = reqwest::Client::new();
    let turn = Arc::new(AtomicUsize::new(0));
    let forward = move |headers: HeaderMap, body: Bytes| {
        let target = targets[turn.fetch_add(1, Ordering::Relaxed) % targets.len()];
        let secret = headers.get("x-telegram-bot-api-secret-token").cloned();
        let mut request = http.post(format!("http://127.0.0.1:{target}/telegram/webhook")).body(body);
        if let Some(secret) = secret {
            request = request.header("x-telegram-bot-api-secret-token", secret);
        }
        async move {
            let answer = request.send().await.map_err(|_| StatusCode::BAD_GATEWAY)?;
            Ok::<_, StatusCode>(StatusCode::from_u16(answer.status().as_u16()).unwrap())
        }
    };
    let app = Router::new().route("/telegram/webhook", axum::routing::post(forward));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/telegram/webhook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

async fn scalar(pool: &PgPool, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement).fetch_one(pool).await.unwrap()
}

/// A role as a pod runs it.
fn start_role(folder: &Path, role: &str, port: u16, database: &str) -> Vitte {
    let (listen, redis) = (format!("127.0.0.1:{port}"), redis_url());
    let args = [role, "bot.yaml", "--listen", &listen, "--send-rate", "0", "--chat-rate", "0", "--redis-url", &redis];
    let env = [
        ("VITTE_SECRET_LUNA_TOKEN", TOKEN),
        ("VITTE_SECRET_LUNA_LLM", "simulated"),
        ("VITTE_DATABASE_URL", database),
        ("VITTE_WEBHOOK_SECRET", SECRET),
    ];
    Vitte::start(folder, &args, &env)
}

/// Breaks without any of: acknowledgement after the commit, the ids, the lease's expiry, `reap`.
#[tokio::test]
async fn bots_and_workers_killed_at_random_lose_nothing_and_answer_nothing_twice() {
    let (telegram, (url, pool)) = (Telegram::start().await, migrated_pool().await);
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port(), free_port(), free_port()];
    let webhook = balancer(ports[..2].to_vec()).await;
    std::fs::write(folder.path().join("bot.yaml"), manifest(&telegram.url(), &webhook)).unwrap();
    let start = |n: usize| start_role(folder.path(), if n < 2 { "bot" } else { "worker" }, ports[n], &url);
    let mut roles: Vec<Vitte> = (0..4).map(start).collect();
    for (role, port) in roles.iter_mut().zip(ports) {
        role.ready(&telegram.http, port).await;
    }
    let mut sent = 0;
    for round in 0..ROUNDS {
        for id in 1..=PEOPLE {
            let person = telegram.person(id);
            person.say("/help").await;
            person.say(&format!("thought {round}")).await;
            sent += 2;
            // In the middle of the round's traffic, at a place that differs from round to round.
            if id == 1 + (round as i64 * 5) % PEOPLE {
                let victim = round % 4;
                let slot = roles.remove(victim);
                slot.kill();
                roles.insert(victim, start(victim));
            }
        }
    }
    let updates = "SELECT count(*) FROM updates";
    until("every update", async || (scalar(&pool, updates).await == sent).then_some(())).await;
    let owed = "SELECT count(*) FROM companion_messages WHERE role = 'user' AND answered_at IS NULL";
    let pending = "SELECT count(*) FROM outbox WHERE sent_at IS NULL";
    until("everything to be answered and sent", async || {
        (scalar(&pool, owed).await == 0
            && scalar(&pool, pending).await == 0
            && scalar(&pool, "SELECT count(*) FROM jobs").await == 0)
            .then_some(())
    })
    .await;
    let thoughts = scalar(&pool, "SELECT count(*) FROM companion_messages WHERE role = 'user'").await;
    assert_eq!(thoughts, PEOPLE * ROUNDS as i64, "each message was handled once");
    let dead = "SELECT (SELECT count(*) FROM dead_updates) + (SELECT count(*) FROM dead_jobs)
                + (SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL)";
    assert_eq!(scalar(&pool, dead).await, 0);
    let order =
        "SELECT count(*) FROM (SELECT message_id, lag(message_id) OVER (PARTITION BY chat_id ORDER BY id) AS before
                 FROM outbox) AS o WHERE message_id < before";
    assert_eq!(scalar(&pool, order).await, 0, "order per chat");
    let rows = scalar(&pool, "SELECT count(*) FROM outbox").await;
    let calls = telegram.calls("sendMessage").await.len() as i64;
    // A kill repeats at most the sends then in flight: one a chat.
    assert!(calls >= rows && calls <= rows + PEOPLE * ROUNDS as i64, "{calls} sends of {rows} messages");
    let helps = scalar(&pool, "SELECT count(*) FROM outbox WHERE payload->>'text' LIKE '%/forgetme%'").await;
    assert_eq!(helps, PEOPLE * ROUNDS as i64, "one help a request");
    for role in &mut roles {
        assert_eq!(role.stop().await, Some(0), "an orderly end");
    }
}

/// Decides the queue, as processes: a worker is stopped while its model thinks, past its lease; another answers; the
/// first goes on and finds that nothing is left for it to do. Breaks with two answers when neither the fence nor the
/// renewal of the lease tells it so; the fence alone is tested beside the other invariants.
#[tokio::test]
async fn a_worker_stopped_past_its_lease_and_woken_up_adds_nothing() {
    let (telegram, (url, pool)) = (Telegram::start().await, migrated_pool().await);
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port(), free_port()];
    let webhook = format!("http://127.0.0.1:{}/telegram/webhook", ports[0]);
    std::fs::write(folder.path().join("bot.yaml"), manifest(&telegram.url(), &webhook)).unwrap();
    let mut bot = start_role(folder.path(), "bot", ports[0], &url);
    let mut first = start_role(folder.path(), "worker", ports[1], &url);
    bot.ready(&telegram.http, ports[0]).await;
    first.ready(&telegram.http, ports[1]).await;
    telegram.fault(serde_json::json!({"method": "chat/completions", "delay_ms": 2000, "times": 1})).await;
    let anna = telegram.person(5);
    anna.say("Hello").await;
    let running = "SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL";
    until("the job to run", async || (scalar(&pool, running).await == 1).then_some(())).await;
    first.signal(Signal::SIGSTOP);
    let mut second = start_role(folder.path(), "worker", ports[2], &url);
    second.ready(&telegram.http, ports[2]).await;
    assert_eq!(anna.hears(1).await.len(), 1);
    first.signal(Signal::SIGCONT);
    let metrics = format!("http://127.0.0.1:{}/metrics", ports[1]);
    until("the first to notice", async || {
        let text = telegram.http.get(&metrics).send().await.ok()?.text().await.ok()?;
        text.contains("vitte_jobs_total{name=\"companion.answer\",result=\"lost\"} 1").then_some(())
    })
    .await;
    assert_eq!(scalar(&pool, "SELECT count(*) FROM companion_messages WHERE role = 'assistant'").await, 1);
    assert_eq!(anna.read().await.len(), 1);
    for role in [&mut bot, &mut first, &mut second] {
        assert_eq!(role.stop().await, Some(0));
    }
}
