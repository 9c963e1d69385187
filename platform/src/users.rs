//! The people a bot knows. A row appears with a person's first update and follows their names.

use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgConnection};

use crate::clock::Timestamp;
use crate::outbox;
use crate::telegram::incoming::From;

#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, Deserialize)]
pub struct User {
    pub id: i64,
    pub telegram_id: i64,
    pub username: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// What Telegram says the person's client speaks.
    pub client_language: Option<String>,
    /// What the person chose.
    pub language: Option<String>,
    /// IANA zone.
    pub timezone: String,
    pub is_active: bool,
    pub is_bot_blocked: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl User {
    /// The person's zone. A name that this version does not know reads as UTC.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.timezone.parse().unwrap_or(chrono_tz::UTC)
    }

    /// The language to speak: chosen, else the client's, else the bot's first.
    pub fn speaks<'a>(&self, languages: &'a [String]) -> &'a str {
        spoken(self.language.as_deref(), self.client_language.as_deref(), languages)
    }

    /// Does Telegram now say something else about this person than the row does?
    pub fn differs(&self, from: &From) -> bool {
        self.username != from.username
            || self.first_name.as_deref() != Some(from.first_name.as_str())
            || self.last_name != from.last_name
            || (from.language_code.is_some() && self.client_language != from.language_code)
            || self.is_bot_blocked
    }
}

/// The language to speak to somebody: what they chose, else what their client speaks, else the bot's first.
pub fn spoken<'a>(chosen: Option<&str>, client: Option<&str>, languages: &'a [String]) -> &'a str {
    let known = |tag: Option<&str>| {
        let tag = tag?;
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        languages.iter().find(|l| l.eq_ignore_ascii_case(primary)).map(String::as_str)
    };
    known(chosen).or_else(|| known(client)).or_else(|| languages.first().map(String::as_str)).unwrap_or("en")
}

/// Creates the person or takes over their new names; hearing from someone means that they did not block the bot.
pub async fn upsert(connection: &mut PgConnection, from: &From, now: Timestamp) -> sqlx::Result<User> {
    sqlx::query_as(
        "INSERT INTO users (telegram_id, username, first_name, last_name, client_language, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (telegram_id) DO UPDATE SET
            username = excluded.username, first_name = excluded.first_name, last_name = excluded.last_name,
            client_language = coalesce(excluded.client_language, users.client_language),
            is_bot_blocked = false, updated_at = excluded.updated_at
         RETURNING id, telegram_id, username, first_name, last_name, client_language, language, timezone,
            is_active, is_bot_blocked, created_at, updated_at",
    )
    .bind(from.id)
    .bind(from.username.as_deref())
    .bind(&from.first_name)
    .bind(from.last_name.as_deref())
    .bind(from.language_code.as_deref())
    .bind(now)
    .fetch_one(connection)
    .await
}

/// A person by our id.
pub async fn find(connection: &mut PgConnection, id: i64) -> sqlx::Result<Option<User>> {
    sqlx::query_as(
        "SELECT id, telegram_id, username, first_name, last_name, client_language, language, timezone,
            is_active, is_bot_blocked, created_at, updated_at
         FROM users WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection)
    .await
}

/// The language a person chose.
pub async fn set_language(c: &mut PgConnection, id: i64, language: &str, now: Timestamp) -> sqlx::Result<()> {
    sqlx::query("UPDATE users SET language = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(language)
        .bind(now)
        .execute(c)
        .await
        .map(|_| ())
}

/// Telegram said 403, or the person blocked the bot in front of us.
pub async fn set_blocked(c: &mut PgConnection, telegram_id: i64, blocked: bool) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE users SET is_bot_blocked = $2, updated_at = now() WHERE telegram_id = $1 AND is_bot_blocked <> $2",
    )
    .bind(telegram_id)
    .bind(blocked)
    .execute(c)
    .await
    .map(|_| ())
}

/// Erases a person: the row, what hangs on it by foreign keys, and everything of theirs in the platform's tables.
/// Messages already committed to leave are taken back, but for what the same transaction writes afterwards.
pub async fn erase(c: &mut PgConnection, user: &User) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM conversations WHERE telegram_id = $1",
        "DELETE FROM dead_updates WHERE user_id = $1 OR chat_id = $1",
        // In a private chat the chat's id is the person's. Jobs and rows before messages: a job that is just committing
        // its last words is waited for here, and those words are gone with what follows.
        "DELETE FROM jobs WHERE key = $1::text",
        "DELETE FROM dead_jobs WHERE key = $1::text",
        "DELETE FROM users WHERE telegram_id = $1",
    ] {
        sqlx::query(statement).bind(user.telegram_id).execute(&mut *c).await?;
    }
    outbox::erase(c, user.telegram_id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_spoken_to_in_the_chosen_then_the_clients_then_the_bots_language() {
        let mut user = User {
            id: 1,
            telegram_id: 1,
            username: None,
            first_name: None,
            last_name: None,
            client_language: Some("ru-RU".into()),
            language: None,
            timezone: "UTC".into(),
            is_active: true,
            is_bot_blocked: false,
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
        };
        let bot = ["en".to_owned(), "ru".to_owned()];
        assert_eq!(user.speaks(&bot), "ru");
        user.language = Some("en".into());
        assert_eq!(user.speaks(&bot), "en");
        user.language = None;
        user.client_language = Some("de".into());
        assert_eq!(user.speaks(&bot), "en");
        assert_eq!(user.speaks(&["ru".to_owned()]), "ru");
    }
}
