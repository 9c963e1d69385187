//! What every example becomes: each object as the operator would apply it, beside this file in `snapshots/`.
//!
//! `INSTA_UPDATE=always cargo test -p vitte-operator --test snapshots` writes them anew; the difference is then what a
//! reviewer reads.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::cell::Cell;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use vitte_crds::{Source, uses};
use vitte_operator::build;
use vitte_operator::dereference::{Found, SecretFound};
use vitte_operator::objects::{Apis, Kind, Mode, Wanted};
use vitte_operator::plan;
use vitte_operator::render::to_yaml;
use vitte_operator::resource::VitteBot;
use vitte_operator::upgrade::Task;
use vitte_operator::validate::{database_secret, redis_secret, validate};

fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// The example as the API server would hand it out, and everything that it names.
fn given(example: &str) -> (VitteBot, Found) {
    let path = format!("{}/../crds/examples/{example}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let bundle = vitte_crds::load(&[Source::new(example, text)]).unwrap();
    let metadata = &bundle.bot.metadata;
    let bot = VitteBot {
        api_version: vitte_crds::API_VERSION.to_owned(),
        kind: vitte_crds::KIND.to_owned(),
        metadata: ObjectMeta {
            name: Some(metadata.name.clone()),
            namespace: Some(metadata.namespace.clone().unwrap_or_else(|| "bots".to_owned())),
            uid: Some("00000000-0000-0000-0000-000000000001".to_owned()),
            ..ObjectMeta::default()
        },
        spec: bundle.bot.spec.clone(),
        status: None,
    };
    let spec = &bot.spec;
    let mut secrets: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let stores = [database_secret(bot.name(), spec), redis_secret(bot.name(), spec)];
    let named = uses::secrets(spec).into_iter().map(|used| used.secret.clone()).chain(stores.into_iter().flatten());
    for key in named.filter(|key| !key.name.starts_with(&format!("{}-", bot.name()))) {
        secrets.entry(key.name).or_default().insert(key.key.clone(), format!("digest of {}", key.key));
    }
    let persona = "name: {ru: Луна, en: Luna}\ndescription: A friend.\nfirstMes: {ru: Привет!, en: Hi!}\n";
    let file = |name: &str, text: &str| Some(BTreeMap::from([(name.to_owned(), text.to_owned())]));
    let mut config_maps: BTreeMap<String, _> =
        bundle.config_maps.into_iter().map(|(n, data)| (n, Some(data))).collect();
    config_maps.entry("luna-personas".to_owned()).or_insert_with(|| file("luna.yaml", persona));
    config_maps.insert("luna-workflow".to_owned(), file("workflow.json", "{\"1\": {\"class_type\": \"KSampler\"}}"));
    config_maps.insert("proxy".to_owned(), file("url", "http://proxy:3128"));
    let found = Found {
        secrets: secrets.into_iter().map(|(name, keys)| (name, SecretFound::Keys(keys))).collect(),
        config_maps,
        apis: Apis(Kind::ALL.into_iter().filter(|kind| kind.is_optional()).collect()),
        ..Found::default()
    };
    (bot, found)
}

/// Once the schema is there.
fn built(example: &str) -> Vec<Wanted> {
    let (bot, found) = given(example);
    let valid = validate(&bot, &found).unwrap();
    let mut plan = plan::plan(&valid, &found, None, noon());
    plan.upgrade.task = Some(Task::install(&valid));
    plan.roll = true;
    let count = Cell::new(0);
    let mut fresh = || {
        count.set(count.get() + 1);
        format!("random-{}", count.get())
    };
    build::build(&valid, &found, &plan, noon(), &mut fresh)
}

/// How each object comes into the cluster, and the object.
fn document(wanted: Wanted) -> Value {
    let Wanted { kind: _, name, mut json, mode } = wanted;
    if name.ends_with("-dashboard") {
        // A file of its own: dashboards/vitte.json.
        json["data"] = json!("(the dashboard)");
    }
    // What is not written is part of the contract, too.
    let mode = match mode {
        Mode::Apply(manager) => format!("applied as {manager}"),
        Mode::Create => "created once".to_owned(),
        Mode::Replace => "replaced".to_owned(),
    };
    json!({"how": mode, "object": json})
}

fn snapshot(example: &str) {
    let documents: Vec<Value> = built(example).into_iter().map(document).collect();
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(example, to_yaml(&documents).unwrap());
    });
}

#[test]
fn the_minimal_example_becomes_these_objects() {
    snapshot("minimal");
}

#[test]
fn the_companion_becomes_these_objects() {
    snapshot("companion");
}

#[test]
fn the_production_example_becomes_these_objects() {
    snapshot("production");
}
