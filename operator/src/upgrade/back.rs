//! A person goes back to what served before.

use super::jobs::{State, Task};
use super::revision::{Marks, Outcome, Revision};
use super::steps::Planner;
use super::trial::rolled_back;
use super::{Serving, Step, Upgrade};
use crate::names::ANNOTATION_ROLLBACK;
use crate::objects::Kind;

impl Planner<'_> {
    /// A person asks for what served before. `None`: nobody does, or it is done, or it cannot be.
    pub(super) fn back_as_asked(&mut self) -> Option<Upgrade> {
        let by = self.valid.rollback_to.clone().filter(|by| !by.is_empty())?;
        let serving = self.revisions.serving()?.clone();
        let done = |revision: &Revision| revision.marks.rollback.as_ref() == Some(&by);
        let own = self.revisions.get(&self.name).cloned();
        if done(&serving) || own.as_ref().is_some_and(done) || self.valid.spec.hibernated {
            return None;
        }
        // Where the spec's own revision serves, going back is going to another.
        let here = (serving.name == self.name).then_some(self.name.as_str());
        let meant: Vec<&Revision> = self.revisions.meant(&by, &self.found.children).collect();
        let Some(target) = meant.iter().find(|revision| Some(revision.name.as_str()) != here).map(|r| (*r).clone())
        else {
            self.note = Some(if meant.is_empty() {
                let there = self.revisions.listed();
                format!("{ANNOTATION_ROLLBACK} names {by}, which is no revision that served; there are: {there}")
            } else {
                format!("{ANNOTATION_ROLLBACK} names {by}, which serves already")
            });
            return None;
        };
        let (basis, roll) = self.basis(&target, false);
        if !roll {
            self.note = Some(format!("{ANNOTATION_ROLLBACK}: a Secret that revision {} names is gone", target.name));
            return None;
        }
        if self.revisions.is_before_a_contract(&target) {
            let valid = basis.as_deref().unwrap_or(self.valid);
            let task = Task { of: basis.clone(), ..Task::preflight(valid, &serving, 0) };
            // Its answer stays while the question does: gone, it would be asked at each look.
            self.asked = Some(task.name.clone());
            let state = self.state(&task, None);
            match state {
                State::Done => {}
                State::Absent | State::Running => {
                    let mut upgrade = self.with_job(Step::Preflight, Some(&serving), task, state == State::Absent);
                    upgrade.toward = Serving::from(&target);
                    return Some(upgrade);
                }
                State::Failed(why) => {
                    self.note = Some(format!("{ANNOTATION_ROLLBACK}: {} cannot serve any more: {why}", target.version));
                    return None;
                }
            }
        }
        let mut records = Vec::new();
        let mut number = self.revisions.next_number();
        // First what is left: stopped in between, the next look finds the question still open. What was given up already
        // says why, and what was never good is no place to come back to.
        let is_left = own.as_ref().is_some_and(|own| own.is_condemned(self.valid));
        let left = (target.name != self.name).then(|| match own {
            Some(own) if is_left => own,
            own => {
                let was_good = own.as_ref().is_some_and(|own| own.marks.outcome == Outcome::Good);
                let outcome = if was_good { Outcome::Left } else { Outcome::Failed };
                let marks = Marks::new(outcome, self.now, self.valid);
                let mut left = own.unwrap_or_else(|| Revision::of(self.valid, number, marks.clone()));
                let Marks { migrated_by, migrated_at, contracted_by, contract_begun, .. } = left.marks;
                let reason = Some(format!("{ANNOTATION_ROLLBACK} asks for {by}"));
                left.marks =
                    Marks { reason, migrated_by, migrated_at, contracted_by, contract_begun, rollback: None, ..marks };
                left
            }
        });
        if let Some(left) = &left {
            number = number.max(left.number + 1);
            if !is_left {
                records.push(self.record(left));
            }
        }
        let mut target = target;
        target.number = number;
        target.marks.outcome = Outcome::Good;
        target.marks.since = self.now;
        target.marks.reason = None;
        target.marks.retry = Marks::new(Outcome::Good, self.now, self.valid).retry;
        target.marks.rollback = Some(by);
        records.push(self.record(&target));
        let step = match &left {
            Some(left) => rolled_back(left, &target, left.marks.reason.as_deref().unwrap_or_default()),
            None => Step::Current,
        };
        let mut upgrade = self.at(step, Some(&target), (basis, true));
        upgrade.failed = left.as_ref().map(|left| left.version.clone());
        upgrade.records = records;
        upgrade.keep.extend(left.map(|left| (Kind::ControllerRevision, left.name)));
        Some(upgrade)
    }
}
