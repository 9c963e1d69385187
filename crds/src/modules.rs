//! `spec.modules`: what the bot can do. A section that is there switches its module on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::companion::Companion;
use crate::patterns::END_OF_DAY;
use crate::repairs::Repairs;

/// What the bot can do: at least one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Modules {
    /// A persona that talks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion: Option<Companion>,
    /// A habit tracker with reminders and streaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habits: Option<Habits>,
    /// A service desk with orders, masters and deadlines. Not yet there: this version refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repairs: Option<Repairs>,
}

impl Modules {
    /// The names of the modules that are switched on, as the registry knows them.
    #[must_use]
    pub fn enabled(&self) -> Vec<&'static str> {
        let Self { companion, habits, repairs } = self;
        [
            companion.as_ref().map(|_| "companion"),
            habits.as_ref().map(|_| "habits"),
            repairs.as_ref().map(|_| "repairs"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A habit tracker. What its users want of it, they say in the chat; these are the bounds and where nobody said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Habits {
    /// Until when after midnight a day goes on, for people who set nothing else: at 03:00, half past two is yesterday.
    #[schemars(length(min = 5, max = 5), regex(pattern = END_OF_DAY))]
    pub end_of_day: String,
    /// A reminder that could not be sent in time is made up for within so many minutes, and says that it is late.
    #[schemars(range(min = 5, max = 1_440))]
    pub catch_up_minutes: i32,
    /// How many habits one person may have, archived ones included.
    #[schemars(range(min = 1, max = 1_000))]
    pub habits_per_person: i32,
}

impl Default for Habits {
    fn default() -> Self {
        Self { end_of_day: "00:00".to_owned(), catch_up_minutes: 120, habits_per_person: 200 }
    }
}
