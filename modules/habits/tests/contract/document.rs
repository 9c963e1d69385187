//! The OpenAPI document as a judge of requests and answers.

use std::borrow::Cow;

use reqwest::Method;
use serde_json::{Map, Value};

use crate::world::is_instant;

/// By which measure a value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// What a client sends who goes by the document.
    Sent,
    /// What a server may take: a number as a text, and more words for yes and no, as clients in untyped languages send.
    Taken,
    /// What a server answers: nothing that the document does not name.
    Answered,
}

/// All that the schemas of this document say. One that says more is not judged, and that is a fault.
const KEYWORDS: [&str; 18] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "oneOf",
    "anyOf",
    "pattern",
    "format",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "default",
    "title",
    "description",
    "example",
    "examples",
];

pub struct Document(pub Value);

#[derive(Debug)]
pub struct Operation {
    pub method: Method,
    pub path: String,
    pub responses: Map<String, Value>,
    /// Of a JSON body; `Null` when none is asked for.
    pub body: Value,
    /// Of the query, by name.
    pub query: Vec<(String, Value)>,
    /// What it asks for: `bearer`, `bot_key` or nothing.
    pub security: Option<String>,
}

impl Operation {
    pub fn may_answer(&self, status: u16) -> bool {
        self.responses.contains_key(&status.to_string())
    }
}

impl Document {
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().unwrap();
        let each = paths.iter().flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |of| (path, of)));
        each.map(|(path, (method, operation))| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let in_query = parameters.filter(|parameter| parameter["in"] == "query");
            Operation {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                responses: operation["responses"].as_object().unwrap().clone(),
                body: operation["requestBody"]["content"]["application/json"]["schema"].clone(),
                query: in_query.map(|p| (p["name"].as_str().unwrap().to_owned(), p["schema"].clone())).collect(),
                security: operation["security"][0].as_object().and_then(|scheme| scheme.keys().next().cloned()),
            }
        })
        .collect()
    }

    /// The names of a schema's fields.
    pub fn fields(&self, schema: &Value) -> Vec<String> {
        let schema = self.flat(schema).unwrap_or_default();
        schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned().collect()
    }

    /// Does a value have the form that the schema gives?
    pub fn fits(&self, schema: &Value, value: &Value, measure: Measure) -> Result<(), String> {
        let schema = self.flat(schema)?;
        if let Some(unknown) = schema.keys().find(|key| !KEYWORDS.contains(&key.as_str())) {
            return Err(format!("nobody knows here what {unknown:?} in a schema means"));
        }
        let get = |name: &str| schema.get(name).unwrap_or(&Value::Null);
        let list = |name: &str| get(name).as_array().map(Vec::as_slice).unwrap_or_default();
        for (name, least, most) in [("oneOf", 1, 1), ("anyOf", 1, usize::MAX)] {
            let fitting = list(name).iter().filter(|part| self.fits(part, value, measure).is_ok()).count();
            if !list(name).is_empty() && !(least..=most).contains(&fitting) {
                return Err(format!("{value} fits {fitting} of {name}"));
            }
        }
        let types: Vec<&str> = match get("type") {
            Value::String(one) => vec![one],
            types => types.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
        };
        let value = if measure == Measure::Taken { as_taken(&types, value) } else { Cow::Borrowed(value) };
        if !types.is_empty() && !types.iter().any(|one| is_a(one, &value)) {
            return Err(format!("{value} is no {types:?}"));
        }
        if schema.contains_key("enum") && !list("enum").contains(&value) {
            return Err(format!("{value} is none of {}", get("enum")));
        }
        bounds(&schema, &value).map_err(|why| format!("{value} {why}"))?;
        if let Some(fields) = value.as_object() {
            if let Some(missing) = list("required").iter().find(|name| !fields.contains_key(name.as_str().unwrap())) {
                return Err(format!("{missing} is missing in {value}"));
            }
            for (name, inner) in fields {
                match get("properties").get(name) {
                    Some(schema) => self.fits(schema, inner, measure).map_err(|why| format!("{name}: {why}"))?,
                    None if measure == Measure::Answered => return Err(format!("{name:?} is not in the document")),
                    None => {}
                }
            }
        }
        if let Some(item) = schema.get("items") {
            value.as_array().into_iter().flatten().try_for_each(|inner| self.fits(item, inner, measure))?;
        }
        Ok(())
    }

    /// A schema with what it refers to, and what it is put together of.
    fn flat(&self, schema: &Value) -> Result<Map<String, Value>, String> {
        let mut all = schema.as_object().cloned().ok_or(format!("{schema} is no schema"))?;
        let mut parts = all.remove("allOf").and_then(|parts| parts.as_array().cloned()).unwrap_or_default();
        if let Some(reference) = all.remove("$ref") {
            let place = reference.as_str().and_then(|place| place.strip_prefix('#')).unwrap_or_default();
            parts.push(self.0.pointer(place).cloned().ok_or(format!("{reference} leads nowhere"))?);
        }
        for part in parts {
            for (keyword, said) in self.flat(&part)? {
                match (all.get_mut(&keyword), said) {
                    (Some(Value::Object(fields)), Value::Object(more)) => fields.extend(more),
                    (Some(Value::Array(names)), Value::Array(more)) => names.extend(more),
                    (_, said) => drop(all.insert(keyword, said)),
                }
            }
        }
        Ok(all)
    }
}

/// A query's value, as one who goes by the document writes it.
pub fn written(text: &str, schema: &Value) -> Value {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match schema["type"].as_str() {
        Some("integer") if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
        }
        Some("boolean") if matches!(text, "true" | "false") => (text == "true").into(),
        _ => text.into(),
    }
}

fn as_taken<'a>(types: &[&str], value: &'a Value) -> Cow<'a, Value> {
    let truth = match value {
        Value::Number(n) => n.as_i64().and_then(|n| [false, true].get(usize::try_from(n).ok()?).copied()),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "y" | "t" => Some(true),
            "false" | "0" | "no" | "off" | "n" | "f" => Some(false),
            _ => None,
        },
        _ => None,
    };
    let number = value.as_str().and_then(|text| text.trim().parse::<i64>().ok());
    match (truth, number) {
        (Some(truth), _) if types.contains(&"boolean") => Cow::Owned(truth.into()),
        (_, Some(number)) if types.contains(&"integer") => Cow::Owned(number.into()),
        _ => Cow::Borrowed(value),
    }
}

/// `21.0` is the whole number 21 in JSON.
fn whole(value: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction, and is no larger than a float counts")]
    let exact = |n: f64| (n.fract() == 0.0 && n.abs() < 9e15).then_some(n as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(exact))
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => whole(value).is_some(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

/// What of a value's bounds, pattern or format is not kept.
fn bounds(schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let said = |name: &str| schema.get(name).and_then(Value::as_i64);
    let format = schema.get("format").and_then(Value::as_str);
    let (size, least, most) = if let Some(text) = value.as_str() {
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && !regex::Regex::new(pattern).map_err(|e| e.to_string())?.is_match(text)
        {
            return Err(format!("is not of the form {pattern}"));
        }
        let formed = match format {
            None => true,
            Some("date") => text.parse::<chrono::NaiveDate>().is_ok(),
            Some("date-time") => is_instant(value),
            Some(_) => false,
        };
        if !formed {
            return Err(format!("is no {format:?}"));
        }
        (i64::try_from(text.chars().count()).unwrap(), said("minLength"), said("maxLength"))
    } else if let Some(number) = whole(value) {
        if format == Some("int32") && i32::try_from(number).is_err() {
            return Err("is no 32-bit number".to_owned());
        }
        (number, said("minimum"), said("maximum"))
    } else {
        return Ok(());
    };
    if least.is_some_and(|least| size < least) || most.is_some_and(|most| size > most) {
        return Err(format!("is out of bounds: {least:?} to {most:?}"));
    }
    Ok(())
}
