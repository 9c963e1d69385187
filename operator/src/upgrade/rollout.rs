//! How far new pods have come, as their Deployments tell.

use chrono::{DateTime, TimeDelta, Utc};

use crate::apply::contains::is_applied;
use crate::objects::{Children, Kind, Live, Wanted};
use crate::plan::rolled_out;

/// How far they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A Deployment is not yet what it is to be: which.
    Unapplied(String),
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

/// The attempt that Deployments are held against.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    pub since: DateTime<Utc>,
    /// `rollout.progressDeadlineSeconds`.
    pub deadline: TimeDelta,
    /// The last pass could not write all that it wanted.
    pub refused: bool,
}

impl Attempt {
    /// When a fault is its own, even one that was there when it began.
    #[must_use]
    pub fn due(&self) -> DateTime<Utc> {
        self.since + self.deadline
    }

    /// When one pod that stays down, or Deployments that are scaled again and again, excuse it no more.
    #[must_use]
    pub fn patience_ends(&self) -> DateTime<Utc> {
        /// Deadlines.
        const PATIENCE: i32 = 3;
        self.since + self.deadline * PATIENCE
    }
}

/// Looks at Deployments beside what they are to be. One that cannot be written excuses no other.
#[must_use]
pub fn observe(wanted: &[Wanted], children: &Children, attempt: &Attempt, now: DateTime<Utc>) -> Progress {
    let (mut lives, mut unapplied) = (Vec::new(), Vec::new());
    for deployment in wanted {
        let live = children.get(Kind::Deployment, &deployment.name);
        let applied = live.is_some_and(|live| is_applied(live, &deployment.json));
        lives.extend(live.map(|live| Pods { live, applied }));
        if !applied {
            unapplied.push(deployment.name.as_str());
        }
    }
    let applied = || lives.iter().filter(|pods| pods.applied).map(|pods| pods.live);
    // What was late before this attempt began is no fault of it, until it had its own time to mend that.
    let is_its_own = |live: &&Live| now >= attempt.due() || given_up_at(live).is_none_or(|at| at >= attempt.since);
    if let Some((live, why)) = applied().filter(is_its_own).find_map(|live| Some((live, exceeded(live)?))) {
        return Progress::Exceeded { why, fault: fault(Some(live), &lives, attempt, now) };
    }
    if !unapplied.is_empty() {
        let which = unapplied.join(", ");
        if attempt.refused && now >= attempt.due() {
            let why = format!("the API server does not take Deployment {which} as it is to be");
            return Progress::Exceeded { why, fault: fault(None, &lives, attempt, now) };
        }
        return Progress::Unapplied(which);
    }
    let coming: Vec<String> = applied().filter(|live| !rolled_out(live)).map(in_words).collect();
    if coming.is_empty() { Progress::Complete } else { Progress::Coming(coming.join("; ")) }
}

/// A Deployment that is there.
struct Pods<'a> {
    live: &'a Live,
    /// Whether its template is the new one: if not, all its pods are old ones.
    applied: bool,
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

fn fault(stuck: Option<&Live>, all: &[Pods<'_>], attempt: &Attempt, now: DateTime<Utc>) -> Fault {
    let (mut somebody, mut down) = (false, false);
    for Pods { live, applied } in all {
        let count = |pointer| live.int(pointer).unwrap_or(0);
        let available = count("/status/availableReplicas");
        let new = if *applied { count("/status/updatedReplicas") } else { 0 };
        let old = count("/status/replicas") - new;
        somebody |= available > 0;
        down |= old > 0 && available < old;
    }
    if !somebody {
        return Fault::Nobody;
    }
    // Where a Deployment was available throughout, nothing that all pods need was away.
    let steady = all.iter().any(|pods| available_since(pods.live).is_some_and(|since| since + attempt.deadline <= now));
    if steady && now >= attempt.patience_ends() {
        return Fault::New;
    }
    if down {
        return Fault::Nobody;
    }
    // New pods that failed beside failing old ones may wait minutes before they are started again.
    match stuck.and_then(available_since).map(|since| since + attempt.deadline) {
        Some(due) if due > now => Fault::Undecided(due),
        _ => Fault::New,
    }
}

/// Since when as many pods as asked for are available; `None`: they are not.
fn available_since(live: &Live) -> Option<DateTime<Utc>> {
    live.condition("Available").filter(|(status, ..)| *status == "True")?;
    time(live, "Available", "lastTransitionTime")
}

/// When it gave up; `None`: nobody wrote that down.
fn given_up_at(live: &Live) -> Option<DateTime<Utc>> {
    ["lastUpdateTime", "lastTransitionTime"].into_iter().find_map(|key| time(live, "Progressing", key))
}

fn time(live: &Live, condition: &str, key: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(live.of_condition(condition, key)?).ok()?.to_utc())
}
