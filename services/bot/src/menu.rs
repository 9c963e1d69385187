//! Telegram's menu of commands, per language, from what the modules declare.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use vitte_platform::clock::backoff;
use vitte_platform::module::Registry;
use vitte_platform::telegram::Telegram;
use vitte_platform::telegram::client::{ApiError, object};

/// Sets the menus, again and again until Telegram took them.
pub async fn keep(telegram: Telegram, registry: Registry, stop: CancellationToken) {
    for attempt in 1..=20 {
        match set(&telegram, &registry).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, attempt, "the menu of commands is not set yet"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff(attempt, Duration::from_secs(1), Duration::from_secs(300))) => {}
        }
    }
    tracing::warn!("the menu of commands could not be set");
}

async fn set(telegram: &Telegram, registry: &Registry) -> Result<(), ApiError> {
    let commands: Vec<_> = registry.modules().flat_map(|m| m.handlers().commands).collect();
    let languages: BTreeSet<_> = commands.iter().flat_map(|c| c.descriptions.iter().map(|(l, _)| *l)).collect();
    for language in languages {
        let described = |c: &vitte_platform::module::Command| {
            let (_, text) = c.descriptions.iter().find(|(l, _)| *l == language)?;
            Some(json!({"command": c.name, "description": text}))
        };
        let menu: Vec<_> = commands.iter().filter_map(described).collect();
        // English is also what people see whose language has no menu of its own.
        let scopes: &[Option<&str>] = if language == "en" { &[Some("en"), None] } else { &[Some(language)] };
        for code in scopes {
            let params = object(json!({"commands": menu, "language_code": code.unwrap_or("")}));
            telegram.call("setMyCommands", &params, Duration::from_secs(10)).await?;
        }
    }
    Ok(())
}
