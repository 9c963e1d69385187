//! The schema comes before the pods that need it.

use kube::api::ListParams;
use serde_json::{Value, json};
use vitte_operator::names::ANNOTATION_RETRY;
use vitte_operator::objects::Kind;

use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna, luna_with};
use crate::harness::operator::Operator;
use crate::harness::world::{World, has};

async fn jobs(world: &World) -> Vec<String> {
    let list = world.api(Kind::Job).list(&ListParams::default()).await.unwrap();
    list.items.into_iter().filter_map(|job| job.metadata.name).collect()
}

#[tokio::test]
async fn no_pod_serves_before_the_schema_is_there() {
    let world = World::new().await;
    world.kubelet.ordain("migrate", Fate::Hangs).await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    let migrating = |bot: &Value| bot["status"]["phase"] == "Migrating" && has(bot, "Migrated", "False");
    world.until_bot("luna", "migrates", migrating).await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.names(Kind::Deployment).await, Vec::<String>::new());

    world.kubelet.ordain("migrate", Fate::Good).await;
    world.ready("luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn a_failed_migration_says_why_leaves_what_runs_and_is_tried_again_on_request() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    // The Job's own patience would have it try for a minute.
    world.apply(luna_with(&world.telegram, json!({"migrations": {"timeoutSeconds": 10}}))).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let before = world.get(Kind::Deployment, "luna-bot").await.unwrap();
    let first = jobs(&world).await;

    world.kubelet.ordain("migrate", Fate::Fails("column users.name is in use".to_owned())).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    let failed = |bot: &Value| {
        has(bot, "Migrated", "False")
            && bot["status"]["migration"]["phase"] == "Failed"
            && bot["status"]["migration"]["message"].as_str().is_some_and(|m| m.contains("users.name is in use"))
    };
    let bot = world.until_bot("luna", "has failed with its words", failed).await;
    assert!(has(&bot, "Stalled", "True"), "it waits for a person: {}", bot["status"]);
    operator.settled(&world, "luna").await;
    let after = world.get(Kind::Deployment, "luna-bot").await.unwrap();
    assert_eq!(after["spec"], before["spec"]);
    assert_eq!(bot["status"]["version"], "0.1.0");
    let tried = jobs(&world).await;

    world.kubelet.ordain("migrate", Fate::Good).await;
    operator.settled(&world, "luna").await;
    assert_eq!(jobs(&world).await, tried, "no new attempt by itself");
    world.annotate("luna", ANNOTATION_RETRY, "once more").await;
    let bot = world.ready("luna").await;
    assert_eq!(bot["status"]["version"], "0.2.0");
    let ever = world.kubelet.jobs();
    assert_eq!(ever.len(), first.len() + 2, "{ever:?}");
}

#[tokio::test]
async fn a_migration_that_was_done_is_told_of_as_before_when_another_one_is_given_up() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    let before = world.ready("luna").await["status"]["migration"].clone();
    assert!(before["startedAt"].is_string() && before["finishedAt"].is_string(), "{before}");
    world.kubelet.ordain("migrate", Fate::Hangs).await;
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    let is_at_it = |bot: &Value| bot["status"]["migration"]["phase"] == "Running";
    world.until_bot("luna", "migrates to 0.2.0", is_at_it).await;
    operator.settled(&world, "luna").await;
    world.patch_bot("luna", json!({"spec": {"version": "0.1.0"}})).await;
    world.until_bot("luna", "tells of its own migration", |bot| bot["status"]["migration"] == before).await;
}

#[tokio::test]
async fn a_change_that_needs_no_migration_makes_no_job() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    world.patch_bot("luna", json!({"spec": {"components": {"worker": {"replicas": 2}}}})).await;
    world.until_child(Kind::Deployment, "luna-worker", "has two", |d| d["spec"]["replicas"] == 2).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
}

#[tokio::test]
async fn a_finished_job_that_somebody_tidied_away_is_not_run_again() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    for name in jobs(&world).await {
        world.api(Kind::Job).delete(&name, &kube::api::DeleteParams::background()).await.unwrap();
        world.until_gone(Kind::Job, &name).await;
    }
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.jobs().len(), 1);
    assert!(has(&world.bot("luna").await, "Ready", "True"));
}
