//! Secrets and ConfigMaps of the person: who rolls when they change, and what happens while they are missing.

use std::collections::BTreeMap;

use kube::api::DeleteParams;
use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::kstatus::condition;
use crate::harness::manifests::{luna, persona, personas, secrets};
use crate::harness::operator::Operator;
use crate::harness::world::{World, has};

/// The pod templates by Deployment: what changes when pods are replaced.
async fn templates(world: &World) -> BTreeMap<String, Value> {
    let mut templates = BTreeMap::new();
    for name in world.names(Kind::Deployment).await {
        let deployment = world.get(Kind::Deployment, &name).await.unwrap();
        templates.insert(name, deployment["spec"]["template"].clone());
    }
    templates
}

fn changed(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
    after.iter().filter(|(name, template)| before.get(*name) != Some(*template)).map(|(name, _)| name.clone()).collect()
}

/// The same keys with another value for one of them.
fn with_key(world: &World, key: &str, value: &str) -> BTreeMap<String, String> {
    let mut keys = secrets(&world.token);
    keys.insert(key.to_owned(), value.to_owned());
    keys
}

#[tokio::test]
async fn only_the_components_that_use_a_key_roll_when_it_changes() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let before = templates(&world).await;

    // A key that nobody here uses.
    world.secret("luna", &with_key(&world, "unused", "x")).await;
    operator.settled(&world, "luna").await;
    assert_eq!(changed(&before, &templates(&world).await), Vec::<String>::new());

    world.secret("luna", &with_key(&world, "llm", "another-value")).await;
    let was = before["luna-worker"].clone();
    world.until_child(Kind::Deployment, "luna-worker", "rolls", |d| d["spec"]["template"] != was).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let after = templates(&world).await;
    assert_eq!(changed(&before, &after), ["luna-worker"]);

    world.secret("luna", &with_key(&world, "database-url", "postgres://luna@elsewhere:5432/luna")).await;
    let was = after["luna-bot"].clone();
    world.until_child(Kind::Deployment, "luna-bot", "rolls", |d| d["spec"]["template"] != was).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(changed(&after, &templates(&world).await), ["luna-api", "luna-bot", "luna-worker"]);
    // The value itself is nowhere but where the person put it.
    for kind in [Kind::Deployment, Kind::ConfigMap, Kind::Job] {
        for name in world.names(kind).await {
            let object = world.get(kind, &name).await.unwrap().to_string();
            assert!(!object.contains("another-value") && !object.contains("elsewhere"), "{kind} {name}");
        }
    }
}

#[tokio::test]
async fn a_missing_key_is_named_stops_nothing_that_runs_and_its_return_goes_on_by_itself() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let before = templates(&world).await;

    let mut keys = secrets(&world.token);
    keys.remove("llm");
    world.secret("luna", &keys).await;
    let missing = world.condition("luna", "SecretsReady", "False").await;
    let message = missing["message"].as_str().unwrap();
    assert!(message.contains("luna") && message.contains("llm"), "{message}");
    // Another change waits too: pods that start now would not come up.
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    world.until_bot("luna", "is looked at", |bot| has(bot, "SecretsReady", "False")).await;
    operator.settled(&world, "luna").await;
    assert_eq!(changed(&before, &templates(&world).await), Vec::<String>::new());

    world.secret("luna", &secrets(&world.token)).await;
    let bot = world.ready("luna").await;
    assert_eq!(condition(&bot, "SecretsReady").unwrap()["status"], "True");
    assert_eq!(bot["status"]["version"], "0.2.0");
}

#[tokio::test]
async fn a_bot_that_is_applied_before_its_secret_starts_when_the_secret_comes() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.api(Kind::Secret).delete("luna", &DeleteParams::default()).await.unwrap();
    world.apply(luna(&world.telegram)).await;
    let missing = world.condition("luna", "SecretsReady", "False").await;
    assert!(missing["message"].as_str().unwrap().contains("Secret luna"), "{missing}");
    operator.settled(&world, "luna").await;
    assert_eq!(world.names(Kind::Deployment).await, Vec::<String>::new());

    world.secret("luna", &secrets(&world.token)).await;
    world.ready("luna").await;
}

#[tokio::test]
async fn personas_that_change_reach_the_pods_that_read_them_and_no_other() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let before = templates(&world).await;

    world.apply(persona("Luna mends clocks.")).await;
    let was = before["luna-worker"].clone();
    world.until_child(Kind::Deployment, "luna-worker", "rolls", |d| d["spec"]["template"] != was).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(changed(&before, &templates(&world).await), ["luna-bot", "luna-worker"]);
    let contents: Vec<String> = {
        let mut all = Vec::new();
        for name in world.names(Kind::ConfigMap).await.iter().filter(|name| name.starts_with("luna-worker-")) {
            all.push(world.get(Kind::ConfigMap, name).await.unwrap()["data"].to_string());
        }
        all
    };
    assert_eq!(contents.len(), 2, "the old one stays as long as there is a way back to it");
    assert_eq!(contents.iter().filter(|content| content.contains("mends clocks")).count(), 1);

    world.apply(personas()).await;
    let rolled_back = before["luna-worker"].clone();
    world.until_child(Kind::Deployment, "luna-worker", "is as before", |d| d["spec"]["template"] == rolled_back).await;
}
