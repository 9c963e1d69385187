//! Extractors: who asks, and for what.

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{ApiState, BOT_KEY, Fault};
use crate::http::Problem;

/// The person whom the request's token speaks for. 401 without a valid one.
///
/// Whether the person is still known is the handler's to ask: it reads their row anyway ([`Caller::unknown`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Our id.
    pub user_id: i64,
}

impl Caller {
    /// The token's person is not known any more (they asked to be forgotten): the token is worth nothing.
    pub fn unknown() -> Problem {
        unauthorized("the token's person is not known any more")
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "a valid token is needed").detail(detail).bearer()
}

/// The token that a request shows (RFC 6750), whatever it is worth.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    ApiState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let state = ApiState::from_ref(state);
        let token =
            bearer(&parts.headers).ok_or_else(|| unauthorized("show it in a header: Authorization: Bearer TOKEN"))?;
        let user_id = state.auth.user_id(token, state.clock.now());
        user_id.map(|user_id| Self { user_id }).ok_or_else(|| unauthorized("the token is not valid, or has expired"))
    }
}

/// The request shows the shared key. 403 otherwise.
#[derive(Debug, Clone, Copy)]
pub struct BotKey;

impl<S: Send + Sync> FromRequestParts<S> for BotKey
where
    ApiState: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let shown = parts.headers.get(BOT_KEY).map(HeaderValue::as_bytes);
        if shown.is_some_and(|shown| ApiState::from_ref(state).auth.is_bot_key(shown)) {
            return Ok(Self);
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "the shared key is needed")
            .detail("show it in a header: X-BOT-API-KEY: KEY"))
    }
}

/// The `{id}` of a path. 422 when it is no whole number; one that no row can have is simply not found by the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathId(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let text = params.iter().flatten().find(|(name, _)| *name == "id").map(|(_, text)| text.to_owned());
        let text = text.unwrap_or_default();
        let digits = text.strip_prefix('-').unwrap_or(&text);
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Problem::invalid(vec![Fault::new("id", "is not a whole number")]));
        }
        // Out of the range of ids: there is no such row.
        Ok(Self(text.parse().unwrap_or(0)))
    }
}
