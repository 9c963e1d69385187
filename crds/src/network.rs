//! `spec.networkPolicy`: which connections the pods may make and take.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{CIDR, label_value};

/// Which connections the pods may make and take. What the bot itself needs is always allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NetworkPolicy {
    /// Whether a NetworkPolicy is made.
    pub enabled: bool,
    /// Who may reach the pods besides: an ingress controller, a scraper of metrics.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub ingress_from: Vec<NetworkPeer>,
    /// Whom the pods may reach besides: a private model server, a proxy, a database or Redis of yours on another port than
    /// 5432 and 6379.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub egress_to: Vec<NetworkPeer>,
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { enabled: true, ingress_from: Vec::new(), egress_to: Vec::new() }
    }
}

/// One side of a connection: an address block, or pods by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPeer {
    /// An address block. Excludes the selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 4, max = 49), regex(pattern = CIDR))]
    pub cidr: Option<String>,
    /// Namespaces that carry all of these labels; the bot's own when left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = label_value()))]
    pub namespace_labels: BTreeMap<String, String>,
    /// Pods that carry all of these labels; all pods of the namespaces when left out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16, "additionalProperties" = label_value()))]
    pub pod_labels: BTreeMap<String, String>,
    /// TCP ports; all when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(range(min = 1, max = 65_535)), extend("uniqueItems" = true))]
    pub ports: Vec<i32>,
}
