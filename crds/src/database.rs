//! `spec.database` and `spec.redis`: where the bot's data live.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{IMAGE, OBJECT_NAME};
use crate::quantity::Quantity;
use crate::refs::SecretKeyRef;

fn pool_size() -> i32 {
    5
}

/// A worker listens on one connection and marks what is sent on another; one more does the work.
const FEWEST_CONNECTIONS: i32 = 3;

fn statement_timeout() -> i32 {
    10
}

/// PostgreSQL: exactly one of `urlSecretRef`, `embedded` and `cluster`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Database {
    /// A database of yours: a secret with an address like `postgres://user:password@host:5432/name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKeyRef>,
    /// A single PostgreSQL inside the cluster, for trying out: no replica, no failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedDatabase>,
    /// A CloudNativePG cluster in the bot's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<DatabaseCluster>,
    /// Connections that one process holds at most. Fewer than three are no use to it: then it holds three.
    #[serde(default = "pool_size")]
    #[schemars(range(min = 1, max = 100))]
    pub pool_size: i32,
    /// How long one statement may run, in seconds.
    #[serde(default = "statement_timeout")]
    #[schemars(range(min = 1, max = 300))]
    pub statement_timeout_seconds: i32,
}

impl Database {
    /// The connections that one process holds at most, whatever less is asked for: objects that ask for less exist.
    #[must_use]
    pub fn connections(&self) -> u32 {
        u32::try_from(self.pool_size.max(FEWEST_CONNECTIONS)).unwrap_or_default()
    }
}

/// A single PostgreSQL inside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EmbeddedDatabase {
    /// The size of its volume.
    pub storage: Quantity,
    /// The class of its volume; the cluster's default when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub storage_class_name: Option<String>,
    /// Its image.
    #[schemars(length(min = 1, max = 255), regex(pattern = IMAGE))]
    pub image: String,
    /// What becomes of the volume when the bot is deleted.
    pub retain: Retain,
}

impl Default for EmbeddedDatabase {
    fn default() -> Self {
        Self {
            storage: Quantity::new("5Gi"),
            storage_class_name: None,
            image: "postgres:17".to_owned(),
            retain: Retain::Keep,
        }
    }
}

/// What becomes of a volume when the bot is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Retain {
    /// It stays, with all data.
    Keep,
    /// It goes with the bot.
    Delete,
}

/// A CloudNativePG cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseCluster {
    /// The name of the Cluster (postgresql.cnpg.io); its Secret `<name>-app` is used.
    #[schemars(length(min = 1, max = 50), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// Redis: exactly one of `urlSecretRef` and `embedded`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// A Redis of yours: a secret with an address like `redis://:password@host:6379/0` (`rediss://` for TLS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKeyRef>,
    /// A single Redis inside the cluster. It holds caches only, so losing it loses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedRedis>,
}

/// A single Redis inside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EmbeddedRedis {
    /// Its image.
    #[schemars(length(min = 1, max = 255), regex(pattern = IMAGE))]
    pub image: String,
    /// Memory it may use before it evicts.
    pub memory: Quantity,
}

impl Default for EmbeddedRedis {
    fn default() -> Self {
        Self { image: "redis:8".to_owned(), memory: Quantity::new("128Mi") }
    }
}
