//! `spec.limits` and `spec.data`: how much one person may ask, and how long finished work is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much one person may ask of the bot in the chat. Pressed buttons and answers to what the bot has asked do not count:
/// they cost no more than the message that asked. The REST API has a bound of its own, `spec.api.requestsPerMinute`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Messages of one person a minute.
    #[schemars(range(min = 1, max = 600))]
    pub messages_per_minute: i32,
    /// Messages of one person an hour.
    #[schemars(range(min = 1, max = 10_000))]
    pub messages_per_hour: i32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages_per_minute: 10, messages_per_hour: 100 }
    }
}

/// How long finished work is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Data {
    /// Days that ids of handled updates are kept, to know a redelivered one. Telegram repeats for one day.
    #[schemars(range(min = 2, max = 90))]
    pub keep_updates_days: i32,
    /// Days that sent messages stay in the outbox.
    #[schemars(range(min = 1, max = 365))]
    pub keep_sent_days: i32,
}

impl Default for Data {
    fn default() -> Self {
        Self { keep_updates_days: 7, keep_sent_days: 30 }
    }
}
