//! Each request's trace id, its line in the log, and its count.
//!
//! `X-Request-Id` is echoed, or made. Where it has the form of a trace id (a UUID has) it is the trace's id, too, so
//! that a client's own log and ours meet.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;
use vitte_platform::telemetry::{metrics, trace};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id to echo, and the trace's.
fn ids(headers: &HeaderMap) -> (String, String) {
    let said = headers
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .filter(|v| (1..=64).contains(&v.len()) && v.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)));
    let Some(said) = said else {
        let id = trace::new_id();
        return (id.clone(), id);
    };
    let plain = said.replace('-', "").to_ascii_lowercase();
    (said.to_owned(), if trace::is_id(&plain) { plain } else { trace::new_id() })
}

/// A template from a fixed set; never the path that the client chose.
fn route(request: &Request) -> String {
    let template = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    match template {
        Some(docs) if docs.starts_with("/docs") => "/docs".to_owned(),
        Some(template) if !template.contains("{*") => template.to_owned(),
        _ => "none".to_owned(),
    }
}

/// Methods are a fixed set in the names of spans, too.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// The outermost middleware.
pub async fn follow(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (request_id, trace_id) = ids(request.headers());
    let (route, method) = (route(&request), name(request.method()));
    let span = trace::request(method, &route, &trace_id);
    let mut response = trace::within(trace_id.clone(), next.run(request)).instrument(span).await;
    let elapsed = started.elapsed();
    let class = match response.status().as_u16() / 100 {
        1 | 2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    };
    metrics().http_requests.with_label_values(&["api", &route, class]).inc();
    metrics().http_seconds.with_label_values(&["api", &route]).observe(elapsed.as_secs_f64());
    let (status, micros) = (response.status().as_u16(), elapsed.as_micros());
    if class == "5xx" {
        tracing::warn!(trace_id, request_id, method, route, status, micros, "a request failed");
    } else {
        tracing::debug!(trace_id, request_id, method, route, status, micros, "request");
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(value: &'static str) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static(value));
        ids(&headers)
    }

    #[test]
    fn a_uuid_from_the_client_is_the_traces_id_and_other_words_are_only_echoed() {
        let (echo, trace_id) = said("0AF76519-16CD-43DD-8448-EB211C80319C");
        assert_eq!(
            (echo.as_str(), trace_id.as_str()),
            ("0AF76519-16CD-43DD-8448-EB211C80319C", "0af7651916cd43dd8448eb211c80319c")
        );
        let (echo, trace_id) = said("order-42");
        assert!(echo == "order-42" && trace::is_id(&trace_id));
        let (echo, trace_id) = said("a b");
        assert!(echo == trace_id && trace::is_id(&echo), "what could break a log's line is not taken");
    }
}
