//! What is where, printed once everything is ready.

use std::io::Write;
use std::net::SocketAddr;

use vitte_platform::config::{Config, Updates};

use super::plan::Plan;

pub fn print(plan: &Plan, config: &Config, address: SocketAddr) {
    let at = |path: &str| format!("http://{address}{path}");
    let telegram = match (&plan.username, plan.telegram_simulated) {
        (_, true) => match config.updates {
            Updates::Polling(_) => "simulated, by polling".to_owned(),
            Updates::Webhook { .. } => "simulated, by webhook".to_owned(),
        },
        (Some(name), false) => format!("real, https://t.me/{name}, by polling"),
        (None, false) => "real, by polling".to_owned(),
    };
    let model = if plan.model_url.is_some() { "simulated" } else { "as in the manifest" };
    let chat = if plan.telegram_simulated { at("/") } else { "in Telegram".to_owned() };
    let rows = [
        ("chat", chat),
        ("API", plan.known_key.map_or_else(|| at("/docs"), |key| format!("{}, X-BOT-API-KEY: {key}", at("/docs")))),
        ("admin", at("/admin")),
        ("health", at("/health")),
        ("metrics", at("/metrics")),
        ("Telegram", telegram),
        ("model", model.to_owned()),
    ];
    let mut out = std::io::stdout().lock();
    // Whoever closed standard output does not want to know.
    let _ = writeln!(out, "\n  {} is ready\n", config.name);
    for (name, value) in rows {
        let _ = writeln!(out, "  {name:<10}{value}");
    }
    let _ = writeln!(out, "\n  Ctrl-C stops it; conversations are kept.\n");
    let _ = out.flush();
}
