//! From `kubectl apply` to Ready.

use serde_json::{Value, json};
use vitte_operator::objects::Kind;

use crate::harness::kstatus::{Kstatus, condition, judge};
use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna, merge};
use crate::harness::operator::Operator;
use crate::harness::tools::kubectl_ok;
use crate::harness::world::{World, has};

/// An example as it stands in the repository, but for the addresses of this test's Telegram and a database.
async fn applied(world: &World, example: &str, change: Value) -> String {
    let example = example.replace("  namespace: bots\n", "");
    let printed =
        kubectl_ok(&world.namespace, &["create", "--dry-run=client", "-o", "json", "-f", "-"], &example).await;
    let mut name = String::new();
    for document in serde_json::Deserializer::from_str(&printed).into_iter::<Value>() {
        let document = document.unwrap();
        let objects = if document["kind"] == "List" { document["items"].clone() } else { json!([document]) };
        for mut object in objects.as_array().unwrap().clone() {
            if object["kind"] == "VitteBot" {
                name = object["metadata"]["name"].as_str().unwrap().to_owned();
                merge(&mut object, change.clone());
            }
            world.apply(object).await;
        }
    }
    let keys = crate::harness::manifests::secrets(&world.token);
    world.secret(&name, &keys).await;
    name
}

fn here(world: &World) -> Value {
    json!({"spec": {"telegram": {"apiUrl": world.telegram.url()}, "rollout": {"minReadySeconds": 0}}})
}

#[tokio::test]
async fn the_minimal_example_becomes_ready() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    let name = applied(&world, include_str!("../../../crds/examples/minimal.yaml"), here(&world)).await;
    let bot = world.ready(&name).await;
    assert_eq!(bot["status"]["phase"], "Ready");
    assert_eq!(bot["status"]["version"], bot["spec"]["version"]);
}

#[tokio::test]
async fn the_companion_example_becomes_ready_once_it_has_a_database() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    let mut change = here(&world);
    merge(&mut change, json!({"spec": {"database": {"embedded": {"storage": "1Gi"}}}}));
    let name = applied(&world, include_str!("../../../crds/examples/companion.yaml"), change).await;
    let bot = world.ready(&name).await;
    assert_eq!(bot["status"]["phase"], "Ready");
}

#[tokio::test]
async fn the_production_example_becomes_ready_once_somebody_makes_backups_for_it() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    for name in ["luna-workflow", "proxy"] {
        let data = json!({"workflow.json": "{}", "url": "http://proxy:3128"});
        world.apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})).await;
    }
    let keys = [("id", "an-id"), ("key", "a-key")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    world.secret("luna-backup", &keys.into()).await;
    let mut change = here(&world);
    merge(&mut change, json!({"spec": {"migrations": {"backup": "None"}}}));
    let name = applied(&world, include_str!("../../../crds/examples/production.yaml"), change).await;
    let bot = world.ready(&name).await;
    assert_eq!(bot["status"]["phase"], "Ready");
    let hosts: Vec<Value> = {
        let mut names = world.names(Kind::Ingress).await;
        names.sort();
        let mut hosts = Vec::new();
        for name in names {
            hosts.push(world.get(Kind::Ingress, &name).await.unwrap()["spec"]["rules"][0]["host"].clone());
        }
        hosts
    };
    assert_eq!(hosts, ["admin.luna.example.org", "api.luna.example.org", "luna.example.org"]);
}

#[tokio::test]
async fn kubectl_wait_ends_when_the_bot_is_ready_and_not_before() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.kubelet.ordain("worker", Fate::Hangs).await;
    world.apply(luna(&world.telegram)).await;
    let wait = kubectl_ok(&world.namespace, &["wait", "--for=condition=Ready", "vb/luna", "--timeout=50s"], "");
    tokio::pin!(wait);
    let others_are_up = world.until_child(Kind::Deployment, "luna-bot", "has its pod", |deployment| {
        deployment["status"]["readyReplicas"] == 1
    });
    tokio::select! {
        out = &mut wait => panic!("kubectl did not wait for the worker: {out}"),
        _ = others_are_up => {}
    }
    world.kubelet.ordain("worker", Fate::Good).await;
    let printed = wait.await;
    assert!(printed.contains("condition met"), "{printed}");
    assert!(has(&world.bot("luna").await, "Ready", "True"));
}

#[tokio::test]
async fn kstatus_follows_a_bot_from_its_first_moment_through_a_new_version_and_a_mistake() {
    let world = World::new().await;
    world.apply(luna(&world.telegram)).await;
    let operator = Operator::start(&world);
    world.kubelet.ordain("worker", Fate::Hangs).await;
    let waiting = |bot: &Value| bot["status"]["components"]["worker"]["desired"] == 1;
    let bot = world.until_bot("luna", "waits for its worker", waiting).await;
    assert_eq!(judge(&bot), Kstatus::InProgress, "{}", bot["status"]);
    world.kubelet.ordain("worker", Fate::Good).await;
    assert_eq!(judge(&world.ready("luna").await), Kstatus::Current);

    world.kubelet.ordain("worker", Fate::Hangs).await;
    world.kubelet.ordain("bot", Fate::Hangs).await;
    let patched = world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
    assert_eq!(judge(&patched), Kstatus::InProgress, "nobody has looked at the new generation yet");
    let rolling = |bot: &Value| has(bot, "Reconciling", "True");
    assert_eq!(judge(&world.until_bot("luna", "rolls out", rolling).await), Kstatus::InProgress);
    operator.settled(&world, "luna").await;
    assert_eq!(judge(&world.bot("luna").await), Kstatus::InProgress, "the new pods hang");
    world.kubelet.ordain("worker", Fate::Good).await;
    world.kubelet.ordain("bot", Fate::Good).await;
    let bot = world.ready("luna").await;
    assert_eq!((judge(&bot), &bot["status"]["version"]), (Kstatus::Current, &json!("0.2.0")));

    world.patch_bot("luna", json!({"spec": {"modules": {"companion": {"defaultPersona": "nobody"}}}})).await;
    let bot = world.until_bot("luna", "is stalled", |bot| has(bot, "Stalled", "True")).await;
    assert_eq!(judge(&bot), Kstatus::Failed);
    let message = condition(&bot, "Stalled").unwrap()["message"].as_str().unwrap();
    assert!(
        message.contains("nobody") && message.contains("luna"),
        "it names the mistake and what is allowed: {message}"
    );
    world.patch_bot("luna", json!({"spec": {"modules": {"companion": {"defaultPersona": "luna"}}}})).await;
    assert_eq!(judge(&world.ready("luna").await), Kstatus::Current);
}

#[tokio::test]
async fn telegram_being_away_is_told_of_and_condemns_no_pod() {
    let world = World::new().await;
    let _operator = Operator::start(&world);
    world.telegram.goes_away().await;
    world.apply(luna(&world.telegram)).await;
    let away =
        |bot: &Value| has(bot, "WebhookRegistered", "Unknown") && bot["status"]["components"]["bot"]["ready"] == 1;
    let bot = world.until_bot("luna", "waits for its webhook", away).await;
    let message = condition(&bot, "WebhookRegistered").unwrap()["message"].as_str().unwrap();
    assert!(message.contains("Telegram"), "{message}");
    assert!(!message.contains(&world.token), "{message}");
    world.ready("luna").await;
}
