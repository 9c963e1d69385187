//! A status in words: what it means, and what to do.

use std::fmt::Write;

use vitte_crds::status::{ConditionStatus, Phase, Status};

use super::advice::{Named, advice};

/// What the status of a bot means and what to do, for a terminal. `generation`: of its spec.
#[must_use]
pub fn explain(bot: Named<'_>, generation: Option<i64>, status: Option<&Status>) -> String {
    let name = bot.name;
    let Some(status) = status else {
        return format!(
            "{name} has no status: no operator has looked at it.\n  Is one running that watches its namespace? \
             kubectl get deployments -A -l app.kubernetes.io/name=vitte-operator\n"
        );
    };
    let mut out = format!("{name} is {}.\n", status.phase.map_or("in no known phase", phase_in_words));
    if let (Some(wanted), Some(seen)) = (generation, status.observed_generation)
        && seen < wanted
    {
        let _ =
            writeln!(out, "  The spec has changed since (generation {wanted}, looked at: {seen}): this may be old.");
    }
    if let Some(message) = &status.message {
        let _ = writeln!(out, "  {message}");
    }
    for (component, pods) in &status.components {
        let scaler = if pods.autoscaled { ", autoscaled" } else { "" };
        let _ = writeln!(
            out,
            "  {component:7} {} of {} pods ready, {} of the newest template{scaler}",
            pods.ready, pods.desired, pods.updated
        );
    }
    for condition in &status.conditions {
        if let Some(advice) = advice(bot, &status.conditions, condition) {
            let _ = writeln!(out, "  {} is {}: {}", condition.type_, word(condition.status), condition.message);
            let _ = writeln!(out, "    -> {advice}");
        }
    }
    out
}

fn word(status: ConditionStatus) -> &'static str {
    match status {
        ConditionStatus::True => "true",
        ConditionStatus::False => "false",
        ConditionStatus::Unknown => "unknown",
    }
}

fn phase_in_words(phase: Phase) -> &'static str {
    match phase {
        Phase::Pending => "waiting for something that its spec names",
        Phase::Preflight => "looking whether its new version can take over",
        Phase::Migrating => "bringing its database's schema up to date",
        Phase::RollingOut => "replacing or adding pods",
        Phase::Ready => "running as its spec says",
        Phase::Degraded => "serving, but not as its spec says",
        Phase::Failed => "not serving, and waiting for a person",
        Phase::Paused => "left alone, as spec.paused asks",
        Phase::Hibernated => "asleep: no pods, data and webhook are kept",
        Phase::Deleting => "being removed",
    }
}
