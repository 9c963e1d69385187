//! What a pod makes of what it is given: few connections, a Redis behind TLS, a Telegram that is slow at first.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use vitte_tests::database::{migrated, migrated_pool};
use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

fn manifest(telegram: &Telegram) -> String {
    let telegram = telegram.url();
    include_str!("../../../crds/examples/companion.yaml")
        .replace("updates: Polling", &format!("updates: Polling\n    apiUrl: {telegram}"))
        .replace("https://openrouter.ai/api/v1", &format!("{telegram}/sim/llm/v1"))
        .replace("deepseek/deepseek-chat", "vitte-sim-fast")
}

fn start(folder: &Path, role: &str, port: u16, database: &str, more: &[(&str, &str)]) -> Vitte {
    let listen = format!("127.0.0.1:{port}");
    let mut env = vec![
        ("VITTE_SECRET_LUNA_TOKEN", TOKEN),
        ("VITTE_SECRET_LUNA_LLM", "simulated"),
        ("VITTE_DATABASE_URL", database),
    ];
    env.extend_from_slice(more);
    Vitte::start(folder, &[role, "bot.yaml", "--listen", &listen, "--chat-rate", "0", "--grace", "4"], &env)
}

/// Breaks when a process is held to a connection that its listener for jobs keeps.
#[tokio::test]
async fn pods_that_are_given_one_connection_each_take_what_they_need_and_answer() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(&telegram).replace("database: {", "database: {poolSize: 1, ");
    std::fs::write(folder.path().join("bot.yaml"), manifest).unwrap();
    let ports = [free_port(), free_port()];
    let mut bot = start(folder.path(), "bot", ports[0], &database, &[]);
    let mut worker = start(folder.path(), "worker", ports[1], &database, &[]);
    bot.ready(&telegram.http, ports[0]).await;
    worker.ready(&telegram.http, ports[1]).await;
    let ann = telegram.person(5);
    for n in 1..=3 {
        ann.say("Hello").await;
        ann.hears(n).await;
    }
    assert!(worker.output().contains("poolSize is too small"), "{}", worker.output());
    assert_eq!((bot.stop().await, worker.stop().await), (Some(0), Some(0)));
}

/// Breaks when the bot's name is asked for once: no command addressed to it in a group would ever be answered.
#[tokio::test]
async fn a_bot_whose_telegram_was_away_at_first_learns_its_name_later() {
    let (telegram, (url, pool)) = (Telegram::start().await, migrated_pool().await);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bot.yaml"), manifest(&telegram)).unwrap();
    telegram.fault(json!({"method": "getMe", "status": 502, "times": 1})).await;
    let port = free_port();
    let mut bot = start(folder.path(), "bot", port, &url, &[]);
    bot.ready(&telegram.http, port).await;
    let me = telegram.http.get(format!("{}/bot{TOKEN}/getMe", telegram.url())).send().await.unwrap();
    let me: serde_json::Value = me.json().await.unwrap();
    let name = me["result"]["username"].as_str().unwrap();
    let mut said = 0;
    until("an answer to a command that names the bot", async || {
        said += 1;
        let text = format!("/help@{name}");
        let body = json!({"text": text, "title": "Friends", "from": {"id": 5, "first_name": "P5"}});
        let address = format!("{}/sim/chats/-1007/messages", telegram.url());
        assert!(telegram.http.post(address).json(&body).send().await.unwrap().status().is_success());
        let answered = "SELECT EXISTS (SELECT FROM outbox WHERE chat_id = -1007)";
        sqlx::query_scalar::<_, bool>(answered).fetch_one(&pool).await.unwrap().then_some(())
    })
    .await;
    assert!(said > 0);
    assert_eq!(bot.stop().await, Some(0));
}

/// Of a server, signed by itself.
const CERTIFICATE: &str = "[req]\ndistinguished_name = name\nx509_extensions = server\nprompt = no\n
[name]\nCN = localhost\n
[server]\nsubjectAltName = DNS:localhost\nbasicConstraints = critical, CA:FALSE\n";

/// A Redis that speaks TLS alone; ended when dropped.
struct Tls(Child);

impl Tls {
    fn start(folder: &Path, port: u16) -> Self {
        let run = |program: &str, args: &[&str]| {
            let mut command = Command::new(program);
            command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        };
        std::fs::write(folder.join("certificate.cnf"), CERTIFICATE).unwrap();
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem"];
        let certificate = ["req", "-x509", "-config", "certificate.cnf", "-days", "2", "-out", "cert.pem"];
        assert!(run("openssl", &[&certificate[..], &key].concat()).wait().unwrap().success());
        let port = port.to_string();
        let files = ["--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-auth-clients", "no"];
        let here = ["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1", "--save", ""];
        Self(run("redis-server", &[&here[..], &files].concat()))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Breaks when the client is built without TLS, or believes whoever answers.
#[tokio::test]
async fn a_redis_behind_tls_is_used_when_its_certificate_is_trusted() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let (folder, redis_port) = (tempfile::tempdir().unwrap(), free_port());
    std::fs::write(folder.path().join("bot.yaml"), manifest(&telegram)).unwrap();
    let _redis = Tls::start(folder.path(), redis_port);
    let redis = format!("rediss://localhost:{redis_port}/0");
    let authority = folder.path().join("cert.pem").display().to_string();
    for (trusted, expected) in [(Some(("SSL_CERT_FILE", authority.as_str())), 200), (None, 503)] {
        let port = free_port();
        let env: Vec<_> = [("VITTE_REDIS_URL", redis.as_str())].into_iter().chain(trusted).collect();
        let mut worker = start(folder.path(), "worker", port, &database, &env);
        worker.ready(&telegram.http, port).await;
        let health = format!("http://127.0.0.1:{port}/health/redis");
        until("what it says of Redis", async || {
            let answer = telegram.http.get(&health).send().await.unwrap().status().as_u16();
            (answer == expected).then_some(())
        })
        .await;
        assert_eq!(worker.stop().await, Some(0));
    }
}
