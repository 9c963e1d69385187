//! Two bots and two workers as pods run them, behind a balancer, killed again and again under load.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
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

/// Breaks without any of: acknowledgement after the commit, the ids, the lease's expiry, the fence of marks, `reap`.
#[tokio::test]
async fn bots_and_workers_killed_at_random_lose_nothing_and_answer_nothing_twice() {
    let (telegram, (url, pool)) = (Telegram::start().await, migrated_pool().await);
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port(), free_port(), free_port()];
    let webhook = balancer(ports[..2].to_vec()).await;
    std::fs::write(folder.path().join("bot.yaml"), manifest(&telegram.url(), &webhook)).unwrap();
    let redis = redis_url();
    let start = |n: usize| {
        let role = if n < 2 { "bot" } else { "worker" };
        let listen = format!("127.0.0.1:{}", ports[n]);
        let args =
            [role, "bot.yaml", "--listen", &listen, "--send-rate", "0", "--chat-rate", "0", "--redis-url", &redis];
        let env = [
            ("VITTE_SECRET_LUNA_TOKEN", TOKEN),
            ("VITTE_SECRET_LUNA_LLM", "simulated"),
            ("VITTE_DATABASE_URL", &url),
            ("VITTE_WEBHOOK_SECRET", SECRET),
        ];
        Vitte::start(folder.path(), &args, &env)
    };
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
}
