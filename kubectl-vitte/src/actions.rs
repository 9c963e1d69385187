//! What a person asks of the operator: pause, resume, retry. Each says what will happen, and asks nothing twice.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use vitte_operator::names::ANNOTATION_RETRY;

use crate::cli::{Pause, Retry};
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::object::{self, text};
use crate::screen::Screen;

/// Said after what would have been done.
pub const DRY_RUN: &str = " (dry run: nothing was changed)";

/// Writes `spec.paused`.
///
/// # Errors
/// There is no such bot, or the API server refuses.
pub async fn pause(cluster: &Cluster, asked: &Pause, paused: bool, screen: &mut Screen<'_>) -> Result<(), Fault> {
    let name = &asked.bot;
    let bot = cluster.bot(name).await?;
    if object::is(&bot, "/spec/paused") == paused {
        let state = if paused { "is paused already" } else { "is not paused" };
        writeln!(screen.out, "{name} {state}: nothing to do")?;
        return Ok(());
    }
    cluster.patch_bot(name, &json!({"spec": {"paused": paused}}), asked.dry_run.is_on()).await?;
    let done = if paused {
        format!(
            "{name} is paused: its pods go on as they are, and the operator changes nothing, not even for a new \
             manifest, until `{}`",
            cluster.hint(&format!("resume {name}"))
        )
    } else {
        format!("{name} goes on: the operator brings it to what its spec says now")
    };
    writeln!(screen.out, "{done}{}", if asked.dry_run.is_on() { DRY_RUN } else { "" })?;
    for other in owners_of_paused(&bot) {
        writeln!(screen.notes, "note: {other} also writes spec.paused, and may write its own value again")?;
    }
    Ok(())
}

/// Who applies the field: a GitOps tool would put it back. An update owns every field that had its default, so it says
/// nothing; what `kubectl apply` was given stands in its annotation.
fn owners_of_paused(bot: &Value) -> Vec<&str> {
    let entries = object::items(bot, "/metadata/managedFields").filter(|entry| entry["operation"] == "Apply");
    let owning = entries.filter(|entry| entry.pointer("/fieldsV1/f:spec/f:paused").is_some());
    let managers = owning.filter_map(|entry| text(entry, "/manager"));
    let applied = object::annotation(bot, "kubectl.kubernetes.io/last-applied-configuration");
    let given = applied.and_then(|applied| serde_json::from_str::<Value>(applied).ok());
    let given = given.is_some_and(|given| given.pointer("/spec/paused").is_some());
    managers.chain(given.then_some("the manifest of kubectl apply")).collect()
}

/// Writes the annotation by which what failed is tried again.
///
/// # Errors
/// There is no such bot, or the API server refuses.
pub async fn retry(cluster: &Cluster, asked: &Retry, screen: &mut Screen<'_>) -> Result<(), Fault> {
    let name = &asked.bot;
    let bot = cluster.bot(name).await?;
    let failed = failed(&bot);
    let what = match &failed {
        Some(what) => what.as_str(),
        None if asked.force => "nothing failed, and the operator is asked all the same",
        None => {
            let phase = text(&bot, "/status/phase").unwrap_or("Unknown");
            if object::holds(&bot, "Stalled") == Some("Stuck") {
                writeln!(
                    screen.out,
                    "{name} is {phase}: its new pods are made already and do not become ready, so that there is nothing to \
                     try again. Change its spec, or go back: `{}` (--force asks all the same)",
                    cluster.hint(&format!("rollback {name}"))
                )?;
                return Ok(());
            }
            writeln!(
                screen.out,
                "{name} is {phase}, and nothing of it failed: nothing to do (--force asks all the same)"
            )?;
            return Ok(());
        }
    };
    let now = screen.now();
    cluster.patch_bot(name, &annotation(ANNOTATION_RETRY, &seconds(now)), asked.dry_run.is_on()).await?;
    let dry_run = if asked.dry_run.is_on() { DRY_RUN } else { "" };
    writeln!(screen.out, "{name}: {what}; the operator tries again, and what serves goes on serving{dry_run}")?;
    if object::is(&bot, "/spec/paused") {
        let resume = cluster.hint(&format!("resume {name}"));
        writeln!(screen.notes, "note: {name} is paused: nothing happens before `{resume}`")?;
    } else if !asked.dry_run.is_on() {
        writeln!(screen.notes, "see how it goes: {}", cluster.hint(&format!("status {name} --watch")))?;
    }
    Ok(())
}

/// What failed and waits for a person, in a few words.
fn failed(bot: &Value) -> Option<String> {
    /// Reasons of `Stalled` and `Upgraded` that a new value of the annotation answers.
    const ANSWERED: [&str; 5] = ["MigrationFailed", "PreflightFailed", "ContractFailed", "ExpandFailed", "RolledBack"];
    if text(bot, "/status/migration/phase") == Some("Failed") {
        let job = text(bot, "/status/migration/job").map(|job| format!(" (job {job})")).unwrap_or_default();
        return Some(format!("its migration failed{job}"));
    }
    if let Some(version) = text(bot, "/status/failedVersion") {
        return Some(format!("version {version} was given up"));
    }
    let reasons = ["Stalled", "Upgraded"].into_iter().filter_map(|kind| text(object::condition(bot, kind)?, "/reason"));
    let reason = reasons.into_iter().find(|reason| ANSWERED.contains(reason))?;
    Some(format!("it stopped ({reason})"))
}

/// JSON merge patch that sets one annotation.
#[must_use]
pub fn annotation(key: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {key: value}}})
}

/// RFC 3339 in whole seconds.
#[must_use]
pub fn seconds(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_failed_is_tried_again() {
        let of = |status: Value| failed(&json!({"status": status}));
        assert_eq!(of(json!({"phase": "Ready", "migration": {"phase": "Succeeded"}})), None);
        assert_eq!(of(json!({"migration": {"phase": "Running"}})), None);
        let stalled = |reason: &str| json!({"conditions": [{"type": "Stalled", "status": "True", "reason": reason}]});
        assert_eq!(of(stalled("SpecInvalid")), None);
        assert_eq!(of(stalled("ContractFailed")).as_deref(), Some("it stopped (ContractFailed)"));
        let migration = json!({"migration": {"phase": "Failed", "job": "luna-migrate-ab"}});
        assert_eq!(of(migration).as_deref(), Some("its migration failed (job luna-migrate-ab)"));
        assert_eq!(of(json!({"failedVersion": "0.2.0"})).as_deref(), Some("version 0.2.0 was given up"));
    }

    #[test]
    fn who_applies_the_field_is_named_and_who_only_took_its_default_is_not() {
        let entry = |manager: &str, operation: &str| json!({"manager": manager, "operation": operation, "fieldsV1": {"f:spec": {"f:paused": {}}}});
        let managed = [entry("argocd-controller", "Apply"), entry("kubectl-client-side-apply", "Update")];
        let applied = |spec: Value| {
            json!({"managedFields": managed, "annotations":
                {"kubectl.kubernetes.io/last-applied-configuration": json!({"spec": spec}).to_string()}})
        };
        let owners = |spec: Value| owners_of_paused(&json!({"metadata": applied(spec)})).join(", ");
        assert_eq!(owners(json!({"version": "0.1.0"})), "argocd-controller");
        assert_eq!(owners(json!({"paused": false})), "argocd-controller, the manifest of kubectl apply");
    }

    #[test]
    fn the_time_is_written_in_whole_seconds() {
        assert_eq!(seconds("2026-01-01T12:00:00.9Z".parse().unwrap()), "2026-01-01T12:00:00Z");
    }
}
