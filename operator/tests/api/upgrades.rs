//! One line of the manifest changes: the new version comes, or the old one stays.

use kube::api::DeleteParams;
use serde_json::{Value, json};
use vitte_operator::names::{ANNOTATION_RETRY, ANNOTATION_ROLLBACK};
use vitte_operator::objects::Kind;

use crate::harness::history::{History, deadlines_pass};
use crate::harness::kstatus::condition;
use crate::harness::kubelet::Fate;
use crate::harness::manifests::luna_with;
use crate::harness::operator::Operator;
use crate::harness::until;
use crate::harness::wire::{Disturbance, Fault};
use crate::harness::world::{World, has};

/// luna 0.1.0 is ready, and these parts of her spec are so.
pub async fn ready(world: &World, spec: Value) -> Operator {
    let operator = Operator::start(world);
    world.apply(luna_with(&world.telegram, spec)).await;
    world.ready("luna").await;
    operator.settled(world, "luna").await;
    operator
}

pub fn reason(bot: &Value, kind: &str) -> String {
    condition(bot, kind).and_then(|c| c["reason"].as_str()).unwrap_or_default().to_owned()
}

/// Waits until `Upgraded` has this reason for the present spec.
pub async fn upgraded(world: &World, wanted: &str) -> Value {
    let is = |bot: &Value| {
        reason(bot, "Upgraded") == wanted && bot["status"]["observedGeneration"] == bot["metadata"]["generation"]
    };
    world.until_bot("luna", &format!("Upgraded is {wanted}"), is).await
}

pub async fn image(world: &World, deployment: &str) -> String {
    let deployment = world.get(Kind::Deployment, deployment).await.unwrap();
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

pub async fn to(world: &World, version: &str) {
    world.patch_bot("luna", json!({"spec": {"version": version}})).await;
}

pub async fn outcomes(world: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in world.names(Kind::ControllerRevision).await {
        let revision = world.get(Kind::ControllerRevision, &name).await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.push((text(&revision["data"]["version"]), text(&revision["metadata"]["annotations"]["vitte.dev/outcome"])));
    }
    all.sort();
    all
}

pub fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(version, outcome)| ((*version).to_owned(), (*outcome).to_owned())).collect()
}

/// The reasons of all events about the bot.
async fn events(world: &World) -> Vec<String> {
    let api: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(world.cluster.client.clone(), &world.namespace);
    let list = api.list(&kube::api::ListParams::default()).await.unwrap();
    list.items.into_iter().filter_map(|event| event.reason).collect()
}

#[tokio::test]
async fn upgrades_check_migrate_and_roll_in_this_order_and_tell_each_step() {
    let world = World::new().await;
    let operator = ready(&world, json!({"components": {"api": {"replicas": 2}}})).await;
    let history = History::of(&world);
    let phases = world.trace_bot("luna", "/status/phase").await;
    to(&world, "0.2.0").await;
    let bot = world.ready("luna").await;
    operator.settled(&world, "luna").await;
    assert_eq!(bot["status"]["version"], "0.2.0");
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.2.0");
    assert_eq!(outcomes(&world).await, pairs(&[("0.1.0", "Good"), ("0.2.0", "Good")]));
    let phases = phases.values();
    let place = |phase: &str| phases.iter().position(|p| p == phase).unwrap_or_else(|| panic!("{phase} in {phases:?}"));
    assert!(place("Preflight") < place("Migrating") && place("Migrating") < place("RollingOut"), "{phases:?}");
    history.judge().unwrap();
    assert_eq!(history.fewest(), 0, "as many pods as ever served throughout");
    let told = events(&world).await;
    // The install told of its own steps, too: one series of each.
    for step in ["UpgradedPreflight", "UpgradedExpand", "UpgradedRollout", "UpgradedCurrent"] {
        assert_eq!(told.iter().filter(|reason| *reason == step).count(), 1, "{step}: {told:?}");
    }
}

#[tokio::test]
async fn upgrades_that_fail_the_preflight_change_nothing_and_say_why() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let why = "300 connections are asked for, and the server has 100";
    world.kubelet.ordain("preflight", Fate::Fails(why.to_owned())).await;
    let before = world.get(Kind::Deployment, "luna-bot").await.unwrap();
    to(&world, "0.2.0").await;
    let bot = upgraded(&world, "PreflightFailed").await;
    assert!(bot["status"]["message"].as_str().unwrap().contains(why), "{}", bot["status"]);
    assert_eq!((&bot["status"]["version"], &bot["status"]["phase"]), (&json!("0.1.0"), &json!("Degraded")));
    operator.settled(&world, "luna").await;
    assert_eq!(world.get(Kind::Deployment, "luna-bot").await.unwrap()["spec"], before["spec"]);
    assert_eq!(world.kubelet.jobs().len(), 1, "no migration");

    world.kubelet.ordain("preflight", Fate::Good).await;
    world.annotate("luna", ANNOTATION_RETRY, "1").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}

#[tokio::test]
async fn upgrades_with_a_failed_migration_still_scale_what_serves_and_roll_it_for_a_changed_secret() {
    let world = World::new().await;
    let operator = ready(&world, json!({"migrations": {"timeoutSeconds": 10}})).await;
    world.kubelet.ordain("migrate", Fate::Fails("column users.name is in use".to_owned())).await;
    to(&world, "0.2.0").await;
    let bot = upgraded(&world, "ExpandFailed").await;
    assert!(bot["status"]["message"].as_str().unwrap().contains("users.name is in use"));
    world.patch_bot("luna", json!({"spec": {"components": {"worker": {"replicas": 3}}}})).await;
    let mut keys = crate::harness::manifests::secrets(&world.token);
    keys.insert("llm".to_owned(), "another-key".to_owned());
    let digest = |d: &Value| d["spec"]["template"]["metadata"]["annotations"]["vitte.dev/secrets"].clone();
    let before = digest(&world.get(Kind::Deployment, "luna-worker").await.unwrap());
    world.secret("luna", &keys).await;
    world
        .until_child(Kind::Deployment, "luna-worker", "has three new pods", |d| {
            d["status"]["availableReplicas"] == 3 && d["status"]["updatedReplicas"] == 3 && digest(d) != before
        })
        .await;
    assert_eq!(image(&world, "luna-worker").await, "ghcr.io/vitte/vitte:0.1.0");

    world.kubelet.ordain("migrate", Fate::Good).await;
    operator.settled(&world, "luna").await;
    assert_eq!(reason(&world.bot("luna").await, "Upgraded"), "ExpandFailed", "no new attempt by itself");
    world.annotate("luna", ANNOTATION_RETRY, "1").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}

#[tokio::test]
async fn upgrades_to_an_image_that_never_becomes_ready_are_taken_back_when_the_deadline_is_over() {
    let world = World::new().await;
    let operator = ready(&world, json!({"rollout": {"progressDeadlineSeconds": 30}})).await;
    let history = History::of(&world);
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    let bot = upgraded(&world, "RolledBack").await;
    let status = &bot["status"];
    assert_eq!((&status["version"], &status["failedVersion"]), (&json!("0.1.0"), &json!("0.2.0")));
    assert_eq!(bot["spec"]["version"], "0.2.0", "the spec is left as it was written");
    assert!(status["message"].as_str().unwrap().contains("timed out"), "{status}");
    assert!(has(&bot, "Stalled", "True") && has(&bot, "Ready", "False"));
    for name in ["luna-bot", "luna-api", "luna-worker"] {
        let back = |d: &Value| {
            d["spec"]["template"]["spec"]["containers"][0]["image"] == "ghcr.io/vitte/vitte:0.1.0"
                && d["status"]["updatedReplicas"] == 1
                && d["status"]["replicas"] == 1
        };
        world.until_child(Kind::Deployment, name, "is back", back).await;
    }
    operator.settled(&world, "luna").await;
    assert_eq!(history.fewest(), 0, "the old pods served throughout");
    history.judge().unwrap();
    assert_eq!(outcomes(&world).await, pairs(&[("0.1.0", "Good"), ("0.2.0", "Failed")]));

    // Mended, the same version is tried again when it is asked for, and not before.
    world.kubelet.ordain_image("0.2.0", Fate::Good).await;
    operator.settled(&world, "luna").await;
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
    world.annotate("luna", ANNOTATION_RETRY, "1").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    assert_eq!(world.bot("luna").await["status"]["failedVersion"], Value::Null);
}

#[tokio::test]
async fn upgrades_are_not_taken_back_while_the_old_pods_are_not_ready_either() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let passing = deadlines_pass(&world, "0.2.0");
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    world.kubelet.ordain_image("0.1.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    let bot = upgraded(&world, "Late").await;
    assert!(bot["status"]["message"].as_str().unwrap().contains("old pods are not ready either"), "{}", bot["status"]);
    operator.settled(&world, "luna").await;
    assert_eq!(outcomes(&world).await, pairs(&[("0.1.0", "Good"), ("0.2.0", "Trying")]));
    // The database is back.
    passing.abort();
    world.kubelet.ordain_image("0.1.0", Fate::Good).await;
    world.kubelet.ordain_image("0.2.0", Fate::Good).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
}

#[tokio::test]
async fn upgrades_that_are_late_wait_for_a_person_where_the_manifest_says_so() {
    let world = World::new().await;
    let operator = ready(&world, json!({"rollout": {"rollback": "Manual"}})).await;
    let _passing = deadlines_pass(&world, "0.2.0");
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    let bot = upgraded(&world, "Stuck").await;
    assert!(has(&bot, "Stalled", "True"));
    operator.settled(&world, "luna").await;
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.2.0");
    assert_eq!(world.bot("luna").await["status"]["version"], "0.1.0", "what served well");

    world.annotate("luna", ANNOTATION_ROLLBACK, "0.1.0").await;
    let bot = upgraded(&world, "RolledBack").await;
    assert_eq!(bot["status"]["failedVersion"], "0.2.0");
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
}

#[tokio::test]
async fn upgrades_changed_in_the_middle_wait_for_the_job_at_work_and_are_planned_anew() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let history = History::of(&world);
    world.kubelet.ordain("migrate", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    until("the migration of 0.2.0", async || (world.kubelet.jobs().len() == 2).then_some(())).await;
    to(&world, "0.3.0").await;
    let bot = upgraded(&world, "Waits").await;
    assert_eq!(bot["status"]["version"], "0.1.0");
    operator.settled(&world, "luna").await;
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
    world.kubelet.ordain("migrate", Fate::Good).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");

    // In the middle of a rollout: what serves comes back first.
    world.kubelet.ordain_image("0.4.0", Fate::Hangs).await;
    to(&world, "0.4.0").await;
    upgraded(&world, "Rollout").await;
    world.until_child(Kind::Deployment, "luna-bot", "rolls", |d| d["status"]["replicas"] == 2).await;
    to(&world, "0.3.0").await;
    let bot = world.ready("luna").await;
    assert_eq!(
        (&bot["status"]["version"], image(&world, "luna-bot").await.as_str()),
        (&json!("0.3.0"), "ghcr.io/vitte/vitte:0.3.0")
    );
    operator.settled(&world, "luna").await;
    history.judge().unwrap();
    assert_eq!(history.fewest(), 0);
}

#[tokio::test]
async fn upgrades_contract_after_the_window_and_never_go_back_over_it_against_the_older_images_word() {
    let world = World::new().await;
    let operator = ready(&world, json!({"rollout": {"rollbackWindowSeconds": 3600}})).await;
    let history = History::of(&world);
    to(&world, "0.2.0").await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let contracts = || world.kubelet.all_jobs().iter().filter(|job| job.contains("-contract-")).count();
    assert_eq!(contracts(), 0, "the window is open");

    // Another upgrade closes it.
    to(&world, "0.3.0").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");
    assert_eq!(contracts(), 1);
    world.patch_bot("luna", json!({"spec": {"rollout": {"rollbackWindowSeconds": 0}}})).await;
    until("the contract of 0.3.0", async || (contracts() == 2).then_some(())).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    history.judge().unwrap();

    let why = "0007 removed what this version needs";
    world.kubelet.ordain("preflight", Fate::Fails(why.to_owned())).await;
    world.annotate("luna", ANNOTATION_ROLLBACK, "0.1.0").await;
    let told = |bot: &Value| bot["status"]["message"].as_str().is_some_and(|m| m.contains(why));
    let bot = world.until_bot("luna", "says why not", told).await;
    assert_eq!(bot["status"]["version"], "0.3.0");
    // Refused is refused: nobody asks again, and the bot is as well as before.
    let asked = world.kubelet.all_jobs();
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.all_jobs(), asked);
    assert!(told(&world.ready("luna").await));
    world.kubelet.ordain("preflight", Fate::Says("older")).await;
    world.annotate("luna", ANNOTATION_ROLLBACK, "0.2.0").await;
    let bot = upgraded(&world, "RolledBack").await;
    assert_eq!((&bot["status"]["version"], &bot["status"]["failedVersion"]), (&json!("0.2.0"), &json!("0.3.0")));
}

#[tokio::test]
async fn upgrades_go_back_by_hand_to_a_revision_under_its_own_configuration_and_on_with_the_next_spec() {
    let world = World::new().await;
    let operator = ready(&world, json!({"limits": {"messagesPerMinute": 3}})).await;
    let config =
        |d: &Value| d["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"].as_str().unwrap().to_owned();
    let before = config(&world.get(Kind::Deployment, "luna-bot").await.unwrap());
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0", "limits": {"messagesPerMinute": 9}}})).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    world.annotate("luna", ANNOTATION_ROLLBACK, "1").await;
    let bot = upgraded(&world, "RolledBack").await;
    assert_eq!(bot["status"]["version"], "0.1.0");
    let deployment = world.get(Kind::Deployment, "luna-bot").await.unwrap();
    assert_eq!(config(&deployment), before, "the configuration that the old image knows");
    operator.settled(&world, "luna").await;
    assert!(world.get(Kind::ConfigMap, &before).await.is_some());
    to(&world, "0.3.0").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.3.0");
}

#[tokio::test]
async fn upgrades_are_remembered_by_revisions_when_the_status_is_lost() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let _passing = deadlines_pass(&world, "0.2.0");
    world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
    to(&world, "0.2.0").await;
    upgraded(&world, "RolledBack").await;
    operator.settled(&world, "luna").await;
    let before = world.bot("luna").await["status"].clone();
    operator.stop().await.unwrap();
    let lost = kube::api::Patch::Merge(json!({"status": null}));
    world.bots().patch_status("luna", &kube::api::PatchParams::default(), &lost).await.unwrap();
    let second = Operator::start(&world);
    let bot = upgraded(&world, "RolledBack").await;
    for field in ["version", "image", "revision", "failedVersion", "phase", "message"] {
        assert_eq!(bot["status"][field], before[field], "{field}");
    }
    second.settled(&world, "luna").await;
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
    assert_eq!(world.kubelet.jobs().len(), 2, "nothing ran again");
}

#[tokio::test]
async fn upgrades_wait_while_a_decision_cannot_be_written() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let refuse = Disturbance::Refuse(500, "InternalError");
    operator.wire.fault(Fault { verb: Some("create"), resource: Some("controllerrevisions"), times: 3, what: refuse });
    let history = History::of(&world);
    to(&world, "0.2.0").await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    assert!(operator.wire.faults_are_spent());
    let calls = operator.wire.writes();
    let at = |verb: &str, resource: &str| calls.iter().rposition(|c| c.verb == verb && c.resource == resource).unwrap();
    let first_roll = calls.iter().position(|c| c.verb == "patch" && c.resource == "deployments").unwrap();
    assert!(first_roll > 0 && at("create", "controllerrevisions") < at("patch", "deployments"));
    history.judge().unwrap();
}

#[tokio::test]
async fn upgrades_asleep_wait_until_the_bot_wakes() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    let history = History::of(&world);
    world.patch_bot("luna", json!({"spec": {"version": "0.2.0", "hibernated": true}})).await;
    let sleeps = |bot: &Value| {
        bot["status"]["phase"] == "Hibernated" && bot["status"]["observedGeneration"] == bot["metadata"]["generation"]
    };
    let bot = world.until_bot("luna", "sleeps", sleeps).await;
    assert_eq!(bot["status"]["version"], "0.1.0");
    operator.settled(&world, "luna").await;
    assert_eq!(world.kubelet.all_jobs().len(), 1);
    assert_eq!(image(&world, "luna-bot").await, "ghcr.io/vitte/vitte:0.1.0");
    world.patch_bot("luna", json!({"spec": {"hibernated": null}})).await;
    assert_eq!(world.ready("luna").await["status"]["version"], "0.2.0");
    history.judge().unwrap();
}

#[tokio::test]
async fn upgrades_leave_a_bounded_history_with_what_each_revision_needs() {
    let world = World::new().await;
    let operator = ready(&world, json!({})).await;
    for messages in 1..=6 {
        world.patch_bot("luna", json!({"spec": {"limits": {"messagesPerMinute": messages}}})).await;
        world.ready("luna").await;
    }
    operator.settled(&world, "luna").await;
    let revisions = world.names(Kind::ControllerRevision).await;
    assert_eq!(revisions.len(), 5);
    let config_maps = world.names(Kind::ConfigMap).await;
    for name in &revisions {
        let revision = world.get(Kind::ControllerRevision, name).await.unwrap();
        assert_eq!(revision["metadata"]["ownerReferences"][0]["kind"], "VitteBot");
        for needed in revision["data"]["configMaps"].as_object().unwrap().values() {
            assert!(config_maps.iter().any(|name| name == needed.as_str().unwrap()), "{needed}");
        }
    }
    // One that somebody removed is no way back any more, and harms nobody.
    let gone = DeleteParams::default();
    world.api(Kind::ControllerRevision).delete(&revisions[0], &gone).await.unwrap();
    operator.settled(&world, "luna").await;
    world.ready("luna").await;
}
