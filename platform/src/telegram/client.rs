//! The Bot API client: one call, one answer, no retries of its own (those belong to the outbox and the poller).
//!
//! The token is part of every address, so no error may carry one: addresses are stripped, and the token is never
//! printed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A client for one bot. Cheap to clone.
#[derive(Clone)]
pub struct Telegram {
    http: reqwest::Client,
    addresses: Arc<Addresses>,
    bot_id: i64,
}

/// Where each method is called. The token is part of every address.
struct Addresses {
    /// `https://api.telegram.org`, or a local Bot API server, or the simulator; without a slash at its end.
    base: String,
    token: SecretString,
    /// What is called for every message, read once.
    send_message: Url,
}

impl Addresses {
    fn of(&self, method: &str) -> Result<Url, ApiError> {
        if method == SEND_MESSAGE { Ok(self.send_message.clone()) } else { self.parse(method) }
    }

    fn parse(&self, method: &str) -> Result<Url, ApiError> {
        let address = format!("{}/bot{}/{method}", self.base, self.token.expose_secret());
        Url::parse(&address).map_err(|e| ApiError::Refused(format!("the address of the Bot API: {e}")))
    }
}

const SEND_MESSAGE: &str = "sendMessage";

/// How a call failed, sorted by what the caller can do about it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// 429.
    #[error("too many requests, retry after {0:?}")]
    RetryAfter(Duration),
    /// 403, or a chat that does not exist: no message of ours will ever arrive there.
    #[error("{0}")]
    Unreachable(String),
    /// 400 for the markup: the same text without it may pass.
    #[error("{0}")]
    BadMarkup(String),
    /// 400: the edit changes nothing, which is success.
    #[error("message is not modified")]
    NotModified,
    /// The group became a supergroup with another id.
    #[error("the chat has moved to {0}")]
    Migrated(i64),
    /// 400 and others: the same call will fail again.
    #[error("{0}")]
    Refused(String),
    /// 401 or 404: Telegram does not know this token.
    #[error("Telegram does not know this bot token")]
    Unauthorized,
    /// 409: another consumer of updates.
    #[error("{0}")]
    Conflict(String),
    /// 5xx, or an answer that is not the Bot API's.
    #[error("Telegram answered {0}")]
    Server(u16),
    /// The connection failed or a limit ran out: whether the call had its effect is not known.
    #[error("no answer from Telegram: {0}")]
    Network(String),
}

/// Who the bot is, from `getMe`.
#[derive(Debug, Clone, Deserialize)]
pub struct Me {
    pub id: i64,
    pub username: Option<String>,
    pub first_name: String,
}

/// From `getWebhookInfo`.
#[derive(Debug, Clone, Deserialize)]
pub struct WebhookInfo {
    pub url: String,
    #[serde(default)]
    pub pending_update_count: i64,
    pub last_error_date: Option<i64>,
    pub last_error_message: Option<String>,
    pub max_connections: Option<i64>,
    pub allowed_updates: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

/// A file to upload with a call. Cheap to clone.
#[derive(Clone)]
pub struct Upload {
    /// Name of the method's parameter: `photo`, `voice`, `document`.
    pub field: String,
    pub file_name: String,
    pub mime: String,
    pub content: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the bot token does not have Telegram's form; allowed: digits, a colon, 35 characters of A-Z a-z 0-9 _ -")]
    Token,
    #[error("the Bot API's address is not valid: {0} (allowed: http://... or https://...)")]
    Address(String),
    #[error("cannot make an HTTP client: {0}")]
    Http(String),
}

/// The bot's id is the number before the token's colon.
pub fn bot_id(token: &str) -> Option<i64> {
    let (id, rest) = token.split_once(':')?;
    let secret = rest.len() >= 20 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if secret { id.parse().ok().filter(|id| *id > 0) } else { None }
}

/// The one place that makes HTTP clients: with limits, without a proxy for loopback.
pub fn http_client() -> Result<reqwest::Client, ClientError> {
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .pool_idle_timeout(Duration::from_secs(60))
        .pool_max_idle_per_host(64)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|e| ClientError::Http(e.to_string()))
}

impl Telegram {
    pub fn new(http: reqwest::Client, base: &str, token: SecretString) -> Result<Self, ClientError> {
        let bot_id = bot_id(token.expose_secret()).ok_or(ClientError::Token)?;
        let base = base.trim_end_matches('/').to_owned();
        let send_message = format!("{base}/bot{}/{SEND_MESSAGE}", token.expose_secret());
        let send_message = Url::parse(&send_message).map_err(|e| ClientError::Address(e.to_string()))?;
        Ok(Self { http, addresses: Arc::new(Addresses { base, token, send_message }), bot_id })
    }

    pub fn bot_id(&self) -> i64 {
        self.bot_id
    }

    /// One call. `timeout` covers everything from connecting to the last byte of the answer.
    pub async fn call(&self, method: &str, params: &Map<String, Value>, timeout: Duration) -> Result<Value, ApiError> {
        let body = serde_json::to_vec(params).map_err(|e| ApiError::Refused(e.to_string()))?;
        let answer = self.post(method, body.into(), timeout).await?;
        result(&answer)
    }

    /// One call whose body is JSON already, and of its answer only the message's id, if it has one.
    pub(crate) async fn send(&self, method: &str, body: Bytes, timeout: Duration) -> Result<Option<i64>, ApiError> {
        #[derive(Deserialize)]
        struct Sent {
            message_id: Option<i64>,
        }
        let answer = self.post(method, body, timeout).await?;
        // Some methods answer `true`.
        Ok(result::<Option<&RawValue>>(&answer)?
            .and_then(|sent| serde_json::from_str::<Sent>(sent.get()).ok()?.message_id))
    }

    async fn post(&self, method: &str, body: Bytes, timeout: Duration) -> Result<Reply, ApiError> {
        let request = self.http.post(self.addresses.of(method)?).header(CONTENT_TYPE, JSON).body(body);
        self.exchange(method, request.timeout(timeout)).await
    }

    /// One call with a file.
    pub async fn call_with_upload(
        &self,
        method: &str,
        params: &Map<String, Value>,
        upload: Upload,
        timeout: Duration,
    ) -> Result<Value, ApiError> {
        let mut form = reqwest::multipart::Form::new();
        for (name, value) in params {
            let text = match value {
                Value::String(s) => s.clone(),
                other => other.to_string(),
            };
            form = form.text(name.clone(), text);
        }
        let length = upload.content.len() as u64;
        let part = reqwest::multipart::Part::stream_with_length(upload.content, length).file_name(upload.file_name);
        let part = part.mime_str(&upload.mime).map_err(|e| ApiError::Refused(format!("media type: {e}")))?;
        let request = self.http.post(self.addresses.of(method)?).multipart(form.part(upload.field, part));
        let answer = self.exchange(method, request.timeout(timeout)).await?;
        result(&answer)
    }

    async fn exchange(&self, method: &str, request: reqwest::RequestBuilder) -> Result<Reply, ApiError> {
        let network = |e: reqwest::Error| {
            let error = e.without_url();
            let cause = std::error::Error::source(&error).map(|s| format!(": {s}")).unwrap_or_default();
            ApiError::Network(format!("{method}: {error}{cause}"))
        };
        let response = request.send().await.map_err(network)?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(network)?;
        Ok(Reply { status, body })
    }

    pub async fn get_me(&self, timeout: Duration) -> Result<Me, ApiError> {
        read(self.call("getMe", &Map::new(), timeout).await?)
    }

    pub async fn webhook_info(&self, timeout: Duration) -> Result<WebhookInfo, ApiError> {
        read(self.call("getWebhookInfo", &Map::new(), timeout).await?)
    }

    /// `typing` lasts five seconds at Telegram.
    pub async fn typing(&self, chat_id: i64) -> Result<(), ApiError> {
        let params = object(json!({"chat_id": chat_id, "action": "typing"}));
        self.call("sendChatAction", &params, Duration::from_secs(5)).await.map(|_| ())
    }

    /// A preview of a message being written, in private chats; the real message ends it. One `draft_id` a message.
    pub async fn draft(&self, chat_id: i64, draft_id: i64, text: &str) -> Result<(), ApiError> {
        let params = object(json!({"chat_id": chat_id, "draft_id": draft_id, "text": text}));
        self.call("sendMessageDraft", &params, Duration::from_secs(5)).await.map(|_| ())
    }
}

/// A JSON object's map; anything else is an empty one.
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|_| ApiError::Server(200))
}

/// An answer as it came.
struct Reply {
    status: u16,
    body: Bytes,
}

/// What a call that went well answers with; nothing reads as null.
fn result<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T, ApiError> {
    let unreadable = |_| ApiError::Server(reply.status);
    let answer: Answer<'a> = serde_json::from_slice(&reply.body).map_err(unreadable)?;
    if !answer.ok {
        return Err(sort(answer, reply.status));
    }
    serde_json::from_str(answer.result.map_or("null", RawValue::get)).map_err(unreadable)
}

fn sort(answer: Answer<'_>, status: u16) -> ApiError {
    let code = answer.error_code.unwrap_or(status);
    let text = answer.description.unwrap_or_default();
    let lower = text.to_lowercase();
    if let Some(id) = answer.parameters.as_ref().and_then(|p| p.migrate_to_chat_id) {
        return ApiError::Migrated(id);
    }
    match code {
        429 => {
            let seconds = answer.parameters.and_then(|p| p.retry_after).unwrap_or(1).clamp(1, 24 * 3600);
            ApiError::RetryAfter(Duration::from_secs(seconds))
        }
        403 => ApiError::Unreachable(text),
        401 | 404 => ApiError::Unauthorized,
        409 => ApiError::Conflict(text),
        400 if lower.contains("message is not modified") => ApiError::NotModified,
        400 if lower.contains("can't parse entities") => ApiError::BadMarkup(text),
        400 if lower.contains("chat not found") || lower.contains("peer_id_invalid") => ApiError::Unreachable(text),
        500.. => ApiError::Server(code),
        _ => ApiError::Refused(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> ApiError {
        sort(serde_json::from_str(body).unwrap(), 400)
    }

    #[test]
    fn answers_are_sorted_by_what_can_be_done_about_them() {
        let table = [
            (
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
                ApiError::RetryAfter(Duration::from_secs(7)),
            ),
            (
                r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#,
                ApiError::Unreachable("Forbidden: bot was blocked by the user".into()),
            ),
            (
                r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: x"}"#,
                ApiError::BadMarkup("Bad Request: can't parse entities: x".into()),
            ),
            (
                r#"{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: specified"}"#,
                ApiError::NotModified,
            ),
            (
                r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded","parameters":{"migrate_to_chat_id":-100}}"#,
                ApiError::Migrated(-100),
            ),
            (r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, ApiError::Unauthorized),
            (r#"{"ok":false,"error_code":502,"description":"Bad Gateway"}"#, ApiError::Server(502)),
        ];
        for (body, expected) in table {
            assert_eq!(error(body), expected);
        }
    }

    #[test]
    fn a_bots_id_is_read_from_a_well_formed_token_only() {
        assert_eq!(bot_id("42:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), Some(42));
        for bad in
            ["", "42", "x:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "42:short", "42:AAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(bot_id(bad), None, "{bad}");
        }
    }
}
