//! `spec.image`: where the services' container image comes from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::IMAGE_REPOSITORY;
use crate::refs::ObjectRef;

/// Where the services' image comes from; its tag is `spec.version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Image {
    /// The image without its tag.
    #[schemars(length(min = 1, max = 255), regex(pattern = IMAGE_REPOSITORY))]
    pub repository: String,
    /// When a node fetches the image.
    pub pull_policy: PullPolicy,
    /// Secrets with credentials for the registry.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub pull_secrets: Vec<ObjectRef>,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            repository: "ghcr.io/vitte/vitte".to_owned(),
            pull_policy: PullPolicy::IfNotPresent,
            pull_secrets: Vec::new(),
        }
    }
}

/// When a node fetches the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    /// Ask the registry at every start of a pod.
    Always,
    /// Only when the node does not have it.
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}
