//! Errors over HTTP: RFC 9457 problem documents with a stable `type` and the request's `trace_id`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::telemetry::trace;

/// `application/problem+json`. What is inside never goes out: it is logged under the same `trace_id`.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// Stable: `https://vitte.dev/problems/<name>`.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    trace_id: String,
    #[serde(skip)]
    retry_after: Option<u64>,
}

impl Problem {
    pub fn new(status: StatusCode, name: &str, title: impl Into<String>) -> Self {
        Self {
            kind: format!("https://vitte.dev/problems/{name}"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            trace_id: trace::current_or_new(),
            retry_after: None,
        }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("{what} was not found"))
    }

    /// The database is away: nothing was done, come again.
    pub fn unavailable() -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service is not available now");
        problem.retry_after = Some(1);
        problem
    }

    pub fn too_many(seconds: u64) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "too many requests");
        problem.retry_after = Some(seconds);
        problem
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let problem = if crate::database::is_transient(&error) {
            Self::unavailable()
        } else {
            Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here")
        };
        tracing::error!(trace_id = %problem.trace_id, %error, "a request failed");
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
