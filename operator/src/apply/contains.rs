//! Whether what runs is what is wanted, field by field.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::names::ANNOTATION_APPLIED;
use crate::objects::Live;

/// Where `live` first differs from `wanted`, as a path without values; `None`: every wanted field is there.
///
/// What others added is no difference: further keys of a map, further items of a list whose items have names
/// (containers, volumes, variables). Other lists are compared item by item, in their order and length.
#[must_use]
pub fn difference(live: &Value, wanted: &Value) -> Option<String> {
    let mut path = String::new();
    differs(live, wanted, &mut path).then_some(path)
}

/// Whether an object was last written as `wanted`, as the digest says that was written along.
#[must_use]
pub fn is_applied(live: &Live, wanted: &Value) -> bool {
    let pointer = format!("/metadata/annotations/{}", ANNOTATION_APPLIED.replace('/', "~1"));
    live.text(&pointer) == Some(digest(wanted).as_str())
}

fn differs(live: &Value, wanted: &Value, path: &mut String) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => wanted.iter().any(|(key, wanted)| {
            let before = path.len();
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
            let differs = match live.get(key) {
                Some(live) => differs(live, wanted, path),
                None => !wanted.is_null(),
            };
            if !differs {
                path.truncate(before);
            }
            differs
        }),
        (Value::Array(live), Value::Array(wanted))
            if !wanted.is_empty() && wanted.iter().all(|w| name(w).is_some()) =>
        {
            wanted.iter().any(|wanted| {
                let before = path.len();
                let name_of_it = name(wanted).unwrap_or_default();
                path.push_str(&format!("[{name_of_it}]"));
                let differs = match live.iter().find(|live| same_item(live, wanted)) {
                    Some(live) => differs(live, wanted, path),
                    None => true,
                };
                if !differs {
                    path.truncate(before);
                }
                differs
            })
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() != wanted.len()
                || live.iter().zip(wanted).enumerate().any(|(index, (live, wanted))| {
                    let before = path.len();
                    path.push_str(&format!("[{index}]"));
                    let differs = differs(live, wanted, path);
                    if !differs {
                        path.truncate(before);
                    }
                    differs
                })
        }
        (Value::Number(live), Value::Number(wanted)) => live != wanted && live.as_f64() != wanted.as_f64(),
        (live, wanted) => live != wanted,
    }
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// Owners are told apart by uid: a former owner may have had the same name.
fn same_item(live: &Value, wanted: &Value) -> bool {
    name(live) == name(wanted) && (wanted.get("uid").is_none() || live.get("uid") == wanted.get("uid"))
}

/// A digest of a wanted object, the same whatever the order of its keys.
#[must_use]
pub fn digest(wanted: &Value) -> String {
    let mut hash = Sha256::new();
    hash.update(sorted(wanted).to_string());
    hex::encode(&hash.finalize()[..8])
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            Value::Object(keys.into_iter().map(|key| (key.clone(), sorted(&map[key]))).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_added_is_no_difference() {
        let wanted =
            json!({"metadata": {"labels": {"a": "1"}}, "spec": {"containers": [{"name": "bot", "image": "i:1"}]}});
        let live = json!({"metadata": {"labels": {"a": "1", "b": "2"}, "uid": "u"}, "status": {},
            "spec": {"containers": [{"name": "mesh"}, {"name": "bot", "image": "i:1", "imagePullPolicy": "Always"}]}});
        assert_eq!(difference(&live, &wanted), None);
    }

    #[test]
    fn every_difference_is_found_and_named_without_its_value() {
        let live = json!({"spec": {"replicas": 2, "args": ["a", "b"], "tolerations": [{"key": "x"}, {"key": "y"}],
            "containers": [{"name": "bot", "image": "i:1", "env": [{"name": "A", "value": "1"}]}]}});
        let table = [
            (json!({"spec": {"replicas": 3}}), Some("spec.replicas")),
            (json!({"spec": {"replicas": 2.0}}), None),
            (json!({"spec": {"paused": true}}), Some("spec.paused")),
            (json!({"spec": {"paused": null}}), None),
            (json!({"spec": {"args": ["a"]}}), Some("spec.args")),
            (json!({"spec": {"args": ["b", "a"]}}), Some("spec.args[0]")),
            (json!({"spec": {"tolerations": [{"key": "y"}]}}), Some("spec.tolerations")),
            (json!({"spec": {"tolerations": [{"key": "x"}, {"key": "y"}]}}), None),
            (json!({"spec": {"containers": [{"name": "bot", "image": "i:2"}]}}), Some("spec.containers[bot].image")),
            (json!({"spec": {"containers": [{"name": "new"}]}}), Some("spec.containers[new]")),
            (
                json!({"spec": {"containers": [{"name": "bot", "env": [{"name": "A", "value": "2"}]}]}}),
                Some("spec.containers[bot].env[A].value"),
            ),
        ];
        for (wanted, path) in table {
            assert_eq!(difference(&live, &wanted).as_deref(), path, "{wanted}");
        }
    }

    #[test]
    fn an_owner_of_the_same_name_and_another_uid_is_a_difference() {
        let live = json!({"ownerReferences": [{"name": "luna", "uid": "old"}, {"name": "luna", "uid": "new"}]});
        assert_eq!(difference(&live, &json!({"ownerReferences": [{"name": "luna", "uid": "new"}]})), None);
        assert!(difference(&live, &json!({"ownerReferences": [{"name": "luna", "uid": "newer"}]})).is_some());
    }

    #[test]
    fn the_digest_does_not_see_the_order_of_keys() {
        assert_eq!(digest(&json!({"a": 1, "b": {"c": 2, "d": 3}})), digest(&json!({"b": {"d": 3, "c": 2}, "a": 1})));
        assert_ne!(digest(&json!({"a": [1, 2]})), digest(&json!({"a": [2, 1]})));
    }
}
