//! Spans of the four things a bot does, tied to the `trace_id` that runs from an update through its jobs to the
//! messages sent.
//!
//! The same 32 hex digits name the trace at the collector: whoever has a line of a log finds its trace, and the other
//! way round, over any number of processes. They are spans of the highest level, so that no log level hides them, and
//! with them the `trace_id`, from what is logged inside.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Span, error_span};

use crate::clock::random_hex;

tokio::task_local! {
    static CURRENT: String;
}

/// Does somebody collect this process's traces?
static COLLECTED: AtomicBool = AtomicBool::new(false);

/// Is it worth to be inside of a span around what logs nothing by itself? Entering one at each poll costs more than
/// the work between two waits; for logs it is enough to be in it around what may say something.
pub(crate) fn collected() -> bool {
    COLLECTED.load(Ordering::Relaxed)
}

#[cfg(feature = "otlp")]
pub(super) fn set_collected() {
    COLLECTED.store(true, Ordering::Relaxed);
}

/// One update's transaction.
pub fn update(trace_id: &str) -> Span {
    anchored(error_span!("update", trace_id), trace_id)
}

/// One run of a job.
pub fn job(name: &str, trace_id: &str) -> Span {
    anchored(error_span!("job", otel.name = name, trace_id), trace_id)
}

/// One message on its way to Telegram.
pub fn send(method: &str, trace_id: &str) -> Span {
    anchored(error_span!("send", otel.name = method, otel.kind = "client", trace_id), trace_id)
}

/// One HTTP request. `route` is the template, never the path with its ids.
pub fn request(method: &str, route: &str, trace_id: &str) -> Span {
    let name = format!("{method} {route}");
    anchored(error_span!("request", otel.name = name, otel.kind = "server", trace_id), trace_id)
}

/// A new trace.
pub fn new_id() -> String {
    random_hex(16)
}

/// Is this 32 lower-case hex digits, not all zero?
pub fn is_id(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        && text.bytes().any(|b| b != b'0')
}

/// Runs `work` so that [`current_or_new`] inside of it is `trace_id`.
pub async fn within<F: Future>(trace_id: String, work: F) -> F::Output {
    CURRENT.scope(trace_id, work).await
}

/// The trace of the request in work; outside of one a new id.
pub fn current_or_new() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| new_id())
}

#[cfg(feature = "otlp")]
fn anchored(span: Span, trace_id: &str) -> Span {
    super::otlp::anchor(&span, trace_id);
    span
}

#[cfg(not(feature = "otlp"))]
fn anchored(span: Span, _trace_id: &str) -> Span {
    span
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_thirty_two_lower_case_hex_digits_and_not_nothing() {
        assert!(is_id(&new_id()));
        for no in ["", "00000000000000000000000000000000", "0AF7651916CD43DD8448EB211C80319C", "0af7"] {
            assert!(!is_id(no), "{no}");
        }
    }

    #[tokio::test]
    async fn inside_of_a_request_everything_has_its_trace_id() {
        let id = new_id();
        assert_eq!(within(id.clone(), async { current_or_new() }).await, id);
        assert_ne!(current_or_new(), id);
    }
}
