//! Dialogues: where an open one stands, typed by the module that owns it, stored in the turn's transaction.
//!
//! One dialogue a person and chat. It survives any restart, and one left alone is closed politely at the person's
//! next message, so that an answer given days later is not taken for the answer to a forgotten question.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;

use crate::clock::Timestamp;

/// Where a dialogue stands. A module has one enum of steps.
pub trait Step: Serialize + DeserializeOwned + Send {
    /// The module's name, as in routing.
    const MODULE: &'static str;
    /// How long an answer is waited for.
    const EXPIRES: Duration = Duration::from_secs(24 * 3600);
}

/// An open dialogue as loaded.
#[derive(Debug, Clone)]
pub struct Conversation {
    pub module: String,
    pub step: String,
    pub expires_at: Timestamp,
}

impl Conversation {
    /// The step, if it is this module's and of a form this version knows.
    pub fn step<S: Step>(&self) -> Option<S> {
        if self.module == S::MODULE { serde_json::from_str(&self.step).ok() } else { None }
    }
}

/// What a turn does to its dialogue.
#[derive(Debug, Clone, Default)]
pub(crate) enum Change {
    #[default]
    Keep,
    To {
        module: &'static str,
        step: String,
        expires_at: Timestamp,
    },
    End,
}

pub(crate) async fn write(
    connection: &mut PgConnection,
    chat_id: i64,
    telegram_id: i64,
    change: &Change,
    now: Timestamp,
) -> sqlx::Result<()> {
    match change {
        Change::Keep => Ok(()),
        Change::To { module, step, expires_at } => sqlx::query(
            "INSERT INTO conversations (chat_id, telegram_id, module, step, updated_at, expires_at)
             VALUES ($1, $2, $3, $4::json, $5, $6)
             ON CONFLICT (chat_id, telegram_id) DO UPDATE SET module = excluded.module, step = excluded.step,
                updated_at = excluded.updated_at, expires_at = excluded.expires_at",
        )
        .bind(chat_id)
        .bind(telegram_id)
        .bind(module)
        .bind(step)
        .bind(now)
        .bind(expires_at)
        .execute(connection)
        .await
        .map(|_| ()),
        Change::End => sqlx::query("DELETE FROM conversations WHERE chat_id = $1 AND telegram_id = $2")
            .bind(chat_id)
            .bind(telegram_id)
            .execute(connection)
            .await
            .map(|_| ()),
    }
}
