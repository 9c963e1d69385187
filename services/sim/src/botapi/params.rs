//! The parameters of a Bot API call, however they came: query, form, multipart or JSON.
//!
//! In forms everything is text, so numbers and objects are read from text too, as Telegram does.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{Method, header};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::answer::ApiError;

/// Parameters that are JSON inside a text when they come in a form.
const JSON_PARAMETERS: [&str; 9] = [
    "reply_markup",
    "entities",
    "caption_entities",
    "allowed_updates",
    "commands",
    "scope",
    "reply_parameters",
    "link_preview_options",
    "menu_button",
];

/// A file that came with a call.
#[derive(Clone, Debug)]
pub struct Upload {
    pub name: Option<String>,
    pub mime: Option<String>,
    pub bytes: Bytes,
}

#[derive(Debug, Default)]
pub struct Params {
    pub values: Map<String, Value>,
    pub files: HashMap<String, Upload>,
}

impl Params {
    /// Reads query and body.
    ///
    /// # Errors
    /// 400 with what is wrong with the body, 413 when it is too large.
    pub async fn read(request: Request) -> Result<Self, ApiError> {
        let mut params = Self::default();
        if let Some(query) = request.uri().query() {
            params.add_form(query.as_bytes());
        }
        if request.method() == Method::POST {
            params.add_body(request).await?;
        }
        for name in JSON_PARAMETERS {
            if let Some(value) = params.values.get_mut(name)
                && let Some(parsed) = value.as_str().and_then(|text| serde_json::from_str(text).ok())
            {
                *value = parsed;
            }
        }
        Ok(params)
    }

    async fn add_body(&mut self, request: Request) -> Result<(), ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
        if kind == "multipart/form-data" {
            let form = Multipart::from_request(request, &()).await.map_err(|e| ApiError::bad(e.body_text()))?;
            return self.add_multipart(form).await;
        }
        let body = Bytes::from_request(request, &()).await.map_err(|_| ApiError::too_large())?;
        match kind.as_str() {
            "application/json" if !body.is_empty() => match serde_json::from_slice(&body) {
                Ok(Value::Object(values)) => self.values.extend(values),
                _ => return Err(ApiError::bad("can't parse JSON object")),
            },
            "application/x-www-form-urlencoded" => self.add_form(&body),
            // Anything else is ignored, as at Telegram.
            _ => {}
        }
        Ok(())
    }

    fn add_form(&mut self, form: &[u8]) {
        let uri = form_pairs(form);
        self.values.extend(uri.into_iter().map(|(key, value)| (key, Value::String(value))));
    }

    async fn add_multipart(&mut self, mut form: Multipart) -> Result<(), ApiError> {
        let unreadable = |error: axum::extract::multipart::MultipartError| {
            if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
                ApiError::too_large()
            } else {
                ApiError::bad(error.body_text())
            }
        };
        while let Some(field) = form.next_field().await.map_err(unreadable)? {
            let Some(key) = field.name().map(str::to_owned) else { continue };
            let name = field.file_name().map(str::to_owned);
            let mime = field.content_type().map(str::to_owned);
            let bytes = field.bytes().await.map_err(unreadable)?;
            if let Some(name) = name {
                // Clients without a name to give send an empty one.
                let name = (!name.is_empty()).then_some(name);
                self.files.insert(key, Upload { name, mime, bytes });
            } else {
                let text = String::from_utf8(bytes.to_vec());
                let text = text.map_err(|_| ApiError::bad("strings must be encoded in UTF-8"))?;
                self.values.insert(key, Value::String(text));
            }
        }
        Ok(())
    }

    /// As `GET /sim/calls` shows them: files by name and size.
    pub fn shown(&self) -> Map<String, Value> {
        let mut shown = self.values.clone();
        for (key, file) in &self.files {
            shown.insert(key.clone(), json!({"file_name": file.name, "size": file.bytes.len()}));
        }
        shown
    }

    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.values.get(name)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Null => None,
            other => Some(Cow::Owned(other.to_string())),
        }
    }

    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_i64(),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes"),
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            _ => false,
        }
    }

    /// An object or a list; absent when empty.
    pub fn json(&self, name: &str) -> Option<&Value> {
        self.values.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }
}

/// Pairs of `application/x-www-form-urlencoded`.
pub fn form_pairs(form: &[u8]) -> Vec<(String, String)> {
    form.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let (key, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            (decode(key), decode(value))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or_default() << 4 | hex(*low).unwrap_or_default());
                after
            }
            (b'+', _) => {
                bytes.push(b' ');
                tail
            }
            _ => {
                bytes.push(*first);
                tail
            }
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
