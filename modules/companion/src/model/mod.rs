//! The port to a language model.
//!
//! Lines of a conversation go in; out comes a stream of words, that ends by itself within the limits of the settings.
//! A model is outside world: everything else here sees [`Model`] alone.

mod openai;
mod wire;

use std::time::Duration;

use futures::stream::BoxStream;

pub use openai::OpenAi;

use crate::domain::Line;

/// What comes from a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next words; never empty.
    Words(String),
    /// The answer was cut at its longest: it may end inside a sentence.
    Cut,
    /// What it cost.
    Usage(Usage),
}

/// What an answer cost, in tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Which model answered: perhaps a fallback.
    pub model: String,
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
}

/// How an answer failed, sorted by what can be done about it. Texts are the endpoint's own, shortened; they hold no
/// address and no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// 401 or 402: the key, or what it is paid with. Only the bot's owner can help.
    #[error("the endpoint does not serve this key ({status}): {message}")]
    Account { status: u16, message: String },
    /// 403: the provider will not have these words.
    #[error("the endpoint's moderation refused: {0}")]
    Moderated(String),
    /// 400 and its like: the same request will fail again.
    #[error("the endpoint refused the request ({status}): {message}")]
    Refused { status: u16, message: String },
    /// 408, 429, 5xx, no connection, no words in time: later it may go.
    #[error("the endpoint is away: {reason}")]
    Away { reason: String, limited: bool, retry_after: Option<Duration> },
    /// The stream ended, or fell silent, before the answer was whole.
    #[error("the answer broke off: {0}")]
    Broken(String),
}

impl ModelError {
    pub(crate) fn away(reason: impl Into<String>) -> Self {
        Self::Away { reason: reason.into(), limited: false, retry_after: None }
    }
}

/// An answer as it comes. After an error it ends; without one it was whole.
pub type Words = BoxStream<'static, Result<Event, ModelError>>;

/// A language model.
pub trait Model: Send + Sync + 'static {
    /// Asks for the next message of a conversation. Dropping the stream ends the request.
    fn answer(&self, lines: Vec<Line>) -> Words;
    /// The model asked for.
    fn name(&self) -> &str;
}
