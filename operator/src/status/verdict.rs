//! What the bot is doing, in a phase, a reason and a sentence; and where its upgrade stands.

use vitte_crds::status::{ConditionType, Phase};

use super::conditions::Conditions;
use super::{Pods, View};
use crate::names::ANNOTATION_RETRY;
use crate::upgrade::{Serving, Step, Upgrade};

/// Reasons after which nothing happens until a person acts.
pub const STALLED: [&str; 7] =
    ["MigrationFailed", "MigrationRefused", "PreflightFailed", "ContractFailed", "RolledBack", "Stuck", "ApplyRefused"];

impl View<'_> {
    /// The first thing that stands between this bot and readiness, in the order in which things happen.
    pub fn verdict(
        &self,
        pods: &Pods,
        reachable: Option<(&'static str, String)>,
        serving: bool,
    ) -> (Phase, &'static str, String) {
        let broken = if serving { Phase::Degraded } else { Phase::Failed };
        if let Some(error) = self.applied.errors.iter().find(|error| error.reason.needs_person()) {
            return (broken, "ApplyRefused", error.to_string());
        }
        let stays = if serving { "the old pods go on serving" } else { "nothing runs yet" };
        let again = format!("another version, or the annotation {ANNOTATION_RETRY} with a new value, tries again");
        let Upgrade { toward, unstarted, .. } = &self.plan.upgrade;
        let image = &toward.image;
        let unstarted = unstarted.as_ref().map_or_else(String::new, |why| format!("; its pod has not started: {why}"));
        match &self.plan.upgrade.step {
            Step::ExpandFailed(why) => {
                return (broken, "MigrationFailed", format!("the migration failed: {why} ({stays}; {again})"));
            }
            Step::PreflightFailed(why) => {
                return (broken, "PreflightFailed", format!("{image} cannot take over: {why} ({stays}; {again})"));
            }
            Step::ContractFailed(why) => {
                let what = "what the schema no longer needs could not be removed before the upgrade";
                return (broken, "ContractFailed", format!("{what}: {why} ({stays}; {again})"));
            }
            Step::Refused(why) => return (broken, "MigrationRefused", why.clone()),
            Step::Stuck(why) => return (broken, "Stuck", why.clone()),
            Step::WaitsForDatabase => {
                return (Phase::Pending, "WaitsForDatabase", "the embedded PostgreSQL is starting".to_owned());
            }
            Step::Waits(job) => {
                return (Phase::Migrating, "Waits", format!("Job {job} of a former spec is at work, and ends first"));
            }
            Step::Preflight => {
                return (Phase::Preflight, "Preflight", format!("{image} looks at the database{unstarted}"));
            }
            Step::Contract => {
                let what = "the schema is rid of what only the version before the present one used";
                return (Phase::Migrating, "Contract", format!("{what}{unstarted}"));
            }
            Step::Expand => {
                let job = self.plan.migration_job();
                return (Phase::Migrating, "Migrating", format!("Job {job} is at work{unstarted}"));
            }
            Step::Late(why) => return (Phase::RollingOut, "Late", why.clone()),
            Step::Current | Step::Asleep | Step::Rollout(_) | Step::RolledBack(_) => {}
        }
        if let Some(error) = self.applied.errors.first() {
            return (Phase::RollingOut, "ApplyFailed", error.to_string());
        }
        if let Step::RolledBack(why) = &self.plan.upgrade.step {
            return (broken, "RolledBack", why.clone());
        }
        match pods {
            Pods::Ready if matches!(self.plan.upgrade.step, Step::Rollout(_)) => {
                (Phase::RollingOut, "RollingOut", "every component is ready; it is looked at once more".to_owned())
            }
            Pods::Asleep => (Phase::Hibernated, "Hibernated", "no pods run, as spec.hibernated asks".to_owned()),
            Pods::Stuck(why) => (broken, "Stuck", why.clone()),
            Pods::Coming(what) => (Phase::RollingOut, "RollingOut", what.clone()),
            Pods::Ready => match reachable {
                None => (Phase::Ready, "AllReady", "every component runs as the spec says".to_owned()),
                Some((reason, why)) => (Phase::Degraded, reason, why),
            },
        }
    }

    /// Says which step the upgrade is at.
    pub fn upgraded(&self, conditions: &mut Conditions) {
        let upgrade = &self.plan.upgrade;
        let reason = upgrade.step.reason();
        let message = match (&upgrade.step, &upgrade.serving) {
            (Step::Current, Some(serving)) => format!("revision {} ({}) serves", serving.name, serving.version),
            (Step::RolledBack(why) | Step::Late(why) | Step::Stuck(why), _) => why.clone(),
            (Step::PreflightFailed(why) | Step::ContractFailed(why) | Step::ExpandFailed(why), _) => why.clone(),
            (Step::Refused(why), _) => why.clone(),
            (Step::Waits(job), _) => format!("Job {job} of a former spec is at work, and ends first"),
            (Step::Rollout(what), serving) => format!("{}: {what}", self.direction(serving.as_ref())),
            (_, serving) => self.direction(serving.as_ref()),
        };
        match &upgrade.contract_failed {
            Some(why) if upgrade.step == Step::Current => {
                let message = format!("what the schema no longer needs could not be removed: {why}");
                conditions.set(ConditionType::Upgraded, false, "ContractFailed", &message);
            }
            _ => conditions.set(ConditionType::Upgraded, upgrade.step == Step::Current, reason, &message),
        }
    }

    /// `0.1.0 -> 0.2.0`.
    fn direction(&self, serving: Option<&Serving>) -> String {
        let Serving { version: to, name, .. } = &self.plan.upgrade.toward;
        match serving {
            Some(serving) => format!("{} -> {to} (revision {name})", serving.version),
            None => format!("{to} (revision {name})"),
        }
    }
}
