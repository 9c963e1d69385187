//! /forgetme: asks for a word, then forgets the person.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use vitte_platform::conversations;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::incoming::Incoming;
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;
use vitte_platform::users;

use crate::domain::confirms;
use crate::{Inner, LANGUAGES, NAME, TEXTS};

/// Where the dialogue stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// The word has been asked for.
    ForgetAsked,
}

impl conversations::Step for Step {
    const MODULE: &'static str = NAME;
    /// A word typed tomorrow is not meant for this question.
    const EXPIRES: std::time::Duration = std::time::Duration::from_secs(15 * 60);
}

/// Says what will be gone and asks for the word.
pub fn ask(turn: &mut Turn) -> Result<()> {
    say_with_word(turn, "forget-ask");
    turn.converse(&Step::ForgetAsked)
}

/// Forgets on the word; asks again otherwise. `/cancel` is the platform's.
pub async fn answered(turn: &mut Turn, message: &Incoming, accounts: &Inner) -> Result<()> {
    let Some(Step::ForgetAsked) = turn.step() else {
        // A step of another version: better to ask than to guess.
        turn.end_conversation();
        return Ok(());
    };
    let words: Vec<String> = LANGUAGES.iter().map(|l| Texts::new(&TEXTS, l).get("forget-word")).collect();
    if !confirms(message.text.as_deref().unwrap_or_default(), &words) {
        say_with_word(turn, "forget-again");
        return turn.converse(&Step::ForgetAsked);
    }
    users::erase(&mut turn.tx, &turn.user).await?;
    turn.end_conversation();
    accounts.forget_cached(turn);
    let goodbye = turn.texts(&TEXTS).get("forget-done");
    turn.reply(Message::html(goodbye));
    Ok(())
}

fn say_with_word(turn: &mut Turn, key: &str) {
    let texts = turn.texts(&TEXTS);
    let word = texts.get("forget-word");
    turn.reply(Message::html(texts.with(key, &[("word", word.into())])));
}
