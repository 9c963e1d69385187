//! One object of a bot, read from the API server into as little memory as it takes.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::names::FIELD_MANAGER;

/// A child as its bytes of JSON, without what nobody reads: `managedFields`, apiVersion and kind (the watch knows them),
/// the content of what is immutable (its name tells it), long texts of a ConfigMap (their digest tells as much), and
/// anything of a Secret but its metadata and type.
#[derive(Clone)]
pub struct Child {
    meta: ObjectMeta,
    json: Box<[u8]>,
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Child({:?}/{:?})", self.meta.namespace, self.meta.name)
    }
}

impl Child {
    /// From an answer of the API server.
    ///
    /// # Errors
    /// When it has no metadata.
    pub fn from_value(mut value: Value) -> Result<Self, serde_json::Error> {
        strip(&mut value);
        let whole = value.get("metadata").cloned().unwrap_or_default();
        let whole: ObjectMeta = serde_json::from_value(whole)?;
        // Only what the watch and the store look at.
        let meta = ObjectMeta {
            name: whole.name,
            namespace: whole.namespace,
            uid: whole.uid,
            resource_version: whole.resource_version,
            labels: whole.labels,
            ..ObjectMeta::default()
        };
        Ok(Self { meta, json: serde_json::to_vec(&value)?.into_boxed_slice() })
    }

    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.meta.labels.as_ref()?.get(name).map(String::as_str)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.meta.name.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        self.meta.namespace.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn uid(&self) -> &str {
        self.meta.uid.as_deref().unwrap_or_default()
    }

    /// The version of this state; versions of one kind only grow. 0: unknown.
    #[must_use]
    pub fn version(&self) -> u64 {
        version(self.meta.resource_version.as_deref())
    }

    #[must_use]
    pub fn into_json(self) -> Box<[u8]> {
        self.json
    }
}

/// A resourceVersion as a number, by which two states of one object are put in order
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions>). 0: there is none.
#[must_use]
pub fn version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Texts that are longer are kept as their digest, which is as good to compare: dashboards, configuration files.
const LONGEST_TEXT: usize = 1024;

/// Puts a digest in the place of each long text.
pub fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > LONGEST_TEXT => {
            *text = format!("sha256:{}", hex::encode(Sha256::digest(text.as_bytes())));
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        Value::Object(map) => map.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Removes what nobody reads.
pub fn strip(value: &mut Value) {
    let Some(object) = value.as_object_mut() else { return };
    // Where a kind is there at all: watches of lists leave it out.
    let secret = object.get("kind").and_then(Value::as_str) == Some("Secret");
    let immutable = object.get("immutable").and_then(Value::as_bool) == Some(true);
    object.remove("apiVersion");
    object.remove("kind");
    if secret || immutable {
        object.remove("data");
        object.remove("binaryData");
        object.remove("stringData");
    }
    if let Some(meta) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let managed = meta.remove("managedFields");
        if managed.as_ref().is_some_and(owns_replicas) {
            meta.insert(OWNS_REPLICAS.to_owned(), Value::Bool(true));
        }
    }
    // A revision is read again whole.
    let is_revision = object.contains_key("revision");
    if let Some(data) = object.get_mut("data").filter(|_| !is_revision) {
        shorten(data);
    }
}

/// In a child's metadata: the operator's field manager owns `spec.replicas`. All that is kept of `managedFields`.
pub const OWNS_REPLICAS: &str = "ownsReplicas";

fn owns_replicas(managed: &Value) -> bool {
    managed.as_array().into_iter().flatten().any(|entry| {
        entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER)
            && entry.get("subresource").is_none()
            && entry.pointer("/fieldsV1/f:spec/f:replicas").is_some()
    })
}

impl<'de> Deserialize<'de> for Child {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let object = Map::<String, Value>::deserialize(deserializer)?;
        Self::from_value(Value::Object(object)).map_err(serde::de::Error::custom)
    }
}

impl Resource for Child {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(dt: &ApiResource) -> Cow<'_, str> {
        dt.kind.as_str().into()
    }

    fn group(dt: &ApiResource) -> Cow<'_, str> {
        dt.group.as_str().into()
    }

    fn version(dt: &ApiResource) -> Cow<'_, str> {
        dt.version.as_str().into()
    }

    fn plural(dt: &ApiResource) -> Cow<'_, str> {
        dt.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text_of(value: Value) -> Value {
        text(Child::from_value(value).unwrap())
    }

    fn text(child: Child) -> Value {
        serde_json::from_slice(&child.into_json()).unwrap()
    }

    #[test]
    fn nothing_of_a_secret_is_kept_but_its_metadata_and_type() {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {"name": "s", "namespace": "n"}, "data": {"password": "aHVudGVyMg=="}});
        let child = Child::from_value(secret).unwrap();
        assert_eq!(text(child), json!({"type": "Opaque", "metadata": {"name": "s", "namespace": "n"}}));
    }

    #[test]
    fn a_long_text_of_a_config_map_is_kept_as_its_digest_and_another_text_has_another() {
        let map =
            |text: String| text_of(json!({"metadata": {"name": "m"}, "data": {"long": text, "short": "as it is"}}));
        let (one, other) = (map("a".repeat(5000)), map("b".repeat(5000)));
        assert_eq!(one["data"]["short"], "as it is");
        assert!(one["data"]["long"].as_str().unwrap().len() < 100);
        assert_ne!(one["data"]["long"], other["data"]["long"]);
    }

    #[test]
    fn of_managed_fields_only_the_owner_of_replicas_is_kept() {
        let deployment = |manager: &str| {
            json!({"metadata": {"name": "d", "managedFields": [
                {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]}})
        };
        let ours = text(Child::from_value(deployment(FIELD_MANAGER)).unwrap());
        assert_eq!(ours, json!({"metadata": {"name": "d", "ownsReplicas": true}}));
        let theirs = text(Child::from_value(deployment("kubectl")).unwrap());
        assert_eq!(theirs, json!({"metadata": {"name": "d"}}));
    }
}
