//! The API server refuses, fails and lies about it; other bots are broken. A bot comes up all the same.

use std::time::Duration;

use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::manifests::{luna, luna_with};
use crate::harness::operator::Operator;
use crate::harness::wire::{Disturbance, Fault, Wire};
use crate::harness::world::World;

fn every(verb: Option<&'static str>, resource: Option<&'static str>, times: usize, what: Disturbance) -> Fault {
    Fault { verb, resource, times, what }
}

#[tokio::test]
async fn conflicts_on_every_kind_are_tried_again() {
    let world = World::new().await;
    let wire = Wire::new();
    for resource in ["deployments", "services", "configmaps", "secrets", "jobs", "vittebots", "vittebots/status"] {
        for verb in ["patch", "create", "update"] {
            wire.fault(every(Some(verb), Some(resource), 2, Disturbance::Refuse(409, "Conflict")));
        }
    }
    let operator = Operator::with(&world, wire, |_| {});
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn writes_that_were_done_but_seemed_to_fail_are_not_done_twice() {
    let world = World::new().await;
    let wire = Wire::new();
    for resource in ["deployments", "services", "configmaps", "secrets", "jobs", "vittebots/status"] {
        let lost = Disturbance::DoneThenRefuse(500, "InternalError");
        for verb in ["patch", "create"] {
            wire.fault(every(Some(verb), Some(resource), 1, lost.clone()));
        }
    }
    let operator = Operator::with(&world, wire, |_| {});
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn a_slow_api_server_that_fails_now_and_then_only_takes_longer() {
    let world = World::new().await;
    let wire = Wire::new();
    let operator = Operator::with(&world, wire.clone(), |_| {});
    for _ in 0..5 {
        wire.fault(every(None, None, 3, Disturbance::Delay(Duration::from_millis(300))));
        wire.fault(every(None, None, 1, Disturbance::Refuse(500, "InternalError")));
        wire.fault(every(None, None, 1, Disturbance::Refuse(429, "TooManyRequests")));
    }
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    assert!(wire.faults_are_spent());
    operator.settled(&world, "luna").await;
}

#[tokio::test]
async fn one_kind_that_is_refused_for_good_is_named_and_stops_no_other() {
    let world = World::new().await;
    let wire = Wire::new();
    let refused = Disturbance::Refuse(403, "Forbidden");
    for verb in ["patch", "create"] {
        wire.fault(every(Some(verb), Some("poddisruptionbudgets"), usize::MAX, refused.clone()));
    }
    let _operator = Operator::with(&world, wire, |_| {});
    world.apply(luna_with(&world.telegram, json!({"components": {"worker": {"replicas": 2}}}))).await;
    world
        .until_bot("luna", "names what is refused", |bot| {
            let told = bot["status"]["message"].as_str().unwrap_or_default();
            told.contains("PodDisruptionBudget") && bot["status"]["components"]["worker"]["ready"] == 2
        })
        .await;
}

#[tokio::test]
async fn a_bot_that_cannot_be_read_stops_no_other() {
    let world = World::new().await;
    let wire = Wire::new();
    // As an object that an older definition of the resource let in.
    wire.garble("\"version\":\"9.9.9\"", "\"version\":[\"9.9.9\"]");
    let mut broken = luna_with(&world.telegram, json!({"version": "9.9.9"}));
    broken["metadata"]["name"] = json!("broken");
    world.apply(broken).await;
    let operator = Operator::with(&world, wire.clone(), |_| {});
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    assert_eq!(operator.metric("vitte_operator_undecodable_bots").await, Some(1.0));
    // Also one that breaks while it is watched.
    wire.garble("\"version\":\"8.8.8\"", "\"version\":[\"8.8.8\"]");
    let mut second = luna_with(&world.telegram, json!({"version": "0.1.0"}));
    second["metadata"]["name"] = json!("second");
    world.apply(second).await;
    world.ready("second").await;
    let deployment = world.get(Kind::Deployment, "second-bot").await.unwrap()["spec"].clone();
    world.patch_bot("second", json!({"spec": {"version": "8.8.8"}})).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    assert_eq!(operator.metric("vitte_operator_undecodable_bots").await, Some(2.0));
    let after: Value = world.get(Kind::Deployment, "second-bot").await.unwrap()["spec"].clone();
    assert_eq!(after, deployment, "what a bot has that cannot be read is left as it is");
    world.patch_bot("second", json!({"spec": {"version": "0.2.0"}})).await;
    world.ready("second").await;
}
