//! The one front door of `vitte up`: each path goes to the role it belongs to, all else to the simulated world.
//!
//! It has no login, so it is for this machine alone: it listens on loopback, and a request whose Host is another name
//! (a page elsewhere that points its own name here) or whose Origin is another place is refused.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

#[derive(Clone)]
pub struct Front(Arc<Inner>);

struct Inner {
    port: u16,
    world: Router,
    health: Router,
    webhook_path: Option<String>,
    roles: RwLock<Vec<(&'static str, Router)>>,
}

impl Front {
    pub fn new(address: SocketAddr, world: Router, health: Router, webhook_path: Option<String>) -> Self {
        Self(Arc::new(Inner { port: address.port(), world, health, webhook_path, roles: RwLock::default() }))
    }

    /// A role has started: its paths are served from now on.
    pub fn add(&self, role: &'static str, router: Router) {
        self.0.roles.write().unwrap_or_else(PoisonError::into_inner).push((role, router));
    }

    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> std::io::Result<()> {
        let app = Router::new().fallback(dispatch).with_state(self);
        axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    fn target(&self, path: &str) -> Option<Router> {
        let under = |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|r| r.starts_with('/'));
        let role = if self.0.webhook_path.as_deref() == Some(path) {
            "bot"
        } else if under("/api") || under("/docs") || under("/healthcheck") {
            "api"
        } else if under("/admin") {
            "admin"
        } else if under("/health") || path == "/metrics" {
            return Some(self.0.health.clone());
        } else {
            return Some(self.0.world.clone());
        };
        let roles = self.0.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.iter().find(|(name, _)| *name == role).map(|(_, router)| router.clone())
    }
}

async fn dispatch(State(front): State<Front>, request: Request) -> Response {
    if let Err(reason) = allowed(request.headers(), front.0.port) {
        return (StatusCode::FORBIDDEN, format!("{reason}\n")).into_response();
    }
    match front.target(request.uri().path()) {
        Some(router) => router.oneshot(request).await.unwrap_or_else(|never| match never {}),
        None => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "starting\n").into_response(),
    }
}

/// Host and Origin have to be this machine's. Programs send no Origin.
fn allowed(headers: &HeaderMap, port: u16) -> Result<(), String> {
    let names = ["127.0.0.1", "localhost", "[::1]"];
    let ours = |host: &str| names.iter().any(|name| host == *name || host == format!("{name}:{port}"));
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or("");
    if !ours(host) {
        return Err(format!("Host {host:?} is not served here; allowed: 127.0.0.1:{port}, localhost:{port}"));
    }
    match headers.get(header::ORIGIN).map(|o| o.to_str().unwrap_or("")) {
        None => Ok(()),
        Some(origin) if origin.strip_prefix("http://").is_some_and(ours) => Ok(()),
        Some(origin) => Err(format!("Origin {origin:?} may not talk to this bot; allowed: http://127.0.0.1:{port}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        allowed(&headers, 8080).is_ok()
    }

    #[test]
    fn only_this_machines_names_and_pages_are_served() {
        assert!(check("127.0.0.1:8080", None));
        assert!(check("localhost:8080", Some("http://localhost:8080")));
        assert!(check("[::1]:8080", Some("http://[::1]:8080")));
        assert!(!check("evil.example:8080", None), "a name elsewhere that resolves to this machine");
        assert!(!check("127.0.0.1:8080", Some("https://evil.example")));
        assert!(!check("127.0.0.1:8080", Some("null")));
        assert!(!check("127.0.0.1.evil.example", None));
    }
}
