//! A person as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;
use vitte_platform::clock::Timestamp;
use vitte_platform::users::User;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: i64,
    /// Telegram's id of the person.
    telegram_id: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// IANA name.
    #[schema(example = "Europe/Moscow")]
    timezone: String,
    is_active: bool,
    /// The person has blocked the bot: nothing can be sent to them.
    is_bot_blocked: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            telegram_id: user.telegram_id,
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            timezone: user.timezone,
            is_active: user.is_active,
            is_bot_blocked: user.is_bot_blocked,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}
