//! JSON Web Tokens (RFC 7519) of one form: signed with HMAC SHA-256, claims `user_id` and `exp`.
//!
//! The one algorithm is the server's choice: a header that names another (or none) is refused before anything is
//! believed. Our own, since the libraries bring every algorithm along and this is two hashes over one text.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};

/// Longer than any of ours by far.
const LONGEST: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Our id of the person.
    pub user_id: i64,
    /// Seconds since 1970; not valid from then on.
    pub exp: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood (RFC 7515, 4.1.11): we know none.
    crit: Option<serde::de::IgnoredAny>,
}

pub struct Key(hmac::Key);

impl Key {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    pub fn sign(&self, claims: Claims) -> String {
        let Claims { user_id, exp } = claims;
        let head = BASE64.encode(r#"{"typ":"JWT","alg":"HS256"}"#);
        let body = BASE64.encode(format!(r#"{{"user_id":{user_id},"exp":{exp}}}"#));
        let signed = format!("{head}.{body}");
        let tag = BASE64.encode(hmac::sign(&self.0, signed.as_bytes()));
        format!("{signed}.{tag}")
    }

    /// The claims, if this key has signed them. Whether they have expired is the caller's to ask.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, tag) = token.rsplit_once('.')?;
        let (head, body) = signed.split_once('.')?;
        let header: Header = serde_json::from_slice(&BASE64.decode(head).ok()?).ok()?;
        if header.alg != "HS256" || header.crit.is_some() {
            return None;
        }
        // In constant time.
        hmac::verify(&self.0, signed.as_bytes(), &BASE64.decode(tag).ok()?).ok()?;
        serde_json::from_slice(&BASE64.decode(body).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIMS: Claims = Claims { user_id: 42, exp: 1_700_000_000 };

    fn token(head: &str, body: &str, key: &Key) -> String {
        let signed = format!("{}.{}", BASE64.encode(head), BASE64.encode(body));
        let tag = BASE64.encode(hmac::sign(&key.0, signed.as_bytes()));
        format!("{signed}.{tag}")
    }

    #[test]
    fn a_token_is_what_every_library_of_hs256_reads() {
        // By Python's hmac and base64 over the same header and claims.
        let known = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjo0MiwiZXhwIjoxNzAwMDAwMDAwfQ"; // check-words: allow
        let tag = "h_O1R1gGv7VvNN_2j6QTsHWX41DRcStiFEIYr8NOg9w";
        let key = Key::new(b"thirty-two-bytes-of-a-secret-key");
        assert_eq!(key.sign(CLAIMS), format!("{known}.{tag}"));
        assert_eq!(key.verify(&format!("{known}.{tag}")), Some(CLAIMS));
    }

    #[test]
    fn nothing_is_believed_that_this_key_has_not_signed_with_this_algorithm() {
        let (key, other) = (Key::new(b"one"), Key::new(b"two"));
        let good = key.sign(CLAIMS);
        assert_eq!(key.verify(&good), Some(CLAIMS));
        assert_eq!(other.verify(&good), None);
        let (head, rest) = good.split_once('.').unwrap();
        let (body, tag) = rest.split_once('.').unwrap();
        let none = BASE64.encode(r#"{"alg":"none"}"#);
        let forged = BASE64.encode(r#"{"user_id":1,"exp":9999999999}"#);
        for bad in [
            format!("{none}.{body}."),
            format!("{none}.{body}.{tag}"),
            format!("{head}.{forged}.{tag}"),
            format!("{head}.{body}"),
            format!("{head}.{body}.{tag}.{tag}"),
            format!("{good}="),
            String::new(),
            "..".to_owned(),
            "x".repeat(5000),
        ] {
            assert_eq!(key.verify(&bad), None, "{bad}");
        }
        let body = r#"{"user_id":42,"exp":1700000000}"#;
        assert_eq!(key.verify(&token(r#"{"alg":"HS512"}"#, body, &key)), None);
        assert_eq!(key.verify(&token(r#"{"alg":"HS256","crit":["x"]}"#, body, &key)), None);
        assert_eq!(key.verify(&token(r#"{"alg":"HS256"}"#, r#"{"user_id":42}"#, &key)), None, "it must expire");
        let others = r#"{"exp":1700000000,"user_id":42,"iat":1}"#;
        assert_eq!(key.verify(&token(r#"{"alg":"HS256"}"#, others, &key)), Some(CLAIMS), "more claims are no fault");
    }
}
