//! The webhook: Telegram posts an update, 200 after its commit.
//!
//! Refused before the body is read: another method (405), a missing or wrong secret (401, compared in constant time).
//! A body over 1 MiB is 413, one that does not come in time 408. What is not an update is 400; the database away or too
//! much waiting is 503 with Retry-After, and Telegram repeats.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Intake, IntakeError};

pub const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";
/// Telegram's updates are some kilobytes.
const BODY_LIMIT: usize = 1024 * 1024;
/// From the headers to the body's end.
const BODY_TIME: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Webhook {
    intake: Arc<Intake>,
    /// Accepted secrets: the current one and, while it rotates, the previous.
    secrets: Arc<[SecretString]>,
}

/// The route at `path`.
pub fn router(intake: Arc<Intake>, path: &str, secrets: Vec<SecretString>) -> Router {
    Router::new()
        .route(path, post(receive))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(Webhook { intake, secrets: secrets.into() })
}

impl Webhook {
    /// Every secret is compared whole, whatever the first difference is.
    fn allows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(SECRET_HEADER).map(axum::http::HeaderValue::as_bytes).unwrap_or_default();
        let mut allowed = subtle::Choice::from(0);
        for secret in self.secrets.iter() {
            allowed |= secret.expose_secret().as_bytes().ct_eq(given);
        }
        allowed.into()
    }
}

/// The request shows the secret. As the parts are looked at before the body, nobody else has theirs read.
struct Telegram;

impl FromRequestParts<Webhook> for Telegram {
    type Rejection = (StatusCode, &'static str);

    async fn from_request_parts(parts: &mut Parts, webhook: &Webhook) -> Result<Self, Self::Rejection> {
        if webhook.allows(&parts.headers) {
            Ok(Self)
        } else {
            Err((StatusCode::UNAUTHORIZED, "the secret token is missing or wrong\n"))
        }
    }
}

/// The body, in time.
struct Body(Bytes);

impl FromRequest<Webhook> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, webhook: &Webhook) -> Result<Self, Response> {
        match tokio::time::timeout(BODY_TIME, Bytes::from_request(request, webhook)).await {
            Ok(body) => body.map(Self).map_err(IntoResponse::into_response),
            Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n").into_response()),
        }
    }
}

async fn receive(State(webhook): State<Webhook>, _: Telegram, Body(body): Body) -> Response {
    let Ok(raw) = String::from_utf8(body.into()) else {
        return (StatusCode::BAD_REQUEST, "the body is not UTF-8\n").into_response();
    };
    match webhook.intake.accept(raw).await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error @ IntakeError::Malformed(_)) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
        // The reason is in the log; the outside only learns that it may come again.
        Err(IntakeError::Unavailable(_) | IntakeError::Overloaded) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "try again\n").into_response()
        }
    }
}
