//! How a pod ends: within its time, whoever holds a connection, and not before others know that it does.

use std::path::Path;

use nix::sys::signal::Signal;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use vitte_tests::database::migrated;
use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

fn start(folder: &Path, role: &str, port: u16, telegram: &Telegram, database: &str, grace: &str) -> Vitte {
    let updates = format!(
        "updates: Webhook\n    apiUrl: {}\n    webhook: {{url: \"http://127.0.0.1:{port}/telegram/webhook\"}}",
        telegram.url()
    );
    let manifest = include_str!("../../../crds/examples/companion.yaml").replace("updates: Polling", &updates);
    std::fs::write(folder.join("bot.yaml"), manifest).unwrap();
    let listen = format!("127.0.0.1:{port}");
    let env = [
        ("VITTE_SECRET_LUNA_TOKEN", TOKEN),
        ("VITTE_SECRET_LUNA_LLM", "simulated"),
        ("VITTE_DATABASE_URL", database),
        ("VITTE_WEBHOOK_SECRET", "a-webhook-secret"),
    ];
    Vitte::start(folder, &[role, "bot.yaml", "--listen", &listen, "--grace", grace], &env)
}

/// Breaks when serving ends with its last connection, whatever time that takes.
#[tokio::test]
async fn connections_that_nobody_ends_do_not_hold_up_a_pods_end() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    for role in ["bot", "worker", "api"] {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut pod = start(folder.path(), role, port, &telegram, &database, "4");
        pod.ready(&telegram.http, port).await;
        let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut halfway = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        halfway.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").await.unwrap();
        assert_eq!(pod.stop().await, Some(0), "{role}");
        drop((silent, halfway));
    }
}

/// Breaks when the listener closes as soon as the pod is told to stop: until everybody knows, requests still come.
#[tokio::test]
async fn a_pod_that_is_told_to_stop_says_so_before_it_accepts_no_more() {
    let (telegram, database) = (Telegram::start().await, migrated().await);
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let mut pod = start(folder.path(), "bot", port, &telegram, &database, "25");
    pod.ready(&telegram.http, port).await;
    pod.signal(Signal::SIGTERM);
    // A connection of its own each time, as for who has not heard of it.
    let ask = async |path: &str| {
        let request = telegram.http.get(format!("http://127.0.0.1:{port}{path}")).header("connection", "close");
        request.send().await.map(|answer| answer.status().as_u16())
    };
    until("the pod not to be ready", async || (ask("/health/ready").await.unwrap() == 503).then_some(())).await;
    assert_eq!(ask("/telegram/webhook").await.unwrap(), 405, "updates are still taken");
    assert_eq!(pod.ended().await.code(), Some(0));
}
