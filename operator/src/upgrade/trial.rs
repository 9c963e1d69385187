//! The schema is ready: new pods come, are held against what was asked of them, and are taken over or given up.

use vitte_crds::upgrade::Rollback;

use super::jobs::{Task, seconds};
use super::revision::{Marks, Outcome, Revision};
use super::rollout::{Fault, Progress, observe};
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
        let deadline = seconds(rules.progress_deadline_seconds);
        let known = self.revisions.get(&self.name);
        let trying = known.filter(|k| k.marks.outcome == Outcome::Trying && k.is_of_this_attempt(self.valid));
        let mut revision = self.own_revision(trying.map(|_| Outcome::Trying), serving, migrated);
        let progress = match (trying, observe(&deployments, &self.found.children, deadline, self.now)) {
            // What an earlier attempt left says nothing of this one.
            (None, Progress::Exceeded { .. }) => Progress::Unapplied,
            (_, progress) => progress,
        };
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
            Progress::Unapplied => (coming("the new pods are being made"), own, None),
            Progress::Coming(what) => (coming(&what), own, None),
            Progress::Exceeded { why, fault } => {
                let back = serving.map(|s| (s, self.basis(s, false))).filter(|(_, (_, roll))| *roll);
                match (fault, back) {
                    (Fault::Nobody, _) => {
                        let why = format!(
                            "{why}; the old pods are not ready either, so that nothing is held against the new ones"
                        );
                        (Step::Late(why), own, None)
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
                let contracted_by = known.marks.contracted_by.clone();
                let mut again = known.clone();
                again.number = self.revisions.next_number();
                again.marks = Marks { contracted_by, ..marks };
                again
            }
            None => Revision::of(self.valid, self.revisions.next_number(), marks),
        };
        revision.marks.migrated_by = Some(migrated.name.clone());
        if revision.marks.contracted_by.is_none() {
            let same_image = serving.filter(|serving| serving.image == revision.image);
            let all_done = (migrated.name == self.install.name).then(|| migrated.name.clone());
            revision.marks.contracted_by = all_done.or_else(|| same_image?.marks.contracted_by.clone());
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
