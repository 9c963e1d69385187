//! `spec.modules`: what the bot can do. A section that is there switches its module on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::companion::Companion;
use crate::repairs::Repairs;

/// What the bot can do: at least one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Modules {
    /// A persona that talks, remembers, draws and speaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub companion: Option<Companion>,
    /// A habit tracker with reminders and streaks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habits: Option<Habits>,
    /// A service desk with orders, masters and deadlines.
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

/// A habit tracker. All that it needs, its users say in the chat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Habits {}
