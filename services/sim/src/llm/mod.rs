//! The simulated model: an OpenAI-compatible endpoint under `/sim/llm/v1`.
//!
//! A chat-completion request enters (`request`), `answer` makes the text from nothing but the
//! messages, `stream` decides what goes over the wire and when, and JSON or server-sent events
//! leave. Ordered faults (`chat/completions`) are taken once per request, before anything is sent.
//! What must never happen here: an answer that depends on time or chance, and a wait without end.

mod answer;
#[cfg(test)]
mod answer_tests;
mod facts;
mod intent;
mod persona;
mod phrases;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod words;

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::json;

use crate::Sim;
use crate::world::faults::{Fault, FaultMode};
use request::{Refusal, Request};
use stream::Completion;

/// As a fault names this endpoint.
const METHOD: &str = "chat/completions";
/// Answers at a human pace.
const MODEL: &str = "vitte-sim";
/// Answers at once: for tests and load.
const FAST_MODEL: &str = "vitte-sim-fast";
/// How long silence lasts when the fault does not say.
const SILENCE: Duration = Duration::from_secs(600);

/// The model's routes.
pub fn router(sim: Sim) -> Router {
    Router::new()
        .route("/sim/llm/v1/chat/completions", post(complete))
        .route("/sim/llm/v1/models", get(models))
        .with_state(sim)
}

async fn models() -> Json<serde_json::Value> {
    let model = |id| json!({"id": id, "object": "model", "created": 0, "owned_by": "vitte"});
    Json(json!({"object": "list", "data": [model(MODEL), model(FAST_MODEL)]}))
}

async fn complete(State(sim): State<Sim>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refusal) = request::authorize(&headers) {
        return refusal.into_response();
    }
    let request = match Request::read(&body) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let fault = sim.take_fault(METHOD, None);
    // Silence waits inside the answer, everything else before it.
    let silent = fault.as_ref().is_some_and(|f| f.mode == Some(FaultMode::Silence));
    if let Some(delay) = fault.as_ref().and_then(Fault::delay).filter(|_| !silent) {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = sim.closing() => {}
        }
    }
    if let Some(fault) = &fault
        && fault.mode.is_none()
    {
        if fault.drops() {
            return stream::broken().into_response();
        }
        if fault.status != 0 {
            return ordered_error(fault);
        }
    }
    let silence = fault.as_ref().and_then(Fault::delay).unwrap_or(SILENCE);
    let completion = Completion::new(&request, crate::clock::now());
    let steps = if request.stream {
        completion.events(fault.as_ref(), silence)
    } else {
        completion.whole(fault.as_ref(), silence)
    };
    let kind = if request.stream { "text/event-stream" } else { "application/json" };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(stream::play(steps, sim))).into_response()
}

/// The HTTP error that a fault asks for.
fn ordered_error(fault: &Fault) -> Response {
    let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, message) = match fault.status {
        400 => ("invalid_request_error", "Invalid request"),
        401 => ("invalid_api_key", "Incorrect API key provided"),
        402 => ("insufficient_quota", "Insufficient credits"),
        403 => ("content_policy_violation", "The request was refused by moderation"),
        408 => ("timeout", "Request timed out"),
        429 => ("rate_limit_exceeded", "Rate limit reached for requests"),
        502 => ("bad_gateway", "The provider returned an error"),
        503 => ("service_unavailable", "The model is overloaded, please try again later"),
        _ => ("server_error", "The server had an error while processing your request"),
    };
    let message = fault.description.clone().unwrap_or_else(|| message.to_owned());
    let mut response = Refusal { status, code, message }.into_response();
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
