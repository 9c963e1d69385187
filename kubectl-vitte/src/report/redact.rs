//! What keeps secrets out of a report. Every text passes [`Scrubber::scrub`], every object [`Scrubber::object`] before
//! it; there is no other way into the archive.
//!
//! Three walls, each for itself: objects lose by their structure what may hold a secret (values of Secrets, contents of
//! ConfigMaps, literal environment variables that are not known to be harmless); every value of a Secret that this bot
//! uses is struck out wherever it stands, also as part of an address, quoted, escaped or in base64; and so is whatever
//! looks like a token, whosever it is.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use regex::Regex;
use serde_json::{Value, json};

/// Stands for what was struck out.
pub const GONE: &str = "[not shown]";
/// Shorter values are words and numbers that stand everywhere: they are struck out of objects alone.
const SHORTEST: usize = 6;
/// Variables whose literal value is known to be harmless.
const HARMLESS: [&str; 8] =
    ["VITTE_GRACE", "VITTE_LOG", "VITTE_LOG_FORMAT", "VITTE_SCHEMA_WAIT", "RUST_LOG", "RUST_BACKTRACE", "TZ", "LANG"];
/// Keys whose text is a secret by its name. References end in `Ref` or `Name` and are none.
const SECRET_KEYS: [&str; 8] =
    ["password", "passwd", "token", "secret", "apikey", "accesskey", "privatekey", "authorization"];

/// What looks like a secret, and how much of it stays.
const SHAPES: [(&str, &str); 9] = [
    // Telegram: the bot's number, then 35 characters. Cut short by a log it is still one.
    (r"[0-9]{6,12}:[A-Za-z0-9_-]{20,}", GONE),
    (r"-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|\z)", GONE),
    (r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)?", GONE),
    // Names of objects have no underscore: theirs with a dash are told by the prefix.
    (r"\b(sk-|[prs]k_|gh[pousr]_|glpat-|xox[abpr]-|live_|test_)[A-Za-z0-9_-]{16,}", GONE),
    (r"\bAKIA[0-9A-Z]{16}\b", GONE),
    // The password of an address; its user, host and path stay.
    (r"([a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", "$1:[not shown]@"),
    // The public half of a Sentry DSN and the like: a user without a password, long and of hex digits.
    (r"([a-z][a-z0-9+.-]*://)[0-9a-f]{24,}@", "$1[not shown]@"),
    (r"(?i)\b(bearer|basic)([ \t]+)[A-Za-z0-9+/=._~-]{6,}", "$1$2[not shown]"),
    // On one line: in YAML what follows on the next is another key.
    (
        r#"(?i)\b(authorization|password|passwd|token|secret|api[-_]?key)(["']?[ \t]*[=:][ \t]*["']?)[^\s"',;&\[\]{}]{6,}"#,
        "$1$2[not shown]",
    ),
];

pub struct Scrubber {
    /// Longest first, so that what contains another goes whole.
    values: Vec<String>,
    shapes: Vec<(Regex, &'static str)>,
}

impl Scrubber {
    /// `secrets`: the values of every Secret that the bot uses.
    #[must_use]
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let forms: BTreeSet<String> = secrets.into_iter().flat_map(forms).collect();
        let mut values: Vec<String> = forms.into_iter().filter(|form| form.len() >= SHORTEST).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let shapes = SHAPES.into_iter().filter_map(|(shape, stays)| Some((Regex::new(shape).ok()?, stays))).collect();
        Self { values, shapes }
    }

    /// The same text without values of Secrets and without what looks like one.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for value in &self.values {
            if text.contains(value.as_str()) {
                text = text.replace(value.as_str(), GONE);
            }
        }
        for (shape, stays) in &self.shapes {
            if shape.is_match(&text) {
                text = shape.replace_all(&text, *stays).into_owned();
            }
        }
        text
    }

    /// The same object without what may hold a secret.
    #[must_use]
    pub fn object(&self, mut object: Value) -> Value {
        let sizes = |map: &Value| {
            let keys = map.as_object().into_iter().flatten();
            keys.map(|(key, value)| (key.clone(), size(value))).collect::<serde_json::Map<_, _>>()
        };
        match object["kind"].as_str() {
            Some("Secret") => {
                let keys: BTreeSet<String> =
                    ["data", "stringData"].iter().flat_map(|part| keys(&object[*part])).collect();
                let metadata = &object["metadata"];
                // Annotations of a Secret may repeat it (`kubectl apply` does).
                let kept = ["name", "namespace", "labels", "creationTimestamp"];
                let kept = kept.into_iter().filter_map(|key| Some((key, metadata.get(key)?.clone())));
                let metadata: serde_json::Map<_, _> = kept.map(|(key, value)| (key.to_owned(), value)).collect();
                object = json!({"apiVersion": "v1", "kind": "Secret", "type": object["type"], "metadata": metadata,
                    "keys": keys});
            }
            Some("ConfigMap") => {
                for part in ["data", "binaryData"] {
                    if object.get(part).is_some() {
                        object[part] = Value::Object(sizes(&object[part]));
                    }
                }
            }
            _ => {}
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
                // The whole object once more, environment and all.
                annotations.retain(|key, _| !key.ends_with("last-applied-configuration"));
            }
        }
        self.walk(&mut object);
        object
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.scrub(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.walk(value)),
            Value::Object(fields) => {
                for (key, value) in fields.iter_mut() {
                    if key == "env" {
                        value.as_array_mut().into_iter().flatten().for_each(mask_variable);
                    }
                    let last = key.rsplit(['/', '.', '_', '-']).next().unwrap_or(key).to_ascii_lowercase();
                    let is_secret = SECRET_KEYS.iter().any(|secret| last.ends_with(secret));
                    match value {
                        Value::String(text) if is_secret && !text.is_empty() => GONE.clone_into(text),
                        value => self.walk(value),
                    }
                }
            }
            _ => {}
        }
    }
}

/// A literal value that nobody vouches for goes; where a value comes from stays.
fn mask_variable(variable: &mut Value) {
    let vouched = variable["name"].as_str().is_some_and(|name| HARMLESS.contains(&name));
    if !vouched && let Some(value) = variable.get_mut("value") {
        *value = json!(GONE);
    }
}

fn keys(map: &Value) -> Vec<String> {
    map.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
}

fn size(value: &Value) -> Value {
    json!(format!("{} bytes, {GONE}", value.as_str().unwrap_or_default().len()))
}

/// How a value may stand in a text.
fn forms(secret: &[u8]) -> Vec<String> {
    let mut forms: Vec<String> =
        [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().map(|b| b.encode(secret)).collect();
    let Ok(text) = std::str::from_utf8(secret) else { return forms };
    let trimmed = text.trim();
    let mut plain = vec![text.to_owned(), trimmed.to_owned()];
    // Of a file (a key, a certificate, an .env) each line stands for itself.
    if trimmed.contains('\n') {
        plain.extend(trimmed.lines().map(|line| line.trim().to_owned()).filter(|line| line.len() >= 12));
    }
    if let Some((_, rest)) = trimmed.split_once("://")
        && let Some((user, _)) = rest.rsplit_once('@')
    {
        plain.extend(user.split(':').skip(usize::from(user.contains(':'))).map(str::to_owned));
        plain.extend(user.contains(':').then(|| user.to_owned()));
    }
    for text in plain {
        let quoted = Value::String(text.clone()).to_string();
        forms.push(quoted[1..quoted.len() - 1].to_owned());
        forms.push(percent(&text));
        forms.push(text);
    }
    forms
}

/// As it stands in an address.
fn percent(text: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|b| if unreserved(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
