//! Who may be here: whoever knows the password, for twelve hours; without a password (loopback only, the mains see to
//! it) whoever comes.
//!
//! A session is a signed cookie, so that every replica knows it and none keeps it. Its key is derived from the
//! password: a new password ends all sessions. The derivation is slow on purpose, so that a stolen cookie does not
//! give the password to whoever guesses fast.

use std::num::NonZeroU32;
use std::time::Duration;

use aws_lc_rs::{hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};
use vitte_platform::clock::{Timestamp, random_hex};
use vitte_platform::limits::{LimitSettings, Limits, Verdict};
use vitte_platform::redis::Redis;

pub const COOKIE: &str = "vitte_admin";
/// Of a session, seconds.
pub const TERM: i64 = 12 * 3600;
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);
/// Passwords that one client may try.
const TRIES: LimitSettings = LimitSettings { per_minute: 5, per_hour: 30 };

pub struct Auth {
    password: Option<SecretString>,
    key: hmac::Key,
    tries: Limits,
}

/// An answer to a password.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The session's cookie.
    Welcome(String),
    Wrong,
    TooMany(Duration),
}

impl Auth {
    pub fn new(bot: &str, bot_id: i64, password: Option<SecretString>, redis: Option<Redis>) -> Self {
        let key = match &password {
            Some(password) => {
                let mut key = [0u8; 32];
                let salt = format!("vitte admin session {bot}");
                let password = password.expose_secret().as_bytes();
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), password, &mut key);
                hmac::Key::new(hmac::HMAC_SHA256, &key)
            }
            None => hmac::Key::new(hmac::HMAC_SHA256, random_hex(32).as_bytes()),
        };
        Self { password, key, tries: Limits::new(bot_id, "admin-login", TRIES, redis) }
    }

    /// Is there a password?
    pub fn asks(&self) -> bool {
        self.password.is_some()
    }

    /// The session behind a cookie, if it is ours and not over. Without a password everybody's is the same.
    pub fn session(&self, cookie: Option<&str>, now: Timestamp) -> Option<String> {
        if !self.asks() {
            return Some("open".to_owned());
        }
        let (signed, mac) = cookie?.rsplit_once('.')?;
        hmac::verify(&self.key, format!("session {signed}").as_bytes(), &hex::decode(mac).ok()?).ok()?;
        let (until, _) = signed.split_once('.')?;
        (now.timestamp() < until.parse::<i64>().ok()?).then(|| signed.to_owned())
    }

    /// What a form of this session carries; nobody else can make it.
    pub fn token(&self, session: &str) -> String {
        hex::encode(hmac::sign(&self.key, format!("token {session}").as_bytes()))
    }

    pub fn believes(&self, session: &str, token: &str) -> bool {
        hex::decode(token).is_ok_and(|t| hmac::verify(&self.key, format!("token {session}").as_bytes(), &t).is_ok())
    }

    /// Takes a password from `client`. Each try counts, whatever it is.
    pub async fn enter(&self, client: i64, given: &str, now: Timestamp) -> Answer {
        if let Verdict::Refused { retry_after } | Verdict::Silent { retry_after } = self.tries.count(client).await {
            return Answer::TooMany(retry_after);
        }
        let Some(password) = &self.password else { return Answer::Wrong };
        // Signatures have one length: neither the password's nor its common beginning shows in the time taken.
        let wanted = hmac::sign(&self.key, password.expose_secret().as_bytes());
        if hmac::verify(&self.key, given.as_bytes(), wanted.as_ref()).is_err() {
            return Answer::Wrong;
        }
        let signed = format!("{}.{}", now.timestamp() + TERM, random_hex(16));
        let mac = hmac::sign(&self.key, format!("session {signed}").as_bytes());
        Answer::Welcome(format!("{signed}.{}", hex::encode(mac)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth(password: &str) -> Auth {
        Auth::new("luna", 1, Some(password.to_owned().into()), None)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    async fn cookie(auth: &Auth) -> String {
        match auth.enter(0, "moonlight", at(0)).await {
            Answer::Welcome(cookie) => cookie,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_session_lasts_twelve_hours_in_every_replica_and_ends_with_its_password() {
        let cookie = cookie(&auth("moonlight")).await;
        let replica = auth("moonlight");
        assert!(replica.session(Some(&cookie), at(TERM - 1)).is_some());
        assert!(replica.session(Some(&cookie), at(TERM)).is_none());
        assert!(auth("sunlight").session(Some(&cookie), at(1)).is_none());
        let longer = cookie.replacen(&TERM.to_string(), "99999999", 1);
        assert_ne!(longer, cookie);
        assert!(replica.session(Some(&longer), at(1)).is_none(), "its end is signed");
        assert!(replica.session(None, at(1)).is_none());
    }

    #[tokio::test]
    async fn a_token_belongs_to_its_session_and_is_no_session_itself() {
        let auth = auth("moonlight");
        let session = auth.session(Some(&cookie(&auth).await), at(1)).unwrap();
        let token = auth.token(&session);
        assert!(auth.believes(&session, &token));
        assert!(!auth.believes("another", &token) && !auth.believes(&session, ""));
        assert!(auth.session(Some(&format!("{session}.{token}")), at(1)).is_none());
    }

    #[tokio::test]
    async fn the_sixth_password_of_a_minute_is_not_even_looked_at() {
        let auth = auth("moonlight");
        for _ in 0..5 {
            assert_eq!(auth.enter(7, "guess", at(0)).await, Answer::Wrong);
        }
        assert!(matches!(auth.enter(7, "moonlight", at(0)).await, Answer::TooMany(_)));
        assert!(matches!(auth.enter(8, "moonlight", at(0)).await, Answer::Welcome(_)), "another client may");
    }
}
