//! Faults on order: the next calls of a method are answered wrongly, late or not at all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Longest `delay_ms`.
const MAX_DELAY_MS: u64 = 600_000;
/// Most faults that wait at the same time.
const MAX_FAULTS: usize = 1_000;

/// How a stream of the model goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultMode {
    /// An error object inside an answer that began with 200.
    ErrorInStream,
    /// The connection ends in the middle of the answer.
    BrokenStream,
    /// The connection stays open and nothing comes any more.
    Silence,
}

/// One order of `POST /sim/faults`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A Bot API method, `*` for every one of them, or `chat/completions`.
    pub method: String,
    /// HTTP status of the answer. 0 or left out: a right answer, only later.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub status: u16,
    /// Seconds, for 429.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// Instead of the usual text of this status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The group's new id, for 400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate_to_chat_id: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// How many calls.
    #[serde(default = "once")]
    pub times: u32,
    /// Only calls for this chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_id: Option<i64>,
    /// Close the connection instead of answering.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
    /// Do first what was asked, then fail: the caller cannot know. Alone it means `drop`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub after_effect: bool,
    /// Model only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<FaultMode>,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(status: &u16) -> bool {
    *status == 0
}

impl Fault {
    pub fn delay(&self) -> Option<Duration> {
        self.delay_ms.filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    /// Whether the connection is to be closed without an answer.
    pub fn drops(&self) -> bool {
        self.drop || (self.after_effect && self.status == 0)
    }

    fn check(&self) -> Result<(), String> {
        if self.method.is_empty() {
            return Err("method: expected a Bot API method, * or chat/completions".to_owned());
        }
        if self.status != 0 && !(400..=599).contains(&self.status) {
            return Err(format!("status: expected 400 to 599, or 0 for a delay alone, got {}", self.status));
        }
        if self.times == 0 {
            return Err("times: expected at least 1".to_owned());
        }
        if self.delay_ms.is_some_and(|ms| ms > MAX_DELAY_MS) {
            return Err(format!("delay_ms: expected at most {MAX_DELAY_MS}"));
        }
        if self.status == 0 && self.delay().is_none() && !self.drops() && self.mode.is_none() {
            return Err("a fault needs a status, a delay_ms, drop, after_effect or a mode".to_owned());
        }
        Ok(())
    }
}

/// The faults still to come, oldest first.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    /// # Errors
    /// Says which field is wrong and what is allowed.
    pub fn add(&mut self, fault: Fault) -> Result<(), String> {
        fault.check()?;
        if self.waiting.len() >= MAX_FAULTS {
            return Err(format!("{MAX_FAULTS} faults wait already; DELETE /sim/faults removes them"));
        }
        self.waiting.push(fault);
        Ok(())
    }

    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    pub fn list(&self) -> &[Fault] {
        &self.waiting
    }

    /// The first fault that fits, one of its `times` used up.
    pub fn take(&mut self, method: &str, chat_id: Option<i64>) -> Option<Fault> {
        let bot_api = !method.contains('/');
        let at = self.waiting.iter().position(|fault| {
            let named = fault.method.eq_ignore_ascii_case(method) || (bot_api && fault.method == "*");
            named && fault.chat_id.is_none_or(|chat| Some(chat) == chat_id)
        })?;
        let fault = self.waiting.get_mut(at)?;
        fault.times -= 1;
        if fault.times == 0 { Some(self.waiting.remove(at)) } else { Some(fault.clone()) }
    }
}
