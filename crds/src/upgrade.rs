//! `spec.migrations` and `spec.rollout`: how a new version comes in and a bad one goes out again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the database's schema is brought up to date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Migrations {
    /// How long one run may take, in seconds.
    #[schemars(range(min = 10, max = 86_400))]
    pub timeout_seconds: i32,
    /// Whether a fresh backup must exist before the schema changes.
    pub backup: MigrationBackup,
}

impl Default for Migrations {
    fn default() -> Self {
        Self { timeout_seconds: 600, backup: MigrationBackup::None }
    }
}

/// Whether a fresh backup must exist before the schema changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MigrationBackup {
    /// Migrate without one.
    None,
    /// Make one first, and stop when that fails. Needs `spec.backup`.
    Required,
}

/// How a new version replaces the old one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rollout {
    /// How long the new pods may take to become ready, in seconds.
    #[schemars(range(min = 30, max = 3_600))]
    pub progress_deadline_seconds: i32,
    /// How long a new pod must stay ready to count, in seconds.
    #[schemars(range(min = 0, max = 600))]
    pub min_ready_seconds: i32,
    /// What happens when the new pods do not become ready in time.
    pub rollback: Rollback,
    /// How long after a good rollout the way back stays open, in seconds: what the old version needs in the
    /// schema is removed only afterwards.
    #[schemars(range(min = 0, max = 604_800))]
    pub rollback_window_seconds: i32,
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            progress_deadline_seconds: 300,
            min_ready_seconds: 5,
            rollback: Rollback::Automatic,
            rollback_window_seconds: 3_600,
        }
    }
}

/// What happens when the new pods do not become ready in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Rollback {
    /// The last good revision serves again.
    Automatic,
    /// All stays as it is until somebody decides.
    Manual,
}
