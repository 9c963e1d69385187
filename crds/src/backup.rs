//! `spec.backup`: dumps of the database in an S3-compatible store.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{CRON, HTTP_URL, TIME_ZONE};
use crate::refs::SecretKeyRef;

fn utc() -> String {
    "UTC".to_owned()
}

/// Backups of the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// When, as five fields of cron: minute, hour, day of month, month, day of week.
    #[schemars(length(min = 9, max = 100), regex(pattern = CRON))]
    pub schedule: String,
    /// The IANA time zone of the schedule.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 50), regex(pattern = TIME_ZONE))]
    pub timezone: String,
    /// How many are kept.
    #[serde(default)]
    pub retention: BackupRetention,
    /// Where they go.
    pub s3: S3,
}

/// How many backups are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BackupRetention {
    /// The newest of each of so many days.
    #[schemars(range(min = 1, max = 365))]
    pub daily: i32,
    /// The newest of each of so many weeks.
    #[schemars(range(min = 0, max = 260))]
    pub weekly: i32,
}

impl Default for BackupRetention {
    fn default() -> Self {
        Self { daily: 7, weekly: 4 }
    }
}

/// A bucket of an S3-compatible store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct S3 {
    /// The store's address; Amazon's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub endpoint: Option<String>,
    /// The region, where the store has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// The bucket.
    #[schemars(length(min = 3, max = 63))]
    pub bucket: String,
    /// What every object's name begins with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 255))]
    pub prefix: String,
    /// The access key's id.
    pub access_key_id_secret_ref: SecretKeyRef,
    /// The access key itself.
    pub secret_access_key_secret_ref: SecretKeyRef,
}
