//! All that became of somebody's habits, to take away.

use anyhow::Result;
use vitte_platform::turn::Turn;

use super::super::tell;
use crate::TEXTS;
use crate::jobs::Export;
use crate::store;

/// The document is made by the worker: it may be some megabytes.
pub async fn send(turn: &mut Turn) -> Result<()> {
    let (user, texts) = (turn.user.id, turn.texts(&TEXTS));
    if !store::is_marked(&mut turn.tx, user).await? {
        tell(turn, texts.get("export-empty"));
        return Ok(());
    }
    let export = Export { user, chat: turn.chat.id, language: turn.language.clone() };
    turn.enqueue(&export).await?;
    tell(turn, texts.get("export-soon"));
    Ok(())
}
