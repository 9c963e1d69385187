//! Paused and hibernated, and the ways out of both.

use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::kstatus::{Kstatus, judge};
use crate::harness::manifests::{luna, secrets};
use crate::harness::operator::Operator;
use crate::harness::world::{World, has};

#[tokio::test]
async fn a_paused_bot_is_left_alone_until_it_goes_on() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;

    world.patch_bot("luna", json!({"spec": {"paused": true}})).await;
    world.condition("luna", "Paused", "True").await;
    let before = world.get(Kind::Deployment, "luna-worker").await.unwrap();
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0", "components": {"worker": {"replicas": 3}}}})).await;
    world.condition("luna", "Paused", "True").await;
    // Somebody repairs by hand: nothing is put back.
    world.patch(Kind::Deployment, "luna-api", json!({"spec": {"replicas": 2}})).await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.get(Kind::Deployment, "luna-worker").await.unwrap()["spec"], before["spec"]);
    assert_eq!(world.get(Kind::Deployment, "luna-api").await.unwrap()["spec"]["replicas"], 2);
    assert_eq!(world.bot("luna").await["status"]["phase"], "Paused");
    assert_eq!(world.kubelet.jobs().len(), 1);

    world.patch_bot("luna", json!({"spec": {"paused": null}})).await;
    let bot = world.ready("luna").await;
    assert_eq!(bot["status"]["version"], "0.2.0");
    assert_eq!(world.get(Kind::Deployment, "luna-api").await.unwrap()["spec"]["replicas"], 1);
    assert_eq!(world.get(Kind::Deployment, "luna-worker").await.unwrap()["spec"]["replicas"], 3);
}

#[tokio::test]
async fn a_paused_bot_can_be_deleted() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.patch_bot("luna", json!({"spec": {"paused": true}})).await;
    world.condition("luna", "Paused", "True").await;
    world.delete_bot("luna").await;
    world.until_bot_gone("luna").await;
    assert_eq!(world.telegram.webhook(&world.token).await, "");
}

#[tokio::test]
async fn a_bot_that_is_born_hibernated_has_no_pods_and_wakes() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let mut bot = luna(&world.telegram);
    bot["spec"]["hibernated"] = json!(true);
    world.apply(bot).await;
    let sleeps = |bot: &Value| bot["status"]["phase"] == "Hibernated";
    let found = world.until_bot("luna", "is hibernated", sleeps).await;
    operator.settled(&world, "luna").await;
    assert_ne!(judge(&found), Kstatus::Failed);
    assert_eq!(world.kubelet.jobs().len(), 0);
    for name in world.names(Kind::Deployment).await {
        assert_eq!(world.get(Kind::Deployment, &name).await.unwrap()["spec"]["replicas"], 0, "{name}");
    }
    world.patch_bot("luna", json!({"spec": {"hibernated": null}})).await;
    world.ready("luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn what_changes_while_no_operator_runs_is_caught_up_with() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    operator.stop().await.unwrap();

    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    let mut keys = secrets(&world.token);
    keys.insert("llm".to_owned(), "another".to_owned());
    world.secret("luna", &keys).await;
    assert!(!has(&world.bot("luna").await, "Ready", "True"), "nobody has seen the new generation");
    let _second = Operator::start(&world);
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}
