//! An operator that sees the past, and one that sees nothing in between.

use serde_json::json;
use vitte_operator::names::ANNOTATION_ROTATE;
use vitte_operator::objects::Kind;

use crate::harness::manifests::luna;
use crate::harness::operator::Operator;
use crate::harness::until;
use crate::harness::wire::{Seen, Wire};
use crate::harness::world::World;

const CHILDREN: [&str; 13] = [
    "serviceaccounts",
    "networkpolicies",
    "secrets",
    "configmaps",
    "controllerrevisions",
    "persistentvolumeclaims",
    "services",
    "statefulsets",
    "jobs",
    "deployments",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "ingresses",
];

#[tokio::test]
async fn a_restart_that_sees_a_cluster_from_before_the_install_makes_nothing_twice() {
    let world = World::new().await;
    let first = Operator::start(&world);
    until("its first lists", async || (first.page("/readyz").await?.0 == 200).then_some(())).await;
    first.idle().await;
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.annotate("luna", ANNOTATION_ROTATE, "now").await;
    world.until_child(Kind::Secret, "luna-webhook", "is rotated", |s| s["data"]["previous"].is_string()).await;
    world.ready("luna").await;
    first.settled(&world, "luna").await;
    let (expected, before) = (world.snapshot().await, world.versions().await);
    let secret = world.get(Kind::Secret, "luna-webhook").await.unwrap()["data"].clone();
    let past = first.kill().first_lists();

    // It lists what was before the bot, and its watches tell nothing: but of the bot itself, which it then acts on.
    let wire = Wire::new();
    wire.replay(past, &CHILDREN);
    assert!(wire.replays_left() >= 8, "the first operator listed its children");
    wire.hold(&CHILDREN);
    let second = Operator::with(&world, wire, |_| {});
    until("it reconciled what it saw", async || (second.reconciles().await >= 1.0).then_some(())).await;
    second.idle().await;
    assert_eq!(second.wire.replays_left(), 0, "it saw the past in every list");
    let misses = |seen: &Seen| seen.call.resource == "serviceaccounts" && seen.call.name.is_some();
    assert!(second.wire.seen().iter().any(misses), "it asks for, or makes, what it does not see");
    second.wire.release();

    world.ready("luna").await;
    second.settled(&world, "luna").await;
    world.becomes(&expected).await.unwrap();
    assert_eq!(world.kubelet.jobs().len(), 1, "no second migration");
    assert_eq!(world.get(Kind::Secret, "luna-webhook").await.unwrap()["data"], secret, "the secret is not made anew");
    let generations = |versions: &std::collections::BTreeMap<String, String>| -> Vec<String> {
        let known = versions.iter().filter(|(place, _)| place.starts_with("Deployment"));
        known.map(|(place, version)| format!("{place} {}", version.rsplit_once(' ').unwrap().0)).collect()
    };
    assert_eq!(generations(&world.versions().await), generations(&before), "no Deployment got another generation");
}

#[tokio::test]
async fn events_held_back_through_a_whole_rollout_change_nothing_about_its_end() {
    let world = World::new().await;
    let seeing = world.another().await;
    let version = json!({"spec": {"version": "0.2.0", "components": {"worker": {"replicas": 3}}}});
    let calm = Operator::start(&seeing);
    seeing.apply(luna(&seeing.telegram)).await;
    seeing.ready("luna").await;
    seeing.patch_bot("luna", version.clone()).await;
    seeing.ready("luna").await;
    calm.settled(&seeing, "luna").await;
    let expected = seeing.snapshot().await;

    let blind = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    blind.settled(&world, "luna").await;
    blind.wire.hold(&CHILDREN);
    world.patch_bot("luna", version).await;
    // What the new version finds in the database stays unseen.
    until("a second Job", async || (world.kubelet.all_jobs().len() == 2).then_some(())).await;
    let jobs = world.api(Kind::Job);
    until("it is complete", async || {
        let list = jobs.list(&kube::api::ListParams::default()).await.unwrap();
        let done = |job: &kube::api::DynamicObject| job.data["status"]["succeeded"] == 1;
        list.items.iter().all(done).then_some(())
    })
    .await;
    blind.reconcile(&world, "luna").await;
    // All that it missed, at once.
    blind.wire.release();
    world.ready("luna").await;
    blind.settled(&world, "luna").await;
    world.becomes(&expected).await.unwrap();
    assert_eq!(world.kubelet.jobs().len(), 2);
}

#[tokio::test]
async fn watches_that_break_are_taken_up_again() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.wire.cut_watches();
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    operator.wire.cut_watches();
    world.patch(Kind::Deployment, "luna-worker", json!({"spec": {"replicas": 4}})).await;
    world.until_child(Kind::Deployment, "luna-worker", "is put back", |d| d["spec"]["replicas"] == 1).await;
}
