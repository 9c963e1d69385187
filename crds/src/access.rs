//! `spec.api` and `spec.admin`: the two faces that people and programs reach by HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{HOST, OBJECT_NAME};
use crate::refs::SecretKeyRef;

/// The REST API. Without `host` it has a Service but no Ingress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Api {
    /// The public host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = HOST))]
    pub host: Option<String>,
    /// The class of the Ingress; the cluster's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub ingress_class_name: Option<String>,
    /// The Secret with the host's certificate (type kubernetes.io/tls).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub tls_secret_name: Option<String>,
    /// The key that signs the API's tokens (HS256, at least 32 bytes). `vitte up` makes one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_secret_ref: Option<SecretKeyRef>,
    /// The key before that one, while it is exchanged: tokens that it has signed are still accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_jwt_secret_ref: Option<SecretKeyRef>,
    /// How long a token is valid, in minutes.
    #[serde(default = "token_lifetime")]
    #[schemars(range(min = 1, max = 43_200))]
    pub token_lifetime_minutes: i32,
    /// The key that a client shows in `X-BOT-API-KEY` to get a token. `vitte up` takes `simulated` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_key_secret_ref: Option<SecretKeyRef>,
    /// The key before that one, while it is exchanged: it is still accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_bot_key_secret_ref: Option<SecretKeyRef>,
    /// Requests of one client a minute, reading and writing. Whoever shows the key of `botKeySecretRef` is not counted.
    #[serde(default = "requests")]
    #[schemars(range(min = 1, max = 60_000))]
    pub requests_per_minute: i32,
}

fn token_lifetime() -> i32 {
    60
}

/// Enough for a page that loads, or a client that brings all it has marked while it was offline.
fn requests() -> i32 {
    600
}

impl Default for Api {
    fn default() -> Self {
        Self {
            host: None,
            ingress_class_name: None,
            tls_secret_name: None,
            jwt_secret_ref: None,
            previous_jwt_secret_ref: None,
            token_lifetime_minutes: token_lifetime(),
            bot_key_secret_ref: None,
            previous_bot_key_secret_ref: None,
            requests_per_minute: requests(),
        }
    }
}

/// The administrators' pages. Without `host` they have a Service but no Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Admin {
    /// The public host. Needs `passwordSecretRef`: nobody gets in without a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = HOST))]
    pub host: Option<String>,
    /// The class of the Ingress; the cluster's default when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub ingress_class_name: Option<String>,
    /// The Secret with the host's certificate (type kubernetes.io/tls).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub tls_secret_name: Option<String>,
    /// The password of the user `admin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyRef>,
}
