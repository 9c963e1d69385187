//! Installs the process's subscriber: logs, and traces and errors where they are configured. Logs are JSON lines for
//! machines, readable ones on a terminal. No message text, token or secret is ever logged.

use std::io::IsTerminal;
#[cfg(any(feature = "otlp", feature = "sentry"))]
use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// What the last traces and errors of a process may take to leave it.
#[cfg(any(feature = "otlp", feature = "sentry"))]
const FLUSH: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON unless standard error is a terminal.
    Auto,
    Json,
    Text,
}

/// What a process says, and to whom.
#[derive(Debug, Clone)]
pub struct TelemetrySettings {
    /// `info`, or `target=level` pairs. For logs alone: traces and errors have their own measure.
    pub level: String,
    pub format: Format,
    /// An OpenTelemetry collector that takes OTLP over HTTP, as `http://collector:4318`.
    pub otlp_endpoint: Option<String>,
    pub sentry_dsn: Option<SecretString>,
    /// The role: `service.name` of its traces is `vitte-<role>`.
    pub service: &'static str,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log level {0:?} is not valid: {1} (allowed: error, warn, info, debug, trace, or target=level pairs)")]
    Level(String, String),
    #[error("the OTLP endpoint {0:?} is not valid: {1} (allowed: http://host:port or https://host:port)")]
    Otlp(String, String),
    /// The DSN holds a key, so it is not repeated.
    #[error("the Sentry DSN is not valid: {0} (allowed: https://key@host/project)")]
    Sentry(String),
    #[error("this build has no {0}; build it with the feature `{0}`")]
    NotBuilt(&'static str),
    #[error("a subscriber is installed already")]
    Installed,
}

/// Lives as long as the process: lets the last traces and errors leave, for two seconds at most each.
#[must_use = "dropped, it ends the export of traces and errors"]
pub struct Guard {
    #[cfg(feature = "otlp")]
    traces: Option<super::otlp::Export>,
    #[cfg(feature = "sentry")]
    errors: Option<sentry::ClientInitGuard>,
}

impl Guard {
    /// The end of a main. What dropping does, without holding up the runtime's threads.
    pub async fn close(self) {
        // The flush waits for requests that this very runtime makes.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        #[cfg(feature = "otlp")]
        if let Some(traces) = self.traces.take() {
            traces.close(FLUSH);
        }
        #[cfg(feature = "sentry")]
        if let Some(errors) = self.errors.take() {
            errors.close(Some(FLUSH));
        }
    }
}

type Layers = Vec<Box<dyn Layer<Registry> + Send + Sync>>;

/// Installs the process's subscriber. Once, in a main, inside the runtime.
pub fn install(settings: &TelemetrySettings) -> Result<Guard, TelemetryError> {
    let (layers, guard) = layers(settings)?;
    tracing_subscriber::registry().with(layers).try_init().map_err(|_| TelemetryError::Installed)?;
    Ok(guard)
}

fn layers(settings: &TelemetrySettings) -> Result<(Layers, Guard), TelemetryError> {
    #[cfg_attr(not(any(feature = "otlp", feature = "sentry")), expect(unused_mut, reason = "nothing is added"))]
    let mut layers: Layers = vec![logs(&settings.level, settings.format)?];
    #[cfg(not(feature = "otlp"))]
    if settings.otlp_endpoint.is_some() {
        return Err(TelemetryError::NotBuilt("otlp"));
    }
    #[cfg(not(feature = "sentry"))]
    if settings.sentry_dsn.is_some() {
        return Err(TelemetryError::NotBuilt("sentry"));
    }
    #[cfg(feature = "otlp")]
    let traces = match &settings.otlp_endpoint {
        Some(endpoint) => {
            let (layer, export) = super::otlp::start(endpoint, settings.service)?;
            layers.push(layer);
            Some(export)
        }
        None => None,
    };
    #[cfg(feature = "sentry")]
    let errors = match &settings.sentry_dsn {
        Some(dsn) => {
            let (layer, client) = super::errors::start(dsn, settings.service)?;
            layers.push(layer);
            Some(client)
        }
        None => None,
    };
    let guard = Guard {
        #[cfg(feature = "otlp")]
        traces,
        #[cfg(feature = "sentry")]
        errors,
    };
    Ok((layers, guard))
}

fn logs(level: &str, format: Format) -> Result<Box<dyn Layer<Registry> + Send + Sync>, TelemetryError> {
    let filter =
        EnvFilter::builder().parse(level).map_err(|e| TelemetryError::Level(level.to_owned(), e.to_string()))?;
    let json = match format {
        Format::Auto => !std::io::stderr().is_terminal(),
        Format::Json => true,
        Format::Text => false,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    Ok(if json {
        layer.json().flatten_event(true).with_current_span(true).with_span_list(false).with_filter(filter).boxed()
    } else {
        layer.compact().with_filter(filter).boxed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut TelemetrySettings)) -> String {
        let mut settings = TelemetrySettings {
            level: "info".into(),
            format: Format::Json,
            otlp_endpoint: None,
            sentry_dsn: None,
            service: "bot",
        };
        change(&mut settings);
        layers(&settings).map(|_| ()).unwrap_err().to_string()
    }

    #[tokio::test]
    async fn a_wrong_setting_is_named_with_what_is_allowed_and_without_its_secret() {
        let level = refusal(|s| s.level = "vitte=loud".into());
        assert!(level.contains("vitte=loud") && level.contains("allowed: error"), "{level}");
        #[cfg(feature = "otlp")]
        for wrong in ["collector:4318", "ftp://collector", "http://"] {
            let otlp = refusal(|s| s.otlp_endpoint = Some(wrong.into()));
            assert!(otlp.contains(wrong) && otlp.contains("allowed: http://host:port"), "{otlp}");
        }
        #[cfg(feature = "sentry")]
        {
            let dsn = refusal(|s| s.sentry_dsn = Some("https://hunter2@/".into()));
            assert!(dsn.contains("allowed: https://key@host/project") && !dsn.contains("hunter2"), "{dsn}");
        }
    }
}
