//! What is wrong is said once, clearly, with exit code 2.

use vitte_tests::process::{Vitte, free_port};
use vitte_tests::telegram::{TOKEN, Telegram};

const MANIFEST: &str = include_str!("../../../crds/examples/companion.yaml");

async fn refused(manifest: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bot.yaml"), manifest).unwrap();
    let mut vitte = Vitte::start(folder.path(), args, env);
    let code = vitte.ended().await.code();
    assert_eq!(code, Some(2), "{}", vitte.output());
    vitte.output()
}

/// Breaks when a refusal has another exit code than 2, or when other addresses than loopback are allowed.
#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = refused(MANIFEST, &["up", "bot.yaml", "--listen", &listen], &[]).await;
    assert!(output.contains(&listen) && output.contains("--listen"), "{output}");
    let output = refused(MANIFEST, &["up", "bot.yaml", "--listen", "0.0.0.0:8080"], &[]).await;
    assert!(output.contains("loopback"), "{output}");
}

/// Breaks when only the first problem is said.
#[tokio::test]
async fn every_problem_of_a_manifest_is_said_at_once_with_its_place_and_what_is_allowed() {
    let broken = MANIFEST
        .replace("version: 0.1.0", "version: 0.1.0\n  colour: blue")
        .replace("languages: [ru, en]", "languages: [ru, xx]")
        .replace("updates: Polling", "updates: Sometimes");
    let output = refused(&broken, &["up", "bot.yaml"], &[]).await;
    for part in ["3 problems", "spec.colour", "spec.languages[1]", "spec.telegram.updates", "Polling"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let output = refused(MANIFEST, &["up", "missing.yaml"], &[]).await;
    assert!(output.contains("missing.yaml"), "{output}");
}

/// Breaks when a refusal has another exit code than 2.
#[tokio::test]
async fn a_missing_secret_is_named_with_the_places_where_it_may_be_given() {
    let args = ["bot", "bot.yaml", "--database-url", "postgres://u@127.0.0.1:1/x"];
    let output = refused(MANIFEST, &args, &[]).await;
    assert!(output.contains("VITTE_SECRET_LUNA_TOKEN") && output.contains("spec.telegram.tokenSecretRef"), "{output}");
    let output = refused(MANIFEST, &["worker", "bot.yaml"], &[]).await;
    assert!(output.contains("VITTE_DATABASE_URL"), "{output}");
}

/// Breaks when a refusal has another exit code than 2.
#[tokio::test]
async fn postgresql_that_does_not_start_is_said_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bot.yaml"), MANIFEST).unwrap();
    // A file where the data directory should be.
    std::fs::create_dir(folder.path().join(".vitte")).unwrap();
    std::fs::write(folder.path().join(".vitte/postgres"), "").unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let mut vitte = Vitte::start(folder.path(), &["up", "bot.yaml", "--listen", &listen], &[]);
    assert_eq!(vitte.ended().await.code(), Some(2));
    assert!(vitte.output().contains(".vitte/postgres"), "{}", vitte.output());
}

/// A real bot whose updates go elsewhere is not taken by accident. Breaks without the look at its webhook, when
/// `--take-over` leaves the webhook, or when the simulated Telegram is served beside the real one.
#[tokio::test]
async fn a_token_with_a_webhook_is_refused_until_it_is_taken_over() {
    let telegram = Telegram::start().await;
    let set = format!("{}/bot{TOKEN}/setWebhook?url=http://127.0.0.1:9/elsewhere", telegram.url());
    assert!(telegram.http.get(set).send().await.unwrap().status().is_success());
    let manifest = MANIFEST.replace("updates: Polling", &format!("updates: Polling\n    apiUrl: {}", telegram.url()));
    let env = [("VITTE_SECRET_LUNA_TOKEN", TOKEN)];
    let output = refused(&manifest, &["up", "bot.yaml", "--listen", "127.0.0.1:0"], &env).await;
    assert!(output.contains("--take-over") && !output.contains("elsewhere"), "{output}");

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bot.yaml"), manifest).unwrap();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let mut vitte = Vitte::start(folder.path(), &["up", "bot.yaml", "--listen", &listen, "--take-over"], &env);
    vitte.ready(&telegram.http, port).await;
    let anna = telegram.person(5);
    anna.say("/help").await;
    anna.hears(1).await;
    let unserved = telegram.http.get(format!("http://{listen}/sim/chats")).send().await.unwrap();
    assert_eq!(unserved.status().as_u16(), 200, "the page that says where the bot is");
    let page = unserved.text().await.unwrap();
    assert!(page.contains("This bot talks at"), "Telegram's simulation is off: {page}");
    assert_eq!(vitte.stop().await, Some(0));
}
