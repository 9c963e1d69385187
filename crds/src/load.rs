//! Reads a manifest and what comes with it, and finds everything that is wrong with them at once.
//!
//! Files go in; a [`Bundle`] comes out, or every [`Problem`] of every document. Each document is read as a tree with
//! lines, held against its schema, and, if it is the manifest, against the rules. What must never happen: a secret
//! in a message, or a bundle from files that had any problem.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, schema_for};
use secrecy::SecretString;
use serde::Deserialize;

use crate::bundle::{Bundle, ConfigMaps, Secrets, Source};
use crate::manifest::{self, VitteBot};
use crate::patterns::{DATA_KEY, OBJECT_NAME};
use crate::persona::Personas;
use crate::problem::{Finding, Problem, child, is_below};
use crate::rules;
use crate::schema::{MOST_FINDINGS, Walker};
use crate::sensitive::{show, suspect};
use crate::shape::nearest;
use crate::yaml::{self, Node, Value};

/// As many problems as a person can use at once.
const MOST_PROBLEMS: usize = 100;
const KINDS: [&str; 3] = [manifest::KIND, "Secret", "ConfigMap"];

/// What the API server adds to an object's metadata, and `kubectl get -o yaml` shows.
const SERVERS_METADATA: [&str; 10] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
];

/// A Secret as a file holds it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the unread fields say what a document may hold")]
struct SecretDocument {
    #[schemars(extend("const" = "v1"))]
    api_version: String,
    kind: String,
    metadata: DocumentMetadata,
    #[serde(rename = "type")]
    type_: Option<String>,
    immutable: Option<bool>,
    /// Values in base64.
    #[serde(default)]
    data: BTreeMap<String, String>,
    /// Values as they are.
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

/// A ConfigMap as a file holds it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the unread fields say what a document may hold")]
struct ConfigMapDocument {
    #[schemars(extend("const" = "v1"))]
    api_version: String,
    kind: String,
    metadata: DocumentMetadata,
    immutable: Option<bool>,
    /// The files by name.
    #[serde(default)]
    data: BTreeMap<String, String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "the unread fields say what a document may hold")]
struct DocumentMetadata {
    /// The object's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Reads a manifest from one or more files. Exactly one document among them is a `VitteBot`; the others are
/// `Secret`s and `ConfigMap`s. Where two files have the same key of the same object, the later file's counts.
///
/// # Errors
/// Everything that is wrong, up to a hundred problems, in the order of the files.
pub fn load(sources: &[Source]) -> Result<Bundle, Vec<Problem>> {
    let mut loader = Loader::default();
    for source in sources {
        loader.read(source);
    }
    loader.finish(sources)
}

#[derive(Default)]
struct Loader {
    /// The manifest, and where it begins.
    bot: Option<(VitteBot, String, HashMap<String, usize>)>,
    secrets: Secrets,
    config_maps: ConfigMaps,
    problems: Vec<Problem>,
    /// Manifests seen, broken ones too.
    bots: usize,
    /// Whether a text could not be read to its end: then nothing can be said about what is missing.
    torn: bool,
}

impl Loader {
    fn read(&mut self, source: &Source) {
        let (documents, faults) = yaml::parse(&source.text);
        // Duplicate keys have a path; what has none ended the reading.
        self.torn |= faults.iter().any(|fault| fault.path.is_empty());
        let mut findings = faults;
        let mut seen: Vec<(String, String, usize)> = Vec::new();
        for document in &documents {
            let found = self.document(document, &source.name, &mut seen);
            findings.extend(found);
        }
        findings.sort_by_key(|finding| finding.line);
        self.problems.extend(findings.into_iter().map(|finding| finding.within(&source.name)));
    }

    fn document(&mut self, node: &Node, source: &str, seen: &mut Vec<(String, String, usize)>) -> Vec<Finding> {
        let kind = match node.get("kind") {
            _ if !matches!(node.value, Value::Map(_)) => {
                return vec![Finding::new("", "a document must be a mapping of keys and values").at(node.line)];
            }
            None => {
                return vec![Finding::new("kind", "is missing").at(node.line).allowed(KINDS.join(", "))];
            }
            Some(kind) => kind,
        };
        let Some(name) = kind.as_str().filter(|name| KINDS.contains(name)) else {
            let written = kind.as_str().unwrap_or_default();
            let message = match nearest(written, KINDS.into_iter()) {
                Some(near) => format!("\"{}\" is not read here; did you mean {near}?", show(written)),
                None => format!("\"{}\" is not read here", show(written)),
            };
            let allowed = "one VitteBot, and any number of Secret and ConfigMap";
            return vec![Finding::new("kind", message).at(kind.line).allowed(allowed)];
        };
        let object = node.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::as_str);
        let mut findings = Vec::new();
        if let Some(object) = object.filter(|_| name != manifest::KIND) {
            match seen.iter().find(|(kind, earlier, _)| kind == name && earlier == object) {
                Some((.., line)) => {
                    let message = format!("there is another {name} {} on line {line}: make them one", show(object));
                    findings.push(Finding::new("metadata.name", message).at(node.line));
                }
                None => seen.push((name.to_owned(), object.to_owned(), node.line)),
            }
        }
        let node = as_a_person_wrote(node, name);
        findings.extend(match name {
            "Secret" => self.secret(&node),
            "ConfigMap" => self.config_map(&node),
            _ => self.manifest(&node, source),
        });
        findings
    }

    fn manifest(&mut self, node: &Node, source: &str) -> Vec<Finding> {
        self.bots += 1;
        if self.bots > 1 {
            let message = "there is more than one VitteBot: keep one, and put the other into a file of its own";
            return vec![Finding::new("kind", message).at(node.line)];
        }
        let (bot, mut findings) = typed::<VitteBot>(node, &crate::json_schema());
        let lines = node.lines();
        if let Some(bot) = bot {
            for finding in rules::check(&bot) {
                let told =
                    findings.iter().any(|f| is_below(&f.path, &finding.path) || is_below(&finding.path, &f.path));
                if !told {
                    let line = line_of(&lines, &finding.path);
                    findings.push(Finding { line: finding.line.or(line), ..finding });
                }
            }
            self.bot = Some((bot, source.to_owned(), lines));
        }
        plain_secrets(node, "", node.line, &mut findings);
        findings
    }

    fn secret(&mut self, node: &Node) -> Vec<Finding> {
        let (document, mut findings) = typed::<SecretDocument>(node, &schema_for!(SecretDocument).to_value());
        let Some(document) = document else {
            return findings;
        };
        let lines = node.lines();
        let values = self.secrets.entry(document.metadata.name).or_default();
        for (key, encoded) in document.data {
            let path = child("data", &key);
            if findings.iter().any(|finding| finding.path == path) {
                continue;
            }
            // Long values are often folded over lines.
            let packed: String = encoded.split_whitespace().collect();
            match STANDARD.decode(packed).map(String::from_utf8) {
                Ok(Ok(text)) => {
                    values.insert(key, SecretString::from(text));
                }
                Ok(Err(_)) => findings.push(located(&lines, &path, "holds bytes that are no text")),
                Err(_) => {
                    let message = "is not base64: encode it, or write it under stringData as it is";
                    findings.push(located(&lines, &path, message));
                }
            }
        }
        // As in Kubernetes, stringData wins over data.
        values.extend(document.string_data.into_iter().map(|(key, text)| (key, SecretString::from(text))));
        for section in ["data", "stringData"] {
            check_keys(node, section, &mut findings);
        }
        findings
    }

    fn config_map(&mut self, node: &Node) -> Vec<Finding> {
        let (document, mut findings) = typed::<ConfigMapDocument>(node, &schema_for!(ConfigMapDocument).to_value());
        if let Some(document) = document {
            self.config_maps.entry(document.metadata.name).or_default().extend(document.data);
        }
        check_keys(node, "data", &mut findings);
        findings
    }

    fn finish(mut self, sources: &[Source]) -> Result<Bundle, Vec<Problem>> {
        if self.bots == 0 && !self.torn {
            let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
            let source = if names.is_empty() { "no file".to_owned() } else { names.join(", ") };
            let message =
                "there is no VitteBot: begin a document with apiVersion: vitte.dev/v1alpha1 and kind: VitteBot";
            self.problems.push(Finding::new("", message).within(&source));
        }
        if let Some((bot, source, lines)) = &self.bot {
            let found = personas(bot, &self.config_maps, source, lines);
            self.problems.extend(found);
        }
        match self.bot {
            Some((bot, ..)) if self.problems.is_empty() => {
                Ok(Bundle { bot, secrets: self.secrets, config_maps: self.config_maps })
            }
            _ => {
                self.problems.truncate(MOST_PROBLEMS);
                Err(self.problems)
            }
        }
    }
}

/// A document without what a cluster adds, so that one that was fetched from there is read as well.
fn as_a_person_wrote(node: &Node, kind: &str) -> Node {
    let mut node = node.clone();
    let Value::Map(entries) = &mut node.value else { return node };
    entries.retain(|entry| entry.key != "status" || kind != manifest::KIND);
    let metadata = entries.iter_mut().find(|entry| entry.key == "metadata");
    if let Some(Value::Map(metadata)) = metadata.map(|entry| &mut entry.value.value) {
        metadata.retain(|entry| !SERVERS_METADATA.contains(&entry.key.as_str()));
    }
    node
}

/// Holds a document against its schema and gives it its type. With findings, the value is a mended copy.
fn typed<T: for<'de> Deserialize<'de>>(node: &Node, schema: &serde_json::Value) -> (Option<T>, Vec<Finding>) {
    let (mended, mut findings) = Walker::new(schema).walk(node);
    match serde_json::from_value(mended) {
        Ok(value) => (Some(value), findings),
        Err(error) => {
            // Only reached when a type and its schema disagree. serde's text may repeat a value, hence not shown.
            if findings.is_empty() {
                let message = format!("cannot be read ({:?})", error.classify());
                findings.push(Finding::new("", message).at(node.line));
            }
            (None, findings)
        }
    }
}

/// The personas that the manifest names, when the files have them.
fn personas(bot: &VitteBot, maps: &ConfigMaps, source: &str, lines: &HashMap<String, usize>) -> Vec<Problem> {
    let Some(companion) = &bot.spec.modules.companion else {
        return Vec::new();
    };
    let map = &companion.personas_config_map_ref.name;
    let Some(files) = maps.get(map) else {
        return Vec::new();
    };
    let personas = match Personas::parse(&format!("{source} ConfigMap {map}"), files) {
        Ok(personas) => personas,
        Err(problems) => return problems,
    };
    let Some(wanted) = &companion.default_persona else {
        return Vec::new();
    };
    if personas.iter().any(|persona| &persona.id == wanted) {
        return Vec::new();
    }
    let ids: Vec<&str> = personas.iter().map(|persona| persona.id.as_str()).collect();
    let message = format!("ConfigMap {map} has no persona \"{}\"", show(wanted));
    let finding = located(lines, "spec.modules.companion.defaultPersona", &message);
    vec![finding.allowed(ids.join(", ")).within(source)]
}

/// The line of a path, or of the nearest one above it that the file has.
fn line_of(lines: &HashMap<String, usize>, path: &str) -> Option<usize> {
    let mut path = path;
    loop {
        if let Some(line) = lines.get(path) {
            return Some(*line);
        }
        path = &path[..path.rfind(['.', '['])?];
    }
}

fn located(lines: &HashMap<String, usize>, path: &str, message: &str) -> Finding {
    Finding { line: line_of(lines, path), ..Finding::new(path, message) }
}

fn check_keys(node: &Node, section: &str, findings: &mut Vec<Finding>) {
    let Some(Value::Map(entries)) = node.get(section).map(|node| &node.value) else {
        return;
    };
    for entry in entries {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if entry.key.is_empty() || !entry.key.chars().all(fits) {
            let finding = Finding::new(child(section, &entry.key), "has a key of the wrong form").at(entry.line);
            findings.push(finding.allowed(crate::patterns::explain(DATA_KEY).unwrap_or(DATA_KEY)));
        }
    }
}

/// The secrets that stand in a value, wherever they are; `path` is where the value stands.
pub(crate) fn secrets_in(value: serde_json::Value, path: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let node = Node::from_json(value);
    plain_secrets(&node, path, node.line, &mut findings);
    findings.into_iter().map(|finding| Finding { line: None, ..finding }).collect()
}

/// Refuses secrets that stand in the manifest itself, wherever they are.
fn plain_secrets(node: &Node, path: &str, line: usize, findings: &mut Vec<Finding>) {
    if findings.len() >= 2 * MOST_FINDINGS {
        return;
    }
    match &node.value {
        Value::String(text) => {
            if let Some(suspect) = suspect(text) {
                // One message per place, and this one says more.
                findings.retain(|finding| finding.path != path);
                findings.push(Finding::new(path, suspect.advice()).at(line));
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                let at = child(path, &entry.key);
                if let Some(suspect) = suspect(&entry.key) {
                    findings.push(Finding::new(path, suspect.advice()).at(entry.line));
                }
                plain_secrets(&entry.value, &at, entry.line, findings);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                plain_secrets(item, &format!("{path}[{index}]"), item.line, findings);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(..) => {}
    }
}
