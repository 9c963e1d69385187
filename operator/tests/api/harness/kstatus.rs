//! How `kstatus` (the library behind `kubectl`-like waiting of GitOps tools) judges a resource of a kind that it does
//! not know: <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kstatus {
    InProgress,
    Failed,
    Current,
    Terminating,
}

pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

fn holds(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == status)
}

/// In its order: deletion, the generation, Reconciling, Stalled, Ready.
pub fn judge(object: &Value) -> Kstatus {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return Kstatus::Terminating;
    }
    let (generation, observed) = (&object["metadata"]["generation"], &object["status"]["observedGeneration"]);
    if observed.is_i64() && observed != generation {
        return Kstatus::InProgress;
    }
    if holds(object, "Reconciling", "True") {
        return Kstatus::InProgress;
    }
    if holds(object, "Stalled", "True") {
        return Kstatus::Failed;
    }
    if holds(object, "Ready", "False") || holds(object, "Ready", "Unknown") {
        return Kstatus::InProgress;
    }
    Kstatus::Current
}

#[test]
fn the_rules_are_those_of_kstatus() {
    let object = |observed: Value, conditions: &[(&str, &str)]| {
        let conditions: Vec<Value> = conditions.iter().map(|(t, s)| json!({"type": t, "status": s})).collect();
        json!({"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions}})
    };
    let cases = [
        (object(json!(1), &[("Ready", "True")]), Kstatus::InProgress),
        (object(json!(2), &[("Ready", "True")]), Kstatus::Current),
        (object(Value::Null, &[]), Kstatus::Current),
        (object(json!(2), &[("Ready", "True"), ("Reconciling", "True")]), Kstatus::InProgress),
        (object(json!(2), &[("Ready", "False"), ("Stalled", "True")]), Kstatus::Failed),
        (object(json!(2), &[("Ready", "Unknown")]), Kstatus::InProgress),
        (json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), Kstatus::Terminating),
    ];
    for (object, expected) in cases {
        assert_eq!(judge(&object), expected, "{object}");
    }
}
