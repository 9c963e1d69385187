//! Changes of a person's row that are more than their names at Telegram, and who must act on them.
//!
//! Whoever changes a person (a conversation, the API) does it here, in their own transaction; a module whose rows
//! depend on the person's (reminders on the zone) follows, in the same transaction, so that no moment exists in which
//! one is changed and the other is not.

use std::sync::{Arc, PoisonError, RwLock};

use sqlx::PgConnection;

use crate::cache::Cache;
use crate::clock::Timestamp;
use crate::http::api::Patch;
use crate::module::BoxFuture;
use crate::users::User;

/// What to change; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub username: Patch<String>,
    pub first_name: Patch<String>,
    pub last_name: Patch<String>,
    /// An IANA name that has been looked up.
    pub timezone: Option<String>,
    pub is_active: Option<bool>,
    pub is_bot_blocked: Option<bool>,
}

/// The row before and after.
pub struct Changed<'a> {
    pub before: &'a User,
    pub after: &'a User,
    pub now: Timestamp,
}

/// Runs with every change, in its transaction; its error takes the change back.
pub type Follow =
    Arc<dyn for<'a> Fn(&'a mut PgConnection, Changed<'a>) -> BoxFuture<'a, anyhow::Result<()>> + Send + Sync>;

/// The people of one bot. Cheap to clone.
#[derive(Clone)]
pub struct People {
    cache: Cache<User>,
    followers: Arc<RwLock<Vec<Follow>>>,
}

impl People {
    /// `cache`: what is to forget a person who has changed.
    pub fn new(cache: Cache<User>) -> Self {
        Self { cache, followers: Arc::default() }
    }

    /// From now on, in every clone: modules are given the people before they can say how they follow them.
    pub fn followed_by(&self, followers: impl IntoIterator<Item = Follow>) {
        self.followers.write().unwrap_or_else(PoisonError::into_inner).extend(followers);
    }

    /// Changes a person in the caller's transaction. `None`: there is nobody with this id. After the commit call
    /// [`People::forget`].
    pub async fn change(
        &self,
        c: &mut PgConnection,
        id: i64,
        change: &Change,
        now: Timestamp,
    ) -> anyhow::Result<Option<User>> {
        let before: Option<User> = sqlx::query_as(
            "SELECT id, telegram_id, username, first_name, last_name, client_language, language, timezone,
                is_active, is_bot_blocked, created_at, updated_at
             FROM users WHERE id = $1 FOR NO KEY UPDATE",
        )
        .bind(id)
        .fetch_optional(&mut *c)
        .await?;
        let Some(before) = before else { return Ok(None) };
        let mut after = before.clone();
        after.username = change.username.clone().apply(after.username);
        after.first_name = change.first_name.clone().apply(after.first_name);
        after.last_name = change.last_name.clone().apply(after.last_name);
        after.timezone = change.timezone.clone().unwrap_or(after.timezone);
        after.is_active = change.is_active.unwrap_or(after.is_active);
        after.is_bot_blocked = change.is_bot_blocked.unwrap_or(after.is_bot_blocked);
        if after == before {
            return Ok(Some(before));
        }
        after.updated_at = now;
        sqlx::query(
            "UPDATE users SET username = $2, first_name = $3, last_name = $4, timezone = $5, is_active = $6,
                is_bot_blocked = $7, updated_at = $8
             WHERE id = $1",
        )
        .bind(id)
        .bind(&after.username)
        .bind(&after.first_name)
        .bind(&after.last_name)
        .bind(&after.timezone)
        .bind(after.is_active)
        .bind(after.is_bot_blocked)
        .bind(now)
        .execute(&mut *c)
        .await?;
        let followers = self.followers.read().unwrap_or_else(PoisonError::into_inner).clone();
        for follow in followers {
            follow(c, Changed { before: &before, after: &after, now }).await?;
        }
        Ok(Some(after))
    }

    /// Lets everybody read the person's row anew. After the commit.
    pub async fn forget(&self, id: i64) {
        self.cache.forget(id).await;
    }
}
