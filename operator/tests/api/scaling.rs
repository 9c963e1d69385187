//! Who says how many pods there are, and that nobody loses a pod when that changes hands.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::manifests::luna_with;
use crate::harness::operator::Operator;
use crate::harness::world::World;

const REPLICAS: &str = "/spec/replicas";

fn autoscaled(world: &World, least: i32, most: i32) -> Value {
    let scaling = json!({"minReplicas": least, "maxReplicas": most, "targetCPUUtilizationPercentage": 70});
    luna_with(&world.telegram, json!({"components": {"worker": {"autoscaling": scaling}}}))
}

fn fixed(world: &World, count: i32) -> Value {
    luna_with(&world.telegram, json!({"components": {"worker": {"replicas": count}}}))
}

/// What an autoscaler does when it saw load.
async fn autoscaler_says(world: &World, count: i32) {
    let scale = json!({"spec": {"replicas": count}});
    let params = PatchParams { field_manager: Some("kube-controller-manager".to_owned()), ..PatchParams::default() };
    world.api(Kind::Deployment).patch_scale("luna-worker", &params, &Patch::Merge(&scale)).await.unwrap();
}

async fn replicas(world: &World) -> Value {
    world.get(Kind::Deployment, "luna-worker").await.unwrap()["spec"]["replicas"].clone()
}

#[tokio::test]
async fn an_autoscaler_takes_over_without_losing_a_pod_and_then_alone_decides() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(fixed(&world, 4)).await;
    world.ready("luna").await;
    let trace = world.trace(Kind::Deployment, "luna-worker", REPLICAS).await;

    world.apply(autoscaled(&world, 2, 6)).await;
    world.until_child(Kind::HorizontalPodAutoscaler, "luna-worker", "is there", |_| true).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(trace.values(), [json!(4)], "the live count is held");

    autoscaler_says(&world, 6).await;
    operator.settled(&world, "luna").await;
    world.patch_bot("luna", json!({"spec": {"components": {"worker": {"annotations": {"a": "b"}}}}})).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(trace.values(), [json!(4), json!(6)], "nobody but the autoscaler changed it");
    let deployment = world.get(Kind::Deployment, "luna-worker").await.unwrap();
    let owners: Vec<&Value> = deployment["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some())
        .map(|entry| &entry["manager"])
        .collect();
    assert!(!owners.contains(&&json!("vitte-operator")), "{owners:?}");
}

#[tokio::test]
async fn a_new_deployment_begins_with_the_least_that_its_autoscaler_keeps() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    // No pod is ever less than that: the autoscaler itself would need seconds to notice.
    let trace = world.trace(Kind::Deployment, "luna-worker", "/status/replicas").await;
    world.apply(autoscaled(&world, 3, 6)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let counts = trace.values();
    assert_eq!(counts.last(), Some(&json!(3)));
    let deployment = world.get(Kind::Deployment, "luna-worker").await.unwrap();
    let managers = deployment["metadata"]["managedFields"].as_array().unwrap();
    let owner = managers.iter().find(|entry| entry["fieldsV1"]["f:spec"].get("f:replicas").is_some()).unwrap();
    assert_eq!(owner["manager"], "vitte-operator-handover", "{counts:?}");
}

#[tokio::test]
async fn without_its_autoscaler_the_fixed_count_comes_back_without_a_dip() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(autoscaled(&world, 2, 6)).await;
    world.ready("luna").await;
    assert_eq!(replicas(&world).await, 2, "a new Deployment begins with the autoscaler's least");
    autoscaler_says(&world, 5).await;
    world.ready("luna").await;
    let trace = world.trace(Kind::Deployment, "luna-worker", REPLICAS).await;

    world.apply(fixed(&world, 3)).await;
    world.until_gone(Kind::HorizontalPodAutoscaler, "luna-worker").await;
    world.until_child(Kind::Deployment, "luna-worker", "has three", |d| d["spec"]["replicas"] == 3).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(trace.values(), [json!(5), json!(3)]);
}

#[tokio::test]
async fn hibernation_takes_every_pod_and_waking_sets_at_least_the_minimum() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    let awake = autoscaled(&world, 2, 6);
    world.apply(awake.clone()).await;
    world.ready("luna").await;
    autoscaler_says(&world, 5).await;

    let mut asleep = awake.clone();
    asleep["spec"]["hibernated"] = json!(true);
    world.apply(asleep).await;
    world.until_gone(Kind::HorizontalPodAutoscaler, "luna-worker").await;
    for name in ["luna-bot", "luna-api", "luna-worker"] {
        world.until_child(Kind::Deployment, name, "sleeps", |d| d["spec"]["replicas"] == 0).await;
    }
    let phase = |bot: &Value| bot["status"]["phase"] == "Hibernated";
    world.until_bot("luna", "is hibernated", phase).await;
    operator.settled(&world, "luna").await;
    let webhook = world.telegram.webhook(&world.token).await;
    assert_eq!(webhook, "https://luna.example.org/telegram/webhook", "its updates wait at Telegram");

    let trace = world.trace(Kind::Deployment, "luna-worker", REPLICAS).await;
    world.apply(awake).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(trace.values(), [json!(0), json!(2)]);
    assert!(world.get(Kind::HorizontalPodAutoscaler, "luna-worker").await.is_some());
}

#[tokio::test]
async fn a_count_of_zero_is_a_count() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(fixed(&world, 0)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(replicas(&world).await, 0);
}
