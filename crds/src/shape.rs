//! Small questions about a schema and a value, and the words in which their answers are told.

use serde_json::{Map, Value as Json};

use crate::problem::Finding;
use crate::yaml::{Node, Value};

/// The words of an enumeration, in either of the two forms that schemas have for one.
pub(crate) fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(list) = schema.get("enum").and_then(Json::as_array) {
        return list.iter().map(Json::as_str).collect();
    }
    let list = schema.get("oneOf").and_then(Json::as_array)?;
    list.iter().map(|variant| variant.get("const").and_then(Json::as_str)).collect()
}

pub(crate) fn variants(schema: &Json) -> Option<&[Json]> {
    schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Json::as_array).map(Vec::as_slice)
}

pub(crate) fn types(schema: &Json) -> Vec<&str> {
    match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn has_type(node: &Node, name: &str) -> bool {
    match (&node.value, name) {
        (Value::Null, "null")
        | (Value::Bool(_), "boolean")
        | (Value::String(_), "string")
        | (Value::List(_), "array")
        | (Value::Map(_), "object")
        | (Value::Number(..), "number") => true,
        (Value::Number(number, _), "integer") => number.is_i64(),
        _ => false,
    }
}

pub(crate) fn kind(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "empty",
        Value::Bool(_) => "true or false",
        Value::Number(number, _) if number.is_i64() => "a whole number",
        Value::Number(..) => "a number",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "a mapping",
    }
}

pub(crate) fn wrong_type(node: &Node, types: &[&str], path: &str) -> Finding {
    let wanted: Vec<&str> = types
        .iter()
        .filter_map(|name| match *name {
            "string" => Some("a text"),
            "integer" => Some("a whole number"),
            "number" => Some("a number"),
            "boolean" => Some("true or false"),
            "array" => Some("a list"),
            "object" => Some("a mapping of keys and values"),
            _ => None,
        })
        .collect();
    let quotable = matches!(node.value, Value::Number(..) | Value::Bool(_)) && types.contains(&"string");
    let hint = if quotable { " in quotes" } else { "" };
    Finding::new(path, format!("is {}", kind(node))).allowed(format!("{}{hint}", wanted.join(" or ")))
}

pub(crate) fn unknown_key(key: &str, known: Option<&Map<String, Json>>, path: &str) -> Finding {
    let names: Vec<&str> = known.into_iter().flat_map(Map::keys).map(String::as_str).collect();
    let finding = match nearest(key, names.iter().copied()) {
        Some(near) => Finding::new(path, format!("unknown key; did you mean {near}?")),
        None => Finding::new(path, "unknown key"),
    };
    if names.is_empty() { finding.allowed("nothing, write {}") } else { finding.allowed(names.join(", ")) }
}

/// The known word that somebody may have meant.
pub(crate) fn nearest<'w>(written: &str, known: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    const LONGEST: usize = 64;
    if written.len() > LONGEST {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace(['_', '-'], "");
    let written = plain(written);
    let distance = |word: &str| strsim::damerau_levenshtein(&written, &plain(word));
    known
        .map(|word| (distance(word), word))
        .filter(|(distance, word)| *distance <= (word.len() / 4).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

pub(crate) fn bound(schema: &Json, name: &str) -> Option<u64> {
    schema.get(name).and_then(Json::as_u64)
}

pub(crate) fn within(size: usize, least: Option<u64>, most: Option<u64>) -> bool {
    let size = size as u64;
    least.is_none_or(|least| size >= least) && most.is_none_or(|most| size <= most)
}

pub(crate) fn span(least: Option<u64>, most: Option<u64>, what: &str) -> String {
    match (least, most) {
        (Some(least), Some(most)) if least == most => format!("exactly {least} {what}s"),
        (Some(least), Some(most)) => format!("{least} to {most} {what}s"),
        (Some(1), None) => format!("at least one {what}"),
        (Some(least), None) => format!("at least {least} {what}s"),
        (None, Some(most)) => format!("at most {most} {what}s"),
        (None, None) => format!("any number of {what}s"),
    }
}

pub(crate) fn first_sentence(text: &str) -> &str {
    let end = text.find(['\n']).unwrap_or(text.len()).min(text.find(". ").unwrap_or(text.len()));
    text[..end].trim_end_matches('.')
}
