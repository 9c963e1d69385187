//! What was asked of the Bot API, newest last, a bounded number of it.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::clock;

const KEPT: usize = 10_000;

#[derive(Debug)]
struct Call {
    bot: i64,
    method: String,
    at_ms: i64,
    chat_id: Option<i64>,
    params: Map<String, Value>,
    status: Option<u16>,
}

#[derive(Debug, Default)]
pub struct Calls {
    kept: VecDeque<Call>,
    /// Number of the oldest call kept.
    first: u64,
}

impl Calls {
    /// Keeps the call and gives its number.
    pub fn record(&mut self, bot: i64, method: &str, chat_id: Option<i64>, params: Map<String, Value>) -> u64 {
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
        let call = Call { bot, method: method.to_owned(), at_ms: clock::now_ms(), chat_id, params, status: None };
        self.kept.push_back(call);
        self.first + self.kept.len() as u64 - 1
    }

    /// Notes how the call was answered; nothing when it is forgotten by now.
    pub fn answered(&mut self, number: u64, status: u16) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(call) = at.and_then(|at| self.kept.get_mut(at)) {
            call.status = Some(status);
        }
    }

    /// Calls of `method` (any case) with a number above `after`.
    pub fn list(&self, method: Option<&str>, chat_id: Option<i64>, after: Option<u64>) -> Vec<Value> {
        (self.first..)
            .zip(&self.kept)
            .filter(|(number, call)| {
                method.is_none_or(|method| call.method.eq_ignore_ascii_case(method))
                    && chat_id.is_none_or(|chat| call.chat_id == Some(chat))
                    && after.is_none_or(|after| *number > after)
            })
            .map(|(number, call)| {
                let mut value = json!({
                    "number": number,
                    "method": call.method,
                    "at": clock::rfc3339(call.at_ms),
                    "at_ms": call.at_ms,
                    "bot_id": call.bot,
                });
                if let Some(chat) = call.chat_id {
                    value["chat_id"] = chat.into();
                }
                if let Some(status) = call.status {
                    value["status"] = status.into();
                }
                value["params"] = Value::Object(call.params.clone());
                value
            })
            .collect()
    }

    /// Forgets all; numbers go on.
    pub fn clear(&mut self) {
        self.first += self.kept.len() as u64;
        self.kept.clear();
    }
}
