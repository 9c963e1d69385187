use std::time::Duration;

use clap::Parser;
use kubectl_vitte::cli::{Command, Logs};
use kubectl_vitte::{Cli, Fault, logs};
use serde_json::json;

use crate::{Fake, Written, luna, pod};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn asked(arguments: &[&str]) -> Logs {
    let all = ["kubectl-vitte", "logs", "luna"].iter().chain(arguments);
    match Cli::try_parse_from(all).unwrap().command {
        Command::Logs(logs) => logs,
        other => unreachable!("{other:?}"),
    }
}

fn line(second: u8, level: &str, message: &str, trace: &str) -> String {
    let at = format!("2026-01-01T12:00:{second:02}.000000000Z");
    let json =
        json!({"timestamp": at, "level": level, "message": message, "span": {"name": "update", "trace_id": trace}});
    format!("{at} {json}\n")
}

/// Two pods that took turns, and a database that is none of ours.
fn fake() -> Fake {
    let bot = line(1, "INFO", "first", TRACE) + &line(4, "ERROR", "fourth", "other");
    let worker = line(2, "WARN", "second", TRACE) + &line(3, "INFO", "third", "other");
    Fake::default()
        .with("vittebots", luna())
        .with("pods", pod("bot", "x2k9d"))
        .with("pods", pod("worker", "b7b7b"))
        .log("luna-bot-x2k9d", &bot)
        .log("luna-worker-b7b7b", &worker)
}

async fn printed(fake: &Fake, arguments: &[&str]) -> String {
    let mut written = Written::default();
    logs::run(&fake.cluster(), &asked(arguments), &mut written.screen()).await.unwrap();
    written.text()
}

fn messages(text: &str) -> Vec<&str> {
    let known = ["first", "second", "third", "fourth"];
    text.lines().flat_map(|line| known.into_iter().filter(|word| line.contains(word))).collect()
}

#[tokio::test]
async fn logs_of_all_pods_are_one_log_in_the_order_of_time() {
    let text = printed(&fake(), &[]).await;
    assert_eq!(messages(&text), ["first", "second", "third", "fourth"]);
    assert_eq!(text.lines().next().unwrap(), format!("bot/x2k9d 12:00:01.000 INFO  first trace_id={TRACE}"));
    assert!(text.lines().nth(1).unwrap().starts_with("worker/b7b7b 12:00:02.000 WARN  second"), "{text}");
}

#[tokio::test]
async fn a_trace_is_followed_from_pod_to_pod() {
    assert_eq!(messages(&printed(&fake(), &["--trace", TRACE]).await), ["first", "second"]);
}

#[tokio::test]
async fn a_level_leaves_out_what_is_less() {
    assert_eq!(messages(&printed(&fake(), &["--level", "warn"]).await), ["second", "fourth"]);
}

#[tokio::test]
async fn raw_lines_are_as_the_pods_wrote_them() {
    let text = printed(&fake(), &["--raw"]).await;
    assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{text}");
}

#[tokio::test]
async fn what_is_asked_of_the_api_server_is_what_the_person_asked_for() {
    let fake = fake();
    printed(&fake, &["worker", "--since", "10m", "--tail", "7"]).await;
    let requests = fake.requests().join("\n");
    assert!(
        requests.contains("component+in+%28worker%29") || requests.contains("component%20in%20(worker)"),
        "{requests}"
    );
    assert!(requests.contains("sinceSeconds=600") && requests.contains("tailLines=7"), "{requests}");
}

#[tokio::test]
async fn a_pod_without_a_log_does_not_hide_the_others() {
    let mut written = Written::default();
    let fake = fake().with("pods", pod("api", "n0l0g"));
    logs::run(&fake.cluster(), &asked(&[]), &mut written.screen()).await.unwrap();
    assert_eq!(messages(&written.text()).len(), 4);
    let notes = String::from_utf8(written.notes).unwrap();
    assert!(notes.contains("luna-api-n0l0g (api): container is waiting to start"), "{notes}");
}

#[tokio::test]
async fn when_no_log_can_be_read_that_is_a_fault() {
    let fake = Fake::default().with("vittebots", luna()).with("pods", pod("api", "n0l0g"));
    let mut written = Written::default();
    let fault = logs::run(&fake.cluster(), &asked(&[]), &mut written.screen()).await.unwrap_err();
    assert!(matches!(&fault, Fault::Failed(why) if why.contains("no log can be read")), "{fault}");
}

/// The log ends again and again, as if the connection broke, and begins anew at the last line; a pod comes later. The
/// clock is pretended: nothing waits. Broken when `resumed` is not looked at: lines come twice.
#[tokio::test(start_paused = true)]
async fn followed_logs_go_on_after_a_broken_connection_and_with_new_pods() {
    let fake = fake();
    let (cluster, asked) = (fake.cluster(), asked(&["--follow"]));
    let mut written = Written::default();
    {
        let mut screen = written.screen();
        let mut following = std::pin::pin!(logs::run(&cluster, &asked, &mut screen));
        let ended = tokio::time::timeout(Duration::from_secs(7), &mut following).await;
        assert!(ended.is_err(), "it follows until it is interrupted");
        let _ = fake.clone().with("pods", pod("api", "l8t3r")).log("luna-api-l8t3r", &line(9, "INFO", "later", "t"));
        let ended = tokio::time::timeout(Duration::from_secs(7), &mut following).await;
        assert!(ended.is_err());
    }
    let text = written.text();
    let mut seen = messages(&text);
    seen.sort_unstable();
    assert_eq!(seen, ["first", "fourth", "second", "third"], "each line once");
    assert_eq!(text.matches("later").count(), 1, "{text}");
    let opened = fake.requests().iter().filter(|request| request.contains("/log?")).count();
    assert!(opened > 4, "the logs were opened again: {opened}");
}
