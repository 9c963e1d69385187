//! What outlives the process.

use std::io::Write as _;

use crate::common::{TOKEN, World, until};
use serde_json::json;
use vitte_sim::{Sim, SimConfig, SimError};

fn config(dir: &std::path::Path) -> SimConfig {
    SimConfig { token: Some(TOKEN.to_owned()), data_dir: Some(dir.to_owned()), ..SimConfig::default() }
}

/// The folder is free once the last connection of the old server is gone.
async fn reopened(dir: &std::path::Path) -> World {
    until("the folder to be free", || async { Sim::open(config(dir)).ok().map(drop) }).await;
    World::at(dir).await
}

#[tokio::test]
async fn chats_updates_ids_and_settings_outlive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path()).await;
    let (first, _) = world.says(7, "one").await;
    let (second, message) = world.says(7, "two").await;
    world.updates(json!({"offset": second})).await;
    let sent = world.ok("sendMessage", json!({"chat_id": 7, "text": "<b>hi</b>", "parse_mode": "HTML"})).await;
    world
        .ok("setMyCommands", json!({"commands": [{"command": "start", "description": "Begin"}], "language_code": "en"}))
        .await;
    world.ok("deleteMessage", json!({"chat_id": 7, "message_id": sent["message_id"]})).await;
    let before = world.get("/sim/chats/7/messages").await;
    world.kill().await;

    let world = reopened(dir.path()).await;
    assert_eq!(world.get("/sim/chats/7/messages").await["messages"], before["messages"]);
    let updates = world.updates(json!({})).await;
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["update_id"], second);
    assert_eq!(world.get("/sim/bot").await["commands"]["en"][0]["command"], "start");
    let (third, next) = world.says(7, "three").await;
    assert!(third > second && second > first);
    assert_eq!(next, message + 2, "the deleted message's id is not given again");
}

#[tokio::test]
async fn a_webhook_goes_on_with_what_waited_when_the_world_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let mut hook = crate::common::Hook::new().await;
    let world = World::at(dir.path()).await;
    world.ok("setWebhook", json!({"url": hook.url, "max_connections": 3})).await;
    world.says(7, "one").await;
    world.says(7, "two").await;
    let unanswered = hook.next().await;
    world.kill().await;
    drop(unanswered);

    let world = reopened(dir.path()).await;
    for text in ["one", "two"] {
        let call = hook.next().await;
        assert_eq!(call.text(), text);
        call.answer(200);
    }
    until("an empty queue", || async {
        let info = world.ok("getWebhookInfo", json!({})).await;
        (info["pending_update_count"] == 0 && info["max_connections"] == 3).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_line_cut_off_by_a_kill_is_dropped_and_all_before_it_stays() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path()).await;
    world.says(7, "whole").await;
    world.kill().await;
    until("the folder to be free", || async { Sim::open(config(dir.path())).ok().map(drop) }).await;
    let path = dir.path().join("journal.jsonl");
    let mut journal = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    journal.write_all(br#"[{"Person":{"id":7,"first_na"#).unwrap();
    drop(journal);

    let world = reopened(dir.path()).await;
    assert_eq!(world.get("/sim/chats/7/messages").await["messages"][0]["text"], "whole");
    world.says(7, "after").await;
    world.kill().await;
    let world = reopened(dir.path()).await;
    assert_eq!(world.get("/sim/chats/7/messages").await["messages"][1]["text"], "after");
}

#[tokio::test]
async fn a_broken_line_in_the_middle_is_told_and_not_skipped() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("journal.jsonl"), "[]\n{broken}\n[]\n").unwrap();
    let Err(SimError::Journal { line, .. }) = Sim::open(config(dir.path())) else { panic!("opened") };
    assert_eq!(line, 2);
}

#[tokio::test]
async fn a_folder_belongs_to_one_world_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Sim::open(config(dir.path())).unwrap();
    assert!(matches!(Sim::open(config(dir.path())), Err(SimError::InUse { .. })));
    drop(first);
    assert!(Sim::open(config(dir.path())).is_ok());
}

#[tokio::test]
async fn an_uploaded_file_outlives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path()).await;
    world.says(7, "hello").await;
    let part = reqwest::multipart::Part::bytes(b"plain text".to_vec()).file_name("a.txt");
    let form = reqwest::multipart::Form::new().text("chat_id", "7").part("document", part);
    let url = format!("{}/bot{TOKEN}/sendDocument", world.base);
    let sent: serde_json::Value = world.client.post(url).multipart(form).send().await.unwrap().json().await.unwrap();
    let id = sent["result"]["document"]["file_id"].as_str().unwrap().to_owned();
    world.kill().await;

    let world = reopened(dir.path()).await;
    let file = world.ok("getFile", json!({"file_id": id})).await;
    let url = format!("{}/file/bot{TOKEN}/{}", world.base, file["file_path"].as_str().unwrap());
    assert_eq!(world.client.get(url).send().await.unwrap().bytes().await.unwrap(), "plain text");
}
