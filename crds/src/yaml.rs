//! YAML as a tree that knows its lines.
//!
//! Text goes in, one [`Node`] per document comes out, with every duplicate key found on the way. What must never
//! happen: a text of a few bytes that grows into gigabytes (aliases are expanded within [`BUDGET`]), a tree too deep
//! to walk ([`DEEPEST`]), or a panic, whatever the text.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};
use serde_json::Number;

use crate::problem::{Finding, child};

/// The longest text that is read: Kubernetes stops at 1 MiB per object, and a file may hold several.
pub(crate) const LONGEST: usize = 8 << 20;
/// What a text may grow to by its aliases: bytes of text plus a little for each node.
const BUDGET: usize = 2 * LONGEST;
const NODE_WEIGHT: usize = 16;
const DEEPEST: usize = 64;
const MOST_DOCUMENTS: usize = 500;
const MOST_DUPLICATES: usize = 500;

/// A value and the line it begins on.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub line: usize,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number, and as it was written.
    Number(Number, String),
    String(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub line: usize,
    pub value: Node,
}

impl Node {
    /// The value of a key, when this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        let Value::Map(entries) = &self.value else {
            return None;
        };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The line of every path below this node.
    pub(crate) fn lines(&self) -> HashMap<String, usize> {
        let mut lines = HashMap::new();
        self.collect_lines(String::new(), self.line, &mut lines);
        lines
    }

    fn collect_lines(&self, path: String, line: usize, lines: &mut HashMap<String, usize>) {
        match &self.value {
            Value::Map(entries) => {
                for entry in entries {
                    entry.value.collect_lines(child(&path, &entry.key), entry.line, lines);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect_lines(format!("{path}[{index}]"), item.line, lines);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(..) | Value::String(_) => {}
        }
        lines.insert(path, line);
    }

    /// As plain JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number, _) => serde_json::Value::Number(number.clone()),
            Value::String(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
            }
        }
    }

    /// From JSON, which has no lines: all are the first.
    pub(crate) fn from_json(json: serde_json::Value) -> Self {
        let value = match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => {
                let raw = number.to_string();
                Value::Number(number, raw)
            }
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(items) => Value::List(items.into_iter().map(Self::from_json).collect()),
            serde_json::Value::Object(map) => Value::Map(
                map.into_iter().map(|(key, value)| Entry { key, line: 1, value: Self::from_json(value) }).collect(),
            ),
        };
        Self { line: 1, value }
    }
}

/// Reads all documents of a text; empty ones are left out. A text that cannot be read to its end gives the
/// documents before the fault, and the fault.
pub(crate) fn parse(text: &str) -> (Vec<Node>, Vec<Finding>) {
    let mut reader = Reader::default();
    if text.len() > LONGEST {
        let finding = Finding::new("", format!("the file is {} bytes long", text.len()));
        return (Vec::new(), vec![finding.allowed(format!("at most {LONGEST}"))]);
    }
    for event in Parser::new_from_str(text) {
        let step = match event {
            Ok((event, span)) => reader.take(event, span.start.line()),
            Err(error) => Err(syntax_error(&error)),
        };
        if let Err(fault) = step {
            reader.findings.push(fault);
            break;
        }
    }
    (reader.documents, reader.findings)
}

fn syntax_error(error: &ScanError) -> Finding {
    let at = error.marker();
    Finding::new("", format!("this is not YAML: {} (column {})", error.info(), at.col() + 1)).at(at.line().max(1))
}

/// A collection that is not yet closed.
struct Open {
    line: usize,
    anchor: usize,
    weight: usize,
    depth: usize,
    path: String,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// The line of each key so far: a look-up instead of a search, or a long mapping would take quadratic time.
    seen: HashMap<String, usize>,
    /// The key that waits for its value.
    waiting: Option<(String, usize)>,
}

struct Anchored {
    node: Node,
    weight: usize,
    depth: usize,
}

#[derive(Default)]
struct Reader {
    documents: Vec<Node>,
    findings: Vec<Finding>,
    open: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    weight: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<(), Finding> {
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(NODE_WEIGHT + text.len(), line)?;
                let weight = NODE_WEIGHT + text.len();
                let value = scalar(text.into_owned(), style, tag.as_deref(), line)?;
                self.put(Anchored { node: Node { line, value }, weight, depth: 1 }, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(Content::List(Vec::new()), anchor, tag.as_deref(), line),
            Event::MappingStart(_, anchor, tag) => {
                self.begin(Content::Map(OpenMap::default()), anchor, tag.as_deref(), line)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            Event::Alias(id) => {
                let Some(target) = self.anchors.get(&id) else {
                    return Err(Finding::new("", "this alias refers to a value that contains it").at(line));
                };
                let copy = Anchored { node: target.node.clone(), weight: target.weight, depth: target.depth };
                self.spend(copy.weight, line)?;
                self.put(copy, 0)
            }
            _ => Ok(()),
        }
    }

    fn spend(&mut self, weight: usize, line: usize) -> Result<(), Finding> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight > BUDGET {
            return Err(Finding::new("", "the file grows too large by its aliases").at(line));
        }
        Ok(())
    }

    fn begin(&mut self, content: Content, anchor: usize, tag: Option<&Tag>, line: usize) -> Result<(), Finding> {
        if tag.is_some_and(|tag| !tag.is_yaml_core_schema()) {
            return Err(unknown_tag(line));
        }
        self.spend(NODE_WEIGHT, line)?;
        let path = self.path_of_next();
        self.open.push(Open { line, anchor, weight: NODE_WEIGHT, depth: 1, path, content });
        Ok(())
    }

    fn path_of_next(&self) -> String {
        match self.open.last() {
            None => String::new(),
            Some(Open { path, content: Content::List(items), .. }) => format!("{path}[{}]", items.len()),
            Some(Open { path, content: Content::Map(map), .. }) => {
                child(path, map.waiting.as_ref().map_or("", |(key, _)| key))
            }
        }
    }

    fn end(&mut self, line: usize) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Err(Finding::new("", "a collection ends that never began").at(line));
        };
        let value = match open.content {
            Content::List(items) => Value::List(items),
            Content::Map(map) => Value::Map(map.entries),
        };
        let node = Node { line: open.line, value };
        self.put(Anchored { node, weight: open.weight, depth: open.depth }, open.anchor)
    }

    /// Puts a finished value where it belongs: into the innermost open collection, or among the documents.
    fn put(&mut self, value: Anchored, anchor: usize) -> Result<(), Finding> {
        if self.open.len() + value.depth > DEEPEST {
            return Err(too_deep(value.node.line));
        }
        if anchor != 0 {
            self.spend(value.weight, value.node.line)?;
            let copy = Anchored { node: value.node.clone(), weight: value.weight, depth: value.depth };
            self.anchors.insert(anchor, copy);
        }
        let Some(open) = self.open.last_mut() else {
            if self.documents.len() >= MOST_DOCUMENTS {
                let finding = Finding::new("", "the file has too many documents");
                return Err(finding.at(value.node.line).allowed(format!("at most {MOST_DOCUMENTS}")));
            }
            if !matches!(value.node.value, Value::Null) {
                self.documents.push(value.node);
            }
            return Ok(());
        };
        open.weight = open.weight.saturating_add(value.weight);
        open.depth = open.depth.max(value.depth + 1);
        match &mut open.content {
            Content::List(items) => items.push(value.node),
            Content::Map(map) => match map.waiting.take() {
                None => map.waiting = Some(key(value.node, &open.path)?),
                Some((key, line)) => {
                    if let Some(first) = map.seen.get(&key) {
                        if self.findings.len() >= MOST_DUPLICATES {
                            return Err(Finding::new("", "too many keys are here twice").at(line));
                        }
                        let message = format!("is here twice, first on line {first}");
                        self.findings.push(Finding::new(child(&open.path, &key), message).at(line));
                    } else {
                        map.seen.insert(key.clone(), line);
                        map.entries.push(Entry { key, line, value: value.node });
                    }
                }
            },
        }
        Ok(())
    }
}

fn key(node: Node, path: &str) -> Result<(String, usize), Finding> {
    let line = node.line;
    match node.value {
        Value::String(text) => Ok((text, line)),
        Value::Number(_, raw) => Ok((raw, line)),
        Value::Bool(value) => Ok((value.to_string(), line)),
        Value::Null | Value::List(_) | Value::Map(_) => Err(Finding::new(path, "a key must be a plain word").at(line)),
    }
}

fn too_deep(line: usize) -> Finding {
    Finding::new("", "the file nests too deeply").at(line).allowed(format!("{DEEPEST} levels"))
}

fn unknown_tag(line: usize) -> Finding {
    Finding::new("", "YAML tags (!name) are not understood here").at(line)
}

/// The value of a scalar by YAML 1.2's core schema.
fn scalar(text: String, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Value, Finding> {
    match tag {
        Some(tag) if tag.is_yaml_core_schema_tag("str") => return Ok(Value::String(text)),
        Some(tag) if !tag.is_yaml_core_schema() => return Err(unknown_tag(line)),
        _ => {}
    }
    if !matches!(style, ScalarStyle::Plain) {
        return Ok(Value::String(text));
    }
    Ok(match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => match number(&text) {
            Some(number) => Value::Number(number, text),
            None => Value::String(text),
        },
    })
}

fn number(text: &str) -> Option<Number> {
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with(['+', '-'])).map(Number::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok().filter(|_| !digits.starts_with(['+', '-'])).map(Number::from);
    }
    // Words such as "inf" and "nan" are numbers to Rust, and names to people.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    if !text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}
