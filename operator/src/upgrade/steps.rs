//! The decision itself, in the order in which things happen.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use vitte_crds::status::Status;
use vitte_crds::upgrade::MigrationBackup;

use super::jobs::{State, Task, job_end, seconds};
use super::revision::{Revision, Revisions, name};
use super::spec::spec_now;
use super::trial::rolled_back;
use super::window::contracted;
use super::{Serving, Step, Upgrade};
use crate::apply::contains;
use crate::build;
use crate::dereference::Found;
use crate::names::child;
use crate::objects::{Kind, Wanted};
use crate::validate::{POSTGRES_SECRET, Valid, revived};

/// When a Job of which nothing runs yet is looked at again: no watch tells why its pod waits.
const LOOK: TimeDelta = TimeDelta::seconds(5);

/// What is next for this bot.
#[must_use]
pub fn plan(valid: &Valid, found: &Found, status: Option<&Status>, now: DateTime<Utc>) -> Upgrade {
    let revisions = Revisions::of(&found.children);
    let deployed = found.children.of(Kind::Deployment).next().is_some();
    let (expand, install) = (Task::expand(valid), Task::install(valid));
    let name = name(valid);
    let mut planner =
        Planner { valid, found, status, now, deployed, name, revisions, expand, install, note: None, asked: None };
    let upgrade = planner.decide();
    planner.beside_jobs(upgrade)
}

/// What is looked at, and what follows from it.
pub(super) struct Planner<'a> {
    pub(super) valid: &'a Valid,
    pub(super) found: &'a Found,
    pub(super) status: Option<&'a Status>,
    pub(super) now: DateTime<Utc>,
    /// Whether any pod may serve.
    pub(super) deployed: bool,
    /// Of the spec's own revision.
    pub(super) name: String,
    pub(super) revisions: Revisions,
    pub(super) expand: Task,
    pub(super) install: Task,
    pub(super) note: Option<String>,
    /// The Job that tells whether a person may go back.
    pub(super) asked: Option<String>,
}

/// What pods are built from, and whether their templates may change.
pub(super) type Basis = (Option<Box<Valid>>, bool);

impl Planner<'_> {
    fn decide(&mut self) -> Upgrade {
        if let Some(dark) = self.revisions.in_the_dark(&self.name) {
            let why = format!(
                "this version of the operator cannot read revision {} (number {}), so that nobody knows what serves: let \
                 the version that wrote it go on, or delete the ControllerRevision to go on without it",
                dark.name, dark.number
            );
            return self.at(Step::Refused(why), None, (None, false));
        }
        if let Some(upgrade) = self.back_as_asked() {
            return upgrade;
        }
        let serving = self.revisions.serving().cloned();
        match serving {
            Some(serving) if serving.name == self.name => self.current(&serving),
            serving if self.valid.spec.hibernated => {
                let basis = self.held(serving.as_ref());
                self.at(Step::Asleep, serving.as_ref(), basis)
            }
            serving => self.forward(serving.as_ref()),
        }
    }

    /// What follows from a Job at work of which nothing ever ran.
    fn beside_jobs(&self, mut upgrade: Upgrade) -> Upgrade {
        let mut soonest = None;
        let jobs = self.found.children.of(Kind::Job).filter(|job| job_end(job).is_none());
        for (job, why) in jobs.filter_map(|job| Some((job, self.found.unstarted.get(&job.name)?))) {
            let is_wanted = upgrade.keep.contains(&(Kind::Job, job.name.clone()));
            match why {
                _ if upgrade.drop.contains(&job.name) => soonest = soonest.or(Some(self.now + LOOK)),
                // Its image may come yet, and would then do what nobody asks for any more.
                Some(_) if !is_wanted => {
                    upgrade.drop.insert(job.name.clone());
                    soonest = Some(self.now);
                }
                why => {
                    upgrade.unstarted = upgrade.unstarted.or_else(|| why.clone());
                    soonest = soonest.or(Some(self.now + LOOK));
                }
            }
        }
        upgrade.look_again = upgrade.look_again.into_iter().chain(soonest).min();
        upgrade
    }

    /// An upgrade that stands at `step`.
    pub(super) fn at(&self, step: Step, serving: Option<&Revision>, (basis, roll): Basis) -> Upgrade {
        let known = self.revisions.get(&self.name);
        let mut keep = self.revisions.kept(&self.name);
        let mut mine = vec![self.expand.name.clone(), self.install.name.clone()];
        if let Some(serving) = serving.filter(|serving| serving.name != self.name) {
            mine.extend(self.preflights(serving).map(|task| task.name));
        }
        mine.extend(self.asked.clone());
        keep.extend(mine.into_iter().map(|name| (Kind::Job, name)));
        let (task, state) = self.migration();
        Upgrade {
            step,
            revision: self.name.clone(),
            toward: Serving {
                name: self.name.clone(),
                version: self.valid.spec.version.clone(),
                image: self.valid.image.clone(),
            },
            serving: serving.map(Serving::from),
            basis,
            roll,
            migrated_at: known
                .filter(|k| k.marks.migrated_by.as_ref() == Some(&task.name))
                .and_then(|k| k.marks.migrated_at.clone()),
            expand: (task.name.clone(), state),
            task: None,
            unstarted: None,
            records: Vec::new(),
            keep,
            drop: BTreeSet::new(),
            look_again: None,
            failed: known.filter(|known| known.is_condemned(self.valid)).map(|known| known.version.clone()),
            contract_failed: None,
            note: self.note.clone(),
        }
    }

    /// What serves, with the present count of pods, resources and values of Secrets; without it, what runs as it is.
    pub(super) fn held(&self, serving: Option<&Revision>) -> Basis {
        serving.map_or((None, false), |serving| self.basis(serving, true))
    }

    pub(super) fn basis(&self, revision: &Revision, resources: bool) -> Basis {
        if revision.name == self.name {
            return (None, true);
        }
        match self.revive(revision, resources) {
            Some(valid) if revision.is_whole(&self.found.children) => (Some(Box::new(valid)), true),
            // Pods made of what is left of it would not start: what runs is left as it is.
            _ => (None, false),
        }
    }

    pub(super) fn revive(&self, revision: &Revision, resources: bool) -> Option<Valid> {
        let spec = spec_now(revision, &self.valid.spec, resources);
        revived(self.valid, spec, &revision.image, &revision.config_maps, self.found)
    }

    /// The Job that extends the schema, and how it stands. Where pods serve, only what they can go on with is done.
    fn migration(&self) -> (&Task, State) {
        let by = self.revisions.get(&self.name).and_then(|known| known.marks.migrated_by.as_ref());
        let state = |task: &Task| match self.state(task, self.status) {
            State::Absent if by == Some(&task.name) => State::Done,
            state => state,
        };
        let (expand, install) = (state(&self.expand), state(&self.install));
        let is_install = match (&expand, &install) {
            (State::Absent, State::Absent) => !self.deployed && self.revisions.serving().is_none(),
            (State::Absent, _) | (_, State::Done) => true,
            _ => false,
        };
        if is_install { (&self.install, install) } else { (&self.expand, expand) }
    }

    /// How a Job stands. One of which nothing ever ran counts for nothing once it would be made otherwise: it may be what
    /// keeps it from starting, a pull secret say, that was put right.
    pub(super) fn state(&self, task: &Task, status: Option<&Status>) -> State {
        if self.is_outdated(task) { State::Absent } else { task.state(self.found, status) }
    }

    fn is_outdated(&self, task: &Task) -> bool {
        let cannot_start = matches!(self.found.unstarted.get(&task.name), Some(Some(_)));
        let live = self.found.children.get(Kind::Job, &task.name).filter(|_| cannot_start);
        live.is_some_and(|live| !contains::is_applied(live, &build::job(self.valid, task).json))
    }

    /// `task` is to be created, in the place of the one of its name that is outdated.
    fn create(&self, upgrade: &mut Upgrade, task: Task) {
        if self.is_outdated(&task) {
            upgrade.drop.insert(task.name.clone());
        }
        upgrade.task = Some(task);
    }

    /// A Job at work that is none of these.
    fn stranger(&self, mine: &[&str]) -> Option<String> {
        let jobs = self.found.children.of(Kind::Job);
        let at_work = jobs.filter(|job| job_end(job).is_none() && !mine.contains(&job.name.as_str()));
        at_work.map(|job| job.name.clone()).next()
    }

    /// Stands at `step`, whose Job is created if it is not there and no other is at work.
    pub(super) fn with_job(&self, step: Step, serving: Option<&Revision>, task: Task, create: bool) -> Upgrade {
        let basis = self.held(serving);
        if let Some(other) = self.stranger(&[&task.name]) {
            return self.at(Step::Waits(other), serving, basis);
        }
        let mut upgrade = self.at(step, serving, basis);
        upgrade.keep.insert((Kind::Job, task.name.clone()));
        if create {
            self.create(&mut upgrade, task);
        }
        upgrade
    }

    pub(super) fn record(&self, revision: &Revision) -> Wanted {
        revision.wanted(self.valid)
    }

    /// The spec's own revision serves.
    fn current(&self, serving: &Revision) -> Upgrade {
        let own: Basis = (None, true);
        let (task, state) = self.migration();
        match state {
            State::Done => {}
            _ if self.valid.spec.hibernated => return self.at(Step::Asleep, Some(serving), own),
            state => {
                // The database is another one, or its migration is to be tried again.
                let mut upgrade = self.schema(Some(serving), task.clone(), state);
                (upgrade.basis, upgrade.roll) = (None, false);
                return upgrade;
            }
        }
        let mut upgrade = self.at(Step::Current, Some(serving), own);
        if serving.marks.contracted_by.is_some() || self.valid.spec.hibernated {
            return upgrade;
        }
        let due = serving.marks.since + seconds(self.valid.spec.rollout.rollback_window_seconds);
        if self.now < due {
            upgrade.look_again = Some(due);
            return upgrade;
        }
        let task = Task::contract(self.valid);
        upgrade.keep.insert((Kind::Job, task.name.clone()));
        match self.state(&task, self.status) {
            State::Absent if self.stranger(&[&task.name]).is_some() => {}
            State::Absent => {
                upgrade.records.extend(self.begun(serving, &task));
                self.create(&mut upgrade, task);
            }
            State::Running => upgrade.records.extend(self.begun(serving, &task)),
            State::Done => {
                upgrade.records.push(self.record(&contracted(serving, &task)));
                // Its Job is no longer needed then, and no event tells of that.
                upgrade.look_again = Some(self.now);
            }
            State::Failed(why) => {
                upgrade.records.extend(self.begun(serving, &task));
                upgrade.contract_failed = Some(why);
            }
        }
        upgrade
    }

    /// The spec asks for what does not serve yet.
    fn forward(&self, serving: Option<&Revision>) -> Upgrade {
        let known = self.revisions.get(&self.name);
        if let (Some(known), Some(serving)) = (known, serving)
            && known.is_condemned(self.valid)
        {
            let why = known.marks.reason.clone().unwrap_or_default();
            return self.at(rolled_back(known, serving, &why), Some(serving), self.basis(serving, false));
        }
        let (task, state) = self.migration();
        let is_new_image = serving.is_some_and(|serving| serving.image != self.valid.image);
        let contract = serving.and_then(|s| {
            Some(Task { of: self.revive(s, false).map(Box::new), ..Task::contract(&self.revive(s, false)?) })
        });
        let preflights = serving.into_iter().flat_map(|serving| self.preflights(serving));
        let mine: Vec<String> = preflights.chain(contract.clone()).map(|task| task.name).collect();
        let mine: Vec<&str> = mine.iter().map(String::as_str).chain([task.name.as_str()]).collect();
        if let Some(other) = self.stranger(&mine) {
            return self.at(Step::Waits(other), serving, self.held(serving));
        }
        let before_contract = known.is_some_and(|known| self.revisions.is_before_a_contract(known));
        let mut records = Vec::new();
        let mut serving = serving.cloned();
        if state == State::Absent
            && let Some(why) = self.refusal()
        {
            return self.at(Step::Refused(why), serving.as_ref(), self.held(serving.as_ref()));
        }
        if is_new_image
            && (state == State::Absent || (state == State::Done && before_contract))
            && let Some(served) = serving.clone()
        {
            if self.database_is_down() {
                return self.at(Step::WaitsForDatabase, Some(&served), self.held(Some(&served)));
            }
            // An older image would find the schema without what it needs: only one that knows all closes the window.
            let may_close = state == State::Absent && served.marks.contracted_by.is_none();
            let (preflight, looked) = self.looked(&served, may_close);
            match looked {
                State::Absent => return self.with_job(Step::Preflight, Some(&served), preflight, true),
                State::Running => return self.with_job(Step::Preflight, Some(&served), preflight, false),
                State::Failed(why) => {
                    return self.at(Step::PreflightFailed(why), Some(&served), self.held(Some(&served)));
                }
                State::Done => {}
            }
            if may_close && self.knows_all(&preflight) {
                match self.close(&served, contract) {
                    Ok(closed) => {
                        records.push(self.record(&closed));
                        serving = Some(closed);
                    }
                    Err(upgrade) => return *upgrade,
                }
            }
        }
        let mut upgrade = if state == State::Done {
            self.rollout(serving.as_ref(), task)
        } else {
            self.schema(serving.as_ref(), task.clone(), state)
        };
        upgrade.records.splice(0..0, records);
        upgrade
    }

    /// The migration, which is not done yet.
    fn schema(&self, serving: Option<&Revision>, task: Task, state: State) -> Upgrade {
        match state {
            State::Absent => match self.refusal() {
                Some(why) => self.at(Step::Refused(why), serving, self.held(serving)),
                None if self.database_is_down() => self.at(Step::WaitsForDatabase, serving, self.held(serving)),
                None => self.with_job(Step::Expand, serving, task, true),
            },
            State::Running => self.with_job(Step::Expand, serving, task, false),
            State::Failed(why) => self.at(Step::ExpandFailed(why), serving, self.held(serving)),
            State::Done => self.at(Step::Expand, serving, self.held(serving)),
        }
    }

    /// Why no schema may be changed.
    fn refusal(&self) -> Option<String> {
        (self.valid.spec.migrations.backup == MigrationBackup::Required).then(|| {
            "spec.migrations.backup is Required, but this version makes no backups yet: make one yourself and write \
             migrations: {backup: None}"
                .to_owned()
        })
    }

    fn database_is_down(&self) -> bool {
        let embedded = self.valid.spec.database.as_ref().is_some_and(|d| d.embedded.is_some());
        let server = self.found.children.get(Kind::StatefulSet, &child(&self.valid.name, POSTGRES_SECRET));
        embedded && server.and_then(|s| s.int("/status/readyReplicas")).unwrap_or(0) < 1
    }
}
