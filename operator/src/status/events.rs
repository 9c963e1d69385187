//! One event for each transition, so that `kubectl describe` and `kubectl events` tell the bot's story.

use vitte_crds::status::{Condition, ConditionStatus, ConditionType, Status};

/// Whether somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Normal,
    Warning,
}

/// One transition, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub severity: Severity,
    /// One word for programs: the condition and its reason, like `MigratedFailed` or `Ready`.
    pub reason: String,
    /// What happened, at most 1,000 bytes: the API server refuses more than 1,024.
    pub note: String,
}

const LONGEST_NOTE: usize = 1000;

/// What changed between two statuses, one event a condition. `Reconciling` has none: the others say what is done.
#[must_use]
pub fn transitions(old: Option<&Status>, new: &Status) -> Vec<Event> {
    let told = [
        ConditionType::SecretsReady,
        ConditionType::Migrated,
        ConditionType::Upgraded,
        ConditionType::WebhookRegistered,
        ConditionType::BackupHealthy,
        ConditionType::Stalled,
        ConditionType::Paused,
        ConditionType::Ready,
    ];
    told.into_iter().filter_map(|kind| transition(kind, find(old, kind), find(Some(new), kind)?)).collect()
}

fn find(status: Option<&Status>, kind: ConditionType) -> Option<&Condition> {
    status?.conditions.iter().find(|c| c.type_ == kind.as_str())
}

fn transition(kind: ConditionType, old: Option<&Condition>, new: &Condition) -> Option<Event> {
    let same = old.is_some_and(|old| old.status == new.status && old.reason == new.reason);
    // These are good when they are False; a bot that begins without them has nothing to tell.
    let is_trouble = matches!(kind, ConditionType::Stalled | ConditionType::Paused);
    let was_quiet = old.is_none_or(|old| old.status != ConditionStatus::True);
    if same
        || new.status == ConditionStatus::Unknown
        || (is_trouble && new.status == ConditionStatus::False && was_quiet)
    {
        return None;
    }
    let good = (new.status == ConditionStatus::True) != is_trouble;
    // Told by the condition that it is about.
    let twice = match kind {
        ConditionType::Upgraded => matches!(reason_of(new), "ExpandFailed" | "Refused" | "Stuck" | "Hibernated"),
        ConditionType::Stalled => matches!(reason_of(new), "RolledBack" | "PreflightFailed" | "ContractFailed"),
        _ => false,
    };
    if twice {
        return None;
    }
    // On the way to readiness every step is False with another reason: only going back is news.
    let steps = ["Waits", "WaitsForDatabase", "Preflight", "Contract", "Expand", "Rollout", "Late"];
    let progress = match kind {
        ConditionType::Upgraded => steps.contains(&reason_of(new)),
        _ => !good && !is_trouble && ["Due", "Running", "Postponed", "WaitsForDatabase"].contains(&reason_of(new)),
    };
    let was_ready = old.is_some_and(|old| old.status == ConditionStatus::True);
    if kind == ConditionType::Ready && !good && !was_ready {
        return None;
    }
    // Of the steps of an upgrade, `Upgraded` tells.
    if progress && kind != ConditionType::Upgraded {
        return None;
    }
    let severity = match (good, progress, kind) {
        (true, ..) | (_, true, _) | (.., ConditionType::Paused) => Severity::Normal,
        _ => Severity::Warning,
    };
    let reason = match (kind, new.status) {
        (ConditionType::Ready, ConditionStatus::True) => "Ready".to_owned(),
        (ConditionType::Ready, _) => format!("NotReady{}", new.reason),
        (ConditionType::Paused, ConditionStatus::True) => "Paused".to_owned(),
        (ConditionType::Paused, _) => "Resumed".to_owned(),
        (ConditionType::Stalled, ConditionStatus::False) => "Unstalled".to_owned(),
        _ => format!("{}{}", new.type_, new.reason),
    };
    let message = if new.message.is_empty() { &new.reason } else { &new.message };
    Some(Event { severity, reason, note: cut(message) })
}

fn reason_of(condition: &Condition) -> &str {
    &condition.reason
}

/// At most [`LONGEST_NOTE`] bytes, whole characters.
fn cut(text: &str) -> String {
    if text.len() <= LONGEST_NOTE {
        return text.to_owned();
    }
    let end = (0..=LONGEST_NOTE - 4).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{} ...", &text[..end])
}
