//! What stays when a bot goes, and what may hold it up.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::api::DeleteParams;
use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::LIMIT;
use crate::harness::manifests::{luna, luna_with};
use crate::harness::operator::Operator;
use crate::harness::wire::Wire;
use crate::harness::world::World;

/// Every object of a kind that the operator writes, but for what a namespace gets by itself, a little after it is made.
async fn everything(world: &World) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
        all.extend(world.names(kind).await.into_iter().map(|name| format!("{kind} {name}")));
    }
    all.retain(|object| !["ServiceAccount default", "ConfigMap kube-root-ca.crt"].contains(&object.as_str()));
    all
}

/// Waits until only this is there besides what was there before.
async fn only_left(world: &World, before: &BTreeSet<String>, left: &[&str]) {
    let expected: BTreeSet<String> = before.iter().cloned().chain(left.iter().map(|l| (*l).to_owned())).collect();
    let mut found = BTreeSet::new();
    let same = async {
        while found != expected {
            tokio::time::sleep(Duration::from_millis(50)).await;
            found = everything(world).await;
        }
    };
    if tokio::time::timeout(LIMIT, same).await.is_err() {
        let too_much: Vec<_> = found.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        panic!("left over: {too_much:?}, gone: {missing:?}");
    }
}

fn embedded(world: &World, retain: &str) -> Value {
    luna_with(
        &world.telegram,
        json!({
            "database": {"urlSecretRef": null, "embedded": {"storage": "1Gi", "retain": retain}},
            "redis": {"urlSecretRef": null, "embedded": {}},
        }),
    )
}

#[tokio::test]
async fn a_deleted_bot_takes_its_webhook_and_everything_of_its_own_along() {
    let world = World::new().await;
    let before = everything(&world).await;
    let _operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    assert_eq!(world.telegram.webhook(&world.token).await, "https://luna.example.org/telegram/webhook");
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
    assert_eq!(world.telegram.webhook(&world.token).await, "");
    only_left(&world, &before, &[]).await;
}

#[tokio::test]
async fn a_kept_database_leaves_its_claim_and_its_secret_and_a_new_bot_finds_its_data() {
    let world = World::new().await;
    let before = everything(&world).await;
    let _operator = Operator::start(&world);
    world.apply(embedded(&world, "Keep")).await;
    world.ready("luna").await;
    let password = world.get(Kind::Secret, "luna-postgres").await.unwrap()["data"]["password"].clone();
    let claim = world.get(Kind::PersistentVolumeClaim, "luna-postgres").await.unwrap()["metadata"]["uid"].clone();
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
    only_left(&world, &before, &["PersistentVolumeClaim luna-postgres", "Secret luna-postgres"]).await;

    world.apply(embedded(&world, "Keep")).await;
    world.ready("luna").await;
    assert_eq!(world.get(Kind::Secret, "luna-postgres").await.unwrap()["data"]["password"], password);
    let found = world.get(Kind::PersistentVolumeClaim, "luna-postgres").await.unwrap();
    assert_eq!(found["metadata"]["uid"], claim);
}

#[tokio::test]
async fn a_database_that_is_not_kept_leaves_nothing() {
    let world = World::new().await;
    let before = everything(&world).await;
    let _operator = Operator::start(&world);
    world.apply(embedded(&world, "Delete")).await;
    world.ready("luna").await;
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
    only_left(&world, &before, &[]).await;
}

#[tokio::test]
async fn telegram_being_away_holds_the_deletion_up_no_longer_than_the_deadline() {
    let world = World::new().await;
    let _operator = Operator::with(&world, Wire::new(), |settings| {
        settings.deletion_deadline = Duration::from_secs(3);
    });
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.telegram.goes_away().await;
    world.delete_bot("luna").await;
    let told = |bot: &Value| bot["status"]["phase"] == "Deleting";
    // It says what it waits for, and goes all the same.
    world.until_bot("luna", "tells that it goes", told).await;
    world.until_bot_gone("luna").await;
}

#[tokio::test]
async fn telegram_coming_back_before_the_deadline_is_told() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.telegram.goes_away().await;
    world.delete_bot("luna").await;
    world.until_bot("luna", "tells that it goes", |bot| bot["status"]["phase"] == "Deleting").await;
    world.telegram.comes_back().await;
    world.until_bot_gone("luna").await;
    assert_eq!(world.telegram.webhook(&world.token).await, "");
}

#[tokio::test]
async fn a_bot_whose_token_is_gone_is_deleted_at_once() {
    let world = World::new().await;
    let _operator = Operator::with(&world, Wire::new(), |settings| {
        settings.deletion_deadline = Duration::from_secs(3600);
    });
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.api(Kind::Secret).delete("luna", &DeleteParams::default()).await.unwrap();
    world.condition("luna", "SecretsReady", "False").await;
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
}
