//! Bots and what is found of them, for the unit tests of the pure phases.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::dereference::{Found, Generated, SecretFound};
use crate::objects::{Kind, Live};
use crate::resource::VitteBot;
use crate::upgrade::revision::Marks;
use crate::upgrade::{Outcome, Revision, Task};
use crate::validate::Valid;

/// A small bot that takes webhooks; `spec` is laid over its spec (null removes a key).
pub fn bot(spec: Value) -> VitteBot {
    let mut whole = json!({
        "apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot",
        "metadata": {"name": "luna", "namespace": "bots", "uid": "u-1", "generation": 3},
        "spec": {
            "version": "0.1.0",
            "telegram": {"tokenSecretRef": {"name": "luna", "key": "token"}, "webhook": {"host": "luna.example.org"}},
            "database": {"urlSecretRef": {"name": "luna", "key": "database-url"}},
            "modules": {"companion": {
                "llm": {"baseUrl": "https://llm.example.org/v1", "model": "m", "apiKeySecretRef": {"name": "luna", "key": "llm"}},
                "personasConfigMapRef": {"name": "personas"},
            }},
        },
    });
    lay_over(&mut whole["spec"], spec);
    serde_json::from_value(whole).unwrap()
}

fn lay_over(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(&key);
                } else {
                    lay_over(base.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over,
    }
}

/// Everything that [`bot`] names is there, and nothing runs yet.
pub fn found() -> Found {
    let keys = ["token", "database-url", "redis-url", "llm", "jwt", "bot-key", "admin", "sentry"];
    let keys = keys.into_iter().map(|key| (key.to_owned(), format!("digest-of-{key}"))).collect();
    let persona = "name: {ru: Луна, en: Luna}\ndescription: A friend.\nfirstMes: {ru: Привет!, en: Hi!}\n";
    Found {
        secrets: BTreeMap::from([("luna".to_owned(), SecretFound::Keys(keys))]),
        config_maps: BTreeMap::from([(
            "personas".to_owned(),
            Some(BTreeMap::from([("luna.yaml".to_owned(), persona.to_owned())])),
        )]),
        generated: BTreeMap::from([("luna-webhook".to_owned(), generated(&[("current", "a")], &[]))]),
        ..Found::default()
    }
}

pub fn live(kind: Kind, name: &str, json: Value) -> Live {
    Live { kind, name: name.to_owned(), json: Arc::new(json) }
}

/// A Deployment of which every pod is of the newest template and available.
pub fn deployment(name: &str, pods: i64) -> Live {
    let status = json!({"observedGeneration": 1, "replicas": pods, "updatedReplicas": pods, "readyReplicas": pods,
        "availableReplicas": pods});
    let spec =
        json!({"replicas": pods, "template": {"spec": {"containers": [{"image": "ghcr.io/vitte/vitte:0.1.0"}]}}});
    live(Kind::Deployment, name, json!({"metadata": {"generation": 1}, "spec": spec, "status": status}))
}

/// A Job with one of its end conditions, or none.
pub fn job(name: &str, end: Option<&str>) -> Live {
    let conditions: Vec<Value> = end
        .map(|kind| {
            json!({"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": "tried too often",
                "lastTransitionTime": "2026-01-01T00:00:09Z"})
        })
        .into_iter()
        .collect();
    let mut status = json!({"startTime": "2026-01-01T00:00:00Z", "conditions": conditions});
    if end == Some("Complete") {
        status["completionTime"] = json!("2026-01-01T00:00:07Z");
    }
    live(Kind::Job, name, json!({"metadata": {}, "status": status}))
}

/// A revision of the spec of `valid`, as it would be read from the cluster, with the ConfigMaps that it needs.
pub fn revision(valid: &Valid, number: i64, change: impl FnOnce(&mut Marks)) -> Vec<Live> {
    let mut marks = Marks::new(Outcome::Good, DateTime::UNIX_EPOCH, valid);
    marks.migrated_by = Some(Task::expand(valid).name);
    marks.contracted_by.clone_from(&marks.migrated_by);
    change(&mut marks);
    let revision = Revision::of(valid, number, marks);
    let mut json = revision.wanted(valid).json;
    json["metadata"]["resourceVersion"] = json!(number.to_string());
    let maps = revision.config_maps.values().map(|name| live(Kind::ConfigMap, name, json!({"immutable": true})));
    maps.chain([live(Kind::ControllerRevision, &revision.name, json)]).collect()
}

pub fn generated(keys: &[(&str, &str)], annotations: &[(&str, &str)]) -> Generated {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Generated {
        data: keys.iter().map(owned).map(|(key, value)| (key, SecretString::from(value))).collect(),
        annotations: annotations.iter().map(owned).collect(),
    }
}
