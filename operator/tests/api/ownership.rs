//! What the spec drops goes, what others added stays, and what is ours is put back.

use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use vitte_operator::names::LABEL_BOT;
use vitte_operator::objects::Kind;

use crate::harness::kstatus::condition;
use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna, luna_with};
use crate::harness::operator::Operator;
use crate::harness::world::World;

#[tokio::test]
async fn what_the_spec_drops_is_removed_and_nothing_else() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world
        .apply(luna_with(&world.telegram, json!({
            "admin": {"host": "admin.luna.example.org", "passwordSecretRef": {"name": "luna", "key": "admin-password"}},
            "api": {"host": "api.luna.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
            "components": {"worker": {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70}}},
        })))
        .await;
    world.ready("luna").await;
    let owned =
        |uid: &Value| json!({"apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot", "name": "luna", "uid": uid});
    let bot = world.bot("luna").await;
    // Labelled as a bot's by somebody, owned by nobody: not ours to remove.
    let foreign = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "foreign", "labels": {LABEL_BOT: "luna"}},
        "spec": {"ports": [{"port": 80}]}});
    world.apply(foreign).await;
    // Another tool's child of the same bot, without our label.
    let beside = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "beside", "ownerReferences": [owned(&bot["metadata"]["uid"])]}});
    world.apply(beside).await;

    // No admin, no host of the API, no autoscaling.
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    for (kind, name) in [
        (Kind::Deployment, "luna-admin"),
        (Kind::Service, "luna-admin"),
        (Kind::ServiceAccount, "luna-admin"),
        (Kind::Ingress, "luna-admin"),
        (Kind::Ingress, "luna-api"),
        (Kind::HorizontalPodAutoscaler, "luna-worker"),
        (Kind::PodDisruptionBudget, "luna-worker"),
    ] {
        world.until_gone(kind, name).await;
    }
    operator.settled(&world, "luna").await;
    assert!(world.get(Kind::Service, "foreign").await.is_some());
    assert!(world.get(Kind::ConfigMap, "beside").await.is_some());
    assert!(world.get(Kind::Deployment, "luna-api").await.is_some());
}

#[tokio::test]
async fn fields_labels_and_containers_of_others_stay() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    let sidecar = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "luna-worker", "labels": {"theirs": "yes"}},
        "spec": {"template": {"spec": {"containers": [{"name": "mesh", "image": "mesh:1"}]}}},
    });
    let apply = PatchParams::apply("mesh");
    world.api(Kind::Deployment).patch("luna-worker", &apply, &Patch::Apply(&sidecar)).await.unwrap();
    operator.settled(&world, "luna").await;
    // And also when the operator itself has something to write there.
    world.patch_bot("luna", json!({"spec": {"components": {"worker": {"annotations": {"a": "b"}}}}})).await;
    let written = world
        .until_child(Kind::Deployment, "luna-worker", "has the annotation", |deployment| {
            deployment["spec"]["template"]["metadata"]["annotations"]["a"] == "b"
        })
        .await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let containers = written["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    assert!(containers.iter().any(|container| container["name"] == "mesh"), "{containers:?}");
    assert_eq!(written["metadata"]["labels"]["theirs"], "yes");
}

#[tokio::test]
async fn what_somebody_changed_of_ours_is_put_back() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let deployment = world.get(Kind::Deployment, "luna-worker").await.unwrap();
    let image = deployment["spec"]["template"]["spec"]["containers"][0]["image"].clone();

    world
        .patch(
            Kind::Deployment,
            "luna-worker",
            json!({
                "metadata": {"labels": {LABEL_BOT: "luna"}, "annotations": {"kept": "yes"}},
                "spec": {"replicas": 5, "template": {"spec": {"terminationGracePeriodSeconds": 1}}},
            }),
        )
        .await;
    let kept = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].clone();
    let back = world
        .until_child(Kind::Deployment, "luna-worker", "is as before", |deployment| {
            let spec = &deployment["spec"];
            spec["replicas"] == 1 && spec["template"]["spec"]["terminationGracePeriodSeconds"] == kept
        })
        .await;
    assert_eq!(back["spec"]["template"]["spec"]["containers"][0]["image"], image);
    assert_eq!(back["metadata"]["annotations"]["kept"], "yes");

    for (kind, name) in
        [(Kind::Service, "luna-bot"), (Kind::ServiceAccount, "luna-bot"), (Kind::Deployment, "luna-api")]
    {
        let uid = world.get(kind, name).await.unwrap()["metadata"]["uid"].clone();
        world.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
        world.until_child(kind, name, "is made again", |object| object["metadata"]["uid"] != uid).await;
    }
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
}

#[tokio::test]
async fn an_object_of_the_same_name_that_is_somebody_elses_is_not_taken_over() {
    let world = World::new().await;
    let service = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "luna-worker", "labels": {"whose": "theirs"},
        "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "luna-personas", "controller": true,
            "uid": world.get(Kind::ConfigMap, "luna-personas").await.unwrap()["metadata"]["uid"]}]}});
    world.apply(service).await;
    let before = world.get(Kind::ServiceAccount, "luna-worker").await.unwrap();
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    let told = world
        .until_bot("luna", "names the object", |bot| {
            bot["status"]["message"].as_str().is_some_and(|message| message.contains("ServiceAccount luna-worker"))
        })
        .await;
    operator.settled(&world, "luna").await;
    let after = world.get(Kind::ServiceAccount, "luna-worker").await.unwrap();
    assert_eq!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"], "{}", told["status"]);
}

#[tokio::test]
async fn a_condition_of_somebody_else_is_not_set_back_by_an_operator_that_sees_the_past() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(luna(&world.telegram)).await;
    world.ready("luna").await;
    let audited = async |status: &str| {
        let condition = json!({"type": "example.org/Audited", "status": status, "reason": "Auditor", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let bot = json!({"apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot", "metadata": {"name": "luna"},
            "status": {"conditions": [condition]}});
        let params = PatchParams::apply("auditor").force();
        world.bots().patch_status("luna", &params, &Patch::Apply(bot)).await.unwrap();
    };
    let is_approved = |bot: &Value| condition(bot, "example.org/Audited").is_some_and(|c| c["status"] == "True");
    audited("False").await;
    operator.settled(&world, "luna").await;
    // It no longer hears of the bot; what becomes of a pod has it write a status.
    operator.wire.hold(&["vittebots"]);
    audited("True").await;
    world.kubelet.ordain("worker", Fate::Hangs).await;
    let unready = |bot: &Value| bot["status"]["components"]["worker"]["ready"] == 0;
    let bot = world.until_bot("luna", "has a worker that is not ready", unready).await;
    assert!(is_approved(&bot), "{}", bot["status"]);

    operator.wire.release();
    world.kubelet.ordain("worker", Fate::Good).await;
    assert!(is_approved(&world.ready("luna").await));
    operator.settled(&world, "luna").await;
}
