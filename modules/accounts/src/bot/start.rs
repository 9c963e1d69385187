//! /start: the platform knows the person already; here they are greeted.

use anyhow::Result;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Keyboard, Message};
use vitte_platform::turn::Turn;

use crate::{Inner, NAME, TEXTS};

/// A greeting with the first buttons, then the persona's own first message.
pub fn greet(turn: &mut Turn, accounts: &Inner) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let name = turn.user.first_name.as_deref().unwrap_or_default().trim().to_owned();
    let hello = if name.is_empty() {
        texts.get("welcome-nameless")
    } else {
        texts.with("welcome", &[("name", escape(&name).into())])
    };
    // "Just write to me" is said only where somebody reads it.
    let go_on = texts.get(if accounts.free_text { "welcome-write" } else { "welcome-look" });
    let text = format!("{hello} {go_on}");
    let buttons = vec![
        Button::callback(texts.get("button-language"), NAME, &["language"])?,
        Button::callback(texts.get("button-help"), NAME, &["help"])?,
    ];
    let ways = accounts.ways.iter().flat_map(|ways| ways(&turn.language));
    let rows = ways.chain([buttons]).collect();
    turn.reply(Message::html(text).keyboard(Keyboard(rows)));
    if let Some(greeting) = &accounts.greeting {
        let first = greeting(&turn.language, &name);
        if !first.trim().is_empty() {
            turn.reply(Message::plain(&first));
        }
    }
    Ok(())
}
