//! The custom resource definition: what the API server knows about a VitteBot.
//!
//! It is made from the same types as everything else, so that `kubectl explain` tells what the source tells, and
//! checked in as `crds/yaml/vittebots.vitte.dev.yaml`. What must never happen: a rule that the source has and the
//! definition has not; a test counts them.

use serde_json::{Value as Json, json};

use crate::manifest::{GROUP, KIND, Spec, VERSION};
use crate::rules;
use crate::status::Status;
use crate::structural::{attach, structural};

/// The resource's name in addresses and in RBAC rules.
pub const PLURAL: &str = "vittebots";

/// The whole definition, `vittebots.vitte.dev`, as JSON.
#[must_use]
pub fn custom_resource_definition() -> Json {
    let (schema, _) = schema();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{PLURAL}.{GROUP}")},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "plural": PLURAL,
                "singular": "vittebot",
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "shortNames": ["vb"],
                "categories": ["all"],
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "additionalPrinterColumns": columns(),
                "schema": {"openAPIV3Schema": schema},
            }],
        },
    })
}

/// The schema of a whole VitteBot, and the rules that found no place in it (there must be none).
fn schema() -> (Json, Vec<rules::Cel>) {
    let mut schema = json!({
        "type": "object",
        "description": "One Telegram bot: what it can do, where its data live, and how its parts run.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Always `vitte.dev/v1alpha1`."},
            "kind": {"type": "string", "description": "Always `VitteBot`."},
            "metadata": {"type": "object"},
            "spec": structural::<Spec>(true),
            "status": structural::<Status>(false),
        },
    });
    let mut lost = rules::cel();
    lost.retain(|rule| !attach(&mut schema, rule.at, &rule.to_json()));
    (schema, lost)
}

fn columns() -> Json {
    let column = |name: &str, path: &str, told: &str| json!({"name": name, "type": "string", "jsonPath": path, "description": told});
    let mut columns = vec![
        column("Version", ".status.version", "The version that runs now."),
        column("Phase", ".status.phase", "What the bot is doing."),
        column("Ready", ".status.conditions[?(@.type==\"Ready\")].status", "Whether every part runs as the spec says."),
        column("Migration", ".status.migration.phase", "How far the latest migration of the database's schema is."),
        column("Mode", ".spec.telegram.updates", "How updates arrive."),
    ];
    columns.push(json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}));
    let mut image = column("Image", ".status.image", "The image that runs now.");
    let mut backup =
        column("Last backup", ".status.backup.lastSuccess", "How long ago the latest good backup was made.");
    backup["type"] = "date".into();
    let mut message = column("Message", ".status.message", "What a person should know now.");
    for wide in [&mut image, &mut backup, &mut message] {
        wide["priority"] = 1.into();
    }
    columns.extend([image, backup, message]);
    columns.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_place_in_the_schema() {
        assert_eq!(schema().1, []);
        let mut schema = schema().0;
        for nowhere in ["spec.modulez", "spec.version[]", "spec.components.*.envs[]"] {
            assert!(!attach(&mut schema, nowhere, &json!({})), "{nowhere}");
        }
    }

    /// The fields that messages point at exist; the API server refuses a definition where one does not.
    #[test]
    fn every_field_that_a_rule_points_at_is_in_the_schema() {
        for rule in rules::cel() {
            let Some(field) = rule.field else { continue };
            let place = format!("{}{field}", rule.at);
            assert!(attach(&mut schema().0, &place, &json!({})), "{place}");
        }
    }
}
