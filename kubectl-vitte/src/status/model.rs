//! What is worth knowing of a bot: plain data, for the tree and, as JSON or YAML, for programs. Fields are added here and
//! never renamed: scripts read them.

use serde::Serialize;

/// Whether a part is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum State {
    Good,
    /// On its way, or waiting for something that may come by itself.
    Busy,
    Bad,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BotView {
    pub name: String,
    pub namespace: String,
    /// `Ready` is true for the spec as it stands.
    pub ready: bool,
    pub state: State,
    pub phase: String,
    /// What runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the spec asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to do about the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    pub conditions: Vec<ConditionView>,
    pub components: Vec<PartView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookView>,
    /// The embedded database and Redis.
    pub stores: Vec<PartView>,
    /// The last warnings, newest first.
    pub warnings: Vec<EventView>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    #[serde(rename = "type")]
    pub type_: String,
    pub status: String,
    pub reason: String,
    pub message: String,
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

/// A Deployment or StatefulSet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartView {
    pub name: String,
    pub object: String,
    pub state: State,
    pub desired: i64,
    pub ready: i64,
    /// Pods of the newest template.
    pub updated: i64,
    pub image: String,
    /// How often its template changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// Those that are not ready.
    pub pods: Vec<PodView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodView {
    pub name: String,
    /// `CrashLoopBackOff`, `Unschedulable`, `NotReady`, ...
    pub reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub restarts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// The end of what the process said before it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_words: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationView {
    pub state: State,
    pub phase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    pub pods: Vec<PodView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView {
    pub state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Rounded down to a power of ten, as the operator does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_updates: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    #[serde(skip)]
    pub age: String,
    pub reason: String,
    pub object: String,
    pub count: i64,
    pub note: String,
}
