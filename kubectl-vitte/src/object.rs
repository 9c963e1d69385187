//! Reading objects as the API server hands them out, each part only if it is there.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// The text at a JSON pointer (RFC 6901).
#[must_use]
pub fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}

#[must_use]
pub fn owned(object: &Value, pointer: &str) -> Option<String> {
    text(object, pointer).map(str::to_owned)
}

#[must_use]
pub fn int(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer)?.as_i64()
}

#[must_use]
pub fn is(object: &Value, pointer: &str) -> bool {
    object.pointer(pointer).and_then(Value::as_bool).unwrap_or_default()
}

/// RFC 3339.
#[must_use]
pub fn time(object: &Value, pointer: &str) -> Option<Timestamp> {
    text(object, pointer)?.parse().ok()
}

/// The elements of a list; none if there is no list.
pub fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

#[must_use]
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

#[must_use]
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace").unwrap_or_default()
}

#[must_use]
pub fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

#[must_use]
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// A condition of the common shape.
#[must_use]
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").find(|condition| condition["type"] == kind)
}

/// The reason of a condition that holds.
#[must_use]
pub fn holds<'a>(object: &'a Value, kind: &str) -> Option<&'a str> {
    condition(object, kind).filter(|found| found["status"] == "True")?.get("reason")?.as_str()
}
