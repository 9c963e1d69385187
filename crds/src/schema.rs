//! Holds a document against the JSON schema that its types give, and finds everything that does not fit.
//!
//! serde stops at the first fault; a person repairing a manifest wants them all. So the tree is walked here, and
//! what comes out besides the findings is the document with every fault mended by something that fits: unknown
//! keys are gone, missing and misshapen values replaced. That copy always deserializes, so that the cross-field
//! rules can look at the healthy rest. It is never used for anything else while there are findings.

use std::collections::HashMap;

use regex::Regex;
use serde_json::{Map, Value as Json};

use crate::patterns;
use crate::problem::{Finding, child};
use crate::sensitive::show;
use crate::shape::{
    bound, first_sentence, has_type, kind, nearest, span, types, unknown_key, variants, within, words, wrong_type,
};
use crate::yaml::{Entry, Node, Value};

/// More would help nobody, and a hostile file could have a million.
pub(crate) const MOST_FINDINGS: usize = 500;
/// References follow each other at most so far.
const DEEPEST_REF: usize = 16;

/// Walks a tree against one schema.
pub(crate) struct Walker<'s> {
    root: &'s Json,
    patterns: HashMap<&'s str, Option<Regex>>,
    findings: Vec<Finding>,
}

impl<'s> Walker<'s> {
    pub(crate) fn new(root: &'s Json) -> Self {
        Self { root, patterns: HashMap::new(), findings: Vec::new() }
    }

    /// All that does not fit, and a copy that does.
    pub(crate) fn walk(mut self, node: &Node) -> (Json, Vec<Finding>) {
        let mended = self.read(node, self.root, "", node.line);
        (mended, self.findings)
    }

    fn note(&mut self, finding: Finding) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(finding);
        }
    }

    fn resolve(&self, mut schema: &'s Json) -> &'s Json {
        for _ in 0..DEEPEST_REF {
            let Some(pointer) = schema.get("$ref").and_then(Json::as_str).and_then(|r| r.strip_prefix('#')) else {
                break;
            };
            match self.root.pointer(pointer) {
                Some(target) => schema = target,
                None => break,
            }
        }
        schema
    }

    /// `line` is that of the key, which is where a person looks.
    fn read(&mut self, node: &Node, schema: &'s Json, path: &str, line: usize) -> Json {
        let schema = self.resolve(schema);
        if let Some(words) = words(schema) {
            return self.read_word(node, &words, path, line);
        }
        if let Some(variants) = variants(schema) {
            return self.read_variant(node, schema, variants, path, line);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|name| has_type(node, name)) {
            self.note(wrong_type(node, &types, path).at(line));
            return self.placeholder(schema, DEEPEST_REF);
        }
        match &node.value {
            Value::Map(entries) => self.read_map(entries, schema, path, line),
            Value::List(items) => self.read_list(items, schema, path, line),
            Value::String(text) => {
                self.check_string(text, schema, path, line);
                node.to_json()
            }
            Value::Number(number, raw) => {
                self.check_number(number.as_f64(), raw, schema, path, line);
                node.to_json()
            }
            Value::Null | Value::Bool(_) => node.to_json(),
        }
    }

    fn read_word(&mut self, node: &Node, words: &[&'s str], path: &str, line: usize) -> Json {
        if let Some(text) = node.as_str()
            && words.contains(&text)
        {
            return text.into();
        }
        let message = match node.as_str() {
            Some(text) => match nearest(text, words.iter().copied()) {
                Some(near) => format!("\"{}\" is not known here; did you mean {near}?", show(text)),
                None => format!("\"{}\" is not known here", show(text)),
            },
            None => format!("is {}, not one of the words that are known here", kind(node)),
        };
        self.note(Finding::new(path, message).at(line).allowed(words.join(", ")));
        words.first().copied().unwrap_or_default().into()
    }

    fn read_variant(&mut self, node: &Node, schema: &'s Json, variants: &'s [Json], path: &str, line: usize) -> Json {
        let resolved: Vec<&'s Json> = variants.iter().map(|variant| self.resolve(variant)).collect();
        let nullable = resolved.iter().any(|variant| types(variant) == ["null"]);
        if nullable && matches!(node.value, Value::Null) {
            return Json::Null;
        }
        let others: Vec<&'s Json> = resolved.into_iter().filter(|variant| types(variant) != ["null"]).collect();
        let fitting = others
            .iter()
            .copied()
            .find(|variant| types(variant).is_empty() || types(variant).iter().any(|name| has_type(node, name)));
        let chosen = match (fitting, others.as_slice()) {
            (Some(variant), _) => variant,
            // One form only: its own message tells more than "none of these".
            (None, [only]) => only,
            (None, _) => {
                let names: Vec<&str> = others.iter().flat_map(|variant| types(variant)).collect();
                self.note(wrong_type(node, &names, path).at(line));
                return others.first().map_or(Json::Null, |first| self.placeholder(first, DEEPEST_REF));
            }
        };
        let before = self.findings.len();
        let mended = self.read(node, chosen, path, line);
        // Bounds that stand beside the variants hold for each of them.
        match &node.value {
            _ if self.findings.len() > before => {}
            Value::String(text) => self.check_string(text, schema, path, line),
            Value::Number(_, raw) if schema.get("pattern").is_some() => {
                self.check_string(raw, schema, path, line);
            }
            _ => {}
        }
        mended
    }

    fn read_map(&mut self, entries: &[Entry], schema: &'s Json, path: &str, line: usize) -> Json {
        let properties = schema.get("properties").and_then(Json::as_object);
        let rest = schema.get("additionalProperties");
        let mut mended = Map::new();
        if let Some(most) = schema.get("maxProperties").and_then(Json::as_u64)
            && entries.len() as u64 > most
        {
            let message = format!("has {} entries", entries.len());
            self.note(Finding::new(path, message).at(line).allowed(format!("at most {most}")));
        }
        if let Some(least) = schema.get("minProperties").and_then(Json::as_u64)
            && (entries.len() as u64) < least
        {
            self.note(Finding::new(path, "is empty").at(line).allowed(format!("at least {least} entry")));
        }
        for entry in entries {
            if self.findings.len() >= MOST_FINDINGS {
                break;
            }
            let at = child(path, &entry.key);
            if let Some(property) = properties.and_then(|known| known.get(&entry.key)) {
                mended.insert(entry.key.clone(), self.read(&entry.value, property, &at, entry.line));
                continue;
            }
            match rest {
                Some(Json::Bool(false)) => self.note(unknown_key(&entry.key, properties, &at).at(entry.line)),
                Some(schema @ Json::Object(_)) => {
                    mended.insert(entry.key.clone(), self.read(&entry.value, schema, &at, entry.line));
                }
                _ => {
                    mended.insert(entry.key.clone(), entry.value.to_json());
                }
            }
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if entries.iter().any(|entry| entry.key == name) {
                continue;
            }
            let property = properties.and_then(|known| known.get(name));
            let purpose = property.and_then(|p| p.get("description")).and_then(Json::as_str).map(first_sentence);
            let message = match purpose {
                Some(purpose) => format!("is missing ({purpose})"),
                None => "is missing".to_owned(),
            };
            self.note(Finding::new(child(path, name), message).at(line));
            if let Some(property) = property {
                mended.insert(name.to_owned(), self.placeholder(property, DEEPEST_REF));
            }
        }
        Json::Object(mended)
    }

    fn read_list(&mut self, items: &[Node], schema: &'s Json, path: &str, line: usize) -> Json {
        let (least, most) = (bound(schema, "minItems"), bound(schema, "maxItems"));
        if !within(items.len(), least, most) {
            let message = if items.is_empty() { "is empty".to_owned() } else { format!("has {} items", items.len()) };
            self.note(Finding::new(path, message).at(line).allowed(span(least, most, "item")));
        }
        if schema.get("uniqueItems").and_then(Json::as_bool) == Some(true) {
            let mut seen: Vec<Json> = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let json = item.to_json();
                if seen.contains(&json) {
                    let finding = Finding::new(format!("{path}[{index}]"), "is in the list already").at(item.line);
                    self.note(finding);
                } else {
                    seen.push(json);
                }
                // What is far too long was said already; comparing all with all would take too long.
                if most.is_some_and(|most| seen.len() as u64 > most) {
                    break;
                }
            }
        }
        let each = schema.get("items");
        items
            .iter()
            .enumerate()
            .map(|(index, item)| match each {
                Some(each) => self.read(item, each, &format!("{path}[{index}]"), item.line),
                None => item.to_json(),
            })
            .collect()
    }

    fn check_string(&mut self, text: &str, schema: &'s Json, path: &str, line: usize) {
        let (least, most) = (bound(schema, "minLength"), bound(schema, "maxLength"));
        let length = text.chars().count();
        if !within(length, least, most) {
            let message = if length == 0 { "is empty".to_owned() } else { format!("is {length} characters long") };
            self.note(Finding::new(path, message).at(line).allowed(span(least, most, "character")));
            return;
        }
        if let Some(constant) = schema.get("const").and_then(Json::as_str)
            && constant != text
        {
            let message = format!("\"{}\" is not known here", show(text));
            self.note(Finding::new(path, message).at(line).allowed(constant));
        }
        let Some(pattern) = schema.get("pattern").and_then(Json::as_str) else {
            return;
        };
        let compiled = self.patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).ok());
        if compiled.as_ref().is_none_or(|regex| regex.is_match(text)) {
            return;
        }
        // Whoever writes a secret where its name belongs must not find it in a log.
        let of_secret = path.rsplit('.').nth(1).is_some_and(|parent| parent.ends_with("ecretRef"));
        let message = if of_secret {
            "this is not a name; the secret itself belongs into a Secret, here stands only where it is".to_owned()
        } else {
            format!("\"{}\" has the wrong form", show(text))
        };
        let allowed = patterns::explain(pattern).unwrap_or(pattern);
        self.note(Finding::new(path, message).at(line).allowed(allowed));
    }

    fn check_number(&mut self, number: Option<f64>, raw: &str, schema: &'s Json, path: &str, line: usize) {
        let least = schema.get("minimum").and_then(Json::as_f64);
        let most = schema.get("maximum").and_then(Json::as_f64);
        let Some(number) = number else { return };
        let how = match (least, most) {
            (Some(least), _) if number < least => "small",
            (_, Some(most)) if number > most => "large",
            _ => return,
        };
        let allowed = match (least, most) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) => format!("{least} or more"),
            (None, Some(most)) => format!("{most} or less"),
            (None, None) => return,
        };
        self.note(Finding::new(path, format!("{raw} is too {how}")).at(line).allowed(allowed));
    }

    /// The least value that has the shape a schema asks for.
    fn placeholder(&self, schema: &'s Json, depth: usize) -> Json {
        let schema = self.resolve(schema);
        if depth == 0 {
            return Json::Null;
        }
        if let Some(default) = schema.get("default") {
            return default.clone();
        }
        if let Some(constant) = schema.get("const") {
            return constant.clone();
        }
        if let Some(first) = words(schema).and_then(|words| words.first().copied()) {
            return first.into();
        }
        if let Some(first) = variants(schema).and_then(<[Json]>::first) {
            return self.placeholder(first, depth - 1);
        }
        let types = types(schema);
        if types.contains(&"null") {
            return Json::Null;
        }
        match types.first().copied() {
            Some("string") => "".into(),
            Some("boolean") => false.into(),
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or_else(|| 0.into()),
            Some("array") => Json::Array(Vec::new()),
            Some("object") => {
                let properties = schema.get("properties").and_then(Json::as_object);
                let required = schema.get("required").and_then(Json::as_array);
                let names = required.into_iter().flatten().filter_map(Json::as_str);
                let known = names.filter_map(|name| properties?.get(name).map(|property| (name, property)));
                Json::Object(known.map(|(name, p)| (name.to_owned(), self.placeholder(p, depth - 1))).collect())
            }
            _ => Json::Null,
        }
    }
}
