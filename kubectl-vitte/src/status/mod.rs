//! `status`: what of a bot is ready, what is not, and why.
//!
//! [`gather`] reads, [`view`] (pure) makes of it what is worth knowing (a [`model`]), [`render`] (pure) makes of that a
//! tree. Programs get the model itself.

pub mod gather;
pub mod model;
mod pods;
pub mod render;
pub mod view;

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use self::model::BotView;
use crate::cli::{Output, Status};
use crate::cluster::{Cluster, Place};
use crate::fault::Fault;
use crate::screen::Screen;

/// How often to look while watching: of pods and events, too, nothing older is shown.
const LOOK: Duration = Duration::from_secs(1);

/// The exit code: 0 when every bot that was asked for is ready, 1 when one is not or there is none.
///
/// # Errors
/// There is no such bot, or the API server does not answer.
pub async fn run(cluster: &Cluster, asked: &Status, screen: &mut Screen<'_>) -> Result<u8, Fault> {
    let place = if asked.all_namespaces { Place::Everywhere } else { Place::Namespace(&cluster.namespace) };
    let end = Instant::now() + asked.timeout;
    let mut shown = String::new();
    loop {
        let found = match gather::gather(cluster, place, asked.bot.as_deref()).await {
            Ok(found) => found,
            // What was there a moment ago may be there again: an API server is restarted, too.
            Err(Fault::Failed(why)) if !shown.is_empty() && Instant::now() < end => {
                writeln!(screen.notes, "note: {why}; trying again")?;
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let now = screen.now();
        let views: Vec<BotView> = found.bots.iter().map(|bot| view::view(bot, &found, now)).collect();
        if views.is_empty() {
            writeln!(screen.notes, "no bots {}", place.in_words())?;
        }
        let text = match asked.output {
            None => render::render(&views, screen.paint),
            Some(form) => for_programs(&views, form, asked.bot.is_some())?,
        };
        if text != shown {
            if screen.redraws && asked.watch && asked.output.is_none() {
                // From the top: clear what is there, then the new text.
                write!(screen.out, "\u{1b}[H\u{1b}[2J")?;
            }
            screen.out.write_all(text.as_bytes())?;
            screen.out.flush()?;
            shown = text;
        }
        let ready = !views.is_empty() && views.iter().all(|view| view.ready);
        if ready || !asked.watch {
            return Ok(u8::from(!ready));
        }
        if Instant::now() >= end {
            writeln!(screen.notes, "not ready after {} s", asked.timeout.as_secs())?;
            return Ok(1);
        }
        tokio::time::sleep_until(end.min(Instant::now() + LOOK)).await;
    }
}

/// One bot, if one was asked for, else a list.
fn for_programs(views: &[BotView], form: Output, one: bool) -> Result<String, Fault> {
    let value = match views {
        [view] if one => json!(view),
        views => json!({"items": views}),
    };
    match form {
        Output::Json => Ok(format!("{value:#}\n")),
        Output::Yaml => serde_saphyr::to_string(&value).map_err(|error| Fault::Failed(format!("as YAML: {error}"))),
    }
}

#[cfg(test)]
mod tests;
