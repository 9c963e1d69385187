//! The schema of vitte-bot's values: the chart's own, and within it the spec of a VitteBot as the types give it.
//!
//! Helm sends objects without asking the API server to refuse unknown fields, which it would drop in silence: so a
//! mistyped field of the spec has to be found by this schema.

use serde_json::{Value, json};
use vitte_packaging::{read, root};

/// What the chart fills in itself, from its other values, is not asked for.
const FILLED_IN: [&str; 4] = ["Spec", "Telegram", "Companion", "Llm"];

pub fn of_a_bot() -> Value {
    let manifest: Value = serde_json::from_str(&read(root().join("crds/yaml/vittebot.schema.json"))).unwrap();
    let mut definitions = manifest["$defs"].clone();
    for name in FILLED_IN {
        let definition = definitions[name].as_object_mut().unwrap();
        assert!(definition.remove("required").is_some(), "{name} asks for nothing: it needs no exception");
    }
    let spec = definitions["Spec"]["properties"].clone();
    definitions.as_object_mut().unwrap().remove("Metadata");
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    // What names the release and chooses the pods is the chart's.
    let mut labels = texts.clone();
    labels["propertyNames"] = json!({"not": {"enum":
        ["app.kubernetes.io/name", "app.kubernetes.io/instance", "app.kubernetes.io/managed-by"]}});
    let object = |properties: Value| json!({"type": "object", "additionalProperties": false, "properties": properties});
    let mut schema = object(json!({
        "global": {"type": "object"},
        // Services are named after it: theirs begin with a letter.
        "name": {"type": "string", "maxLength": 40, "pattern": "^([a-z]([-a-z0-9]*[a-z0-9])?)?$"},
        "commonLabels": labels,
        "annotations": texts,
        "version": {"anyOf": [{"const": ""}, spec["version"]]},
        "image": object(json!({
            "repository": definitions["Image"]["properties"]["repository"],
            "pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
            "pullSecrets": {"type": "array", "items": {"type": "string", "minLength": 1}},
        })),
        "spec": {"$ref": "#/$defs/Spec"},
        "secret": object(json!({
            "create": {"type": "boolean"},
            "name": {"type": "string", "maxLength": 253},
            "values": {"type": "object", "propertyNames": {"pattern": "^[-._a-zA-Z0-9]+$"},
                "additionalProperties": {"type": "string", "minLength": 1}},
            "generate": {"type": "array", "uniqueItems": true, "items": {"type": "string", "pattern": "^[-._a-zA-Z0-9]+$"}},
        })),
        "personas": texts,
        "postgresql": object(json!({
            "enabled": {"type": "boolean"},
            "image": {"type": "string"},
            "storage": {"$ref": "#/$defs/Quantity"},
            "retain": {"enum": ["Keep", "Delete"]},
        })),
        "redis": object(json!({
            "enabled": {"type": "boolean"},
            "image": {"type": "string"},
            "memory": {"$ref": "#/$defs/Quantity"},
        })),
        "simulator": object(json!({
            "enabled": {"type": "boolean"},
            "version": {"anyOf": [{"const": ""}, spec["version"]]},
            "storage": {"anyOf": [{"const": ""}, {"$ref": "#/$defs/Quantity"}]},
            "rateLimits": {"type": "boolean"},
            "resources": {"type": "object"},
        })),
    }));
    schema["$schema"] = manifest["$schema"].clone();
    schema["title"] = json!("Values of vitte-bot");
    schema["$defs"] = definitions;
    schema
}
