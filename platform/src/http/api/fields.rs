//! Bodies and queries, read field by field: all faults at once, each with its field's name, as 422.
//!
//! Fields that nobody asks for are ignored: clients send what newer or older servers know. A field that is `null` is
//! one that was left out, except where a change may empty it ([`Fields::patch`]).

use std::ops::RangeInclusive;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use chrono::NaiveTime;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::http::Problem;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub field: String,
    pub detail: String,
}

impl Fault {
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { field: field.into(), detail: detail.into() }
    }
}

/// A change of a field that may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    #[default]
    Keep,
    Empty,
    To(T),
}

impl<T> Patch<T> {
    /// The value after the change.
    pub fn apply(self, now: Option<T>) -> Option<T> {
        match self {
            Patch::Keep => now,
            Patch::Empty => None,
            Patch::To(value) => Some(value),
        }
    }
}

/// A JSON object, whatever the request calls its content type.
pub struct Body(Map<String, Value>);

impl Body {
    pub fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Reads the fields that `read` asks for.
    pub fn read<T>(self, read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Problem> {
        let mut fields = Fields { values: self.0, faults: Vec::new() };
        let value = read(&mut fields);
        match value {
            Some(value) if fields.faults.is_empty() => Ok(value),
            _ => Err(Problem::invalid(fields.faults)),
        }
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = axum::response::Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        use axum::response::IntoResponse;
        // Its rejection says what the limit is.
        let bytes = bytes::Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let fault = |detail: String| Problem::invalid(vec![Fault::new("body", detail)]).into_response();
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(fault("is not a JSON object".to_owned())),
            Err(error) => Err(fault(format!("is not JSON: {error}"))),
        }
    }
}

/// A body's fields, as they are asked for. Each reader takes its field, and notes what is wrong with it.
pub struct Fields {
    values: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    pub fn fault(&mut self, field: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(field, detail));
    }

    /// A field that must be there. `None` after a fault was noted.
    pub fn required<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        match self.values.get(field) {
            None | Some(Value::Null) => {
                self.fault(field, "is missing");
                None
            }
            Some(value) => match read(value) {
                Ok(value) => Some(value),
                Err(detail) => {
                    self.fault(field, detail);
                    None
                }
            },
        }
    }

    /// A field that may be left out.
    pub fn optional<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        match self.values.get(field) {
            None | Some(Value::Null) => None,
            Some(_) => self.required(field, read),
        }
    }

    /// A field of a change: left out it stays, `null` empties it.
    pub fn patch<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Patch<T> {
        match self.values.get(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Empty,
            Some(_) => self.required(field, read).map_or(Patch::Keep, Patch::To),
        }
    }
}

/// Text of so many characters. PostgreSQL keeps no NUL: it is refused.
pub fn text(length: RangeInclusive<usize>) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = value.as_str().ok_or("is not a text")?;
        let count = text.chars().count();
        if !length.contains(&count) {
            return Err(format!("has {count} characters; allowed: {} to {}", length.start(), length.end()));
        }
        if text.contains('\0') {
            return Err("contains a NUL character".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// A whole number; `21`, `21.0` and `"21"` are the same, as clients in untyped languages send them.
pub fn integer(range: RangeInclusive<i64>) -> impl Fn(&Value) -> Result<i64, String> {
    move |value| {
        #[expect(clippy::cast_possible_truncation, reason = "the fraction is zero and the size is bounded")]
        let whole = |f: f64| (f.fract() == 0.0 && f.abs() < 9e15).then_some(f as i64);
        let number = match value {
            Value::Number(n) => n.as_i64().or_else(|| n.as_f64().and_then(whole)),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(n) if range.contains(&n) => Ok(n),
            Some(n) if *range.end() == i64::MAX => Err(format!("is {n}; allowed: {} or more", range.start())),
            Some(n) => Err(format!("is {n}; allowed: {} to {}", range.start(), range.end())),
            None => Err("is not a whole number".to_owned()),
        }
    }
}

pub fn boolean(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Number(n) if n.as_i64() == Some(0) => Ok(false),
        Value::Number(n) if n.as_i64() == Some(1) => Ok(true),
        Value::String(text) => truth(text).ok_or_else(|| "is not a truth value; allowed: true, false".to_owned()),
        _ => Err("is not a truth value; allowed: true, false".to_owned()),
    }
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "y" | "t" => Some(true),
        "false" | "0" | "no" | "off" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// `HH:MM` or `HH:MM:SS`, 24 hours.
pub fn time(value: &Value) -> Result<NaiveTime, String> {
    const ALLOWED: &str = "is not a time of day; allowed: HH:MM or HH:MM:SS";
    let text = value.as_str().ok_or(ALLOWED)?;
    let well_formed = text.split(':').all(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()));
    // chrono would take a leap second for a time.
    if !well_formed || text.ends_with(":60") {
        return Err(ALLOWED.to_owned());
    }
    NaiveTime::parse_from_str(text, "%H:%M")
        .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S"))
        .map_err(|_| ALLOWED.to_owned())
}

/// An IANA zone's name.
pub fn zone(value: &Value) -> Result<String, String> {
    let name = text(1..=50)(value)?;
    match name.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(name),
        Err(_) => Err("is not a time zone; allowed: an IANA name, like Europe/Moscow".to_owned()),
    }
}

/// A query's `name=value` pairs; of one name the last counts.
pub struct Pairs(Body);

impl Pairs {
    /// Reads the parameters that `read` asks for.
    pub fn read<T>(self, read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Problem> {
        self.0.read(read)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Pairs {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|e| Problem::invalid(vec![Fault::new("query", e.to_string())]))?;
        let fields = pairs.into_iter().map(|(name, value)| (name, Value::String(value)));
        Ok(Self(Body(fields.collect())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read<T>(value: Value, read: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, String> {
        let Value::Object(fields) = value else { panic!("no object") };
        Body(fields).read(read).map_err(|p| serde_json::to_string(&p).unwrap())
    }

    #[test]
    fn every_fault_is_said_at_once_with_its_field() {
        let error = read(json!({"name": "", "days": "many", "at": "24:00"}), |f| {
            let name = f.required("name", text(1..=5));
            let days = f.optional("days", integer(1..=9));
            let at = f.required("at", time);
            f.required("zone", zone);
            Some((name?, days, at?))
        })
        .unwrap_err();
        for part in
            [r#""field":"name""#, r#""field":"days""#, r#""field":"at""#, r#""field":"zone","detail":"is missing""#]
        {
            assert!(error.contains(part), "{part} in {error}");
        }
    }

    #[test]
    fn null_is_left_out_and_empties_only_what_a_change_may_empty() {
        let body = || json!({"a": null, "b": "x", "unknown": {}});
        assert_eq!(read(body(), |f| Some(f.optional("a", text(1..=5)))), Ok(None));
        assert!(read(body(), |f| f.required("a", text(1..=5))).is_err());
        let patches =
            |f: &mut Fields| Some((f.patch("a", text(1..=5)), f.patch("b", text(1..=5)), f.patch("c", text(1..=5))));
        assert_eq!(read(body(), patches), Ok((Patch::Empty, Patch::To("x".to_owned()), Patch::Keep)));
    }

    #[test]
    fn values_are_taken_as_clients_in_untyped_languages_send_them_and_no_further() {
        for (value, number) in [(json!(21), Some(21)), (json!(21.0), Some(21)), (json!("21"), Some(21))] {
            assert_eq!(integer(1..=99)(&value).ok(), number, "{value}");
        }
        for bad in [json!(2.5), json!("x"), json!(true), json!(1e300), json!(0), json!([1])] {
            assert!(integer(1..=99)(&bad).is_err(), "{bad}");
        }
        for (text, expected) in [("09:05", Some("09:05:00")), ("23:59:58", Some("23:59:58"))] {
            assert_eq!(time(&json!(text)).ok().map(|t| t.to_string()).as_deref(), expected);
        }
        for bad in ["9:05", "24:00", "09:60", "09:05:60", "09", "09:05:00.5", "09:05Z", "+9:05", ""] {
            assert!(time(&json!(bad)).is_err(), "{bad}");
        }
        assert!(zone(&json!("Pacific/Chatham")).is_ok());
        for bad in ["Mars/Olympus", "", "UTC+3", &"x".repeat(51)] {
            assert!(zone(&json!(bad)).is_err(), "{bad}");
        }
    }
}
