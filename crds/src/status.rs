//! `status`: how a bot is, as the operator found it.
//!
//! The operator writes it whole, and only when it differs from what is there; so nothing in it may change without a
//! change of meaning (a time of the last look would make every reconcile a write, and every write a reconcile).
//! Texts have bounds, and a longer one makes the API server refuse the whole status: cut them with [`shorten`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::DNS_LABEL;

/// The longest message of a status, in characters. Longer ones are cut by [`shorten`].
pub const LONGEST_MESSAGE: usize = 1024;

/// How the bot is. Written by the operator alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation of the spec that this status tells about. Older than `metadata.generation`: not yet looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// What the bot is doing, in one word. Programs should look at the conditions instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The version that runs now. It differs from `spec.version` during an upgrade and after a failed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub version: Option<String>,
    /// The image that runs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// The ControllerRevision that serves: the last one whose pods were all ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = DNS_LABEL))]
    pub revision: Option<String>,
    /// The version that was tried and given up. It is not tried again until the spec or the retry annotation changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub failed_version: Option<String>,
    /// What a person should know now, in a sentence or two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_MESSAGE))]
    pub message: Option<String>,
    /// The bot's state, one entry for each aspect: Ready, Reconciling, Stalled, Upgraded, Migrated,
    /// SecretsReady, WebhookRegistered, BackupHealthy, Paused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The latest migration of the database's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<MigrationStatus>,
    /// The pods of each component: bot, api, worker, admin.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub components: BTreeMap<String, ComponentStatus>,
    /// The webhook, as Telegram tells of it. Absent while the bot polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookStatus>,
    /// The backups of the database. Absent while none are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStatus>,
}

/// What a bot is doing, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Something that the spec names is not there yet, such as a Secret; nothing runs.
    #[default]
    Pending,
    /// The new version looks whether it can work with the database; what ran before goes on serving.
    Preflight,
    /// The database's schema is being brought up to date; what ran before goes on serving.
    Migrating,
    /// Pods are being replaced or added.
    RollingOut,
    /// All runs as the spec says.
    Ready,
    /// It serves, but not as the spec says: pods are missing, the webhook is refused, or an upgrade was taken back.
    Degraded,
    /// It does not serve, and waits for a person: an impossible spec, or a migration that failed.
    Failed,
    /// `spec.paused`: what runs is left alone.
    Paused,
    /// `spec.hibernated`: no pods; data and webhook are kept.
    Hibernated,
    /// The bot is being removed.
    Deleting,
}

impl Phase {
    /// The word as the status has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Preflight => "Preflight",
            Self::Migrating => "Migrating",
            Self::RollingOut => "RollingOut",
            Self::Ready => "Ready",
            Self::Degraded => "Degraded",
            Self::Failed => "Failed",
            Self::Paused => "Paused",
            Self::Hibernated => "Hibernated",
            Self::Deleting => "Deleting",
        }
    }
}

/// The conditions that the operator keeps. Others may add theirs, which is why [`Condition::type_`] is a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// Every component has its pods ready in the wanted version, and the bot can be reached.
    Ready,
    /// The operator is at work: what is there is not yet what the spec says. (kstatus looks at this one.)
    Reconciling,
    /// Nothing more happens until a person changes something. (kstatus looks at this one.)
    Stalled,
    /// What the spec asks for is what serves; if not, the reason is the step of the upgrade, or why it was given up.
    Upgraded,
    /// The database's schema is what the wanted version needs.
    Migrated,
    /// Every Secret and key that the spec names is there.
    SecretsReady,
    /// Telegram delivers to the bot's webhook, as asked of Telegram.
    WebhookRegistered,
    /// The latest backup succeeded and is not overdue.
    BackupHealthy,
    /// The spec asks to leave the bot alone.
    Paused,
}

impl ConditionType {
    /// All of them, in the order in which the status lists them.
    pub const ALL: [Self; 9] = [
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
        Self::Upgraded,
        Self::Migrated,
        Self::SecretsReady,
        Self::WebhookRegistered,
        Self::BackupHealthy,
        Self::Paused,
    ];

    /// The condition's name as the status has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::Upgraded => "Upgraded",
            Self::Migrated => "Migrated",
            Self::SecretsReady => "SecretsReady",
            Self::WebhookRegistered => "WebhookRegistered",
            Self::BackupHealthy => "BackupHealthy",
            Self::Paused => "Paused",
        }
    }
}

/// One aspect of the bot's state, in the shape of Kubernetes' own conditions (meta/v1 Condition).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 316), regex(pattern = CONDITION_TYPE))]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// The generation of the spec that this was found for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When `status` last changed (RFC 3339, UTC, whole seconds). A change of reason or message does not count.
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one word for programs.
    #[schemars(length(min = 1, max = 1024), regex(pattern = REASON))]
    pub reason: String,
    /// Why, for people.
    #[schemars(length(max = 32_768))]
    pub message: String,
}

// The bounds of meta/v1 Condition, from its own documentation:
// https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Condition
const CONDITION_TYPE: &str =
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
const REASON: &str = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Nobody can tell, for instance because Telegram is away.
    Unknown,
}

/// One migration of the database's schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MigrationStatus {
    /// The Job that migrates. Its name is made from what it is to do: the same name is the same attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63), regex(pattern = DNS_LABEL))]
    pub job: Option<String>,
    /// The image that migrates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<MigrationPhase>,
    /// How many attempts were made with this image, the present one counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub attempt: Option<i32>,
    /// When the Job began (RFC 3339, UTC), as the Job says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// When the Job ended (RFC 3339, UTC), as the Job says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// Why it failed: the end of the Job's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_MESSAGE))]
    pub message: Option<String>,
}

/// How far a migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum MigrationPhase {
    /// The Job is there, and its pod has not begun.
    Pending,
    /// The Job is at work.
    Running,
    /// The schema is up to date.
    Succeeded,
    /// The Job gave up. What ran before goes on serving.
    Failed,
}

impl MigrationPhase {
    /// The word as the status has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// The pods of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ComponentStatus {
    /// Pods that there should be.
    #[schemars(range(min = 0, max = 100_000))]
    pub desired: i32,
    /// Pods of the newest template.
    #[schemars(range(min = 0, max = 100_000))]
    pub updated: i32,
    /// Pods that are ready.
    #[schemars(range(min = 0, max = 100_000))]
    pub ready: i32,
    /// Pods that were ready for `rollout.minReadySeconds`.
    #[schemars(range(min = 0, max = 100_000))]
    pub available: i32,
    /// The image that the newest template names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub image: Option<String>,
    /// Whether an autoscaler decides how many.
    pub autoscaled: bool,
}

/// The webhook, as Telegram tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct WebhookStatus {
    /// Where Telegram delivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub url: Option<String>,
    /// Updates that wait at Telegram, rounded to a power of ten so that a busy bot's status stays as it is. The
    /// exact number is a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub pending_updates: Option<i64>,
    /// What went wrong at the latest delivery that failed, in Telegram's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_MESSAGE))]
    pub last_error: Option<String>,
    /// When that was (RFC 3339, UTC), as Telegram says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_error_at: Option<String>,
}

/// The backups of the database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct BackupStatus {
    /// When the latest good backup was complete (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_success: Option<String>,
    /// When the latest failed one gave up (RFC 3339, UTC). Absent when none failed since the latest good one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("format" = "date-time"))]
    pub last_failure: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LONGEST_MESSAGE))]
    pub message: Option<String>,
}

/// A text of at most [`LONGEST_MESSAGE`] characters; a longer one keeps its beginning and its end, which is where
/// an error says what and why.
#[must_use]
pub fn shorten(text: &str) -> String {
    const GAP: &str = " ... ";
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= LONGEST_MESSAGE {
        return text.to_owned();
    }
    let half = (LONGEST_MESSAGE - GAP.len()) / 2;
    let (head, tail) = (&characters[..half], &characters[characters.len() - half..]);
    head.iter().copied().chain(GAP.chars()).chain(tail.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_keeps_its_ends_and_fits_its_bound() {
        let long = format!("begins{}ends", "\u{1F319}".repeat(5_000));
        let short = shorten(&long);
        assert!(short.starts_with("begins") && short.ends_with("ends") && short.contains(" ... "));
        assert!((LONGEST_MESSAGE - 1..=LONGEST_MESSAGE).contains(&short.chars().count()));
        let exact = "x".repeat(LONGEST_MESSAGE);
        assert_eq!(shorten(&exact), exact);
    }

    #[test]
    fn words_are_the_ones_that_are_written() {
        for phase in [Phase::Pending, Phase::Preflight, Phase::RollingOut, Phase::Deleting] {
            assert_eq!(serde_json::json!(phase), phase.as_str());
        }
        for phase in [MigrationPhase::Pending, MigrationPhase::Failed] {
            assert_eq!(serde_json::json!(phase), phase.as_str());
        }
        let names: Vec<&str> = ConditionType::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(names.len(), 9);
        let form = regex::Regex::new(CONDITION_TYPE).unwrap();
        for name in names {
            assert!(form.is_match(name), "{name}");
        }
    }

    #[test]
    fn an_empty_status_is_written_as_nothing_and_unknown_fields_are_no_error() {
        assert_eq!(serde_json::json!(Status::default()), serde_json::json!({}));
        let later = serde_json::json!({"phase": "Ready", "madeLater": 1});
        let read: Status = serde_json::from_value(later).unwrap();
        assert_eq!(read.phase, Some(Phase::Ready));
    }
}
