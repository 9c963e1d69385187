//! What the operator counts. One registry a run, so that several in one process do not add up; labels come from fixed
//! sets, never from names of objects. `docs/operator-metrics.md` is generated from here.

use std::cell::RefCell;
use std::fmt::Write;
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

const FAST: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// A metric's line on its page.
#[derive(Debug)]
struct Described {
    name: String,
    kind: &'static str,
    labels: String,
    help: String,
}

/// All metrics of one run.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    described: Vec<Described>,
    pub reconciles: IntCounterVec,
    pub reconcile_seconds: Histogram,
    pub queue_seconds: Histogram,
    pub queued: IntGauge,
    pub running: IntGauge,
    pub bots: IntGaugeVec,
    pub phases: IntGaugeVec,
    pub undecodable: IntGauge,
    pub writes: IntCounterVec,
    pub api_calls: IntCounterVec,
    pub api_seconds: HistogramVec,
    pub watch_restarts: IntCounterVec,
    pub leader: IntGauge,
    pub webhook_pending: IntGauge,
    pub webhook_pending_max: IntGauge,
    pub webhook_failing: IntGauge,
    pub telegram_calls: IntCounterVec,
    pub events_failed: IntCounter,
}

impl Metrics {
    /// # Errors
    /// Only if two metrics below had one name.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        #[cfg(target_os = "linux")]
        // Its absence costs the process_* metrics, nothing else.
        let _ = registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()));
        let described = RefCell::new(Vec::new());
        let describe = |kind: &'static str, name: &str, help: &str, labels: &[&str]| {
            let (name, help, labels) = (name.to_owned(), help.to_owned(), labels.join(", "));
            described.borrow_mut().push(Described { name, kind, labels, help });
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            describe("counter", name, help, &[]);
            let made = IntCounter::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntCounterVec> {
            describe("counter", name, help, labels);
            let made = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            describe("gauge", name, help, &[]);
            let made = IntGauge::new(name, help)?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntGaugeVec> {
            describe("gauge", name, help, labels);
            let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let histogram = |name: &str, help: &str| -> prometheus::Result<Histogram> {
            describe("histogram", name, help, &[]);
            let made = Histogram::with_opts(HistogramOpts::new(name, help).buckets(FAST.to_vec()))?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let histograms = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<HistogramVec> {
            describe("histogram", name, help, labels);
            let made = HistogramVec::new(HistogramOpts::new(name, help).buckets(FAST.to_vec()), labels)?;
            registry.register(Box::new(made.clone()))?;
            Ok(made)
        };
        let mut made = Self {
            described: Vec::new(),
            reconciles: counters(
                "vitte_operator_reconciles_total",
                "Reconciles by outcome (done, waiting: something that the spec names is missing, failed) and by the phase that they ended in.",
                &["outcome", "phase"],
            )?,
            reconcile_seconds: histogram(
                "vitte_operator_reconcile_seconds",
                "How long one reconcile took, in seconds.",
            )?,
            queue_seconds: histogram(
                "vitte_operator_queue_seconds",
                "From the first sign of a change until its reconcile begins, in seconds.",
            )?,
            queued: gauge("vitte_operator_queued", "Bots of which a change is known and not yet acted on.")?,
            running: gauge("vitte_operator_running", "Reconciles that run now.")?,
            bots: gauges(
                "vitte_operator_bots",
                "Bots by condition and its status, as their status says.",
                &["condition", "status"],
            )?,
            phases: gauges("vitte_operator_bot_phases", "Bots by the phase in their status.", &["phase"])?,
            undecodable: gauge(
                "vitte_operator_undecodable_bots",
                "Bots that this version of the operator cannot read; the log names them.",
            )?,
            writes: counters(
                "vitte_operator_writes_total",
                "Objects written, by kind and what was done: apply, create, delete, patch.",
                &["kind", "verb"],
            )?,
            api_calls: counters(
                "vitte_operator_api_calls_total",
                "Requests to the API server by verb and class of the answer: 2xx, 3xx, 4xx, 5xx, none (no answer), refused (by the operator itself, which has lost its lease).",
                &["verb", "code"],
            )?,
            api_seconds: histograms(
                "vitte_operator_api_call_seconds",
                "Requests to the API server by verb, in seconds; watches until they begin.",
                &["verb"],
            )?,
            watch_restarts: counters(
                "vitte_operator_watch_restarts_total",
                "Watches that broke and began anew, by kind.",
                &["kind"],
            )?,
            leader: gauge("vitte_operator_leader", "1: this process holds the lease, or needs none.")?,
            webhook_pending: gauge(
                "vitte_operator_webhook_pending_updates",
                "Updates that wait at Telegram, summed over all bots.",
            )?,
            webhook_pending_max: gauge(
                "vitte_operator_webhook_pending_updates_max",
                "Updates that wait at Telegram for the bot with the most.",
            )?,
            webhook_failing: gauge("vitte_operator_webhooks_failing", "Bots whose webhook Telegram does not confirm.")?,
            telegram_calls: counters(
                "vitte_operator_telegram_calls_total",
                "Requests to Telegram by method and result: ok, refused, limited, away.",
                &["method", "result"],
            )?,
            events_failed: counter(
                "vitte_operator_events_failed_total",
                "Events that could not be written; nothing else suffers.",
            )?,
            registry: registry.clone(),
        };
        made.described = described.into_inner();
        Ok(made)
    }

    pub fn observe_reconcile(&self, outcome: &str, phase: &str, took: Duration) {
        self.reconciles.with_label_values(&[outcome, phase]).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// In Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }

    /// `docs/operator-metrics.md`.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::from(
            "# The operator's metrics\n\nThe operator serves these at `/metrics` in the Prometheus text format, beside the \
             process's own (`process_*`). Generated from `operator/src/metrics.rs`; labels take values from small fixed \
             sets, never the names of objects. The services' own are in [metrics.md](metrics.md).\n\n\
             | name | kind | labels | meaning |\n|---|---|---|---|\n",
        );
        for Described { name, kind, labels, help } in &self.described {
            let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {help} |");
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "how generated files are renewed")]
    fn generated_operator_metrics_page_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operator-metrics.md");
        let page = Metrics::new().unwrap().page();
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == page, "docs/operator-metrics.md differs from the code; run `make generate`");
    }

    #[test]
    fn every_metric_has_a_name_of_its_own_and_two_runs_do_not_add_up() {
        let (one, other) = (Metrics::new().unwrap(), Metrics::new().unwrap());
        one.leader.set(1);
        assert!(one.text().contains("vitte_operator_leader 1"));
        assert!(other.text().contains("vitte_operator_leader 0"));
    }
}
