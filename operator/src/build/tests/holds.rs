//! What becomes of pods while the schema is not ready for new ones.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::objects::Live;

/// A world in which the objects of `built` run, each Deployment as the API server and a person left it.
fn running(spec: Value, built: &Built) -> World {
    let mut world = World::new(spec);
    for wanted in built.0.iter().filter(|wanted| wanted.kind == Kind::Deployment) {
        let mut json = wanted.json.clone();
        let template = &mut json["spec"]["template"];
        template["metadata"]["creationTimestamp"] = Value::Null;
        template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] = json!("2026-01-01");
        template["spec"]["dnsPolicy"] = json!("ClusterFirst");
        template["spec"]["containers"].as_array_mut().unwrap().push(json!({"name": "mesh", "image": "mesh:1"}));
        world.found.children.insert(Live { kind: wanted.kind, name: wanted.name.clone(), json: Arc::new(json) });
    }
    world.roll = false;
    world
}

#[test]
fn no_pod_is_made_before_its_schema() {
    let mut world = World::new(json!({"components": {"worker": {"autoscaling":
        {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}}}}));
    world.roll = false;
    let built = world.build();
    assert_eq!(built.of(Kind::Deployment), Vec::<&str>::new());
    assert_eq!(built.of(Kind::HorizontalPodAutoscaler), Vec::<&str>::new());
    assert_eq!(built.of(Kind::Job).len(), 1);
}

#[test]
fn until_the_schema_is_there_running_pods_get_counts_resources_and_values_and_nothing_else() {
    let before = World::new(json!({})).build();
    let change = json!({
        "version": "0.2.0",
        "limits": {"messagesPerMinute": 3},
        "components": {"worker": {"replicas": 3, "annotations": {"a": "b"}, "resources": {"limits": {"memory": "1Gi"}}}},
    });
    let mut world = running(change, &before);
    let Some(crate::dereference::SecretFound::Keys(keys)) = world.found.secrets.get_mut("luna") else { panic!() };
    keys.insert("llm".to_owned(), "another".to_owned());
    let after = world.build();
    let worker = after.get(Kind::Deployment, "luna-worker");
    assert_eq!(worker["spec"]["replicas"], json!(3));
    let (old, new) = (before.template(Component::Worker), after.template(Component::Worker));
    let container = &new["spec"]["containers"][0];
    assert_eq!(container["image"], json!("ghcr.io/vitte/vitte:0.1.0"));
    assert_eq!(container["env"], old["spec"]["containers"][0]["env"]);
    assert_eq!(container["resources"], json!({"limits": {"memory": "1Gi"}}));
    assert_eq!(new["spec"]["volumes"], old["spec"]["volumes"]);
    assert_eq!(new["metadata"].get("creationTimestamp"), None);
    let (old, new) = (&old["metadata"]["annotations"], &new["metadata"]["annotations"]);
    assert_ne!(new["vitte.dev/secrets"], old["vitte.dev/secrets"]);
    assert_eq!(new.get("a"), None);
}

#[test]
fn a_template_that_is_held_back_is_what_runs() {
    let before = World::new(json!({})).build();
    let world = running(json!({"version": "0.2.0"}), &before);
    let after = world.build();
    for component in [Component::Bot, Component::Api, Component::Worker] {
        let live = world.found.children.get(Kind::Deployment, &format!("luna-{component}")).unwrap();
        let mut live = live.at("/spec/template").unwrap().clone();
        live["metadata"].as_object_mut().unwrap().remove("creationTimestamp");
        assert_eq!(after.template(component), &live, "{component}");
    }
}

#[test]
fn a_digest_of_keys_that_running_pods_do_not_have_waits_too() {
    let before = World::new(json!({})).build();
    let change = json!({"modules": {"companion": {"llm": {"apiKeySecretRef": {"name": "luna", "key": "jwt"}}}}});
    let after = running(change, &before).build();
    let digest =
        |built: &Built| built.template(Component::Worker)["metadata"]["annotations"]["vitte.dev/secrets"].clone();
    assert_eq!(digest(&after), digest(&before));
}
