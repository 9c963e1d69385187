//! A chat-completion request: read leniently where providers are lenient, refused in OpenAI's form.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Message, Role};

/// Why a request is refused: `{"error": {"code", "message", "type"}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    fn invalid(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "invalid_request_error", message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            429 => "rate_limit_error",
            400..=499 => "invalid_request_error",
            _ => "server_error",
        };
        let body = json!({"error": {"code": self.code, "message": self.message, "type": kind, "param": null}});
        (self.status, Json(body)).into_response()
    }
}

/// Any key is right but an empty one and the word `invalid`, which stands for a wrong one.
pub(super) fn authorize(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = given.strip_prefix("Bearer ").unwrap_or_default().trim();
    let message = match key {
        "" => "You didn't provide an API key. Put it in the header Authorization: Bearer <key>.",
        "invalid" => "Incorrect API key provided.",
        _ => return Ok(()),
    };
    Err(Refusal { status: StatusCode::UNAUTHORIZED, code: "invalid_api_key", message: message.to_owned() })
}

#[derive(Debug)]
pub(super) struct Request {
    pub model: String,
    pub messages: Vec<Message>,
    pub stream: bool,
    pub include_usage: bool,
    /// In tokens.
    pub limit: Option<usize>,
}

#[derive(Deserialize)]
struct Wire {
    model: Option<String>,
    messages: Option<Vec<WireMessage>>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Deserialize)]
struct WireMessage {
    role: String,
    /// A text, parts, or null beside tool calls.
    #[serde(default)]
    content: Value,
}

impl Request {
    /// # Errors
    /// Says which field is wrong.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let wire: Wire = serde_json::from_slice(body)
            .map_err(|error| Refusal::invalid(format!("We could not parse the JSON body of your request: {error}")))?;
        let given = wire
            .messages
            .filter(|messages| !messages.is_empty())
            .ok_or_else(|| Refusal::invalid("Missing required parameter: 'messages'."))?;
        let mut messages = Vec::with_capacity(given.len());
        for (at, message) in given.into_iter().enumerate() {
            let role = match message.role.as_str() {
                "system" | "developer" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                // What a tool returned is no part of the talk.
                "tool" | "function" => continue,
                other => {
                    return Err(Refusal::invalid(format!(
                        "Invalid value: '{other}' at 'messages[{at}].role'. Supported values are: 'system', 'developer', 'user', 'assistant' and 'tool'."
                    )));
                }
            };
            let text = content(&message.content).ok_or_else(|| {
                Refusal::invalid(format!(
                    "Invalid type for 'messages[{at}].content': expected a string or an array of parts."
                ))
            })?;
            messages.push(Message { role, text });
        }
        Ok(Self {
            model: wire.model.unwrap_or_else(|| super::MODEL.to_owned()),
            messages,
            stream: wire.stream.unwrap_or(false),
            include_usage: wire.stream_options.and_then(|options| options.include_usage).unwrap_or(false),
            limit: wire.max_completion_tokens.or(wire.max_tokens),
        })
    }
}

fn content(content: &Value) -> Option<String> {
    match content {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts
                .iter()
                .map(|part| match part["type"].as_str() {
                    Some("image_url") => "photo",
                    _ => part["text"].as_str().unwrap_or_default(),
                })
                .collect();
            Some(texts.join("\n"))
        }
        _ => None,
    }
}
