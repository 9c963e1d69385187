//! OpenAI's chat completions as JSON: what is asked, what comes back, and which failure an error means.
//!
//! Providers differ; whatever is not needed is not read, and whatever may be missing may be missing.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ModelError;
use crate::domain::Line;

#[derive(Serialize)]
pub struct Request<'a> {
    pub model: &'a str,
    /// For endpoints that fall back by themselves: the whole list, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<&'a str>,
    pub messages: &'a [Line],
    pub temperature: f64,
    pub max_tokens: u32,
    pub stream: bool,
    pub stream_options: StreamOptions,
}

#[derive(Serialize)]
pub struct StreamOptions {
    pub include_usage: bool,
}

/// One event of a stream, or the whole body of an endpoint that does not stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chunk {
    pub model: Option<String>,
    pub choices: Vec<Choice>,
    pub usage: Option<Tokens>,
    pub error: Option<Fault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    delta: Option<Delta>,
    message: Option<Delta>,
    pub finish_reason: Option<String>,
    error: Option<Fault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delta {
    content: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tokens {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
}

/// `{code, message}`; the code is a number, a number in quotes, or a word.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fault {
    code: Value,
    message: Value,
}

impl Chunk {
    pub fn words(&mut self) -> Option<String> {
        let choice = self.choices.first_mut()?;
        let delta = choice.delta.take().or_else(|| choice.message.take())?;
        delta.content.filter(|text| !text.is_empty())
    }

    pub fn finish_reason(&self) -> Option<&str> {
        self.choices.first()?.finish_reason.as_deref()
    }

    /// The error inside a success.
    pub fn fault(&mut self) -> Option<Fault> {
        self.error.take().or_else(|| self.choices.first_mut()?.error.take())
    }
}

impl Fault {
    /// `status` is what to believe when the code is no HTTP status.
    pub fn into_error(self, status: u16, retry_after: Option<Duration>) -> ModelError {
        let code = match &self.code {
            Value::Number(n) => n.as_u64().and_then(|n| u16::try_from(n).ok()),
            Value::String(s) => s.parse().ok(),
            _ => None,
        };
        let message = match &self.message {
            Value::String(s) => s.as_str(),
            _ => "",
        };
        sort(code.filter(|c| (400..600).contains(c)).unwrap_or(status), message, retry_after)
    }
}

/// The failure that a status means.
pub fn sort(status: u16, message: &str, retry_after: Option<Duration>) -> ModelError {
    let message: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
    match status {
        401 | 402 => ModelError::Account { status, message },
        403 => ModelError::Moderated(message),
        408 | 425 | 429 | 500.. => {
            ModelError::Away { reason: format!("{status} {message}"), limited: status == 429, retry_after }
        }
        _ => ModelError::Refused { status, message },
    }
}

/// `Retry-After`: seconds, or a moment, which is compared with the answer's own `Date`.
pub fn retry_after(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let read = |text: &str| chrono::DateTime::parse_from_rfc2822(text.trim()).ok();
    (read(value)? - read(date?)?).to_std().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whether_to_ask_again() {
        let away = |limited| ModelError::Away { reason: String::new(), limited, retry_after: None };
        let table = [
            (400, ModelError::Refused { status: 400, message: "m".into() }),
            (401, ModelError::Account { status: 401, message: "m".into() }),
            (402, ModelError::Account { status: 402, message: "m".into() }),
            (403, ModelError::Moderated("m".into())),
            (404, ModelError::Refused { status: 404, message: "m".into() }),
            (408, away(false)),
            (429, away(true)),
            (500, away(false)),
            (503, away(false)),
        ];
        for (status, expected) in table {
            let mut found = sort(status, "m", None);
            if let ModelError::Away { reason, .. } = &mut found {
                assert!(reason.starts_with(&status.to_string()), "{reason}");
                reason.clear();
            }
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn an_errors_code_may_be_a_number_a_text_or_a_word() {
        for (code, expected) in [("429", true), ("\"429\"", true), ("\"rate_limit\"", false), ("null", false)] {
            let fault: Fault = serde_json::from_str(&format!(r#"{{"code":{code},"message":"m"}}"#)).unwrap();
            let error = fault.into_error(502, None);
            assert!(matches!(error, ModelError::Away { limited, .. } if limited == expected), "{code}: {error}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_compared_with_the_answers_own() {
        let date = Some("Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(retry_after("7", None), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("0.5", None), Some(Duration::from_millis(500)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:29:30 GMT", date), Some(Duration::from_secs(90)));
        for bad in ["soon", "-3", "NaN", "Wed, 21 Oct 2015 07:00:00 GMT"] {
            assert_eq!(retry_after(bad, date), None, "{bad}");
        }
    }

    #[test]
    fn a_message_of_an_error_is_short_and_on_one_line() {
        let ModelError::Refused { message, .. } = sort(400, &"я\n".repeat(500), None) else { panic!() };
        assert_eq!(message, "я".repeat(200));
    }
}
