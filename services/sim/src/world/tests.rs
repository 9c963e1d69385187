//! What must survive a restart.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;

use super::World;
use crate::entry::Entry;
use crate::model::{Author, BotProfile, ChatHead, FileMeta, Person, Webhook};

const BOT: i64 = 777;

fn open(dir: &Path) -> World {
    World::open(Some(dir), Arc::new(Notify::new())).unwrap()
}

/// The world as text, in an order that does not depend on hash maps.
fn told(world: &World) -> Vec<String> {
    let mut lines: Vec<String> = world.snapshot().iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    lines.sort();
    lines
}

/// One of everything that lasts.
fn fill(world: &mut World) {
    let profile = BotProfile { id: BOT, token: "777:a".into(), username: "b".into(), name: "B".into() };
    let person =
        Person { id: 7, first_name: "Ann".into(), last_name: None, username: None, language_code: Some("ru".into()) };
    let head = ChatHead { id: 7, title: None, people: vec![7], blocked: true, next_message_id: 1, revision: 0 };
    world.commit(vec![Entry::Bot(profile), Entry::Person(person), Entry::Chat { bot: BOT, chat: head }]).unwrap();
    for text in ["one", "two", "three"] {
        let mut message = world.draft_message(BOT, 7, Author::Person(7));
        message.text = text.into();
        let (_, update) = world.update(BOT, "message", 7, json!({"text": text})).unwrap();
        let mut entries = vec![Entry::Message { bot: BOT, message: Box::new(message) }];
        entries.extend(update);
        world.commit(entries).unwrap();
    }
    let mut edited = world.chat(BOT, 7).unwrap().messages[&1].clone();
    edited.text = "one, edited".into();
    let webhook =
        Webhook { url: "http://127.0.0.1:1/".into(), secret: Some("s".into()), max_connections: 2, ip_address: None };
    let file = FileMeta {
        unique: "u".into(),
        path: "photos/file_41.png".into(),
        name: None,
        mime: "image/png".into(),
        size: 1,
        width: 2,
        height: 3,
        duration: 0,
    };
    let first = world.bot(BOT).unwrap().queue.pending().next().unwrap().seq;
    world
        .commit(vec![
            Entry::Message { bot: BOT, message: Box::new(edited) },
            Entry::Deleted { bot: BOT, chat: 7, message_id: 3 },
            Entry::Done { bot: BOT, seqs: vec![first] },
            Entry::Webhook { bot: BOT, webhook: Some(webhook) },
            Entry::Allowed { bot: BOT, kinds: Some(vec!["message".into()]) },
            Entry::Commands {
                bot: BOT,
                scope: String::new(),
                language: "ru".into(),
                commands: vec![json!({"command": "a"})],
            },
            Entry::Query { bot: BOT, id: "1".into(), chat: 7, person: 7 },
            Entry::File(file),
        ])
        .unwrap();
}

#[test]
fn the_journal_and_its_snapshot_make_the_same_world() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = open(dir.path());
    fill(&mut world);
    let before = told(&world);
    drop(world);
    let replayed = open(dir.path());
    assert_eq!(told(&replayed), before);
    drop(replayed);
    let from_snapshot = open(dir.path());
    assert_eq!(told(&from_snapshot), before);
}

#[test]
fn ids_go_on_above_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut world = open(dir.path());
    fill(&mut world);
    let raw = serde_json::value::to_raw_value(&json!({"update_id": 5_000})).unwrap();
    let update = world.queued(BOT, 5_000, 7, raw, true);
    world.commit(vec![update]).unwrap();
    let all = world.bot(BOT).unwrap().queue.all();
    world.commit(vec![Entry::Done { bot: BOT, seqs: all }]).unwrap();
    drop(world);
    drop(open(dir.path()));
    let mut world = open(dir.path());
    assert_eq!(world.update(BOT, "message", 7, json!({})).unwrap().0, 5_001);
    assert_eq!(world.chat(BOT, 7).unwrap().next_message_id(), 4);
    assert_eq!(world.file_number(), 42);
}
