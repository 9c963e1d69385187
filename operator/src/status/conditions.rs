//! Conditions with their times: one changes only with its status.

use chrono::{DateTime, Utc};
use vitte_crds::status::{Condition, ConditionStatus, ConditionType, Status, shorten};

/// The conditions of one status while it is made. Those of others stay as they are.
pub struct Conditions {
    list: Vec<Condition>,
    generation: Option<i64>,
    now: String,
}

impl Conditions {
    pub fn new(old: &Status, generation: Option<i64>, now: DateTime<Utc>) -> Self {
        Self { list: old.conditions.clone(), generation, now: super::rfc3339(now) }
    }

    pub fn set(&mut self, kind: ConditionType, holds: bool, reason: &str, message: &str) {
        let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
        self.write(kind, status, reason, message);
    }

    pub fn write(&mut self, kind: ConditionType, status: ConditionStatus, reason: &str, message: &str) {
        let former = self.list.iter().position(|c| c.type_ == kind.as_str());
        let since = former.map(|at| &self.list[at]).filter(|c| c.status == status);
        let condition = Condition {
            type_: kind.as_str().to_owned(),
            status,
            observed_generation: self.generation,
            last_transition_time: since.map_or_else(|| self.now.clone(), |c| c.last_transition_time.clone()),
            reason: reason.to_owned(),
            message: shorten(message),
        };
        match former {
            Some(at) => self.list[at] = condition,
            None => self.list.push(condition),
        }
    }

    /// The aspect does not concern this bot.
    pub fn remove(&mut self, kind: ConditionType) {
        self.list.retain(|c| c.type_ != kind.as_str());
    }

    /// Ours in their fixed order, then others'.
    pub fn into_list(mut self) -> Vec<Condition> {
        let place = |c: &Condition| ConditionType::ALL.iter().position(|k| k.as_str() == c.type_).unwrap_or(usize::MAX);
        self.list.sort_by_key(place);
        self.list
    }
}
