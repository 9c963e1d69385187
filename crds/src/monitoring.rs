//! `spec.monitoring`: metrics, logs, traces and alerts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::HTTP_URL;
use crate::refs::SecretKeyRef;

/// Metrics, logs, traces and alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Monitoring {
    /// Make a ServiceMonitor (needs Prometheus' operator).
    #[serde(default)]
    pub service_monitor: bool,
    /// Make a PrometheusRule with alerts (needs Prometheus' operator).
    #[serde(default)]
    pub rules: bool,
    /// Make ConfigMaps with Grafana dashboards.
    #[serde(default)]
    pub dashboards: bool,
    /// The Telegram chat that alerts are sent to. A group's id is negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts_chat_id: Option<i64>,
    /// Where errors are reported: a secret with a Sentry DSN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentry_dsn_secret_ref: Option<SecretKeyRef>,
    /// Where traces go, by OTLP over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub otlp_endpoint: Option<String>,
    /// How much is logged.
    #[serde(default)]
    pub log_level: LogLevel,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what needs a person.
    Error,
    /// And what may need one soon.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// The level as log filters write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
