//! The VitteBot as the API server keeps it: the manifest's spec with Kubernetes' metadata and a status.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;
use serde::{Deserialize, Serialize};
use vitte_crds::Spec;
use vitte_crds::status::Status;

/// One bot in the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VitteBot {
    #[serde(default = "api_version")]
    pub api_version: String,
    #[serde(default = "kind")]
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: Spec,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

fn api_version() -> String {
    vitte_crds::API_VERSION.to_owned()
}

fn kind() -> String {
    vitte_crds::KIND.to_owned()
}

impl Resource for VitteBot {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        vitte_crds::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "vitte.dev".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1alpha1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "vittebots".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl VitteBot {
    /// The bot's name; an object from the API server always has one.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// `namespace/name`, for messages.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.namespace(), self.name())
    }

    /// What makes the garbage collector remove a child with this bot.
    #[must_use]
    pub fn owner_reference(&self) -> Option<OwnerReference> {
        self.controller_owner_ref(&())
    }

    #[must_use]
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }
}
