//! `spec.telegram`: the bot at Telegram, and how its updates arrive.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{HOST, HTTP_URL, OBJECT_NAME, URL_PATH, annotation_value};
use crate::refs::{GatewayRef, SecretKeyRef};

/// Telegram's own Bot API server.
pub const TELEGRAM_API_URL: &str = "https://api.telegram.org";
/// Where the webhook listens unless the manifest says otherwise.
pub const DEFAULT_WEBHOOK_PATH: &str = "/telegram/webhook";

/// The bot at Telegram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Telegram {
    /// The token that @BotFather gave. `vitte up` simulates Telegram while this secret is missing.
    pub token_secret_ref: SecretKeyRef,
    /// How updates arrive. `vitte up` with a real token always polls.
    #[serde(default)]
    pub updates: Updates,
    /// Where Telegram delivers updates; needed when `updates` is `Webhook`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The Bot API server: Telegram's, a local one, or a simulator. In a cluster the operator asks it too, from its own
    /// namespace: a Service is written with its namespace, like `http://sim.bots.svc:8081`.
    #[serde(default = "telegram_api_url")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub api_url: String,
}

impl Telegram {
    /// Whether the bot talks to Telegram's own server, which takes webhooks over HTTPS only.
    #[must_use]
    pub fn is_telegrams_own_server(&self) -> bool {
        self.api_url.trim_end_matches('/') == TELEGRAM_API_URL
    }

    /// The path on which the bot takes updates: the one inside `url` if that is set, else `path`.
    #[must_use]
    pub fn webhook_path(&self) -> &str {
        let Some(webhook) = &self.webhook else {
            return DEFAULT_WEBHOOK_PATH;
        };
        match webhook.url.as_deref().and_then(|url| url.split_once("://")) {
            Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
            None => &webhook.path,
        }
    }
}

fn telegram_api_url() -> String {
    TELEGRAM_API_URL.to_owned()
}

/// How updates arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Updates {
    /// Telegram calls the bot; any number of replicas.
    #[default]
    Webhook,
    /// The bot asks Telegram: the pod that holds the poller's lease polls, the others stand by.
    Polling,
}

/// Where Telegram delivers updates. One of `host`, `url` or `gatewayRef` says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Webhook {
    /// The public host; an Ingress (or, with `gatewayRef`, a route) is made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = HOST))]
    pub host: Option<String>,
    /// The whole public address, when something else leads the traffic to the bot's Service. HTTPS, unless
    /// `apiUrl` is not Telegram's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub url: Option<String>,
    /// The Gateway to attach a route to, instead of an Ingress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ref: Option<GatewayRef>,
    /// The path below the host.
    #[schemars(length(min = 1, max = 128), regex(pattern = URL_PATH))]
    pub path: String,
    /// The class of the Ingress; the cluster's default when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub ingress_class_name: Option<String>,
    /// The Secret with the host's certificate (type kubernetes.io/tls).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub tls_secret_name: Option<String>,
    /// Annotations of the Ingress, for instance a certificate issuer's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = annotation_value()))]
    pub annotations: BTreeMap<String, String>,
    /// Connections that Telegram may open at once.
    #[schemars(range(min = 1, max = 100))]
    pub max_connections: i32,
}

impl Default for Webhook {
    fn default() -> Self {
        Self {
            host: None,
            url: None,
            gateway_ref: None,
            path: DEFAULT_WEBHOOK_PATH.to_owned(),
            ingress_class_name: None,
            tls_secret_name: None,
            annotations: BTreeMap::new(),
            max_connections: 40,
        }
    }
}
