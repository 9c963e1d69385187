//! Who may use the REST API: programs that hold the shared key get tokens for people, and a token speaks for its person.
//!
//! While a key rotates both it and the one before it are accepted; tokens are signed by the current one.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::token;
use crate::clock::Timestamp;
use crate::limits::LimitSettings;

/// The header in which a program shows the shared key.
pub const BOT_KEY: &str = "x-bot-api-key";
/// HS256 asks for a key as long as its hash (RFC 7518, 3.2).
const SHORTEST_SIGNING_KEY: usize = 32;

/// The API's keys and bounds.
#[derive(Clone)]
pub struct ApiSettings {
    /// Sign tokens, the current one first. None: nobody can log in.
    pub signing_keys: Vec<SecretString>,
    /// Accepted in [`BOT_KEY`]. None: nobody gets a token.
    pub bot_keys: Vec<SecretString>,
    pub token_lifetime: Duration,
    /// Requests of one client.
    pub limits: LimitSettings,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            signing_keys: Vec::new(),
            bot_keys: Vec::new(),
            token_lifetime: Duration::from_secs(3600),
            limits: LimitSettings { per_minute: 600, per_hour: 0 },
        }
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ApiSettingsError {
    #[error("a key that signs the API's tokens has {0} bytes; allowed: at least 32")]
    SigningKey(usize),
    #[error("the API's shared key is empty; allowed: at least one character")]
    BotKey,
}

impl ApiSettings {
    pub fn check(&self) -> Result<(), ApiSettingsError> {
        for key in &self.signing_keys {
            let length = key.expose_secret().len();
            if length < SHORTEST_SIGNING_KEY {
                return Err(ApiSettingsError::SigningKey(length));
            }
        }
        if self.bot_keys.iter().any(|key| key.expose_secret().is_empty()) {
            return Err(ApiSettingsError::BotKey);
        }
        Ok(())
    }
}

/// Makes and reads tokens. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    keys: Vec<token::Key>,
    bot_keys: Vec<SecretString>,
    lifetime: Duration,
}

impl Auth {
    pub fn new(settings: &ApiSettings) -> Result<Self, ApiSettingsError> {
        settings.check()?;
        Ok(Self(Arc::new(Inner {
            keys: settings.signing_keys.iter().map(|k| token::Key::new(k.expose_secret().as_bytes())).collect(),
            bot_keys: settings.bot_keys.clone(),
            lifetime: settings.token_lifetime,
        })))
    }

    /// Is this the shared key? Takes as long for a wrong key as for the right one of its length.
    pub fn is_bot_key(&self, shown: &[u8]) -> bool {
        self.0.bot_keys.iter().fold(false, |known, key| known | bool::from(key.expose_secret().as_bytes().ct_eq(shown)))
    }

    /// A token that speaks for a person. None: no key signs tokens here.
    pub fn token(&self, user_id: i64, now: Timestamp) -> Option<String> {
        let seconds = i64::try_from(self.0.lifetime.as_secs()).unwrap_or(i64::MAX);
        let exp = now.timestamp().saturating_add(seconds);
        self.0.keys.first().map(|key| key.sign(token::Claims { user_id, exp }))
    }

    /// Whom a token speaks for.
    pub fn user_id(&self, token: &str, now: Timestamp) -> Option<i64> {
        let claims = self.0.keys.iter().find_map(|key| key.verify(token))?;
        (claims.exp > now.timestamp()).then_some(claims.user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(signing: &[&str], bot: &[&str]) -> Auth {
        let secrets = |all: &[&str]| all.iter().map(|s| SecretString::from((*s).to_owned())).collect();
        Auth::new(&ApiSettings { signing_keys: secrets(signing), bot_keys: secrets(bot), ..ApiSettings::default() })
            .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(second, 0).unwrap()
    }

    const OLD: &str = "the-key-of-yesterday-thirty-two-bytes";
    const NEW: &str = "the-key-of-today-at-least-32-bytes-long";

    #[test]
    fn a_token_speaks_for_its_person_until_it_expires() {
        let auth = auth(&[NEW], &[]);
        let token = auth.token(7, at(1000)).unwrap();
        assert_eq!(auth.user_id(&token, at(1000)), Some(7));
        assert_eq!(auth.user_id(&token, at(4599)), Some(7));
        assert_eq!(auth.user_id(&token, at(4600)), None);
    }

    #[test]
    fn while_keys_rotate_the_previous_ones_tokens_hold_and_new_ones_are_signed_by_the_current() {
        let (before, during, after) = (auth(&[OLD], &["a"]), auth(&[NEW, OLD], &["b", "a"]), auth(&[NEW], &["b"]));
        let old = before.token(7, at(0)).unwrap();
        let new = during.token(7, at(0)).unwrap();
        assert_eq!(during.user_id(&old, at(1)), Some(7));
        assert_eq!(after.user_id(&old, at(1)), None);
        assert_eq!(after.user_id(&new, at(1)), Some(7));
        assert!(during.is_bot_key(b"a") && during.is_bot_key(b"b") && !after.is_bot_key(b"a"));
    }

    #[test]
    fn without_keys_nobody_gets_in_and_a_short_one_is_refused() {
        let none = auth(&[], &[]);
        assert!(none.token(7, at(0)).is_none() && !none.is_bot_key(b""));
        assert_eq!(none.user_id(&auth(&[NEW], &[]).token(7, at(0)).unwrap(), at(1)), None);
        let short = ApiSettings { signing_keys: vec!["short".to_owned().into()], ..ApiSettings::default() };
        assert_eq!(short.check(), Err(ApiSettingsError::SigningKey(5)));
        let empty = ApiSettings { bot_keys: vec![String::new().into()], ..ApiSettings::default() };
        assert_eq!(empty.check(), Err(ApiSettingsError::BotKey));
    }
}
