//! The process's logs: JSON lines on standard error, text on a terminal, and a level that can be changed while running.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::settings::LogLevel;

/// Installs the subscriber of this process; the handle changes its level.
///
/// # Errors
/// When `directives` cannot be read, or a subscriber is installed already.
pub fn install(directives: &str, format: Format) -> Result<LogLevel, String> {
    let (filter, handle) = reload::Layer::new(parse(directives)?);
    let json = match format {
        Format::Json => true,
        Format::Text => false,
        Format::Auto => !std::io::stderr().is_terminal(),
    };
    let layer = if json {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
        layer.with_span_list(false).with_writer(std::io::stderr).boxed()
    } else {
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr).boxed()
    };
    Registry::default().with(layer.with_filter(filter)).try_init().map_err(|error| error.to_string())?;
    Ok(LogLevel::new(move |directives| {
        let filter = parse(directives)?;
        handle.reload(filter).map_err(|error| error.to_string())
    }))
}

fn parse(directives: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder().parse(directives).map_err(|error| {
        format!(
            "log level {directives:?}: {error}; allowed: error, warn, info, debug, trace, or pairs like \
                 info,vitte_operator=debug"
        )
    })
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Json,
    Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_with_what_is_allowed() {
        assert!(parse("info,vitte_operator=trace").is_ok());
        let refused = parse("vitte_operator=loud").map(|_| ()).unwrap_err();
        assert!(refused.contains("allowed: error, warn"), "{refused}");
    }
}
