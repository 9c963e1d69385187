use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use flate2::read::GzDecoder;
use kubectl_vitte::cli::{Command, Report};
use kubectl_vitte::{Cli, report};
use serde_json::{Value, json};

use crate::{Fake, Written, luna, pod};

const PASSWORD: &str = "a-password-of-nobody";

fn asked(arguments: &[&str]) -> Report {
    let all = ["kubectl-vitte", "report", "luna"].iter().chain(arguments);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Report(report) => report,
        other => unreachable!("{other:?}"),
    }
}

/// A token that belongs to nobody, of Telegram's shape.
fn token() -> String {
    format!("{}:{}", "2".repeat(10), "B".repeat(35))
}

fn secret() -> Value {
    let database = format!("postgres://luna:{PASSWORD}@db:5432/luna");
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "luna", "namespace": "bots"},
        "data": {"token": STANDARD.encode(token()), "database-url": STANDARD.encode(database)}})
}

fn fake() -> Fake {
    let mut crashed = pod("bot", "x2k9d");
    crashed["status"]["containerStatuses"][0]["lastState"] =
        json!({"terminated": {"exitCode": 1, "message": format!("cannot reach the bot {}", token())}});
    let mut operator = pod("operator", "op0p0");
    operator["metadata"] = json!({"name": "vitte-operator-op0p0", "namespace": "vitte-system",
        "labels": {"app.kubernetes.io/name": "vitte-operator"}});
    let unknown = format!("{}:{}", "3".repeat(10), "C".repeat(35));
    Fake::default()
        .with("vittebots", luna())
        .with("secrets", secret())
        .with("pods", crashed)
        .with("pods", operator)
        .log("luna-bot-x2k9d", &format!("fatal: {PASSWORD} refused\na token of somebody else: {unknown}\nfine\n"))
        .previous_log("luna-bot-x2k9d", &format!("POST /bot{}/getMe\n", token()))
        .log("vitte-operator-op0p0", "reconciled\n")
}

/// Path and text of each file.
fn unpacked(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(GzDecoder::new(bytes));
    let files = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        (entry.path().unwrap().display().to_string(), text)
    });
    files.collect()
}

async fn files(fake: &Fake) -> Vec<(String, String)> {
    let mut written = Written::default();
    report::run(&fake.cluster(), &asked(&["-o", "-"]), &mut written.screen()).await.unwrap();
    unpacked(&written.out)
}

/// Broken when `Archive::add` does not scrub.
#[tokio::test]
async fn logs_in_a_report_keep_their_lines_and_lose_their_secrets() {
    let files = files(&fake()).await;
    let file = |end: &str| &files.iter().find(|(path, _)| path.ends_with(end)).unwrap().1;
    assert_eq!(
        file("/logs/luna-bot-x2k9d.bot.log"),
        "fatal: [not shown] refused\na token of somebody else: [not shown]\nfine\n"
    );
    assert_eq!(file("/logs/luna-bot-x2k9d.bot.previous.log"), "POST /bot[not shown]/getMe\n");
    assert_eq!(file("/operator/vitte-operator-op0p0.operator.log"), "reconciled\n");
    assert!(file("/versions.yaml").contains("v1.34.4"));
    for (path, text) in &files {
        for secret in [PASSWORD, &token(), "a-literal-value", &STANDARD.encode(token())] {
            assert!(!text.contains(secret), "{path} holds {secret}");
        }
        assert!(path.starts_with("vitte-report-luna-20260101T120000Z/"), "{path}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_said_in_the_report() {
    let fake = fake().with("pods", pod("api", "n0l0g"));
    let files = files(&fake).await;
    let readme = &files.iter().find(|(path, _)| path.ends_with("/README.txt")).unwrap().1;
    assert!(readme.contains("no logs/luna-api-n0l0g.api.log: container is waiting to start"), "{readme}");
}

#[tokio::test]
async fn a_report_writes_over_no_file_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.tar.gz");
    let path = file.display().to_string();
    let mut written = Written::default();
    report::run(&fake().cluster(), &asked(&["-o", &path]), &mut written.screen()).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    let refused = report::run(&fake().cluster(), &asked(&["-o", &path]), &mut written.screen()).await.unwrap_err();
    assert!(refused.to_string().contains("exists already"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

/// Broken when the last line promises what could not be done: values that nobody knows stand where they look like nothing.
#[tokio::test]
async fn a_report_promises_no_more_of_secrets_than_it_could_read() {
    let folder = tempfile::tempdir().unwrap();
    let said = async |fake: Fake, name: &str| {
        let path = folder.path().join(name).display().to_string();
        let mut written = Written::default();
        report::run(&fake.cluster(), &asked(&["-o", &path]), &mut written.screen()).await.unwrap();
        written.text()
    };
    assert!(said(fake(), "whole").await.contains("; without values of Secrets."));
    let partly = said(fake().forbids("secrets"), "partly").await;
    assert!(partly.contains("some Secrets could not be read") && !partly.contains("without values"), "{partly}");
}
