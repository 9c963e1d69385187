//! One consumer at a time: pods that take updates by webhook and pods that poll, side by side as in a rollout.

use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use vitte_tests::database::migrated_pool;
use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::{TOKEN, Telegram};
use vitte_tests::until;

/// A bot's pod that listens on `port`; its updates come as `updates` says.
fn start(folder: &Path, name: &str, port: u16, database: &str, updates: &str) -> Vitte {
    let manifest = include_str!("../../../crds/examples/companion.yaml").replace("updates: Polling", updates);
    let file = format!("{name}.yaml");
    std::fs::write(folder.join(&file), manifest).unwrap();
    let listen = format!("127.0.0.1:{port}");
    let env = [
        ("VITTE_SECRET_LUNA_TOKEN", TOKEN),
        ("VITTE_DATABASE_URL", database),
        ("VITTE_WEBHOOK_SECRET", "a-webhook-secret"),
    ];
    Vitte::start(folder, &["bot", &file, "--listen", &listen, "--chat-rate", "0"], &env)
}

async fn registered(telegram: &Telegram) -> String {
    let address = format!("{}/bot{TOKEN}/getWebhookInfo", telegram.url());
    let info: Value = telegram.http.get(address).send().await.unwrap().json().await.unwrap();
    info["result"]["url"].as_str().unwrap().to_owned()
}

/// Breaks without any of: the removal by who polls, the rest while somebody polls, the look as soon as nobody does. The
/// poller is killed: as when its rollout is taken back.
#[tokio::test]
async fn a_webhook_gives_way_to_polling_and_comes_back_when_nobody_polls_any_more() {
    let (telegram, (url, _pool)) = (Telegram::start().await, migrated_pool().await);
    let folder = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];
    let here = format!("http://127.0.0.1:{}/telegram/webhook", ports[0]);
    let api = format!("apiUrl: {}", telegram.url());
    let by_webhook = format!("updates: Webhook\n    {api}\n    webhook: {{url: \"{here}\"}}");
    let mut hooked = start(folder.path(), "hooked", ports[0], &url, &by_webhook);
    hooked.ready(&telegram.http, ports[0]).await;
    until("the webhook", async || (registered(&telegram).await == here).then_some(())).await;
    let ann = telegram.person(5);
    ann.say("/help").await;
    ann.hears(1).await;

    let poller = start(folder.path(), "poller", ports[1], &url, &format!("updates: Polling\n    {api}"));
    until("the webhook to be removed", async || registered(&telegram).await.is_empty().then_some(())).await;
    ann.say("/help").await;
    ann.hears(2).await;
    let set = telegram.calls("setWebhook").await.len();
    assert_eq!(set, 1, "while somebody polls nobody registers");

    poller.signal(Signal::SIGKILL);
    until("the webhook to be there again", async || (registered(&telegram).await == here).then_some(())).await;
    ann.say("/help").await;
    ann.hears(3).await;
    assert_eq!(hooked.stop().await, Some(0));
}
