//! When somebody is not to be disturbed.

use anyhow::Result;
use vitte_platform::telegram::Message;
use vitte_platform::turn::Turn;

use super::super::read::time;
use super::super::step::{Step, is_busy};
use super::super::{Talking, button, key, refused, row};
use super::{choose, kept};
use crate::TEXTS;
use crate::domain::Quiet;
use crate::store;

const USUAL: [&str; 3] = ["2200-0800", "2300-0700", "0000-0900"];

/// `` asks, `off` or `HHMM-HHMM` is the answer.
pub async fn pressed(turn: &mut Turn, talking: &Talking, value: &str) -> Result<()> {
    if value == "off" {
        return set(turn, talking, None).await;
    }
    if let Some(quiet) = time::quiet(value) {
        return set(turn, talking, Some(quiet)).await;
    }
    if is_busy(turn) {
        return Ok(());
    }
    let texts = turn.texts(&TEXTS);
    let usual = |text: &&str| button(show(time::quiet(text)?), &["quiet", text]);
    choose(turn, "quiet-ask", [row(USUAL.iter().map(usual)), row([key(&texts, "quiet-off", &["quiet", "off"])])]);
    turn.converse(&Step::Quiet)
}

pub async fn answered(turn: &mut Turn, talking: &Talking, text: &str) -> Result<()> {
    match time::quiet(text) {
        Some(quiet) => set(turn, talking, Some(quiet)).await,
        None => {
            let text = turn.texts(&TEXTS).get("quiet-wrong");
            turn.reply(Message::html(text));
            Ok(())
        }
    }
}

fn show(quiet: Quiet) -> String {
    format!("{}–{}", time::show(quiet.from), time::show(quiet.until))
}

async fn set(turn: &mut Turn, talking: &Talking, quiet: Option<Quiet>) -> Result<()> {
    let (id, now) = (turn.user.id, turn.now);
    if let Err(error) = store::set_quiet(&mut turn.tx, &talking.settings, id, quiet, now).await {
        return refused(turn, error);
    }
    let texts = turn.texts(&TEXTS);
    let text = match quiet {
        Some(quiet) => texts.with("quiet-set", &[("quiet", show(quiet).into())]),
        None => texts.get("quiet-none"),
    };
    kept(turn, talking, text).await
}
