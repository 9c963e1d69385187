//! The webhook from its secret to its address: what the operator keeps, what it checks, and what it leaves to the bot.

use serde_json::{Value, json};
use vitte_operator::names::{ANNOTATION_RETRY, ANNOTATION_ROTATE};
use vitte_operator::objects::Kind;

use crate::harness::history::deadlines_pass;
use crate::harness::kstatus::condition;
use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna, luna_with};
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
    let free = |bot: &Value| bot["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    world.until_bot("luna", "leaves nothing to be removed", free).await;
}

/// Breaks when the webhook goes before the pods that are to poll have come: those that serve would be deaf.
#[tokio::test]
async fn a_turn_to_polling_that_is_taken_back_keeps_the_webhook_and_the_next_try_removes_it() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    let host = "https://luna.example.org/telegram/webhook";
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let passing = deadlines_pass(&world, "0.2.0");
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    let polling = json!({"telegram": {"updates": "Polling", "webhook": null}, "version": "0.2.0"});
    world.patch_bot("luna", json!({"spec": polling})).await;
    let back = |bot: &Value| condition(bot, "Upgraded").is_some_and(|c| c["reason"] == "RolledBack");
    world.until_bot("luna", "is taken back", back).await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.telegram.calls(&world.token, "deleteWebhook").await, Vec::<Value>::new());
    assert_eq!(world.telegram.webhook(&world.token).await, host);

    passing.abort();
    world.kubelet.ordain_image("0.2.0", Fate::Good).await;
    world.annotate("luna", ANNOTATION_RETRY, "1").await;
    let bot = world.ready("luna").await;
    assert_eq!(bot["status"]["version"], "0.2.0");
    assert_eq!(world.telegram.webhook(&world.token).await, "");
    let removed = world.telegram.calls(&world.token, "deleteWebhook").await;
    assert!(removed.iter().all(|call| call["drop_pending_updates"] != "true"), "what waits is kept: {removed:?}");
}

/// Breaks when Telegram is asked about bots with a webhook alone.
#[tokio::test]
async fn a_bot_that_polls_is_not_ready_while_another_program_has_a_webhook_and_leaves_it_alone() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let elsewhere = json!({"url": "https://elsewhere.example.org/hook"});
    world.telegram.call(&world.token, "setWebhook", &elsewhere).await;
    let polling = json!({"telegram": {"updates": "Polling", "webhook": null}});
    world.apply(luna_with(&world.telegram, polling)).await;
    let told = world.condition("luna", "WebhookRegistered", "False").await;
    assert_eq!(told["reason"], "InTheWay");
    operator.settled(&world, "luna").await;
    assert!(has(&world.bot("luna").await, "Ready", "False"));
    assert_eq!(world.telegram.webhook(&world.token).await, "https://elsewhere.example.org/hook");
}

/// Breaks when only the address is compared: a wrong certificate or a 502 on the way is as deaf as no webhook.
#[tokio::test]
async fn a_webhook_to_which_nothing_can_be_delivered_is_told_of_until_something_is() {
    let world = World::new().await;
    let _operator = Operator::with(&world, crate::harness::wire::Wire::new(), |settings| {
        settings.webhook_check = std::time::Duration::from_millis(300);
    });
    // Where nobody listens.
    let url = json!({"telegram": {"webhook": {"host": null, "url": "http://127.0.0.1:9/telegram/webhook"}}});
    world.apply(luna_with(&world.telegram, url)).await;
    world.ready("luna").await;
    world.telegram.is_written_to(&world.token).await;
    let told = world.condition("luna", "WebhookRegistered", "False").await;
    assert_eq!(told["reason"], "DeliveryFails");
    let bot = world.until_bot("luna", "is not ready", |bot| has(bot, "Ready", "False")).await;
    assert_eq!(bot["status"]["phase"], "Degraded");
    assert!(has(&bot, "Upgraded", "True"), "no version is given up for it: {bot}");

    world
        .telegram
        .call(
            &world.token,
            "setWebhook",
            &json!({"url": "http://127.0.0.1:9/telegram/webhook", "drop_pending_updates": true}),
        )
        .await;
    world.ready("luna").await;
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
