//! /status: what the bot knows about the person.

use anyhow::Result;
use vitte_platform::telegram::Message;
use vitte_platform::turn::Turn;

use crate::domain::day;
use crate::{Inner, TEXTS};

/// Since when, in which language, and a line of each module.
pub async fn tell(turn: &mut Turn, accounts: &Inner) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let since = day(turn.user.created_at, &turn.language);
    let mut lines = vec![texts.with("status-since", &[("date", since.into())]), texts.get("status-language")];
    for line in &accounts.status {
        lines.push(line(turn).await?);
    }
    turn.reply(Message::html(lines.join("\n")));
    Ok(())
}
