//! Answers in Telegram's form, and the errors with Telegram's texts.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::config::SimError;
use crate::entities::EntityError;
use crate::world::faults::Fault;

/// A refusal, as a bot reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: u16,
    pub description: String,
    pub retry_after: Option<u64>,
    pub migrate_to_chat_id: Option<i64>,
}

impl ApiError {
    fn new(code: u16, description: impl Into<String>) -> Self {
        Self { code, description: description.into(), retry_after: None, migrate_to_chat_id: None }
    }

    /// 400; Telegram writes `Bad Request: ` before every reason.
    pub fn bad(reason: impl std::fmt::Display) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized")
    }

    pub fn forbidden(reason: &str) -> Self {
        Self::new(403, format!("Forbidden: {reason}"))
    }

    pub fn not_found() -> Self {
        Self::new(404, "Not Found")
    }

    pub fn conflict(reason: &str) -> Self {
        Self::new(409, format!("Conflict: {reason}"))
    }

    pub fn too_large() -> Self {
        Self::new(413, "Request Entity Too Large")
    }

    pub fn too_many(seconds: u64) -> Self {
        let description = format!("Too Many Requests: retry after {seconds}");
        Self { retry_after: Some(seconds), ..Self::new(429, description) }
    }

    /// What a fault on order says; its texts are those of the most usual cause.
    pub fn ordered(fault: &Fault) -> Self {
        let mut error = match fault.status {
            401 => Self::unauthorized(),
            403 => Self::forbidden("bot was blocked by the user"),
            404 => Self::not_found(),
            409 => Self::conflict(
                "terminated by other getUpdates request; make sure that only one bot instance is running",
            ),
            413 => Self::too_large(),
            429 => Self::too_many(fault.retry_after.unwrap_or(1)),
            code => {
                let reason = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
                Self::new(code, reason.unwrap_or("Error"))
            }
        };
        error.retry_after = error.retry_after.or(fault.retry_after);
        error.migrate_to_chat_id = fault.migrate_to_chat_id;
        if let Some(description) = &fault.description {
            error.description.clone_from(description);
        }
        error
    }
}

impl From<SimError> for ApiError {
    fn from(error: SimError) -> Self {
        tracing::error!(%error, "the simulated world cannot keep what it is told");
        Self::new(500, "Internal Server Error")
    }
}

impl From<EntityError> for ApiError {
    fn from(error: EntityError) -> Self {
        Self::bad(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(seconds) = self.retry_after {
            body["parameters"] = json!({"retry_after": seconds});
        }
        if let Some(id) = self.migrate_to_chat_id {
            body["parameters"] = json!({"migrate_to_chat_id": id});
        }
        let status = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, axum::Json(body)).into_response()
    }
}

/// A result, ready to be sent.
pub enum Answer {
    Value(Value),
    /// With the remark that Telegram adds to some results.
    Remark(Value, &'static str),
    /// JSON made already.
    Raw(String),
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Answer {
    pub const TRUE: Self = Self::Value(Value::Bool(true));
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let body = match self {
            Self::Value(result) => json!({"ok": true, "result": result}).to_string(),
            Self::Remark(result, remark) => json!({"ok": true, "result": result, "description": remark}).to_string(),
            Self::Raw(result) => format!("{{\"ok\":true,\"result\":{result}}}"),
        };
        ([(header::CONTENT_TYPE, "application/json")], body).into_response()
    }
}

/// A response whose body fails at once: the connection is closed and the caller learns nothing.
pub fn dropped() -> Response {
    let error = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "fault on order");
    Response::new(Body::from_stream(futures::stream::once(async { Err::<bytes::Bytes, _>(error) })))
}
