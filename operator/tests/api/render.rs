//! `render` prints what the operator applies, no more and no less.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use vitte_crds::Source;
use vitte_operator::names::{ANNOTATION_APPLIED, ANNOTATION_SECRETS, FIELD_MANAGER};
use vitte_operator::objects::Kind;
use vitte_operator::render;

use crate::harness::manifests::{luna_with, personas};
use crate::harness::operator::Operator;
use crate::harness::world::World;

fn rendered(world: &World, bot: &Value) -> Vec<Value> {
    let mut bot = bot.clone();
    bot["metadata"]["namespace"] = json!(world.namespace);
    let sources = [Source::new("bot.json", bot.to_string()), Source::new("personas.json", personas().to_string())];
    let options = render::Options { generate_secrets: true, ..render::Options::default() };
    let mut secrets = 0;
    let mut random = || {
        secrets += 1;
        format!("a-secret-of-forty-three-characters-or-more-{secrets}")
    };
    render::render(&sources, &options, &mut random).unwrap().objects
}

fn rich(world: &World) -> Value {
    luna_with(
        &world.telegram,
        json!({
            "api": {"host": "api.luna.example.org", "jwtSecretRef": {"name": "luna", "key": "jwt"}},
            "components": {"worker": {"replicas": 2}},
            "database": {"urlSecretRef": null, "embedded": {"storage": "1Gi"}},
        }),
    )
}

#[tokio::test]
async fn the_api_server_takes_all_that_render_prints() {
    let world = World::new().await;
    for mut object in rendered(&world, &rich(&world)) {
        object["metadata"]["namespace"] = json!(world.namespace);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut params = PatchParams::apply("kubectl");
        params.dry_run = true;
        params.field_validation = Some(kube::api::ValidationDirective::Strict);
        let taken = world.cluster.api(&object).patch(&name, &params, &Patch::Apply(&object)).await;
        taken.unwrap_or_else(|error| panic!("{} {name}: {error}", object["kind"]));
    }
}

/// A Job's name tells what it works on, values of Secrets included: `render` knows none.
fn place(kind: &str, name: &str) -> String {
    let name = if kind == "Job" { name.rsplit_once('-').unwrap().0 } else { name };
    format!("{kind} {name}")
}

/// Without what only a cluster knows, and what a list leaves out of its items.
fn plain(mut object: Value) -> Value {
    object.as_object_mut().unwrap().retain(|key, _| key != "apiVersion" && key != "kind");
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.retain(|key, _| matches!(key.as_str(), "name" | "labels" | "annotations"));
    for pointer in ["/metadata/annotations", "/spec/template/metadata/annotations"] {
        if let Some(annotations) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
            annotations.retain(|key, _| key != ANNOTATION_APPLIED && key != ANNOTATION_SECRETS);
        }
    }
    object
}

/// The live object with only what the wanted one has: what the API server fills in is its own business.
fn narrowed(wanted: &Value, live: &Value) -> Value {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            let fields = wanted.iter().filter_map(|(key, value)| Some((key.clone(), narrowed(value, live.get(key)?))));
            Value::Object(fields.collect())
        }
        (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => {
            wanted.iter().zip(live).map(|(wanted, live)| narrowed(wanted, live)).collect()
        }
        (_, live) => live.clone(),
    }
}

#[tokio::test]
async fn what_render_prints_is_what_the_operator_applies() {
    let world = World::new().await;
    let operator = Operator::start(&world);
    world.apply(rich(&world)).await;
    world.ready("luna").await;
    operator.settled(&world, "luna").await;
    let mut printed: BTreeMap<String, Value> = BTreeMap::new();
    for object in rendered(&world, &rich(&world)) {
        let place = place(object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        printed.insert(place, plain(object));
    }
    let mut applied = Vec::new();
    // What served before is of no use to who applies manifests by hand.
    let kinds = Kind::ALL.into_iter().filter(|kind| !kind.is_optional() && *kind != Kind::ControllerRevision);
    for kind in kinds {
        for object in world.api(kind).list(&kube::api::ListParams::default()).await.unwrap() {
            let object = serde_json::to_value(object).unwrap();
            let mut managers = object["metadata"]["managedFields"].as_array().into_iter().flatten();
            if !managers.any(|entry| entry["manager"].as_str().unwrap().starts_with(FIELD_MANAGER)) {
                continue;
            }
            let place = place(&kind.to_string(), object["metadata"]["name"].as_str().unwrap());
            let Some(wanted) = printed.get(&place) else { panic!("{place} is applied and not printed") };
            if !matches!(kind, Kind::Secret | Kind::Job) {
                assert_eq!(&narrowed(wanted, &object), wanted, "{place}");
            }
            applied.push(place);
        }
    }
    applied.sort();
    assert_eq!(applied, printed.into_keys().collect::<Vec<_>>(), "printed and not applied, or the other way round");
}
