//! `spec.modules.repairs`: a service desk of one city.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{CURRENCY, QUIET_HOURS, TIME_ZONE};

/// A service desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repairs {
    /// The first administrators, by their Telegram ids. They name further ones in the chat.
    #[schemars(length(min = 1, max = 100), inner(range(min = 1)), extend("uniqueItems" = true))]
    pub admins: Vec<i64>,
    /// The first dispatchers, by their Telegram ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(range(min = 1)), extend("uniqueItems" = true))]
    pub dispatchers: Vec<i64>,
    /// The desk's IANA time zone: of its reports, deadlines and nights.
    #[schemars(length(min = 1, max = 50), regex(pattern = TIME_ZONE))]
    pub timezone: String,
    /// The currency of all amounts (ISO 4217).
    #[schemars(length(min = 3, max = 3), regex(pattern = CURRENCY))]
    pub currency: String,
    /// When the desk makes no noise, in its own zone. Never silent when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 11, max = 11), regex(pattern = QUIET_HOURS))]
    pub quiet_hours: Option<String>,
    /// A master's share by kind of equipment. What is not named here gets the usual shares.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub rates: Vec<Rate>,
}

/// A master's share of what remains after materials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// The kind of equipment, as orders name it.
    #[schemars(length(min = 1, max = 64))]
    pub equipment: String,
    /// The rate holds from this net amount on, in minor units (kopecks, cents).
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000_000_000i64))]
    pub from_minor: i64,
    /// The master's share, in per cent.
    #[schemars(range(min = 0, max = 100))]
    pub percent: i32,
}
