//! The root of the manifest: what one bot is made of, each part in a file of its own.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::access::{Admin, Api};
use crate::backup::Backup;
use crate::components::Components;
use crate::database::{Database, Redis};
use crate::image::Image;
use crate::limits::{Data, Limits};
use crate::modules::Modules;
use crate::monitoring::Monitoring;
use crate::network::NetworkPolicy;
use crate::patterns::{DNS_LABEL, IMAGE_TAG};
use crate::payments::Payments;
use crate::telegram::Telegram;
use crate::upgrade::{Migrations, Rollout};

/// The API group.
pub const GROUP: &str = "vitte.dev";
/// The version of the group that this crate reads.
pub const VERSION: &str = "v1alpha1";
/// Both, as a document names them.
pub const API_VERSION: &str = "vitte.dev/v1alpha1";
/// The kind that this crate reads.
pub const KIND: &str = "VitteBot";

/// One Telegram bot, described whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VitteBot {
    /// Always `vitte.dev/v1alpha1`.
    #[schemars(extend("const" = API_VERSION))]
    pub api_version: String,
    /// Always `VitteBot`.
    #[schemars(extend("const" = KIND))]
    pub kind: String,
    /// The bot's name and labels.
    pub metadata: Metadata,
    /// What the bot is to be.
    pub spec: Spec,
}

/// The part of Kubernetes' object metadata that a person writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The bot's name, unique in its namespace. At most 40 characters, since names of its parts are made from it.
    #[schemars(length(min = 1, max = 40), regex(pattern = DNS_LABEL))]
    pub name: String,
    /// The namespace; the current one when left out. `vitte up` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
    /// Labels, free to choose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// Annotations, free to choose.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
}

/// A language that Vitte's own texts exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    En,
}

impl Language {
    /// The language's ISO 639-1 code, as Telegram's `language_code` and the manifest write it.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Ru => "ru",
            Self::En => "en",
        }
    }
}

fn both_languages() -> Vec<Language> {
    vec![Language::Ru, Language::En]
}

/// What the bot is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spec {
    /// The tag of the services' image. Changing it is an upgrade. `vitte up` runs itself, whatever stands here.
    #[schemars(length(min = 1, max = 128), regex(pattern = IMAGE_TAG))]
    pub version: String,
    /// Where the services' image comes from.
    #[serde(default)]
    pub image: Image,
    /// The bot at Telegram: its token and how its updates arrive.
    pub telegram: Telegram,
    /// PostgreSQL. A cluster needs it; on a laptop it may be left out: `vitte up` then starts a private one, as it
    /// does for `embedded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// Redis, for caches and limits that hold across processes. Left out, the bot runs without; on a laptop
    /// `vitte up` starts a private one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
    /// The languages the bot speaks. The first answers people whose own is not among them.
    #[serde(default = "both_languages")]
    #[schemars(length(min = 1, max = 2), extend("uniqueItems" = true, "x-kubernetes-list-type" = "atomic"))]
    pub languages: Vec<Language>,
    /// What the bot can do: at least one module.
    pub modules: Modules,
    /// The REST API.
    #[serde(default)]
    pub api: Api,
    /// The administrators' pages.
    #[serde(default)]
    pub admin: Admin,
    /// Ways to take money. Not yet used: this version sells nothing.
    #[serde(default)]
    pub payments: Payments,
    /// How much one person may ask of the bot.
    #[serde(default)]
    pub limits: Limits,
    /// How each role runs as pods.
    #[serde(default)]
    pub components: Components,
    /// How the database's schema is brought up to date.
    #[serde(default)]
    pub migrations: Migrations,
    /// How a new version replaces the old one.
    #[serde(default)]
    pub rollout: Rollout,
    /// Backups of the database. None when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Backup>,
    /// Metrics, logs, traces and alerts.
    #[serde(default)]
    pub monitoring: Monitoring,
    /// Which connections the pods may make and take.
    #[serde(default)]
    pub network_policy: NetworkPolicy,
    /// How long finished work is kept.
    #[serde(default)]
    pub data: Data,
    /// Reconcile nothing but deletion and status.
    #[serde(default)]
    pub paused: bool,
    /// Run no pods, and keep the data and the webhook.
    #[serde(default)]
    pub hibernated: bool,
}
