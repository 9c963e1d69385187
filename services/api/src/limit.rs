//! How much one client may ask. A client is the person whom its token speaks for or, without a token of ours, the
//! address that the proxy in front of us saw: the last of `X-Forwarded-For`, which a client cannot forge. What it only
//! claims makes no client: with a new word in each request it would never be refused. Without a proxy nobody else is
//! counted: only the cluster itself or this machine comes that way.
//!
//! Reading and writing count alike (`api.requestsPerMinute` of the manifest): either is a transaction, and none of them
//! costs what a message in the chat may cost. Who shows the shared key is the operator's own program and speaks for
//! everybody: it is not counted.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use vitte_platform::clock::Clock;
use vitte_platform::http::Problem;
use vitte_platform::http::api::{Auth, BOT_KEY, bearer};
use vitte_platform::limits::{LimitSettings, Limits, Verdict};
use vitte_platform::redis::Redis;
use vitte_platform::telemetry::metrics;

/// Counts requests, in Redis where there is one.
pub struct PerClient {
    limits: Limits,
    auth: Auth,
    clock: Arc<dyn Clock>,
}

impl PerClient {
    pub fn new(bot_id: i64, settings: LimitSettings, redis: Option<Redis>, auth: Auth, clock: Arc<dyn Clock>) -> Self {
        Self { limits: Limits::new(bot_id, "api", settings, redis), auth, clock }
    }

    async fn refuses(&self, headers: &HeaderMap) -> Option<Duration> {
        if headers.get(BOT_KEY).is_some_and(|key| self.auth.is_bot_key(key.as_bytes())) {
            return None;
        }
        let client = self.client(headers)?;
        match self.limits.count(client).await {
            Verdict::Allowed => None,
            Verdict::Refused { retry_after } | Verdict::Silent { retry_after } => Some(retry_after),
        }
    }

    /// Who asks, as a number.
    fn client(&self, headers: &HeaderMap) -> Option<i64> {
        let mut hash = Sha256::new();
        if let Some(person) = bearer(headers).and_then(|token| self.auth.user_id(token, self.clock.now())) {
            hash.update(b"person:");
            hash.update(person.to_be_bytes());
        } else {
            let seen = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
            hash.update(b"address:");
            hash.update(seen.rsplit(',').next()?.trim().as_bytes());
        }
        let digest = hash.finalize();
        Some(i64::from_be_bytes(digest[..8].try_into().ok()?))
    }
}

/// The middleware.
pub async fn enforce(State(limits): State<Arc<PerClient>>, request: Request, next: Next) -> Response {
    match limits.refuses(request.headers()).await {
        Some(wait) => {
            metrics().limited.inc();
            Problem::too_many(wait.as_secs().max(1)).into_response()
        }
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use vitte_platform::clock::SystemClock;
    use vitte_platform::http::api::ApiSettings;

    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    const KEY: &str = "a-key-that-signs-of-at-least-32-bytes";

    fn limits() -> (PerClient, Auth) {
        let keys = ApiSettings {
            signing_keys: vec![KEY.to_owned().into()],
            bot_keys: vec!["k".to_owned().into()],
            ..ApiSettings::default()
        };
        let auth = Auth::new(&keys).unwrap();
        let settings = LimitSettings { per_minute: 2, per_hour: 100 };
        (PerClient::new(1, settings, None, auth.clone(), Arc::new(SystemClock)), auth)
    }

    fn token(auth: &Auth, person: i64) -> &'static str {
        format!("Bearer {}", auth.token(person, SystemClock.now()).unwrap()).leak()
    }

    #[test]
    fn a_client_is_whom_its_token_speaks_for_or_what_the_nearest_proxy_saw_and_never_what_it_says_itself() {
        let (limits, auth) = limits();
        let client = |list: &[_]| limits.client(&headers(list));
        let proxied = client(&[("x-forwarded-for", "6.6.6.6, 10.0.0.9")]);
        assert!(proxied.is_some());
        assert_eq!(proxied, client(&[("x-forwarded-for", "7.7.7.7"), ("x-forwarded-for", "10.0.0.9")]));
        assert_ne!(proxied, client(&[("x-forwarded-for", "10.0.0.8")]));
        let (ann, bob) = (token(&auth, 7), token(&auth, 8));
        let known = client(&[("authorization", ann), ("x-forwarded-for", "10.0.0.9")]);
        assert_eq!(known, client(&[("authorization", ann)]));
        assert!(known.is_some() && known != proxied && known != client(&[("authorization", bob)]));
        for made_up in ["Bearer a", "Bearer b", "Basic x", "Bearer a.b.c"] {
            assert_eq!(client(&[("authorization", made_up), ("x-forwarded-for", "10.0.0.9")]), proxied, "{made_up}");
        }
        assert_eq!(client(&[]), None);
    }

    #[tokio::test]
    async fn each_client_is_refused_above_its_own_bound_and_who_shows_the_key_never() {
        let (limits, auth) = limits();
        let who = headers(&[("authorization", token(&auth, 7))]);
        for _ in 0..2 {
            assert_eq!(limits.refuses(&who).await, None);
        }
        assert!(limits.refuses(&who).await.is_some());
        assert!(limits.refuses(&who).await.is_some(), "HTTP is never silent");
        assert_eq!(limits.refuses(&headers(&[("authorization", token(&auth, 8))])).await, None);
        for (key, refused) in [("k", false), ("another", true)] {
            let proxied = headers(&[("x-bot-api-key", key), ("x-forwarded-for", "10.0.0.9")]);
            let mut answers = Vec::new();
            for _ in 0..3 {
                answers.push(limits.refuses(&proxied).await);
            }
            assert_eq!(answers.iter().any(Option::is_some), refused, "{key}");
        }
    }
}
