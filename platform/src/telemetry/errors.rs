//! Errors to Sentry: the errors that our own code logs, and panics by their place alone.
//!
//! Chat text must not leave the house this way. So: events of other crates are not taken; a panic's message goes (a
//! slice out of bounds repeats the text it sliced); nothing of a request, a person or the machine's name is added.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sentry::integrations::tracing::EventFilter;
use sentry::protocol::Event;
use sentry::{ClientInitGuard, ClientOptions};
use tracing::{Level, Metadata};
use tracing_subscriber::{Layer, Registry};

use super::logs::TelemetryError;

/// Starts the client and makes the layer that feeds it.
pub(super) fn start(
    dsn: &SecretString,
    service: &'static str,
) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, ClientInitGuard), TelemetryError> {
    let dsn: sentry::types::Dsn =
        dsn.expose_secret().parse().map_err(|e: sentry::types::ParseDsnError| TelemetryError::Sentry(e.to_string()))?;
    let mut options = ClientOptions::default();
    options.dsn = Some(dsn);
    options.release = Some(concat!("vitte@", env!("CARGO_PKG_VERSION")).into());
    options.send_default_pii = false;
    options.server_name = Some(service.into());
    options.max_breadcrumbs = 20;
    options.shutdown_timeout = Duration::from_secs(2);
    options.before_send = Some(Arc::new(|event| Some(scrub(event))));
    let client = sentry::init(options);
    sentry::configure_scope(|scope| scope.set_tag("role", service));
    let layer = sentry::integrations::tracing::layer().event_filter(wanted).span_filter(|_| false);
    Ok((layer.boxed(), client))
}

fn wanted(metadata: &Metadata<'_>) -> EventFilter {
    if !metadata.target().starts_with("vitte") {
        return EventFilter::Ignore;
    }
    match *metadata.level() {
        Level::ERROR => EventFilter::Event,
        Level::WARN => EventFilter::Breadcrumb,
        _ => EventFilter::Ignore,
    }
}

fn scrub(mut event: Event<'static>) -> Event<'static> {
    event.request = None;
    event.user = None;
    let is_panic = |e: &sentry::protocol::Exception| e.mechanism.as_ref().is_some_and(|m| m.ty == "panic");
    for exception in event.exception.iter_mut().filter(|e| is_panic(e)) {
        exception.value = None;
    }
    event
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Bytes;
    use axum::extract::State;
    use axum::routing::post;
    use tokio::sync::mpsc;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Breaks without `scrub` (the panic's text arrives) and without `wanted` (the driver's error does).
    #[tokio::test(flavor = "multi_thread")]
    async fn sentry_gets_our_errors_and_never_a_text_that_a_panic_or_a_library_repeats() {
        let (sender, mut received) = mpsc::channel::<Bytes>(8);
        let take = |State(s): State<mpsc::Sender<Bytes>>, body: Bytes| async move {
            s.send(body).await.unwrap();
            "{}"
        };
        let router = Router::new().route("/api/1/envelope/", post(take)).with_state(sender);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dsn = format!("http://key@{}/1", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let (layer, client) = start(&dsn.into(), "bot").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(target: "sqlx", "my cat is ill");
            tracing::error!(target: "vitte_platform::jobs", job = "companion.answer", "a job is dead");
        });
        let sliced = std::thread::spawn(|| {
            let text = "my cat is ill".to_owned() + "\u{44f}";
            let _ = &text[..14];
        });
        assert!(sliced.join().is_err());
        let closed = tokio::task::spawn_blocking(move || client.close(Some(Duration::from_secs(5)))).await.unwrap();
        assert!(closed);
        let mut all = String::new();
        while let Ok(body) = received.try_recv() {
            all.push_str(&String::from_utf8_lossy(&body));
        }
        assert!(all.contains("a job is dead") && all.contains("companion.answer"), "{all}");
        assert!(all.contains("panic"), "{all}");
        assert!(!all.contains("my cat"), "{all}");
    }
}
