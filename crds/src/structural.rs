//! Makes of a type's JSON schema the structural schema that a custom resource definition needs.
//!
//! Kubernetes takes no references, no `null` beside a type, no `const`, no `uniqueItems` and no closed objects
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>).
//! So references are replaced by what they refer to, words become an `enum` whose meanings are told in the
//! description, lists without twice the same become sets, and objects stay open: unknown fields are refused by
//! `kubectl` and server-side apply, and pruned otherwise. An explicit null is the same as a field left out.

use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value as Json, json};

use crate::rules;
use crate::shape::types;

/// Types refer to each other at most so deep; they never refer to themselves.
const DEEPEST: usize = 32;
/// What is taken over as it stands. Everything else is either translated or means nothing to Kubernetes.
const KEPT: [&str; 15] = [
    "description",
    "default",
    "format",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
];
const LIST_TYPE: &str = "x-kubernetes-list-type";
const MAP_TYPE: &str = "x-kubernetes-map-type";
const VALIDATIONS: &str = "x-kubernetes-validations";

/// The structural schema of a type. With `guarded`, every text in it refuses secrets.
pub(crate) fn structural<T: JsonSchema>(guarded: bool) -> Json {
    let root = schema_for!(T).to_value();
    Json::Object(Translator { root: &root, guarded }.translate(&root, DEEPEST))
}

struct Translator<'s> {
    root: &'s Json,
    guarded: bool,
}

impl Translator<'_> {
    fn translate(&self, schema: &Json, depth: usize) -> Map<String, Json> {
        let flat = self.flatten(schema, depth);
        let mut out = Map::new();
        let words = words(&flat);
        let type_ = types_of(&flat);
        if flat.get("x-kubernetes-int-or-string").is_none() {
            let type_ = type_.or_else(|| words.as_ref().map(|_| "string".to_owned()));
            if let Some(name) = type_ {
                out.insert("type".to_owned(), name.into());
            }
        }
        for key in KEPT {
            if let Some(value) = flat.get(key) {
                out.insert(key.to_owned(), value.clone());
            }
        }
        if flat.contains_key("x-kubernetes-int-or-string") {
            out.insert("anyOf".to_owned(), json!([{"type": "integer"}, {"type": "string"}]));
            // Forms are for texts alone, and Kubernetes wants the two types exactly so, without a bound of their own.
            out.insert("minimum".to_owned(), 0.into());
        }
        if let Some(words) = &words {
            if let Some(meanings) = meanings(&flat) {
                let told = flat.get("description").and_then(Json::as_str).unwrap_or_default();
                out.insert("description".to_owned(), format!("{told} {meanings}").trim().into());
            }
            out.insert("enum".to_owned(), json!(words));
        }
        if let Some(properties) = flat.get("properties").and_then(Json::as_object) {
            let translated = properties.iter().map(|(name, p)| (name.clone(), self.translate(p, depth - 1).into()));
            out.insert("properties".to_owned(), Json::Object(translated.collect()));
        }
        if let Some(values @ Json::Object(_)) = flat.get("additionalProperties") {
            out.insert("additionalProperties".to_owned(), self.translate(values, depth - 1).into());
        }
        if let Some(items) = flat.get("items") {
            out.insert("items".to_owned(), self.translate(items, depth - 1).into());
        }
        for key in [LIST_TYPE, "x-kubernetes-list-map-keys"] {
            if let Some(value) = flat.get(key) {
                out.insert(key.to_owned(), value.clone());
            }
        }
        if flat.get("uniqueItems") == Some(&Json::Bool(true)) && !out.contains_key(LIST_TYPE) {
            out.insert(LIST_TYPE.to_owned(), "set".into());
        }
        if means_something_when_empty(&out) {
            out.insert(MAP_TYPE.to_owned(), "atomic".into());
        }
        if self.guarded && words.is_none() && out.get("type").is_some_and(|name| name == "string") {
            let rules = rules::guard_against_secrets(&out);
            if !rules.is_empty() {
                out.insert(VALIDATIONS.to_owned(), rules.into());
            }
        }
        out
    }

    /// A schema with its reference, and its one variant besides null, taken in. What stands beside them wins.
    fn flatten(&self, schema: &Json, depth: usize) -> Map<String, Json> {
        let mut own = schema.as_object().cloned().unwrap_or_default();
        let inner = match own.remove("$ref") {
            Some(reference) => reference.as_str().and_then(|r| self.root.pointer(r.strip_prefix('#')?)).cloned(),
            None if own.contains_key("x-kubernetes-int-or-string") => None,
            None => match own.get("anyOf").and_then(Json::as_array).map(Vec::as_slice) {
                Some([one, other]) if types(other) == ["null"] => Some(one.clone()),
                _ => None,
            },
        };
        let Some(inner) = inner.filter(|_| depth > 0) else {
            return own;
        };
        own.remove("anyOf");
        let mut flat = self.flatten(&inner, depth - 1);
        flat.extend(own);
        flat
    }
}

/// Whether `{}` says something: take all the defaults. Such an object is owned as a whole, because of two writers one may
/// own the defaults: with `{}` applied by the other nothing of it would be left but a null, which is refused
/// (a client-side apply, then two server-side ones).
fn means_something_when_empty(schema: &Map<String, Json>) -> bool {
    let properties = schema.get("properties").and_then(Json::as_object);
    let has_defaults = properties.is_some_and(|all| all.values().any(|property| property.get("default").is_some()));
    has_defaults && !schema.contains_key("required") && !schema.contains_key("default")
}

/// The one type of a value; null beside it means that it may be left out.
fn types_of(flat: &Map<String, Json>) -> Option<String> {
    let schema = json!({"type": flat.get("type")?});
    types(&schema).into_iter().find(|name| *name != "null").map(str::to_owned)
}

fn words(flat: &Map<String, Json>) -> Option<Vec<Json>> {
    if let Some(word) = flat.get("const") {
        return Some(vec![word.clone()]);
    }
    if let Some(words) = flat.get("enum").and_then(Json::as_array) {
        return Some(words.iter().filter(|word| !word.is_null()).cloned().collect());
    }
    flat.get("oneOf")?.as_array()?.iter().map(|variant| variant.get("const").cloned()).collect()
}

/// What each word of an enumeration means, in one line.
fn meanings(flat: &Map<String, Json>) -> Option<String> {
    let variants = flat.get("oneOf")?.as_array()?;
    let told: Vec<String> = variants
        .iter()
        .filter_map(|variant| {
            let word = variant.get("const")?.as_str()?;
            let meaning = variant.get("description")?.as_str()?.trim_end_matches('.');
            Some(format!("{word}: {meaning}."))
        })
        .collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// Puts a rule beside what it is about; false when the schema has no such place.
pub(crate) fn attach(schema: &mut Json, path: &str, rule: &Json) -> bool {
    let Some((step, rest)) = split(path) else {
        let Some(schema) = schema.as_object_mut() else { return false };
        let rules = schema.entry(VALIDATIONS).or_insert_with(|| json!([]));
        return rules.as_array_mut().map(|rules| rules.push(rule.clone())).is_some();
    };
    let below: Vec<&mut Json> = match step {
        "[]" => schema.get_mut("items").into_iter().collect(),
        "*" => {
            let properties = schema.get_mut("properties").and_then(Json::as_object_mut);
            properties.into_iter().flat_map(|properties| properties.values_mut()).collect()
        }
        name => schema.get_mut("properties").and_then(|properties| properties.get_mut(name)).into_iter().collect(),
    };
    // All of the places, not only as many as come before the first that is missing.
    let found: Vec<bool> = below.into_iter().map(|schema| attach(schema, rest, rule)).collect();
    !found.is_empty() && found.into_iter().all(|found| found)
}

/// The first step of a path and what follows: `a.b[]` is `a`, `b`, `[]`.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.is_empty() {
        return None;
    }
    if let Some(rest) = path.strip_prefix("[]") {
        return Some(("[]", rest.trim_start_matches('.')));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    Some((&path[..end], path[end..].trim_start_matches('.')))
}
