//! `spec.modules.companion`: a persona that talks, and the machines it talks, draws and speaks with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::patterns::{HTTP_URL, PERSONA_ID, QUIET_HOURS};
use crate::refs::{ObjectRef, SecretKeyRef};

/// A persona that talks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Companion {
    /// The language model.
    pub llm: Llm,
    /// A ConfigMap with one persona per key (`luna.yaml`, or a character card as `luna.json`).
    pub personas_config_map_ref: ObjectRef,
    /// The persona that greets newcomers; the first by name when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = PERSONA_ID))]
    pub default_persona: Option<String>,
    /// Pictures. Not yet used: this version draws none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Images>,
    /// Voice messages. Not yet used: this version hears and speaks none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
    /// Messages that the persona sends of its own accord. Not yet used: this version sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

fn temperature() -> f64 {
    0.8
}

fn max_tokens() -> i32 {
    800
}

fn history_messages() -> i32 {
    40
}

fn first_token_timeout() -> i32 {
    45
}

fn silence_timeout() -> i32 {
    30
}

fn total_timeout() -> i32 {
    180
}

/// A language model behind an OpenAI-compatible endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Llm {
    /// The endpoint's address; `/chat/completions` is appended.
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub base_url: String,
    /// The model's name as the endpoint knows it.
    #[schemars(length(min = 1, max = 128))]
    pub model: String,
    /// Models to try in this order when the first is not available.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), inner(length(min = 1, max = 128)), extend("uniqueItems" = true, "x-kubernetes-list-type" = "atomic"))]
    pub fallback_models: Vec<String>,
    /// The endpoint's key. Named but missing, `vitte up` simulates the model; left out, the endpoint is called
    /// without a key (a model server of your own).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret_ref: Option<SecretKeyRef>,
    /// How freely the model chooses its words: 0 always the likeliest.
    #[serde(default = "temperature")]
    #[schemars(range(min = 0.0, max = 2.0))]
    pub temperature: f64,
    /// The longest answer, in tokens.
    #[serde(default = "max_tokens")]
    #[schemars(range(min = 16, max = 32_000))]
    pub max_tokens: i32,
    /// How many of a conversation's latest messages the model is shown.
    #[serde(default = "history_messages")]
    #[schemars(range(min = 2, max = 400))]
    pub history_messages: i32,
    /// How long to wait for an answer's first token, in seconds.
    #[serde(default = "first_token_timeout")]
    #[schemars(range(min = 1, max = 300))]
    pub first_token_timeout_seconds: i32,
    /// How long a begun answer may fall silent, in seconds.
    #[serde(default = "silence_timeout")]
    #[schemars(range(min = 1, max = 300))]
    pub silence_timeout_seconds: i32,
    /// How long a whole answer may take, in seconds.
    #[serde(default = "total_timeout")]
    #[schemars(range(min = 1, max = 900))]
    pub total_timeout_seconds: i32,
}

/// Pictures, drawn by ComfyUI.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Images {
    /// ComfyUI servers; each draws one picture at a time.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 255), regex(pattern = HTTP_URL)), extend("uniqueItems" = true))]
    pub comfy_urls: Vec<String>,
    /// A ConfigMap with the workflow, a JSON file with placeholders.
    pub workflow_config_map_ref: ObjectRef,
}

/// Voice messages, by OpenAI-compatible audio endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Voice {
    /// Turns text into speech. The persona does not speak when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub speech_url: Option<String>,
    /// Turns speech into text. The persona does not hear when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255), regex(pattern = HTTP_URL))]
    pub transcription_url: Option<String>,
    /// The key of both endpoints, if they ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_secret_ref: Option<SecretKeyRef>,
}

/// Messages that the persona sends of its own accord.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retention {
    /// When it keeps silent, in the person's own zone.
    #[schemars(length(min = 11, max = 11), regex(pattern = QUIET_HOURS))]
    pub quiet_hours: String,
}

impl Default for Retention {
    fn default() -> Self {
        Self { quiet_hours: "22:00-09:00".to_owned() }
    }
}
