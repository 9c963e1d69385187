//! Two replicas of the operator: one works, one stands by.

use std::time::Duration;

use serde_json::json;

use crate::harness::manifests::luna;
use crate::harness::operator::{Operator, lease};
use crate::harness::until;
use crate::harness::wire::{Disturbance, Fault, Stop, Wire};
use crate::harness::world::World;

fn replica(world: &World, wire: Wire, identity: &str) -> Operator {
    let lease = lease(world);
    Operator::with(world, wire, |settings| {
        settings.lease = Some(lease);
        settings.identity = identity.to_owned();
    })
}

async fn leads(operator: &Operator) {
    let told = "vitte_operator_leader";
    until("it leads", async || (operator.metric(told).await? == 1.0).then_some(())).await;
}

#[tokio::test]
async fn the_standby_is_ready_writes_nothing_and_takes_over_from_a_leader_that_stops() {
    let world = World::new().await;
    let first = replica(&world, Wire::new(), "first");
    leads(&first).await;
    let second = replica(&world, Wire::new(), "second");
    until("the standby is ready", async || (second.page("/readyz").await?.0 == 200).then_some(())).await;
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    assert_eq!(second.wire.writes(), []);
    assert_eq!(second.metric("vitte_operator_leader").await, Some(0.0));

    first.stop().await.unwrap();
    leads(&second).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}

#[tokio::test]
async fn a_leader_killed_in_the_middle_of_a_reconcile_is_followed_by_the_standby() {
    let world = World::new().await;
    let undisturbed = world.another().await;
    let alone = Operator::start(&undisturbed);
    undisturbed.apply(luna(&undisturbed.telegram)).await;
    undisturbed.ready("luna").await;
    alone.settled(&undisturbed, "luna").await;
    let expected = undisturbed.snapshot().await;

    let first = replica(&world, Wire::stopping(Stop::During(7)), "first");
    leads(&first).await;
    let second = replica(&world, Wire::new(), "second");
    world.apply(luna(&world.telegram)).await;
    first.wire.dead().await;
    first.kill();
    world.ready("luna").await;
    world.becomes(&expected).await.unwrap();
    second.settled(&world, "luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn a_leader_that_cannot_renew_ends_before_another_leads_and_writes_nothing_afterwards() {
    let world = World::new().await;
    let mut first = replica(&world, Wire::new(), "first");
    leads(&first).await;
    let second = replica(&world, Wire::new(), "second");
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    let away = Disturbance::Refuse(500, "InternalError");
    for verb in ["update", "patch", "get", "create"] {
        let fault = Fault { verb: Some(verb), resource: Some("leases"), times: usize::MAX, what: away.clone() };
        first.wire.fault(fault);
    }
    let ended = first.ended().await;
    assert!(ended.is_err(), "a lost lease is an error, so that the process ends with a code that says so");
    assert_eq!(second.metric("vitte_operator_leader").await, Some(0.0), "the first gave up before its time was over");
    let written = first.wire.everything_written().len();
    leads(&second).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    world.ready("luna").await;
    assert_eq!(first.wire.everything_written().len(), written);
}

#[tokio::test]
async fn a_slow_write_of_a_leader_that_lost_its_lease_does_not_reach_the_api_server() {
    let world = World::new().await;
    let mut first = replica(&world, Wire::new(), "first");
    leads(&first).await;
    // The first write hangs for longer than the lease lasts, and renewing fails meanwhile.
    let slow = Disturbance::Delay(Duration::from_secs(8));
    first.wire.fault(Fault { verb: Some("patch"), resource: Some("deployments"), times: usize::MAX, what: slow });
    world.apply(luna(&world.telegram)).await;
    until("a Deployment is being written", async || first.wire.is_written("deployments").then_some(())).await;
    for verb in ["update", "patch", "get", "create"] {
        let what = Disturbance::Refuse(500, "InternalError");
        first.wire.fault(Fault { verb: Some(verb), resource: Some("leases"), times: usize::MAX, what });
    }
    assert!(first.ended().await.is_err());
    let second = replica(&world, Wire::new(), "second");
    leads(&second).await;
    world.ready("luna").await;
    until("the write was given up", async || (!first.wire.is_written("deployments")).then_some(())).await;
    let deployments = first.wire.seen().into_iter().filter(|seen| seen.call.resource == "deployments" && seen.writes());
    assert_eq!(deployments.filter(|seen| seen.status.is_some()).count(), 0);
}
