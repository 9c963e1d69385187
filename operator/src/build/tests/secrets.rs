//! Secrets that the operator makes: once, and then only what a rotation changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::*;
use crate::fixtures::generated;
use crate::names::{ANNOTATION_ROTATE, ANNOTATION_ROTATED, ANNOTATION_ROTATED_AT};

fn value(built: &Built, name: &str, key: &str) -> Option<String> {
    let text = built.get(Kind::Secret, name)["data"].get(key)?.as_str().unwrap().to_owned();
    Some(String::from_utf8(STANDARD.decode(text).unwrap()).unwrap())
}

fn embedded() -> serde_json::Value {
    json!({"database": {"urlSecretRef": null, "embedded": {}}, "redis": {"embedded": {}}})
}

#[test]
fn a_secret_that_is_not_there_is_created_with_a_new_value_and_never_overwritten() {
    let mut world = World::new(embedded());
    world.found.generated.clear();
    let built = world.build();
    for name in ["luna-webhook", "luna-postgres", "luna-redis"] {
        assert_eq!(built.mode(Kind::Secret, name), Mode::Create, "{name}");
    }
    let password = value(&built, "luna-postgres", "password").unwrap();
    let url = value(&built, "luna-postgres", "url").unwrap();
    assert_eq!(url, format!("postgres://vitte:{password}@luna-postgres.bots.svc:5432/vitte"));
    let password = value(&built, "luna-redis", "password").unwrap();
    assert_eq!(value(&built, "luna-redis", "url").unwrap(), format!("redis://:{password}@luna-redis.bots.svc:6379/0"));
    let values = ["luna-webhook/current", "luna-postgres/password", "luna-redis/password"];
    let values: BTreeSet<_> =
        values.iter().map(|at| at.split_once('/').unwrap()).map(|(n, k)| value(&built, n, k)).collect();
    assert_eq!(values.len(), 3, "each has a value of its own");
}

#[test]
fn a_secret_that_is_there_keeps_its_values() {
    let mut world = World::new(embedded());
    for (name, key) in [("luna-webhook", "current"), ("luna-postgres", "password"), ("luna-redis", "password")] {
        world.found.generated.insert(name.to_owned(), generated(&[(key, "kept")], &[]));
    }
    let built = world.build();
    for (name, key) in [("luna-webhook", "current"), ("luna-postgres", "password"), ("luna-redis", "password")] {
        assert_eq!(value(&built, name, key).as_deref(), Some("kept"), "{name}");
        assert_eq!(built.mode(Kind::Secret, name), Mode::Apply(FIELD_MANAGER), "{name}");
    }
    assert!(!built.0.iter().any(|wanted| wanted.json.to_string().contains("random-")), "nothing was drawn");
}

/// The keys of the webhook's Secret, and its annotations, for what there is and what the bot's annotation asks for.
fn webhook(data: &[(&str, &str)], annotations: &[(&str, &str)], asked: Option<&str>) -> (Vec<(String, String)>, Value) {
    let mut world = World::new(json!({}));
    world.found.generated.insert("luna-webhook".to_owned(), generated(data, annotations));
    let mut bot = bot(json!({}));
    if let Some(asked) = asked {
        bot.metadata.annotations = Some(BTreeMap::from([(ANNOTATION_ROTATE.to_owned(), asked.to_owned())]));
    }
    let valid = validate(&bot, &world.found).unwrap();
    let mut plan = plan(&valid, &world.found, None, noon());
    plan.roll = true;
    world.found.children.insert(crate::fixtures::deployment("luna-bot", 1));
    plan.rotation = crate::plan::plan(&valid, &world.found, None, noon()).rotation;
    let built = Built(build(&valid, &world.found, &plan, noon(), &mut || "new".to_owned()));
    let keys = ["current", "previous"].into_iter();
    let data = keys.filter_map(|key| Some((key.to_owned(), value(&built, "luna-webhook", key)?))).collect();
    (data, built.get(Kind::Secret, "luna-webhook")["metadata"].get("annotations").cloned().unwrap_or_default())
}

#[test]
fn a_rotation_makes_a_new_secret_once_and_lets_the_previous_one_go_when_nobody_uses_it() {
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let (data, annotations) = webhook(&[("current", "a")], &[], None);
    assert_eq!((data, annotations), (owned(&[("current", "a")]), Value::Null));

    let (data, annotations) = webhook(&[("current", "a")], &[], Some("1"));
    assert_eq!(data, owned(&[("current", "new"), ("previous", "a")]));
    let acted = json!({ANNOTATION_ROTATED: "1", ANNOTATION_ROTATED_AT: "2026-01-01T12:00:00Z"});
    assert_eq!(annotations, acted);

    let both = [("current", "b"), ("previous", "a")];
    let recent = [(ANNOTATION_ROTATED, "1"), (ANNOTATION_ROTATED_AT, "2026-01-01T11:59:00Z"), ("theirs", "x")];
    let (data, annotations) = webhook(&both, &recent, Some("1"));
    assert_eq!(data, owned(&both));
    assert_eq!(annotations, json!({ANNOTATION_ROTATED: "1", ANNOTATION_ROTATED_AT: "2026-01-01T11:59:00Z"}));

    let long_ago = [(ANNOTATION_ROTATED, "1"), (ANNOTATION_ROTATED_AT, "2026-01-01T11:00:00Z")];
    let (data, _) = webhook(&both, &long_ago, Some("1"));
    assert_eq!(data, owned(&[("current", "b")]));
}

#[test]
fn a_volume_and_its_password_live_and_die_together() {
    for (retain, owned) in [("Keep", false), ("Delete", true)] {
        let spec =
            json!({"database": {"urlSecretRef": null, "embedded": {"retain": retain}}, "redis": {"embedded": {}}});
        let built = World::new(spec).build();
        let has_owner = |kind, name| built.get(kind, name)["metadata"].get("ownerReferences").is_some();
        assert_eq!(has_owner(Kind::PersistentVolumeClaim, "luna-postgres"), owned, "{retain}");
        assert_eq!(has_owner(Kind::Secret, "luna-postgres"), owned, "{retain}");
        // Everything else goes with the bot.
        let others = built.0.iter().filter(|w| w.name != "luna-postgres" || w.kind == Kind::StatefulSet);
        for wanted in others {
            assert!(wanted.json["metadata"].get("ownerReferences").is_some(), "{} {}", wanted.kind, wanted.name);
        }
    }
}

#[test]
fn no_value_of_a_secret_stands_in_an_object_that_is_none() {
    let built = World::new(embedded()).build();
    for wanted in built.0.iter().filter(|wanted| wanted.kind != Kind::Secret) {
        assert!(!wanted.json.to_string().contains("random-"), "{} {}", wanted.kind, wanted.name);
    }
}

#[test]
fn another_password_restarts_redis_and_the_same_one_does_not() {
    let template = |password: &str| {
        let mut world = World::new(embedded());
        world.found.generated.insert("luna-redis".to_owned(), generated(&[("password", password)], &[]));
        world.build().get(Kind::StatefulSet, "luna-redis")["spec"]["template"].clone()
    };
    assert_eq!(template("a"), template("a"));
    assert_ne!(template("a"), template("b"));
}
