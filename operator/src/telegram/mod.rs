//! Telegram, as far as the operator needs it: whether the webhook is as it should be, and its removal.
//!
//! The token is part of every address, so no address ever goes into an error or a log: [`Failure`] has words of ours or
//! of Telegram's description, from which the token is taken out should a server repeat it.

pub mod checks;
pub mod deliveries;

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::dereference::WebhookSeen;
use crate::metrics::Metrics;

/// Telegram did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The token is none, or no longer one: asking again does not help.
    #[error("Telegram does not know the token: {0}")]
    Token(String),
    /// Asked too often; not before so many seconds.
    #[error("Telegram asks to wait {0} s")]
    Limited(u64),
    #[error("Telegram refuses: {0}")]
    Refused(String),
    /// No answer, or none that can be read.
    #[error("Telegram does not answer: {0}")]
    Away(String),
}

#[derive(Deserialize)]
struct Answer<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
}

#[derive(Deserialize)]
struct Info {
    url: String,
    #[serde(default)]
    pending_update_count: i64,
    last_error_date: Option<i64>,
    last_error_message: Option<String>,
}

/// Asks Telegram.
#[derive(Clone, Debug)]
pub struct Telegram {
    http: reqwest::Client,
    metrics: Arc<Metrics>,
}

impl Telegram {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(limit: Duration, metrics: Arc<Metrics>) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(limit)
            .connect_timeout(limit)
            .pool_idle_timeout(Duration::from_secs(30))
            // An answer that sends us elsewhere would send the token there.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, metrics })
    }

    /// What Telegram knows of the bot's webhook.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn webhook_info(&self, api_url: &str, token: &SecretString) -> Result<WebhookSeen, Failure> {
        let info: Info = self.call(api_url, token, "getWebhookInfo", "").await?;
        Ok(WebhookSeen {
            url: info.url,
            pending_updates: info.pending_update_count,
            last_error: info.last_error_message.map(|text| without(&text, token)),
            last_error_at: info.last_error_date,
            fails: false,
        })
    }

    /// Removes the webhook; updates that wait are kept.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn delete_webhook(&self, api_url: &str, token: &SecretString) -> Result<(), Failure> {
        let _: bool = self.call(api_url, token, "deleteWebhook", "?drop_pending_updates=false").await?;
        Ok(())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        api_url: &str,
        token: &SecretString,
        method: &'static str,
        query: &str,
    ) -> Result<T, Failure> {
        let answer = self.ask(api_url, token, method, query).await;
        let result = match &answer {
            Ok(_) => "ok",
            Err(Failure::Token(_) | Failure::Refused(_)) => "refused",
            Err(Failure::Limited(_)) => "limited",
            Err(Failure::Away(_)) => "away",
        };
        self.metrics.telegram_calls.with_label_values(&[method, result]).inc();
        answer
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        api_url: &str,
        token: &SecretString,
        method: &'static str,
        query: &str,
    ) -> Result<T, Failure> {
        const LONGEST: usize = 64 * 1024;
        let away = |error: reqwest::Error| Failure::Away(without(&causes(&error.without_url()), token));
        let address = format!("{}/bot{}/{method}{query}", api_url.trim_end_matches('/'), token.expose_secret());
        let mut response = self.http.post(address).send().await.map_err(away)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(away)? {
            if body.len() + part.len() > LONGEST {
                return Err(Failure::Away("the answer is too long to be Telegram's".to_owned()));
            }
            body.extend_from_slice(&part);
        }
        let Ok(answer) = serde_json::from_slice::<Answer<T>>(&body) else {
            return Err(Failure::Away(format!("HTTP {}, and no answer of Telegram's form", status.as_u16())));
        };
        if answer.ok
            && let Some(result) = answer.result
        {
            return Ok(result);
        }
        let said = without(&answer.description.unwrap_or_else(|| format!("HTTP {}", status.as_u16())), token);
        Err(match answer.error_code.unwrap_or(status.as_u16()) {
            401 | 404 => Failure::Token(said),
            429 => Failure::Limited(answer.parameters.and_then(|p| p.retry_after).unwrap_or(1)),
            500.. => Failure::Away(said),
            _ => Failure::Refused(said),
        })
    }
}

fn without(text: &str, token: &SecretString) -> String {
    let token = token.expose_secret();
    if token.is_empty() { text.to_owned() } else { text.replace(token, "(token)") }
}

/// An error with what caused it: the outermost alone says little more than that the request failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::{StatusCode, Uri};
    use axum::response::IntoResponse;

    use super::*;

    const TOKEN: &str = "1:not-a-real-token";

    async fn answers(status: u16, body: &'static str) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let app = Router::new().fallback(move |uri: Uri| async move {
            let body = body.replace("PATH", uri.path());
            (status, body).into_response()
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/")
    }

    fn telegram() -> (Telegram, SecretString) {
        let metrics = Arc::new(Metrics::new().unwrap());
        (Telegram::new(Duration::from_secs(2), metrics).unwrap(), SecretString::from(TOKEN))
    }

    #[tokio::test]
    async fn a_webhook_is_read_and_every_refusal_is_told_apart() {
        let (telegram, token) = telegram();
        let api = answers(200, r#"{"ok":true,"result":{"url":"https://h/p","pending_update_count":7,"last_error_message":"gone","last_error_date":5}}"#).await;
        let seen = telegram.webhook_info(&api, &token).await.unwrap();
        assert_eq!((seen.url.as_str(), seen.pending_updates, seen.last_error_at), ("https://h/p", 7, Some(5)));
        let api = answers(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#).await;
        assert_eq!(telegram.delete_webhook(&api, &token).await, Err(Failure::Token("Unauthorized".to_owned())));
        let api = answers(429, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":9}}"#).await;
        assert_eq!(telegram.delete_webhook(&api, &token).await, Err(Failure::Limited(9)));
        let api = answers(400, r#"{"ok":false,"error_code":400,"description":"Bad Request"}"#).await;
        assert_eq!(telegram.delete_webhook(&api, &token).await, Err(Failure::Refused("Bad Request".to_owned())));
        let api = answers(502, "<html>").await;
        assert!(matches!(telegram.delete_webhook(&api, &token).await, Err(Failure::Away(_))));
    }

    #[tokio::test]
    async fn no_error_shows_the_token() {
        let (telegram, token) = telegram();
        let closed = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let echo = answers(400, r#"{"ok":false,"error_code":400,"description":"no such path: PATH"}"#).await;
        for api in [closed.as_str(), "http://[::1", "http://user:p@127.0.0.1:1", &echo] {
            let error = telegram.webhook_info(api, &token).await.unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("not-a-real-token"), "{shown}");
        }
    }
}
