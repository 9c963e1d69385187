//! What a companion is told about its model.

use std::time::Duration;

use secrecy::SecretString;
use vitte_crds::companion::Llm;

/// The endpoint, what is asked of it, and how long it may take.
#[derive(Debug, Clone)]
pub struct CompanionSettings {
    /// `/chat/completions` is appended.
    pub base_url: String,
    pub model: String,
    /// For endpoints that choose among several, in this order after `model`.
    pub fallback_models: Vec<String>,
    /// None: the endpoint asks for no key.
    pub api_key: Option<SecretString>,
    pub temperature: f64,
    /// Longest answer, in tokens.
    pub max_tokens: u32,
    /// Latest messages of the conversation that the model is shown.
    pub history_messages: u32,
    /// From the request to the first words.
    pub first_token_timeout: Duration,
    /// Between two pieces of an answer.
    pub silence_timeout: Duration,
    /// A whole answer.
    pub total_timeout: Duration,
    /// Shortest pause between two drafts of an answer.
    pub draft_interval: Duration,
}

impl CompanionSettings {
    /// As in the manifest, whose rules have checked the bounds.
    pub fn from_manifest(llm: &Llm, api_key: Option<SecretString>) -> Self {
        let number = |n: i32| u32::try_from(n).unwrap_or(0);
        let seconds = |n: i32| Duration::from_secs(u64::from(number(n)));
        Self {
            base_url: llm.base_url.clone(),
            model: llm.model.clone(),
            fallback_models: llm.fallback_models.clone(),
            api_key,
            temperature: llm.temperature,
            max_tokens: number(llm.max_tokens),
            history_messages: number(llm.history_messages),
            first_token_timeout: seconds(llm.first_token_timeout_seconds),
            silence_timeout: seconds(llm.silence_timeout_seconds),
            total_timeout: seconds(llm.total_timeout_seconds),
            draft_interval: Duration::from_millis(700),
        }
    }
}
