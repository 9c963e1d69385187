//! What a person writes to the persona. Nothing here waits for the model.

use anyhow::Result;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::incoming::Incoming;
use vitte_platform::turn::Turn;

use crate::jobs::Answer;
use crate::{TEXTS, store};

/// Keeps the message as owed and asks for an answer, in the turn's transaction.
pub async fn chat(turn: &mut Turn, message: &Incoming, persona: &str) -> Result<()> {
    let text = message.text.as_deref().map(str::trim).filter(|t| !t.is_empty());
    let Some(text) = text else {
        let kind = turn.texts(&TEXTS).get("text-only");
        turn.reply(Message::html(kind));
        return Ok(());
    };
    let (chat_id, user_id) = (turn.chat.id, turn.user.id);
    store::add_from_person(&mut turn.tx, (chat_id, user_id), persona, text, turn.now).await?;
    // An answer that waits to be tried again need not wait any longer: somebody is there.
    turn.hasten(&Answer { chat_id, user_id }).await
}

/// The module's line in /status.
pub async fn status(turn: &mut Turn) -> Result<String> {
    let waiting = store::owed(&mut turn.tx, turn.chat.id).await?;
    Ok(turn.texts(&TEXTS).with("waiting", &[("count", waiting.into())]))
}
