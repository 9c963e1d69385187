//! The admin pages over made-up data, to look at while working on them:
//! `tools/with-services cargo run -p vitte-admin --example preview -- 8090 [password]`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for people who work on the pages")]

use std::time::Duration;

use sqlx::Executor;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_platform::config::{Config, Updates};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::http::Door;
use vitte_platform::intake::polling::PollingSettings;
use vitte_platform::module::Registry;
use vitte_tests::database;
use vitte_tests::telegram::TOKEN;

const DATA: &str = "
    INSERT INTO users (telegram_id, username, first_name, last_name, client_language, is_bot_blocked, created_at, updated_at)
    SELECT 700000000 + n, CASE WHEN n % 3 > 0 THEN 'user' || n END,
        (ARRAY['Ann','Boris','Vera','Gleb','Dora','Egor','Zoya','Ivan'])[1 + n % 8],
        CASE WHEN n % 2 = 0 THEN (ARRAY['Orlova','Petrov','Smith','Weber'])[1 + n % 4] END,
        (ARRAY['ru','en','ru-RU'])[1 + n % 3], n % 9 = 0, now() - n * interval '5 hours', now() - n * interval '7 minutes'
    FROM generate_series(1, 130) AS n;
    INSERT INTO updates (bot_id, update_id, kind, received_at) SELECT 100001, n, 'message', now() - n * interval '20 s'
    FROM generate_series(1, 900) AS n;
    INSERT INTO outbox (chat_id, priority, method, payload, created_at, sent_at, message_id)
    SELECT 700000000 + 1 + n % 130, 0, 'sendMessage', '{}', now() - n * interval '1 minute', now() - n * interval '1 minute', n
    FROM generate_series(1, 400) AS n;
    INSERT INTO outbox (chat_id, priority, method, payload, error, attempts, created_at)
    SELECT 700000000 + 1 + n % 7, 0, 'sendMessage', '{}', CASE WHEN n % 3 = 0 THEN 'Telegram answered 502' END, n % 3, now() - n * interval '9 s'
    FROM generate_series(1, 17) AS n;
    INSERT INTO outbox_chats (chat_id, due_at, frozen_until)
    SELECT 700000000 + n, now() + interval '1 hour', CASE WHEN n % 4 = 0 THEN now() + interval '1 hour' END FROM generate_series(1, 7) AS n;
    INSERT INTO outbox (chat_id, priority, method, payload, error, attempts, dead_at, trace_id)
    SELECT CASE WHEN n = 3 THEN -1001234567890 ELSE 700000000 + n * 9 END, 0, (ARRAY['sendMessage','sendPhoto'])[1 + n % 2], '{}',
        (ARRAY['Forbidden: bot was blocked by the user','Bad Request: chat not found','no answer from Telegram: operation timed out'])[1 + n % 3],
        1 + n * 2, now() - n * interval '50 minutes', md5(n::text)
    FROM generate_series(1, 4) AS n;
    INSERT INTO jobs (name, class, key, payload, max_attempts, attempts, run_at, progress, lease_token, lease_until, error)
    SELECT (ARRAY['companion.answer','broadcasts.send'])[1 + n % 2], (ARRAY['model','bulk'])[1 + n % 2], n::text, '{}', 5, n % 3,
        now() + (n - 4) * interval '2 minutes', CASE WHEN n = 1 THEN '{\"sent\": 1240, \"of\": 5000, \"blocked\": 12}'::json END,
        CASE WHEN n < 3 THEN gen_random_uuid() END, CASE WHEN n < 3 THEN now() + interval '1 day' END,
        CASE WHEN n % 3 = 0 THEN 'the model answered 429' END
    FROM generate_series(1, 9) AS n;
    INSERT INTO dead_jobs (id, name, class, payload, attempts, max_attempts, error, trace_id, created_at, died_at)
    SELECT 9000 + n, 'companion.answer', 'model', '{}', 5, 5, 'the model is away: no answer within 60s', md5('j' || n), now(), now() - n * interval '3 hours'
    FROM generate_series(1, 2) AS n;
    INSERT INTO dead_updates (bot_id, update_id, kind, chat_id, user_id, raw, error, failed_at)
    SELECT 100001, 88000 + n, 'message', 700000000 + n, 700000000 + n,
        '{\"update_id\": 88001, \"message\": {\"message_id\": 5, \"date\": 1, \"chat\": {\"id\": 700000001, \"type\": \"private\"}, \"text\": \"hello\"}}',
        'the handler panicked: index out of bounds: the len is 3 but the index is 7', now() - n * interval '26 minutes'
    FROM generate_series(1, 3) AS n;
    INSERT INTO processes (id, role, seen_at) VALUES (gen_random_uuid(), 'bot', now()), (gen_random_uuid(), 'bot', now()),
        (gen_random_uuid(), 'worker', now() - interval '2 s');
";

#[tokio::main]
async fn main() {
    vitte_tests::tls();
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().unwrap_or_else(|| "8090".to_owned()).parse().unwrap();
    let (database, pool) = database::migrated_pool().await;
    pool.execute(DATA).await.unwrap();
    let config = Config {
        name: "luna".into(),
        api_url: "http://127.0.0.1:9".into(),
        token: TOKEN.to_owned().into(),
        updates: Updates::Polling(PollingSettings::default()),
        languages: vec!["ru".into(), "en".into()],
        database: DatabaseSettings::new(database),
        redis_url: None,
        limits: Default::default(),
        rate: Default::default(),
        outbox: Default::default(),
        jobs: Default::default(),
        retention: Default::default(),
        api: Default::default(),
        schema_wait: Duration::from_secs(10),
        grace: Duration::from_secs(3),
        admin_password: arguments.next().map(Into::into),
    };
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    println!("http://{}/admin", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let served = vitte_admin::run(config, Registry::default(), Door::Listener(listener), stop.clone());
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => ended.unwrap(),
        _ = tokio::signal::ctrl_c() => {
            stop.cancel();
            served.await.unwrap();
        }
    }
}
