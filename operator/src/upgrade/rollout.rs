//! How far new pods have come, as their Deployments tell.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::apply::contains::digest;
use crate::names::ANNOTATION_APPLIED;
use crate::objects::{Children, Kind, Live, Wanted};
use crate::plan::rolled_out;

/// How far they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A Deployment is not yet what it is to be.
    Unapplied,
    /// What is still to come.
    Coming(String),
    /// Every component was observed, is updated, and was ready for `rollout.minReadySeconds`.
    Complete,
    /// The deadline is over.
    Exceeded { why: String, fault: Fault },
}

/// Whose fault it is that the deadline is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The new pods': the old ones are ready, and were for as long as new pods may take.
    New,
    /// Nobody's: old pods are not ready either, as when the database is away.
    Nobody,
    /// The old pods have become ready again only now: it is told then.
    Undecided(DateTime<Utc>),
}

/// Looks at Deployments beside what they are to be. `deadline`: `rollout.progressDeadlineSeconds`.
#[must_use]
pub fn observe(wanted: &[Wanted], children: &Children, deadline: TimeDelta, now: DateTime<Utc>) -> Progress {
    let mut lives = Vec::new();
    for deployment in wanted {
        let Some(live) = children.get(Kind::Deployment, &deployment.name) else { return Progress::Unapplied };
        if live.text(&pointer(ANNOTATION_APPLIED)) != Some(digest(&deployment.json).as_str()) {
            return Progress::Unapplied;
        }
        lives.push(live);
    }
    if let Some((live, why)) = lives.iter().find_map(|live| Some((live, exceeded(live)?))) {
        return Progress::Exceeded { why, fault: fault(live, &lives, deadline, now) };
    }
    let coming: Vec<String> = lives.iter().filter(|live| !rolled_out(live)).map(|live| in_words(live)).collect();
    if coming.is_empty() { Progress::Complete } else { Progress::Coming(coming.join("; ")) }
}

fn pointer(annotation: &str) -> String {
    format!("/metadata/annotations/{}", annotation.replace('/', "~1"))
}

/// A Deployment's own words, if it gave up on the template that it has now.
#[must_use]
pub fn exceeded(live: &Live) -> Option<String> {
    let count = |pointer| live.int(pointer).unwrap_or(0);
    let observed = count("/status/observedGeneration") >= count("/metadata/generation");
    match live.condition("Progressing") {
        Some(("False", "ProgressDeadlineExceeded", message)) if observed => {
            Some(format!("Deployment {}: {message}", live.name))
        }
        _ => None,
    }
}

/// `luna-bot has 1 of 2 pods updated and available`.
#[must_use]
pub fn in_words(live: &Live) -> String {
    let count = |pointer| live.int(pointer).unwrap_or(0);
    format!(
        "{} has {} of {} pods updated and available",
        live.name,
        count("/status/updatedReplicas").min(count("/status/availableReplicas")),
        live.int("/spec/replicas").unwrap_or(1),
    )
}

fn fault(stuck: &Live, all: &[&Live], deadline: TimeDelta, now: DateTime<Utc>) -> Fault {
    let mut somebody = false;
    for live in all {
        let count = |pointer| live.int(pointer).unwrap_or(0);
        let available = count("/status/availableReplicas");
        let old = count("/status/replicas") - count("/status/updatedReplicas");
        somebody |= available > 0;
        if old > 0 && available < old {
            return Fault::Nobody;
        }
    }
    if !somebody {
        return Fault::Nobody;
    }
    // New pods that failed beside failing old ones may wait minutes before they are started again.
    match available_since(stuck).map(|since| since + deadline) {
        Some(due) if due > now => Fault::Undecided(due),
        _ => Fault::New,
    }
}

/// Since when as many pods as asked for are available; `None`: they are not.
fn available_since(live: &Live) -> Option<DateTime<Utc>> {
    let conditions = live.at("/status/conditions")?.as_array()?;
    let text = |condition: &Value, key: &str| condition.get(key).and_then(Value::as_str).map(str::to_owned);
    let is =
        |c: &&Value| text(c, "type").as_deref() == Some("Available") && text(c, "status").as_deref() == Some("True");
    let since = text(conditions.iter().find(is)?, "lastTransitionTime")?;
    Some(DateTime::parse_from_rfc3339(&since).ok()?.to_utc())
}
