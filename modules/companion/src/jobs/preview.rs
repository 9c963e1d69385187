//! What a person sees while the answer is being written: typing until the first words, then drafts.
//!
//! A task of its own, so that a slow Telegram never slows the reading of the model's stream. Best effort: drafts end
//! at the first that fails. [`Preview::end`] returns when nothing is in flight any more: a draft that arrived after
//! the real message would hide it. Dropped instead, the task ends by itself.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use vitte_platform::telegram::Telegram;
use vitte_platform::telegram::outgoing::TEXT_LIMIT;

use crate::domain::head;

/// Telegram shows typing for five seconds.
const TYPING: Duration = Duration::from_secs(4);

/// Shown in one chat.
pub struct Preview {
    text: watch::Sender<String>,
    task: Option<JoinHandle<()>>,
}

impl Preview {
    /// `draft_id`: one an answer, not 0. `interval`: the shortest pause between two drafts.
    pub fn start(telegram: Telegram, chat_id: i64, draft_id: i64, interval: Duration) -> Self {
        let (text, watched) = watch::channel(String::new());
        let task = tokio::spawn(async move {
            let mut watched = watched;
            if type_until_words(&telegram, chat_id, &mut watched).await {
                draft(&telegram, chat_id, draft_id, interval, &mut watched).await;
            }
        });
        Self { text, task: Some(task) }
    }

    #[cfg(test)]
    pub fn nowhere() -> Self {
        Self { text: watch::channel(String::new()).0, task: None }
    }

    /// The answer so far.
    pub fn show(&self, text: &str) {
        self.text.send_replace(text.to_owned());
    }

    /// Ends it and waits for what is in flight, at most as long as Telegram's client does.
    pub async fn end(self) {
        drop(self.text);
        if let Some(task) = self.task {
            // A panic of the task has been reported by the runtime; the answer matters more.
            let _ = task.await;
        }
    }
}

/// False: ended without a word.
async fn type_until_words(telegram: &Telegram, chat_id: i64, text: &mut watch::Receiver<String>) -> bool {
    let keep_typing = async {
        loop {
            // Typing in flight may be dropped: late, it hides nothing.
            let _ = telegram.typing(chat_id).await;
            sleep(TYPING).await;
        }
    };
    tokio::select! {
        () = keep_typing => false,
        words = text.wait_for(|text| !text.is_empty()) => words.is_ok(),
    }
}

async fn draft(
    telegram: &Telegram,
    chat_id: i64,
    draft_id: i64,
    interval: Duration,
    text: &mut watch::Receiver<String>,
) {
    let mut shown = String::new();
    loop {
        let Ok(latest) = text.wait_for(|latest| head(latest, TEXT_LIMIT) != shown).await.map(|t| t.clone()) else {
            return;
        };
        if text.has_changed().is_err() {
            return;
        }
        head(&latest, TEXT_LIMIT).clone_into(&mut shown);
        let next = Instant::now() + interval;
        if let Err(error) = telegram.draft(chat_id, draft_id, &shown).await {
            tracing::debug!(%error, "drafts of this answer end");
            return;
        }
        tokio::select! {
            () = sleep_until(next) => {}
            // Only the end of it all: nothing satisfies this.
            _ = text.wait_for(|_| false) => return,
        }
    }
}

#[cfg(test)]
mod tests;
