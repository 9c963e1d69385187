//! The beginning of an update's transaction: the chat's lock, the update's id, and what is known of who sent it.

use sqlx::FromRow;

use super::Intake;
use crate::clock::Timestamp;
use crate::database::Tx;
use crate::database::lanes::Prepared;
use crate::database::literal::Execute;
use crate::telegram::incoming::{Chat, Event, Update};
use crate::users::User;

/// What the first statement of a turn found.
#[derive(FromRow)]
pub(super) struct Loaded {
    /// Is this ours to handle? Not when the id is known already.
    pub fresh: bool,
    pub module: Option<String>,
    pub step: Option<String>,
    pub expires_at: Option<Timestamp>,
    user_id: Option<i64>,
    telegram_id: Option<i64>,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    client_language: Option<String>,
    language: Option<String>,
    timezone: Option<String>,
    is_active: Option<bool>,
    is_bot_blocked: Option<bool>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl Loaded {
    /// The person, if they have a row.
    pub fn user(&self) -> Option<User> {
        Some(User {
            id: self.user_id?,
            telegram_id: self.telegram_id?,
            username: self.username.clone(),
            first_name: self.first_name.clone(),
            last_name: self.last_name.clone(),
            client_language: self.client_language.clone(),
            language: self.language.clone(),
            timezone: self.timezone.clone()?,
            is_active: self.is_active?,
            is_bot_blocked: self.is_bot_blocked?,
            created_at: self.created_at?,
            updated_at: self.updated_at?,
        })
    }
}

/// The statement around the one thing that differs: what makes the update ours.
macro_rules! load {
    ($fresh:literal) => {
        concat!(
            "WITH fresh AS (",
            $fresh,
            ") SELECT EXISTS (SELECT 1 FROM fresh) AS fresh, c.module, c.step::text AS step, c.expires_at,
                u.id AS user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.client_language, u.language,
                u.timezone, u.is_active, u.is_bot_blocked, u.created_at, u.updated_at
             FROM (SELECT 1) AS one
             LEFT JOIN users u ON u.telegram_id = $1
             LEFT JOIN conversations c ON c.chat_id = $2 AND c.telegram_id = $1"
        )
    };
}

const PARAMETERS: &str = "bigint, bigint, bigint, bigint, timestamptz, text, text";

/// A new update.
pub(super) const TAKE: Prepared = Prepared {
    name: "vitte_take",
    parameters: PARAMETERS,
    sql: load!(
        "INSERT INTO updates (bot_id, update_id, received_at, kind, raw) VALUES ($3, $4, $5, $6, $7::json)
         ON CONFLICT DO NOTHING RETURNING 1"
    ),
};

/// A dead update that nobody has replayed.
pub(super) const TAKE_DEAD: Prepared = Prepared {
    name: "vitte_take_dead",
    parameters: PARAMETERS,
    sql: load!(
        "UPDATE dead_updates SET replayed_at = $5 WHERE bot_id = $3 AND update_id = $4 AND replayed_at IS NULL
            AND $6::text IS NOT NULL AND ($7::text IS NULL OR true) RETURNING 1"
    ),
};

/// The chat's lock. It is a statement of its own: what the next one reads must be newer than the wait. Chats are the
/// single-integer key space of advisory locks.
pub(super) fn lock(chat: Option<Chat>) -> String {
    chat.map_or_else(String::new, |chat| format!("SELECT pg_advisory_xact_lock({})", chat.id))
}

/// BEGIN, the chat's lock and the look at what is known, in one round trip.
pub(super) async fn begin(
    intake: &Intake,
    update: &Update,
    now: Timestamp,
    replay: bool,
) -> sqlx::Result<(Tx, Loaded)> {
    let chat = update.chat();
    // Of what nobody handles yet, all is kept.
    let raw = matches!(update.event, Event::Unknown).then_some(update.raw.as_str());
    let take = Execute::new(if replay { TAKE_DEAD.name } else { TAKE.name })
        .number(update.from().map(|f| f.id))
        .number(chat.map(|c| c.id))
        .number(intake.parts.bot_id)
        .number(update.id)
        .timestamp(now)
        .text(Some(&update.kind))
        .text(raw)
        .into_sql();
    let (tx, rows) = intake.lanes.begin(&format!("{};{take}", lock(chat))).await?;
    // The lock's own row comes first.
    let row = rows.last().ok_or(sqlx::Error::RowNotFound)?;
    Ok((tx, Loaded::from_row(row)?))
}
