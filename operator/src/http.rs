//! Probes, metrics, and the log level.
//!
//! `/livez`: the process works. `/readyz`: it works or stands by; 503, with what it waits for, until it has reached the
//! API server and, holding the lease, has read what there is. `/metrics`: Prometheus. `PUT /log-level` changes the log
//! level while running, from the pod's own loopback alone (as through `kubectl port-forward`), since probes and metrics
//! are open to the cluster.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, put};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::settings::{Listen, LogLevel};

/// A directive longer than this is none.
const LONGEST_DIRECTIVES: usize = 1024;

/// What probes and metrics are made of.
pub struct Health {
    pub metrics: Arc<Metrics>,
    pub log_level: Option<LogLevel>,
    state: Mutex<Now>,
}

type Measure = Box<dyn Fn() + Send>;
type Pending = Box<dyn Fn() -> BTreeSet<String> + Send>;

#[derive(Default)]
struct Now {
    reached: bool,
    /// Set while this process works: what it has still to read.
    pending: Option<Pending>,
    /// Sets the gauges that are counted when they are read.
    measure: Option<Measure>,
}

impl Health {
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, log_level: Option<LogLevel>) -> Self {
        Self { metrics, log_level, state: Mutex::default() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Now> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The API server answered.
    pub fn reached(&self) {
        self.state().reached = true;
    }

    /// This process begins to work.
    pub fn works(&self, pending: impl Fn() -> BTreeSet<String> + Send + 'static, measure: impl Fn() + Send + 'static) {
        let mut state = self.state();
        state.reached = true;
        state.pending = Some(Box::new(pending));
        state.measure = Some(Box::new(measure));
    }

    /// It works no more.
    pub fn rests(&self) {
        let mut state = self.state();
        state.pending = None;
        state.measure = None;
    }

    /// What it waits for; empty: ready.
    fn waits_for(&self) -> BTreeSet<String> {
        let state = self.state();
        if !state.reached {
            return BTreeSet::from(["the API server".to_owned()]);
        }
        state.pending.as_ref().map(|pending| pending()).unwrap_or_default()
    }
}

/// Serves until told to stop.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(listen: Listen, health: Arc<Health>, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = match listen {
        Listen::Address(address) => {
            tokio::net::TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?
        }
        Listen::Socket(socket) => {
            let socket = socket.try_clone().context("cannot use the socket that was given")?;
            socket.set_nonblocking(true).context("cannot use the socket that was given")?;
            tokio::net::TcpListener::from_std(socket).context("cannot use the socket that was given")?
        }
    };
    let app = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/log-level", put(log_level))
        .with_state(health);
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await.context("probes and metrics")
}

async fn ready(State(health): State<Arc<Health>>) -> impl IntoResponse {
    let waits_for = health.waits_for();
    if waits_for.is_empty() {
        return (StatusCode::OK, "ok\n".to_owned());
    }
    let list = waits_for.into_iter().collect::<Vec<_>>().join(", ");
    (StatusCode::SERVICE_UNAVAILABLE, format!("waits for: {list}\n"))
}

async fn metrics(State(health): State<Arc<Health>>) -> impl IntoResponse {
    if let Some(measure) = &health.state().measure {
        measure();
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], health.metrics.text())
}

async fn log_level(
    State(health): State<Arc<Health>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    directives: String,
) -> (StatusCode, String) {
    if !peer.ip().to_canonical().is_loopback() {
        return (StatusCode::FORBIDDEN, "only from the pod itself: kubectl port-forward, then localhost\n".to_owned());
    }
    let Some(level) = &health.log_level else {
        return (StatusCode::NOT_FOUND, "this process's log level cannot be changed\n".to_owned());
    };
    let directives = directives.trim();
    if directives.is_empty() || directives.len() > LONGEST_DIRECTIVES {
        return (StatusCode::BAD_REQUEST, "expected a level like debug, or info,vitte_operator=trace\n".to_owned());
    }
    match level.set(directives) {
        Ok(()) => {
            tracing::info!(directives, "log level changed");
            (StatusCode::OK, format!("{directives}\n"))
        }
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(health: Health) -> (String, Arc<Health>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let health = Arc::new(health);
        tokio::spawn(serve(Listen::Socket(Arc::new(listener)), Arc::clone(&health), CancellationToken::new()));
        (address, health)
    }

    fn client() -> reqwest::Client {
        reqwest::Client::builder().timeout(std::time::Duration::from_secs(10)).build().unwrap()
    }

    async fn get(url: String) -> (u16, String) {
        let answer = client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn readiness_says_what_it_waits_for_and_a_standby_is_ready() {
        let (address, health) = served(Health::new(Arc::new(Metrics::new().unwrap()), None));
        assert_eq!(get(format!("{address}/readyz")).await, (503, "waits for: the API server\n".to_owned()));
        assert_eq!(get(format!("{address}/livez")).await.0, 200);
        health.reached();
        assert_eq!(get(format!("{address}/readyz")).await.0, 200);
        health.works(|| BTreeSet::from(["Deployment everywhere".to_owned()]), || {});
        assert_eq!(get(format!("{address}/readyz")).await, (503, "waits for: Deployment everywhere\n".to_owned()));
        health.works(BTreeSet::new, || {});
        assert_eq!(get(format!("{address}/readyz")).await.0, 200);
        assert!(get(format!("{address}/metrics")).await.1.contains("vitte_operator_leader"));
    }

    #[tokio::test]
    async fn the_log_level_is_changed_from_loopback_and_a_wrong_one_is_refused() {
        let seen = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&seen);
        let level = LogLevel::new(move |text| {
            if text == "nonsense" {
                return Err("no such level".to_owned());
            }
            text.clone_into(&mut log.lock().unwrap());
            Ok(())
        });
        let (address, _) = served(Health::new(Arc::new(Metrics::new().unwrap()), Some(level)));
        let put = |text: &'static str| {
            let request = client().put(format!("{address}/log-level")).body(text);
            async move { request.send().await.unwrap().status().as_u16() }
        };
        assert_eq!(put("debug").await, 200);
        assert_eq!(*seen.lock().unwrap(), "debug");
        assert_eq!(put("nonsense").await, 400);
        assert_eq!(*seen.lock().unwrap(), "debug");
    }
}
