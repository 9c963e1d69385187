//! What a process says about itself: logs, metrics, traces, errors. Only mains install the subscriber.
//!
//! ```text
//!  tracing events and spans --> logs (standard error)
//!                           \-> otlp (spans, to a collector)     when an endpoint is configured
//!                           \-> errors (to Sentry, scrubbed)     when a DSN is configured
//! ```
//!
//! What must never leave here: a message's text, a token, a secret.

#[cfg(feature = "sentry")]
mod errors;
pub mod logs;
pub mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
pub mod trace;

pub use metrics::{Metrics, describe, gather, metrics};
