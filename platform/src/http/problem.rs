//! Errors over HTTP: RFC 9457 problem documents with a stable `type` and the request's `trace_id`.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::api::Fault;
use crate::telemetry::trace;

/// `application/problem+json`. What is inside never goes out: it is logged under the same `trace_id`.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// Stable: `https://vitte.dev/problems/<name>`.
    #[serde(rename = "type")]
    kind: Box<str>,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    trace_id: Box<str>,
    /// What is wrong with each field of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
    /// A header that belongs to it.
    #[serde(skip)]
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl Problem {
    pub fn new(status: StatusCode, name: &str, title: impl Into<String>) -> Self {
        Self {
            kind: format!("https://vitte.dev/problems/{name}").into(),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            trace_id: trace::current_or_new().into(),
            errors: Vec::new(),
            header: None,
        }
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The request's body or query does not hold what it should.
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "the request is not valid");
        let told = errors.iter().map(|fault| format!("{} {}", fault.field, fault.detail));
        problem.detail = Some(told.collect::<Vec<_>>().join("; "));
        problem.errors = errors;
        problem
    }

    /// With the header that says how to log in (RFC 6750).
    #[must_use]
    pub fn bearer(self) -> Self {
        self.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("{what} was not found"))
    }

    /// Our own fault; what it is stays inside.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here")
    }

    /// The database is away: nothing was done, come again.
    pub fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the service is not available now")
            .with(header::RETRY_AFTER, HeaderValue::from(1))
    }

    pub fn too_many(seconds: u64) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "too many requests")
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let problem = if crate::database::is_transient(&error) { Self::unavailable() } else { Self::internal() };
        tracing::error!(trace_id = %problem.trace_id, %error, "a request failed");
        problem
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<sqlx::Error>() {
            Ok(error) => error.into(),
            Err(error) => {
                let away = crate::database::is_transient_chain(&error);
                let problem = if away { Self::unavailable() } else { Self::internal() };
                tracing::error!(trace_id = %problem.trace_id, error = %format!("{error:#}"), "a request failed");
                problem
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let header = self.header.take();
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(header) = header {
            headers.insert(header.0, header.1);
        }
        response
    }
}
