//! One line of a log (pure): read, chosen or not, and written for people.
//!
//! Vitte writes JSON, one object a line, with its event's fields beside `timestamp`, `level`, `target` and `message`, and
//! the innermost span under `span`. Whatever else a pod writes (PostgreSQL, Redis, a panic) is kept as it is.

use serde_json::{Map, Value};

use crate::cli::Level;
use crate::screen::{Colour, Paint, harmless};

/// Fields that have their own place in a line, or none.
const APART: [&str; 6] = ["timestamp", "level", "message", "target", "span", "spans"];

/// What a line must be to be shown.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub level: Option<Level>,
    pub trace: Option<String>,
}

/// A line, without the time that the kubelet writes before it.
pub enum Line<'a> {
    Json(Map<String, Value>),
    Text(&'a str),
}

impl<'a> Line<'a> {
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(fields)) if fields.contains_key("level") || fields.contains_key("message") => {
                Self::Json(fields)
            }
            _ => Self::Text(text),
        }
    }

    /// A line without a level may be the panic that one looks for: a level alone does not hide it.
    #[must_use]
    pub fn passes(&self, filter: &Filter) -> bool {
        match self {
            Self::Text(_) => filter.trace.is_none(),
            Self::Json(fields) => {
                let level = filter.level.is_none_or(|least| level(fields).is_none_or(|level| level >= least));
                level && filter.trace.as_deref().is_none_or(|id| trace(fields) == Some(id))
            }
        }
    }

    /// For people: time of day (UTC), level, message, the rest as `key=value`.
    #[must_use]
    pub fn print(&self, paint: Paint) -> String {
        let fields = match self {
            Self::Text(text) => return harmless(text),
            Self::Json(fields) => fields,
        };
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        let time = text("timestamp").split_once('T').map_or(text("timestamp"), |(_, time)| time);
        // Milliseconds are enough to follow; the whole is in --raw.
        let time = time.trim_end_matches('Z').get(..12).unwrap_or(time);
        let level = level(fields).map_or_else(|| paint.dim("-    "), |level| in_colour(level, paint));
        let mut out = format!("{} {level} {}", paint.dim(&harmless(time)), harmless(text("message")));
        for (key, value) in fields.iter().filter(|(key, _)| !APART.contains(&key.as_str())) {
            out.push_str(&pair(key, value, paint));
        }
        if let Some(Value::Object(span)) = fields.get("span") {
            for (key, value) in span.iter().filter(|(key, _)| *key != "name" && !fields.contains_key(*key)) {
                out.push_str(&pair(key, value, paint));
            }
        }
        out
    }
}

fn pair(key: &str, value: &Value, paint: Paint) -> String {
    let value = match value {
        Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => text.clone(),
        other => other.to_string(),
    };
    format!(" {}{}", paint.dim(&format!("{}=", harmless(key))), harmless(&value))
}

fn level(fields: &Map<String, Value>) -> Option<Level> {
    let text = fields.get("level")?.as_str()?;
    let levels = [
        ("trace", Level::Trace),
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("warning", Level::Warn),
        ("error", Level::Error),
    ];
    levels.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, level)| level)
}

/// Of the event itself, else of the span that it happened in.
fn trace(fields: &Map<String, Value>) -> Option<&str> {
    fields
        .get("trace_id")
        .or_else(|| fields.get("span")?.get("trace_id"))
        .or_else(|| fields.get("spans")?.as_array()?.iter().find_map(|span| span.get("trace_id")))?
        .as_str()
}

fn in_colour(level: Level, paint: Paint) -> String {
    match level {
        Level::Trace => paint.dim("TRACE"),
        Level::Debug => paint.with(Colour::Blue, "DEBUG"),
        Level::Info => paint.with(Colour::Green, "INFO "),
        Level::Warn => paint.with(Colour::Yellow, "WARN "),
        Level::Error => paint.with(Colour::Red, "ERROR"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WARNING: &str = r#"{"timestamp":"2026-01-01T12:00:00.123456Z","level":"WARN","target":"vitte_platform::intake","message":"an update was not taken","update_id":7,"reason":"pool timed out","span":{"trace_id":"0af7651916cd43dd8448eb211c80319c","name":"update"}}"#;

    fn shown(text: &str, level: Option<Level>, trace: Option<&str>) -> bool {
        Line::parse(text).passes(&Filter { level, trace: trace.map(str::to_owned) })
    }

    #[test]
    fn json_is_printed_for_people() {
        assert_eq!(
            Line::parse(WARNING).print(Paint::default()),
            "12:00:00.123 WARN  an update was not taken update_id=7 reason=\"pool timed out\" trace_id=0af7651916cd43dd8448eb211c80319c"
        );
    }

    #[test]
    fn what_is_no_log_line_of_ours_stays_as_it_is() {
        for text in ["thread 'main' panicked at src/x.rs:1:1", "{\"a\": 1}", "{not json", "17", ""] {
            assert_eq!(Line::parse(text).print(Paint::default()), text);
        }
    }

    #[test]
    fn a_line_cannot_move_the_cursor() {
        let nasty = "{\"level\":\"INFO\",\"message\":\"\\u001b[2Jgone\",\"timestamp\":\"x\"}";
        assert!(!Line::parse(nasty).print(Paint::default()).contains('\u{1b}'));
    }

    #[test]
    fn a_level_hides_what_is_less_and_never_a_panic() {
        assert!(shown(WARNING, Some(Level::Warn), None) && shown(WARNING, Some(Level::Info), None));
        assert!(!shown(WARNING, Some(Level::Error), None));
        assert!(shown("thread 'main' panicked", Some(Level::Error), None));
    }

    #[test]
    fn a_trace_is_found_in_the_event_and_in_its_span() {
        let id = "0af7651916cd43dd8448eb211c80319c";
        assert!(shown(WARNING, None, Some(id)));
        assert!(shown(&format!("{{\"level\":\"INFO\",\"trace_id\":\"{id}\"}}"), None, Some(id)));
        assert!(!shown(WARNING, None, Some("1af7651916cd43dd8448eb211c80319c")));
        assert!(!shown("no json", None, Some(id)));
    }
}
