//! Traces to an OpenTelemetry collector: OTLP over HTTP, protobuf.
//!
//! Spans go into a bounded queue of the SDK's own thread, which sends batches; a full queue drops spans, and a
//! collector that is away costs the bot nothing but them. Requests are made on our runtime, by our HTTP client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{Request, Response, StatusCode, Uri};
use bytes::Bytes;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tokio::runtime::Handle;
use tracing::{Level, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use super::logs::TelemetryError;
use crate::telegram::client::http_client;

/// One batch to the collector.
const LIMIT: Duration = Duration::from_secs(5);

/// Spans on their way out.
pub(super) struct Export(SdkTracerProvider);

impl Export {
    /// Sends what is left, for `limit` at most. Blocks.
    pub(super) fn close(&self, limit: Duration) {
        if let Err(error) = self.0.shutdown_with_timeout(limit) {
            tracing::debug!(%error, "the last traces did not leave");
        }
    }
}

/// The layer that turns our spans into traces. Inside the runtime.
pub(super) fn start(
    endpoint: &str,
    service: &str,
) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, Export), TelemetryError> {
    let refused = |why: &str| TelemetryError::Otlp(endpoint.to_owned(), why.to_owned());
    let uri: Uri = endpoint.parse().map_err(|_| refused("not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(refused("neither http:// nor https:// with a host"));
    }
    // The convention of OTEL_EXPORTER_OTLP_ENDPOINT: the collector's address, without the path of the signal.
    let base = endpoint.trim_end_matches('/');
    let url = if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") };
    let runtime = Handle::try_current().map_err(|e| refused(&e.to_string()))?;
    let http = http_client().map_err(|e| refused(&e.to_string()))?;
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(Client { http, runtime, failing: Arc::default() })
        .with_endpoint(url)
        .with_timeout(LIMIT)
        .build()
        .map_err(|e| refused(&e.to_string()))?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name(format!("vitte-{service}")).with_attribute(version).build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(Roots(exporter)).with_resource(resource).build();
    // What libraries say stays out: a database driver's spans may hold what it was asked.
    let ours = filter_fn(|m| m.target().starts_with("vitte") && *m.level() <= Level::INFO);
    super::trace::set_collected();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("vitte")).with_filter(ours);
    Ok((layer.boxed(), Export(provider)))
}

/// Puts a span into the trace that our logs know by `trace_id`. The only way to choose a trace's id is a parent in
/// it: this one is made up from the id, the same in every process, and taken out again before export ([`Roots`]).
pub(super) fn anchor(span: &Span, trace_id: &str) {
    if !super::trace::is_id(trace_id) {
        return;
    }
    let (Ok(trace), Ok(parent)) = (TraceId::from_hex(trace_id), SpanId::from_hex(&trace_id[..16])) else { return };
    let context = SpanContext::new(trace, parent, TraceFlags::SAMPLED, true, TraceState::default());
    // An error says that no traces are configured.
    let _ = span.set_parent(Context::new().with_remote_span_context(context));
}

fn made_up(span: &SpanData) -> bool {
    span.span_context.trace_id().to_bytes()[..8] == span.parent_span_id.to_bytes()
}

/// Makes the spans of a made-up parent roots of their trace: nobody should look for a span that never was.
#[derive(Debug)]
struct Roots<E>(E);

impl<E: SpanExporter> SpanExporter for Roots<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch.iter_mut().filter(|s| made_up(s)) {
            span.parent_span_id = SpanId::INVALID;
            span.parent_span_is_remote = false;
        }
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

/// Our HTTP client for the SDK's thread, which has no runtime of its own.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
    failing: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request: reqwest::Request = request.try_into()?;
        let (http, failing) = (self.http.clone(), self.failing.clone());
        let task = self.runtime.spawn(async move {
            let result = match tokio::time::timeout(LIMIT, http.execute(request)).await {
                Ok(answer) => answer.map(|a| a.status()).map_err(|e| e.without_url().to_string()),
                Err(_) => Err(format!("no answer within {LIMIT:?}")),
            };
            let failed = result.as_ref().map_or_else(|e| Some(e.clone()), |s| (!s.is_success()).then(|| s.to_string()));
            // Said once, until it has worked again.
            if !failing.swap(failed.is_some(), Ordering::Relaxed)
                && let Some(reason) = failed
            {
                tracing::warn!(%reason, "the collector does not take traces");
            }
            result
        });
        let status: StatusCode = task.await??;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::State;
    use axum::http::HeaderMap;
    use axum::routing::post;
    use tokio::sync::mpsc;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;
    use crate::telemetry::trace;

    fn holds(body: &[u8], what: &[u8]) -> bool {
        body.windows(what.len()).any(|w| w == what)
    }

    async fn collector() -> (String, mpsc::Receiver<(HeaderMap, Bytes)>) {
        let (sender, received) = mpsc::channel(8);
        let take = |State(s): State<mpsc::Sender<_>>, headers: HeaderMap, body: Bytes| async move {
            s.send((headers, body)).await.unwrap();
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(sender);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, received)
    }

    /// Breaks without `anchor` (another trace id) and without `Roots` (a parent that never was).
    #[tokio::test(flavor = "multi_thread")]
    async fn the_collector_gets_our_spans_as_roots_under_the_trace_id_of_our_logs() {
        let (address, mut received) = collector().await;
        let (layer, export) = start(&address, "bot").unwrap();
        let id = trace::new_id();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            trace::update(&id).in_scope(|| tracing::info!(target: "vitte_test", "inside"));
            trace::job("companion.answer", &id).in_scope(|| ());
            tracing::error_span!(target: "sqlx", "SELECT secret").in_scope(|| ());
        });
        tokio::task::spawn_blocking(move || export.close(LIMIT)).await.unwrap();
        let (headers, body) = tokio::time::timeout(LIMIT, received.recv()).await.unwrap().unwrap();
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let bytes = hex::decode(&id).unwrap();
        for part in [&bytes[..], b"vitte-bot", b"update", b"companion.answer", b"inside"] {
            assert!(holds(&body, part), "{part:?} is missing");
        }
        assert!(!holds(&body, b"SELECT secret"), "a library's span left the house");
        // In protobuf a parent is field 4, eight bytes long.
        let parent = [&[0x22, 8][..], &bytes[..8]].concat();
        assert!(!holds(&body, &parent), "a parent that never was");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_collector_that_is_away_holds_up_the_end_no_longer_than_its_limit() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        // Bound and never accepted: connects, and stays silent.
        let (layer, export) = start(&format!("http://{}", listener.local_addr().unwrap()), "bot").unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            trace::update(&trace::new_id()).in_scope(|| ());
        });
        let closing = tokio::task::spawn_blocking(move || export.close(Duration::from_millis(50)));
        tokio::time::timeout(LIMIT, closing).await.expect("it ends within its limit").unwrap();
    }
}
