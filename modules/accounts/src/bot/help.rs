//! /help, and whatever nobody else understood.

use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::turn::Turn;

use crate::{Inner, TEXTS};

/// Every command of the bot with its description.
pub fn list(turn: &mut Turn, accounts: &Inner) {
    let texts = turn.texts(&TEXTS);
    let mut lines = vec![texts.get("help"), String::new()];
    for command in &accounts.commands {
        lines.push(format!("/{} – {}", command.name, escape(command.description(&turn.language))));
    }
    if accounts.free_text {
        lines.extend([String::new(), texts.get("help-free")]);
    }
    turn.reply(Message::html(lines.join("\n")));
}
