//! The schema is ready: new pods come, are held against what was asked of them, and are taken over or given up.

use chrono::{DateTime, Utc};
use vitte_crds::status::ConditionType;
use vitte_crds::upgrade::Rollback;

use super::jobs::{Ran, Task, seconds};
use super::revision::{Marks, Outcome, Revision};
use super::rollout::{Attempt, Fault, Progress, observe};
use super::steps::{Basis, Planner};
use super::{Step, Upgrade};
use crate::build;
use crate::names::{ANNOTATION_RETRY, ANNOTATION_ROLLBACK};
use crate::objects::Kind;

impl Planner<'_> {
    /// The schema is ready: new pods come, and are held against what was asked of them.
    pub(super) fn rollout(&self, serving: Option<&Revision>, migrated: &Task) -> Upgrade {
        let own: Basis = (None, true);
        let rules = &self.valid.spec.rollout;
        let deployments = build::deployments(self.valid, self.found);
        let known = self.revisions.get(&self.name);
        let trying = known.filter(|k| k.marks.outcome == Outcome::Trying && k.is_of_this_attempt(self.valid));
        let mut revision = self.own_revision(trying.map(|_| Outcome::Trying), serving, migrated);
        let attempt = Attempt {
            since: revision.marks.since,
            deadline: seconds(rules.progress_deadline_seconds),
            refused: self.was_refused(),
        };
        let progress = match (trying, observe(&deployments, &self.found.children, &attempt, self.now)) {
            // What an earlier attempt left says nothing of this one.
            (None, Progress::Exceeded { .. }) => Progress::Unapplied(String::new()),
            (_, progress) => progress,
        };
        let later = |due: DateTime<Utc>| Some(due).filter(|due| *due > self.now);
        let coming = |what: &str| Step::Rollout(what.to_owned());
        let (step, basis, look_again) = match progress {
            Progress::Complete => {
                revision.marks.outcome = Outcome::Good;
                revision.marks.since = self.now;
                let mut upgrade = self.at(Step::Current, Some(&revision), own);
                upgrade.records.push(self.record(&revision));
                upgrade.look_again = Some(self.now);
                return self.keeping(upgrade, &revision);
            }
            Progress::Unapplied(_) => (coming("the new pods are being made"), own, later(attempt.due())),
            Progress::Coming(what) => (coming(&what), own, later(attempt.due())),
            Progress::Exceeded { why, fault } => {
                let back = serving.map(|s| (s, self.basis(s, false))).filter(|(_, (_, roll))| *roll);
                match (fault, back) {
                    // Nobody served before: there is nothing to hold the pods against, and nothing to return to.
                    _ if serving.is_none() => (Step::Stuck(why), own, None),
                    (Fault::Nobody, _) => {
                        let why = format!(
                            "{why}; the old pods are not ready either, so that nothing is held against the new ones"
                        );
                        (Step::Late(why), own, later(attempt.patience_ends()))
                    }
                    (Fault::Undecided(due), _) => {
                        let why = format!(
                            "{why}; the old pods are ready again only now, so that the new ones get their time once more"
                        );
                        (Step::Late(why), own, Some(due))
                    }
                    (Fault::New, Some((serving, basis))) if rules.rollback == Rollback::Automatic => {
                        revision.marks.outcome = Outcome::Failed;
                        revision.marks.since = self.now;
                        revision.marks.reason = Some(vitte_crds::status::shorten(&why));
                        let mut upgrade = self.at(rolled_back(&revision, serving, &why), Some(serving), basis);
                        upgrade.failed = Some(revision.version.clone());
                        upgrade.records.push(self.record(&revision));
                        return self.keeping(upgrade, &revision);
                    }
                    (Fault::New, Some(_)) => {
                        let how = format!(
                            "annotate {ANNOTATION_ROLLBACK}, or change the spec: spec.rollout.rollback is Manual"
                        );
                        (Step::Stuck(format!("{why}; {how}")), own, None)
                    }
                    (Fault::New, None) => (Step::Stuck(why), own, None),
                }
            }
        };
        let mut upgrade = self.at(step, serving, basis);
        upgrade.look_again = look_again;
        if trying.is_none() {
            upgrade.records.push(self.record(&revision));
        }
        self.keeping(upgrade, &revision)
    }

    /// Whether the last pass could not write all that it wanted. A status that says so is never older than one attempt:
    /// without it, what is to be is written once more before anything is held against it.
    fn was_refused(&self) -> bool {
        let conditions = self.status.map(|status| &status.conditions).into_iter().flatten();
        let ready = conditions.filter(|c| c.type_ == ConditionType::Ready.as_str());
        ready.into_iter().any(|c| ["ApplyRefused", "ApplyFailed"].contains(&c.reason.as_str()))
    }

    fn keeping(&self, mut upgrade: Upgrade, revision: &Revision) -> Upgrade {
        upgrade.keep.insert((Kind::ControllerRevision, revision.name.clone()));
        upgrade
    }

    /// The spec's own revision as it is, or as a new attempt.
    fn own_revision(&self, as_it_is: Option<Outcome>, serving: Option<&Revision>, migrated: &Task) -> Revision {
        let marks = Marks::new(Outcome::Trying, self.now, self.valid);
        let known = self.revisions.get(&self.name);
        let mut revision = match known {
            Some(known) if as_it_is.is_some() => known.clone(),
            Some(known) => {
                let Marks { migrated_by, migrated_at, contracted_by, contract_begun, .. } = known.marks.clone();
                let mut again = known.clone();
                again.number = self.revisions.next_number();
                again.marks = Marks { migrated_by, migrated_at, contracted_by, contract_begun, ..marks };
                again
            }
            None => Revision::of(self.valid, self.revisions.next_number(), marks),
        };
        let ran = self.found.children.get(Kind::Job, &migrated.name).map(Ran::of);
        let was_it = revision.marks.migrated_by.as_ref() == Some(&migrated.name);
        revision.marks.migrated_at = ran.or(revision.marks.migrated_at.filter(|_| was_it));
        revision.marks.migrated_by = Some(migrated.name.clone());
        if revision.marks.contracted_by.is_none() {
            let same_image = serving.filter(|serving| serving.image == revision.image);
            let all_done = (migrated.name == self.install.name).then(|| migrated.name.clone());
            revision.marks.contracted_by = all_done.or_else(|| same_image?.marks.contracted_by.clone());
            let begun = same_image.and_then(|same| same.marks.contract_begun.clone());
            revision.marks.contract_begun = revision.marks.contract_begun.or(begun);
        }
        revision
    }
}

/// What served before serves again.
pub(super) fn rolled_back(failed: &Revision, serving: &Revision, why: &str) -> Step {
    Step::RolledBack(format!(
        "{} was given up: {why}; {} serves again (revision {}). Another spec, or the annotation {ANNOTATION_RETRY} with a \
         new value, tries again",
        failed.version, serving.version, serving.name
    ))
}
