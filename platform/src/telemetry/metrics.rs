//! The metrics, each with its meaning: the house's here, a module's where the module is ([`module`]). `docs/metrics.md`
//! is generated from both.
//!
//! Labels are bounded: kinds, methods and classes from fixed sets, never an id.

use std::fmt::Write;
use std::sync::{LazyLock, Mutex, PoisonError};

use prometheus::core::Collector;
pub use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use prometheus::{HistogramOpts, Opts, Registry, TextEncoder};

const FAST: &[f64] = &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const SLOW: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// A metric as documented.
#[derive(Clone)]
pub struct Described {
    pub name: String,
    pub kind: &'static str,
    pub labels: &'static [&'static str],
    pub help: String,
}

/// Makes metrics and registers each with its description.
pub struct Builder {
    registry: Registry,
    described: Vec<Described>,
}

impl Builder {
    fn register<C: Collector + Clone + 'static>(
        &mut self,
        made: prometheus::Result<C>,
        kind: &'static str,
        labels: &'static [&'static str],
    ) -> C {
        // Names are constants: a duplicate or malformed one fails the first test that runs.
        #[expect(clippy::expect_used, reason = "constants, checked by every test")]
        let metric = made.expect("a metric's constants");
        for desc in metric.desc() {
            self.described.push(Described { name: desc.fq_name.clone(), kind, labels, help: desc.help.clone() });
        }
        #[expect(clippy::expect_used, reason = "constants, checked by every test")]
        self.registry.register(Box::new(metric.clone())).expect("a metric's name is its own");
        metric
    }
    pub fn counter(&mut self, name: &str, help: &str) -> IntCounter {
        self.register(IntCounter::new(name, help), "counter", &[])
    }
    pub fn counters(&mut self, name: &str, help: &str, labels: &'static [&'static str]) -> IntCounterVec {
        self.register(IntCounterVec::new(Opts::new(name, help), labels), "counter", labels)
    }
    pub fn gauge(&mut self, name: &str, help: &str) -> IntGauge {
        self.register(IntGauge::new(name, help), "gauge", &[])
    }
    pub fn gauges(&mut self, name: &str, help: &str, labels: &'static [&'static str]) -> IntGaugeVec {
        self.register(IntGaugeVec::new(Opts::new(name, help), labels), "gauge", labels)
    }
    pub fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(Histogram::with_opts(opts), "histogram", &[])
    }
    pub fn histograms(
        &mut self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &'static [&'static str],
    ) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.register(HistogramVec::new(opts, labels), "histogram", labels)
    }
}

/// All metrics of a process.
pub struct Metrics {
    registry: Registry,
    described: Mutex<Vec<Described>>,
    pub updates: IntCounterVec,
    pub unknown_updates: IntCounter,
    pub turn_seconds: Histogram,
    pub chats_waiting: IntGauge,
    pub outbox_sent: IntCounterVec,
    pub outbox_plain_text: IntCounter,
    pub outbox_draining: IntGauge,
    pub telegram_away: IntGauge,
    pub telegram_seconds: HistogramVec,
    pub redis_errors: IntCounter,
    pub limited: IntCounter,
    pub jobs: IntCounterVec,
    pub job_seconds: HistogramVec,
    pub jobs_running: IntGaugeVec,
    pub cache: IntCounterVec,
    pub model_requests: IntCounterVec,
    pub model_first_token_seconds: Histogram,
    pub model_tokens: IntCounterVec,
    pub http_requests: IntCounterVec,
    pub http_seconds: HistogramVec,
    pub poll_errors: IntCounter,
    pub stored: IntGaugeVec,
}

impl Metrics {
    fn new() -> Self {
        let mut b = Builder { registry: Registry::new(), described: Vec::new() };
        #[cfg(target_os = "linux")]
        // Its absence costs the process_* metrics, nothing else.
        let _ = b.registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()));
        Self {
            updates: b.counters(
                "vitte_updates_total",
                "Updates taken in, by what became of them: done, duplicate, dead (its handler failed), retry (the database was away; Telegram repeats), limited, malformed.",
                &["outcome"],
            ),
            unknown_updates: b.counter("vitte_unknown_updates_total", "Updates of a kind or shape that nothing handles; their raw form is kept."),
            turn_seconds: b.histogram("vitte_turn_seconds", "From taking an update off its chat's queue to its commit, in seconds.", FAST),
            chats_waiting: b.gauge("vitte_intake_waiting", "Updates of this process that wait for their chat's turn or are in it."),
            outbox_sent: b.counters(
                "vitte_outbox_messages_total",
                "Attempts to send, by result: sent, refused (429), failed (tried again), dead (kept with its reason).",
                &["result"],
            ),
            outbox_plain_text: b.counter("vitte_outbox_plain_text_total", "Messages whose markup Telegram refused and that went as plain text."),
            outbox_draining: b.gauge("vitte_outbox_draining", "Chats that this process sends into now."),
            telegram_away: b.gauge("vitte_telegram_away", "1 while Telegram answers none of this process's messages: they wait, and one is tried every two seconds."),
            telegram_seconds: b.histograms("vitte_telegram_request_seconds", "Requests to Telegram by method, in seconds.", SLOW, &["method"]),
            redis_errors: b.counter("vitte_redis_errors_total", "Calls of Redis that failed or took too long; users notice nothing."),
            limited: b.counter("vitte_limited_total", "Messages over a person's limit."),
            jobs: b.counters("vitte_jobs_total", "Runs of jobs by name and result: done, retry, dead, lost (its lease ran out and another worker has it).", &["name", "result"]),
            job_seconds: b.histograms("vitte_job_seconds", "Runs of jobs by name, in seconds.", SLOW, &["name"]),
            jobs_running: b.gauges("vitte_jobs_running", "Jobs that this process runs now, by class.", &["class"]),
            cache: b.counters("vitte_cache_total", "Look-ups by cache and where the value was: memory, redis, source.", &["cache", "from"]),
            model_requests: b.counters("vitte_model_requests_total", "Requests to the language model by result: ok, broken (the stream ended early), limited, refused, away.", &["result"]),
            model_first_token_seconds: b.histogram("vitte_model_first_token_seconds", "From the request to the model's first words, in seconds.", SLOW),
            model_tokens: b.counters("vitte_model_tokens_total", "Tokens billed, by kind: prompt, completion.", &["kind"]),
            http_requests: b.counters("vitte_http_requests_total", "Requests by role, route and status class.", &["role", "route", "status"]),
            http_seconds: b.histograms("vitte_http_request_seconds", "Requests by role and route, in seconds.", FAST, &["role", "route"]),
            poll_errors: b.counter("vitte_poll_errors_total", "getUpdates that failed; the next follows after a pause."),
            stored: b.gauges(
                "vitte_stored",
                "Rows by state, read from the database at scrape: outbox_pending, outbox_dead, jobs_waiting, jobs_running, jobs_dead, updates_dead, users.",
                &["what"],
            ),
            registry: b.registry,
            described: Mutex::new(b.described),
        }
    }
}

static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The process's metrics. In `vitte up` all roles share them.
pub fn metrics() -> &'static Metrics {
    &METRICS
}

/// A module's own metrics, named `vitte_<module>_...`: made once in a process (keep them in a static) and served and
/// documented with the house's. Make them when the module is made, so that they are served before anything is counted.
pub fn module<M>(make: impl FnOnce(&mut Builder) -> M) -> M {
    let mut builder = Builder { registry: metrics().registry.clone(), described: Vec::new() };
    let made = make(&mut builder);
    metrics().described.lock().unwrap_or_else(PoisonError::into_inner).extend(builder.described);
    made
}

/// In the Prometheus text format.
pub fn gather() -> String {
    let mut text = String::new();
    if let Err(error) = TextEncoder::new().encode_utf8(&metrics().registry.gather(), &mut text) {
        tracing::warn!(%error, "metrics cannot be encoded");
    }
    text
}

/// `docs/metrics.md`, with the metrics of the modules that this process has made.
pub fn describe() -> String {
    let mut out = String::from(
        "# Metrics\n\nEvery service serves these at `/metrics` in the Prometheus text format, beside the process's own \
         (`process_*`). Generated from `platform/src/telemetry/metrics.rs` and the modules; labels take values from \
         small fixed sets.\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for d in metrics().described.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let labels = d.labels.join(", ");
        let _ = writeln!(out, "| `{}` | {} | {labels} | {} |", d.name, d.kind, d.help);
    }
    out
}
