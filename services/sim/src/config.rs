//! What a simulated world is started with, and why it may refuse to start.

use std::path::PathBuf;

/// Settings of one simulated world.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Folder of the journal and of uploaded files; `None` keeps everything in memory.
    pub data_dir: Option<PathBuf>,
    /// Whether Telegram's rate limits apply from the start; `POST /sim/settings` changes it later.
    pub rate_limits: bool,
    /// The one bot token that is accepted. `None`: any well-formed token creates its bot on first use.
    pub token: Option<String>,
    /// User name of the bot, without `@`. With `token: None` further bots get `<username>_<id>`.
    pub bot_username: String,
    /// Name of the bot, as a person sees it.
    pub bot_name: String,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            data_dir: None,
            rate_limits: false,
            token: None,
            bot_username: "vitte_bot".to_owned(),
            bot_name: "Vitte".to_owned(),
        }
    }
}

/// Why a simulated world could not be opened or could not keep what it was told.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    #[error("token: expected `<digits>:<letters, digits, - or _>`, as BotFather gives it")]
    Token,
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}: another process uses this folder")]
    InUse { path: PathBuf },
    #[error("{path}, line {line}: {reason}; move the file away to start with an empty world")]
    Journal { path: PathBuf, line: usize, reason: String },
    #[error("HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

impl SimError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

/// The bot's id, when `token` looks like a token.
pub(crate) fn bot_id(token: &str) -> Option<i64> {
    let (digits, secret) = token.split_once(':')?;
    let plain = secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (!secret.is_empty() && secret.len() <= 64 && plain && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())?
        .filter(|id| *id > 0)
}

/// Tokens that may create a bot must look like BotFather's, so that a typo is not taken for a new bot.
pub(crate) fn may_create(token: &str) -> Option<i64> {
    let long = token.split_once(':').is_some_and(|(_, secret)| secret.len() >= 20);
    bot_id(token).filter(|_| long)
}
