//! The webhook from its secret to its address: what the operator keeps, what it checks, and what it leaves to the bot.

use serde_json::{Value, json};
use vitte_operator::names::ANNOTATION_ROTATE;
use vitte_operator::objects::Kind;

use crate::harness::kstatus::condition;
use crate::harness::manifests::luna;
use crate::harness::operator::Operator;
use crate::harness::world::{World, has};

async fn webhook_secret(world: &World) -> Value {
    world.get(Kind::Secret, "luna-webhook").await.unwrap()["data"].clone()
}

#[tokio::test]
async fn the_secret_is_rotated_on_request_once_and_the_previous_one_is_still_accepted() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let first = webhook_secret(&world).await;
    assert_eq!(first["previous"], Value::Null);
    let worker = world.get(Kind::Deployment, "luna-worker").await.unwrap()["spec"].clone();

    world.annotate("luna", ANNOTATION_ROTATE, "monday").await;
    let rotated = world
        .until_child(Kind::Secret, "luna-webhook", "is rotated", |s| s["data"]["previous"] == first["current"])
        .await;
    assert_ne!(rotated["data"]["current"], first["current"]);
    operator.settled(&world, "luna").await;
    world.ready("luna").await;
    assert_eq!(webhook_secret(&world).await, rotated["data"], "the same request is acted on once");
    assert_eq!(world.get(Kind::Deployment, "luna-worker").await.unwrap()["spec"], worker, "the worker does not use it");
    let registered = world.telegram.calls(&world.token, "setWebhook").await;
    assert_eq!(registered.len(), 2, "the bot that started anew registered it: {registered:?}");

    world.annotate("luna", ANNOTATION_ROTATE, "tuesday").await;
    world
        .until_child(Kind::Secret, "luna-webhook", "is rotated again", |secret| {
            secret["data"]["previous"] == rotated["data"]["current"]
        })
        .await;
}

#[tokio::test]
async fn another_host_is_registered_anew() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.patch_bot("luna", json!({"spec": {"telegram": {"webhook": {"host": "moon.example.org"}}}})).await;
    let there = |bot: &Value| {
        has(bot, "WebhookRegistered", "True")
            && bot["status"]["webhook"]["url"] == "https://moon.example.org/telegram/webhook"
    };
    world.until_bot("luna", "is registered at the new host", there).await;
    let ingress = world.get(Kind::Ingress, "luna-bot").await.unwrap();
    assert_eq!(ingress["spec"]["rules"][0]["host"], "moon.example.org");
}

#[tokio::test]
async fn a_bot_that_turns_to_polling_has_no_ingress_and_no_webhook_condition_to_wait_for() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.patch_bot("luna", json!({"spec": {"telegram": {"updates": "Polling", "webhook": null}}})).await;
    let bot = world.ready("luna").await;
    world.until_gone(Kind::Ingress, "luna-bot").await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.telegram.webhook(&world.token).await, "");
    assert_ne!(condition(&bot, "WebhookRegistered").map(|c| c["status"].clone()), Some(json!("False")));
    assert_eq!(bot["status"]["webhook"], Value::Null);
}

#[tokio::test]
async fn a_webhook_that_somebody_moved_is_told_of() {
    let world = World::new().await;
    let _operator = Operator::with(&world, crate::harness::wire::Wire::new(), |settings| {
        settings.webhook_check = std::time::Duration::from_millis(500);
    });
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    let elsewhere = json!({"url": "https://elsewhere.example.org/hook"});
    world.telegram.call(&world.token, "setWebhook", &elsewhere).await;
    let told = world.condition("luna", "WebhookRegistered", "False").await;
    assert!(told["message"].as_str().unwrap().contains("another address"), "{told}");
    world.condition("luna", "Ready", "False").await;
}
