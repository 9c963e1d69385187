//! Phase 3 (pure): what is next, and why.
//!
//! Which revision serves and which step of an upgrade is next says [`upgrade`](crate::upgrade). How many pods there are is decided here too, since an autoscaler, a hand and hibernation all want a
//! say in it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use vitte_crds::status::Status;

use crate::dereference::Found;
use crate::names::{ANNOTATION_ROTATED, ANNOTATION_ROTATED_AT, Component, child};
use crate::objects::{Kind, Live};
use crate::upgrade::{self, State, Step, Upgrade};
use crate::validate::{Valid, WEBHOOK_SECRET, generated_secrets};

/// How long the previous webhook secret is accepted after a rotation: the bot's pods register the new one when they
/// start, and Telegram repeats what it sent with the old one.
const ROTATION_OVERLAP: TimeDelta = TimeDelta::minutes(10);

/// When Secrets that were made just now are read.
const MADE_SOON: TimeDelta = TimeDelta::milliseconds(200);

/// How many pods a component has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// The operator writes `replicas`.
    Fixed(i32),
    /// An autoscaler writes it. `hold`: written once by another field manager before the operator leaves the field, so
    /// that it has an owner until the autoscaler writes it. It is the live count when an autoscaler takes over, and the
    /// autoscaler's least for a new Deployment and for one that wakes, since an autoscaler leaves zero alone.
    Autoscaled { hold: Option<i32> },
    /// Hibernated: no pods, no autoscaler.
    Asleep,
}

/// How the migration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Migration {
    /// The bot sleeps: it runs when the bot wakes.
    Postponed,
    /// The embedded database is not up yet.
    WaitsForDatabase,
    /// It may not run, whatever it waits for: why, and what to write instead.
    Refused(String),
    /// Its turn has not come yet.
    Later,
    /// The Job is to be created.
    Due,
    Running,
    Done,
    /// With the Job's own words.
    Failed(String),
}

/// What becomes of the webhook's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// It stays as it is.
    Keep,
    /// The current one becomes the previous one, and a new one is made.
    Rotate,
    /// The previous one is accepted no longer.
    DropPrevious,
}

/// What this reconcile brings about.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which revision serves, and which step is next.
    pub upgrade: Upgrade,
    pub migration: Migration,
    /// Whether pod templates may change: only once the schema is ready for them, and the operator's own Secrets are
    /// there. If not, Deployments are left as they are, and none is created.
    pub roll: bool,
    /// One entry for each component that runs.
    pub scale: BTreeMap<Component, Scale>,
    pub rotation: Rotation,
    /// When a decision that waits for time is due.
    pub look_again: Option<DateTime<Utc>>,
}

impl Plan {
    /// The Job that migrates for the spec's image and inputs.
    #[must_use]
    pub fn migration_job(&self) -> &str {
        &self.upgrade.expand.0
    }

    /// What all is built from.
    #[must_use]
    pub fn basis<'a>(&'a self, valid: &'a Valid) -> &'a Valid {
        self.upgrade.basis.as_deref().unwrap_or(valid)
    }
}

/// What is next for this bot.
#[must_use]
pub fn plan(valid: &Valid, found: &Found, status: Option<&Status>, now: DateTime<Utc>) -> Plan {
    let upgrade = upgrade::plan(valid, found, status, now);
    let basis = upgrade.basis.as_deref().unwrap_or(valid);
    let scale = scales(basis, found);
    let (rotation, due) = rotation(basis, found, now);
    // A pod template names the digest of values that the operator has yet to make: known, they would roll it again.
    let made = generated_secrets(&basis.name, &basis.spec).iter().all(|name| found.generated.contains_key(name));
    let soonest = [due, upgrade.look_again].into_iter().flatten().min();
    let look_again = if made { soonest } else { Some(now + MADE_SOON) };
    let (migration, roll) = (migration(&upgrade), made && upgrade.roll);
    Plan { upgrade, migration, roll, scale, rotation, look_again }
}

fn migration(upgrade: &Upgrade) -> Migration {
    match (&upgrade.expand.1, &upgrade.step) {
        (State::Done, _) => Migration::Done,
        (_, Step::Asleep) => Migration::Postponed,
        (_, Step::WaitsForDatabase) => Migration::WaitsForDatabase,
        (_, Step::Refused(why)) => Migration::Refused(why.clone()),
        (_, Step::ExpandFailed(why)) => Migration::Failed(why.clone()),
        (State::Running, _) => Migration::Running,
        (_, Step::Expand) => Migration::Due,
        _ => Migration::Later,
    }
}

/// How many pods each component has.
#[must_use]
pub fn scales(valid: &Valid, found: &Found) -> BTreeMap<Component, Scale> {
    valid.inputs.keys().map(|component| (*component, scale(valid, found, *component))).collect()
}

fn scale(valid: &Valid, found: &Found, component: Component) -> Scale {
    if valid.spec.hibernated {
        return Scale::Asleep;
    }
    let spec = valid.spec.components.each().into_iter().find(|(name, _)| *name == component.as_str()).map(|(_, c)| c);
    let Some(autoscaling) = spec.and_then(|c| c.autoscaling.as_ref()) else {
        return Scale::Fixed(spec.and_then(|c| c.replicas).unwrap_or(1));
    };
    let name = child(&valid.name, component);
    let live = found.children.get(Kind::Deployment, &name).and_then(|d| d.int("/spec/replicas"));
    let scaled = [Kind::HorizontalPodAutoscaler, Kind::ScaledObject]
        .into_iter()
        .any(|kind| found.children.get(kind, &name).is_some_and(|scaler| !scaler.is_being_deleted()));
    let hold = match live.and_then(|count| i32::try_from(count).ok()) {
        None | Some(0) => Some(autoscaling.min_replicas),
        // One that was just made may still have what an object without a count is given: one.
        Some(count) if !scaled => Some(count.max(autoscaling.min_replicas)),
        Some(_) => None,
    };
    Scale::Autoscaled { hold }
}

fn rotation(valid: &Valid, found: &Found, now: DateTime<Utc>) -> (Rotation, Option<DateTime<Utc>>) {
    let Some(secret) = found.generated.get(&child(&valid.name, WEBHOOK_SECRET)).filter(|_| valid.webhook.is_some())
    else {
        return (Rotation::Keep, None);
    };
    let acted_on = secret.annotations.get(ANNOTATION_ROTATED);
    if valid.rotate.is_some() && valid.rotate.as_ref() != acted_on {
        return (Rotation::Rotate, None);
    }
    if !secret.data.contains_key("previous") {
        return (Rotation::Keep, None);
    }
    let at = secret.annotations.get(ANNOTATION_ROTATED_AT).and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let until = at.map_or(now, |at| at.to_utc() + ROTATION_OVERLAP);
    if now < until {
        return (Rotation::Keep, Some(until));
    }
    let bot = found.children.get(Kind::Deployment, &child(&valid.name, Component::Bot));
    if bot.is_some_and(rolled_out) { (Rotation::DropPrevious, None) } else { (Rotation::Keep, None) }
}

/// Whether every pod of a Deployment is of its newest template and available, as `kubectl rollout status` asks.
#[must_use]
pub fn rolled_out(deployment: &Live) -> bool {
    let count = |pointer| deployment.int(pointer).unwrap_or(0);
    let wanted = deployment.int("/spec/replicas").unwrap_or(1);
    count("/status/observedGeneration") >= count("/metadata/generation")
        && count("/status/updatedReplicas") >= wanted
        && count("/status/replicas") <= count("/status/updatedReplicas")
        && count("/status/availableReplicas") >= wanted
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
