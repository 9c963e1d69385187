//! /language: two buttons, and the message that held them becomes a greeting in the language chosen.

use anyhow::Result;
use vitte_platform::telegram::{Button, Keyboard, Message};
use vitte_platform::turn::Turn;
use vitte_platform::users;

use crate::{Inner, NAME, TEXTS};

/// What a language calls itself.
fn own_name(language: &str) -> &str {
    match language {
        "ru" => "Русский",
        "en" => "English",
        other => other,
    }
}

/// The bot's languages as buttons.
pub fn ask(turn: &mut Turn) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    if turn.languages.len() < 2 {
        turn.reply(Message::html(texts.get("language-only")));
        return Ok(());
    }
    let button = |language: &String| Button::callback(own_name(language), NAME, &["language", language]);
    let row = turn.languages.iter().map(button).collect::<Result<Vec<_>, _>>()?;
    turn.reply(Message::html(texts.get("language-choose")).keyboard(Keyboard(vec![row])));
    Ok(())
}

/// Keeps the choice and speaks it from here on.
pub async fn chosen(turn: &mut Turn, language: &str, accounts: &Inner) -> Result<()> {
    // A button outlives the manifest it was made from.
    if !turn.languages.iter().any(|known| known == language) {
        let text = turn.texts(&TEXTS).get("language-unknown");
        turn.toast(text);
        return Ok(());
    }
    users::set_language(&mut turn.tx, turn.user.id, language, turn.now).await?;
    language.clone_into(&mut turn.language);
    accounts.forget_cached(turn);
    let message = Message::html(turn.texts(&TEXTS).get("language-chosen"));
    match turn.pressed {
        Some(id) => turn.edit(id, message),
        None => turn.reply(message),
    }
    Ok(())
}
