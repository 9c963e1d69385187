//! `spec.payments`: ways to take money. Nothing is sold while no way is named, nor yet by this version.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::HTTP_URL;
use crate::refs::SecretKeyRef;

/// Ways to take money. Not yet used: this version sells nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Payments {
    /// Telegram Stars. They need no account of yours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<Stars>,
    /// YooKassa.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yookassa: Option<Yookassa>,
}

/// Telegram Stars.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stars {}

/// A shop at YooKassa.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Yookassa {
    /// The shop's id.
    pub shop_id_secret_ref: SecretKeyRef,
    /// The shop's secret key.
    pub secret_key_secret_ref: SecretKeyRef,
    /// Where people land after paying; the bot's own chat when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub return_url: Option<String>,
}
