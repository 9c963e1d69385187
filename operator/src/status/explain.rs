//! A status in words: what it means, and what to do.

use std::fmt::Write;

use vitte_crds::status::{Condition, ConditionStatus, ConditionType, Phase, Status};

/// What the status of a bot means and what to do, for a terminal. `generation`: of its spec.
#[must_use]
pub fn explain(name: &str, generation: Option<i64>, status: Option<&Status>) -> String {
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
        if let Some(advice) = advice(name, condition) {
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

/// How a person asks for one more try.
fn retry(name: &str) -> String {
    format!(
        "kubectl vitte retry {name} (the same: kubectl annotate vb {name} --overwrite vitte.dev/retry-migration=$(date +%s))"
    )
}

/// What to do about a condition that is not as it should be; `None` for one that is.
#[must_use]
pub fn advice(name: &str, condition: &Condition) -> Option<String> {
    let kind = ConditionType::ALL.into_iter().find(|kind| kind.as_str() == condition.type_)?;
    let troubles = match kind {
        ConditionType::Stalled => condition.status == ConditionStatus::True,
        ConditionType::Ready | ConditionType::Reconciling | ConditionType::Paused => false,
        _ => condition.status != ConditionStatus::True,
    };
    if !troubles {
        return None;
    }
    Some(match (kind, condition.reason.as_str()) {
        (ConditionType::SecretsReady, _) => {
            "create the Secret or add the key; the operator goes on by itself within a minute".to_owned()
        }
        (ConditionType::Migrated, "Failed")
        | (ConditionType::Stalled, "MigrationFailed" | "PreflightFailed" | "ContractFailed") => {
            format!("mend what the message says, then: {}", retry(name))
        }
        (ConditionType::Migrated, "Refused") | (ConditionType::Stalled, "MigrationRefused") => {
            "write what the message asks for".to_owned()
        }
        (ConditionType::Stalled, "RolledBack") => {
            format!("find out why its pods were not ready, then change the spec, or try once more: {}", retry(name))
        }
        (ConditionType::Upgraded, "ContractFailed") => {
            format!("nothing is broken; mend what the message says, then: {}", retry(name))
        }
        (ConditionType::Upgraded, _) => return None,
        (ConditionType::Migrated, _) => "wait: the migration comes before the pods".to_owned(),
        (ConditionType::WebhookRegistered, "TelegramSilent") => {
            "look whether the operator may reach spec.telegram.apiUrl, and whether the token is right".to_owned()
        }
        (ConditionType::WebhookRegistered, "Elsewhere") => {
            "find who else uses the token, or give this bot one of its own (@BotFather)".to_owned()
        }
        (ConditionType::WebhookRegistered, "AddressUnknown" | "Hibernated" | "NotAsked") => {
            "nothing is broken".to_owned()
        }
        (ConditionType::WebhookRegistered, _) => {
            format!("read the bot's log: kubectl logs -l vitte.dev/bot={name},app.kubernetes.io/component=bot")
        }
        (ConditionType::Stalled, "SpecInvalid") => "mend the spec as the message says".to_owned(),
        (ConditionType::Stalled, "Stuck") => format!(
            "look at the pods: kubectl get pods -l vitte.dev/bot={name}, then kubectl describe pod and kubectl logs"
        ),
        (ConditionType::Stalled, "ApplyRefused") => "the API server's message says which field it refuses".to_owned(),
        (ConditionType::BackupHealthy, _) => "make backups by other means until a version makes them".to_owned(),
        _ => "see the message".to_owned(),
    })
}
