//! Keeps secrets out of manifests and out of messages about them.
//!
//! A manifest names secrets and never holds them; yet people paste tokens into the wrong place, and an error
//! message ends in logs and chats. So whatever may be one is recognised, refused and never repeated.

/// What a text seems to be, when it seems to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// A bot token: digits, a colon, 35 characters.
    BotToken,
    /// An API key as model vendors make them.
    ApiKey,
    /// An address with a password in it.
    AddressWithPassword,
}

impl Suspect {
    pub(crate) const ALL: [Self; 3] = [Self::BotToken, Self::ApiKey, Self::AddressWithPassword];

    /// The same look as [`suspect`] takes, as a regular expression for the API server. Without a
    /// single quote, so that it can stand in a raw text of CEL.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::BotToken => "[0-9]{6}:[A-Za-z0-9_-]{30}",
            Self::ApiKey => r#"(^|[[:space:]"\x27,=/])sk-[^[:space:]"\x27,=/]{21}"#,
            Self::AddressWithPassword => "://[^/?# ]*:[^/?# ]*@",
        }
    }

    /// What to tell the person who wrote it.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Self::BotToken => {
                "looks like a bot token; put it into a Secret and name that: tokenSecretRef: {name: ..., key: ...}"
            }
            Self::ApiKey => {
                "looks like an API key; put it into a Secret and name that: apiKeySecretRef: {name: ..., key: ...}"
            }
            Self::AddressWithPassword => {
                "is an address with a password; put it into a Secret and name that: urlSecretRef: {name: ..., key: ...}"
            }
        }
    }
}

/// Looks for a secret anywhere in a text.
pub(crate) fn suspect(text: &str) -> Option<Suspect> {
    if holds_bot_token(text) {
        return Some(Suspect::BotToken);
    }
    let words =
        || text.split(|c: char| c.is_ascii_whitespace() || c == '\u{b}' || matches!(c, '"' | '\'' | ',' | '=' | '/'));
    if words().any(|word| word.starts_with("sk-") && word.chars().count() >= 24) {
        return Some(Suspect::ApiKey);
    }
    let with_password = text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    with_password.then_some(Suspect::AddressWithPassword)
}

/// Telegram's tokens are the bot's id, a colon and 35 characters; 30 are taken for one, to catch a torn copy.
fn holds_bot_token(text: &str) -> bool {
    text.match_indices(':').any(|(colon, _)| {
        let digits = text[..colon].bytes().rev().take_while(u8::is_ascii_digit).count();
        let rest = text[colon + 1..].bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        digits >= 6 && rest.count() >= 30
    })
}

/// A text for a message: short, and hidden when it may be a secret.
pub(crate) fn show(text: &str) -> String {
    const LONGEST: usize = 60;
    if suspect(text).is_some() {
        return "(hidden)".to_owned();
    }
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let head: String = text.chars().take(LONGEST).collect();
    format!("{head}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_token_is_recognised_anywhere_in_a_text() {
        let token = format!("{}:{}", 123_456_789, "A".repeat(35));
        assert_eq!(suspect(&token), Some(Suspect::BotToken));
        assert_eq!(suspect(&format!("https://api.telegram.org/bot{token}/getMe")), Some(Suspect::BotToken));
        assert_eq!(show(&token), "(hidden)");
    }

    #[test]
    fn keys_and_passwords_are_recognised() {
        assert_eq!(suspect(&format!("sk-or-v1-{}", "0".repeat(32))), Some(Suspect::ApiKey));
        assert_eq!(suspect("postgres://u:p@host/db"), Some(Suspect::AddressWithPassword));
    }

    #[test]
    fn ordinary_values_are_no_secrets() {
        for text in ["22:00-09:00", "postgres:17", "http://comfy:8188", "https://host/a@b", "sk-short", "a: b"] {
            assert_eq!(suspect(text), None, "{text}");
        }
    }
}
