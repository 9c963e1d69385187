//! Pod templates that are held back: until the schema is ready for the new one, running pods get new resources and new
//! values of their Secrets, and nothing else.

use serde_json::Value;

use crate::names::ANNOTATION_SECRETS;

/// Makes of a wanted template the live one, with the wanted resources of `container`. The digest of the Secrets is the
/// wanted one only if the live template uses the same keys: else the digest is about keys that it does not have.
///
/// What others wrote into the live template is taken along; it stays theirs too, so that leaving it out later removes
/// nothing of it.
pub fn back(wanted: &mut Value, live: Option<&Value>, container: &str) {
    let Some(live) = live else { return };
    let new = std::mem::replace(wanted, live.clone());
    let resources = find(&new, container).and_then(|c| c.get("resources")).cloned();
    let same_keys = references(&new, container) == references(wanted, container);
    let digest = pointer(ANNOTATION_SECRETS);
    if same_keys
        && let Some(value) = new.pointer(&digest)
        && let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut)
    {
        let annotations = metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(ANNOTATION_SECRETS.to_owned(), value.clone());
        }
    }
    // The API server fills in what nobody wrote; a null would be a difference for ever.
    if let Some(metadata) = wanted.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|_, value| !value.is_null());
    }
    let containers = wanted.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    let target = containers.and_then(|all| all.iter_mut().find(|c| is(c, container))).and_then(Value::as_object_mut);
    match (target, resources) {
        (Some(target), Some(resources)) => {
            target.insert("resources".to_owned(), resources);
        }
        (Some(target), None) => {
            target.remove("resources");
        }
        (None, _) => {}
    }
}

fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('~', "~0").replace('/', "~1"))
}

fn is(container: &Value, name: &str) -> bool {
    container.get("name").and_then(Value::as_str) == Some(name)
}

fn find<'a>(template: &'a Value, name: &str) -> Option<&'a Value> {
    template.pointer("/spec/containers")?.as_array()?.iter().find(|container| is(container, name))
}

/// Every variable that comes from elsewhere, with where from.
fn references<'a>(template: &'a Value, container: &str) -> Vec<(&'a Value, &'a Value)> {
    let variables = find(template, container).and_then(|c| c.get("env")).and_then(Value::as_array);
    let mut references: Vec<_> =
        variables.into_iter().flatten().filter_map(|v| Some((v.get("name")?, v.get("valueFrom")?))).collect();
    references.sort_by_key(|(name, _)| name.as_str());
    references
}
