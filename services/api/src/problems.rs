//! Every error under `/api/v1` is a problem document, whoever made it: a handler, the router (404, 405), or an
//! extractor that did not like the request. All of them carry the request's `trace_id`.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use vitte_platform::http::Problem;
use vitte_platform::telemetry::trace;

const PROBLEM: &str = "application/problem+json";
/// A request's body.
pub const BODY: usize = 1024 * 1024;
/// A request, from its headers to its answer.
const LIMIT: Duration = Duration::from_secs(30);
/// An error's own text, as long as it may become a detail.
const DETAIL: usize = 2048;

pub async fn no_such_resource(uri: Uri) -> Problem {
    Problem::not_found("the resource").detail(format!("there is no {}", uri.path()))
}

pub async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "the resource does not know this method")
        .detail(format!("{} cannot be asked with {method}; `Allow` names what can", uri.path()))
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request's body is too large")
        .detail(format!("at most {BODY} bytes"))
}

/// Bounds the request, and makes every error a problem of this request.
pub async fn mend(request: Request, next: Next) -> Response {
    // A length that is said; one that is not is counted by the extractors.
    if request.body().size_hint().lower() > BODY as u64 {
        return too_large().into_response();
    }
    let response = match tokio::time::timeout(LIMIT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(trace_id = %trace::current_or_new(), "a request took too long");
            Problem::unavailable().detail(format!("it took longer than {} s", LIMIT.as_secs())).into_response()
        }
    };
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let is_problem = parts.headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes() == PROBLEM.as_bytes());
    let text = axum::body::to_bytes(body, 64 * 1024).await.unwrap_or_default();
    let body = if is_problem { text.to_vec() } else { rewrite(status, &text).await };
    let body = with_trace(body);
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
    Response::from_parts(parts, Body::from(body))
}

/// A problem from an error that is none: the status says its kind; the text, if it speaks to the client, its detail.
async fn rewrite(status: StatusCode, text: &[u8]) -> Vec<u8> {
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let name = title.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        // What is inside stays inside.
        _ if status.is_server_error() => Problem::new(status, "internal", "something went wrong here"),
        _ => match std::str::from_utf8(text).map(str::trim) {
            Ok(detail) if !detail.is_empty() && detail.len() <= DETAIL => {
                Problem::new(status, &name, title).detail(detail)
            }
            _ => Problem::new(status, &name, title),
        },
    };
    let body = problem.into_response().into_body();
    axum::body::to_bytes(body, 64 * 1024).await.unwrap_or_default().to_vec()
}

fn with_trace(body: Vec<u8>) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(&body) else { return body };
    if let Some(fields) = document.as_object_mut() {
        fields.insert("trace_id".to_owned(), trace::current_or_new().into());
    }
    serde_json::to_vec(&document).unwrap_or(body)
}
