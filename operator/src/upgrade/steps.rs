//! The decision itself, in the order in which things happen.

use chrono::{DateTime, Utc};
use vitte_crds::status::Status;
use vitte_crds::upgrade::MigrationBackup;

use super::jobs::{State, Task, job_end, seconds};
use super::revision::{Revision, Revisions, name};
use super::spec::spec_now;
use super::trial::rolled_back;
use super::{Serving, Step, Upgrade};
use crate::dereference::Found;
use crate::names::child;
use crate::objects::{Kind, Wanted};
use crate::validate::{POSTGRES_SECRET, Valid, revived};

/// The first word of a preflight's message, where the image knows all that the database went through.
pub const KNOWS_ALL: &str = "newer";

/// What is next for this bot.
#[must_use]
pub fn plan(valid: &Valid, found: &Found, status: Option<&Status>, now: DateTime<Utc>) -> Upgrade {
    let revisions = Revisions::of(&found.children);
    let deployed = found.children.of(Kind::Deployment).next().is_some();
    let (expand, install) = (Task::expand(valid), Task::install(valid));
    let name = name(valid);
    let mut planner = Planner { valid, found, status, now, deployed, name, revisions, expand, install, note: None };
    planner.plan()
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
}

/// What pods are built from, and whether their templates may change.
pub(super) type Basis = (Option<Box<Valid>>, bool);

impl Planner<'_> {
    fn plan(&mut self) -> Upgrade {
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

    /// An upgrade that stands at `step`.
    pub(super) fn at(&self, step: Step, serving: Option<&Revision>, (basis, roll): Basis) -> Upgrade {
        let known = self.revisions.get(&self.name);
        let mut keep = self.revisions.kept(&self.name);
        let mut mine = vec![self.expand.name.clone(), self.install.name.clone()];
        if let Some(serving) = serving.filter(|serving| serving.name != self.name) {
            mine.push(Task::preflight(self.valid, serving).name);
        }
        keep.extend(mine.into_iter().map(|name| (Kind::Job, name)));
        let (task, state) = self.migration();
        Upgrade {
            step,
            revision: self.name.clone(),
            serving: serving.map(Serving::from),
            basis,
            roll,
            expand: (task.name.clone(), state),
            task: None,
            records: Vec::new(),
            keep,
            look_again: None,
            failed: known.filter(|known| known.is_condemned(self.valid)).map(|known| known.version.clone()),
            contract_failed: None,
            note: self.note.clone(),
        }
    }

    /// What serves, with the present count of pods, resources and values of Secrets; without it, what runs as it is.
    fn held(&self, serving: Option<&Revision>) -> Basis {
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

    fn revive(&self, revision: &Revision, resources: bool) -> Option<Valid> {
        let spec = spec_now(revision, &self.valid.spec, resources);
        revived(self.valid, spec, &revision.image, &revision.config_maps, self.found)
    }

    /// The Job that extends the schema, and how it stands. Where pods serve, only what they can go on with is done.
    fn migration(&self) -> (&Task, State) {
        let by = self.revisions.get(&self.name).and_then(|known| known.marks.migrated_by.as_ref());
        let state = |task: &Task| match task.state(self.found, self.status) {
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
        upgrade.task = create.then_some(task);
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
        match task.state(self.found, self.status) {
            State::Absent if self.stranger(&[]).is_none() => upgrade.task = Some(task),
            State::Absent | State::Running => {}
            State::Done => {
                upgrade.records.push(self.record(&contracted(serving, &task.name)));
                // Its Job is no longer needed then, and no event tells of that.
                upgrade.look_again = Some(self.now);
            }
            State::Failed(why) => upgrade.contract_failed = Some(why),
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
        let preflight = serving.map(|serving| Task::preflight(self.valid, serving));
        let contract = serving.and_then(|s| {
            Some(Task { of: self.revive(s, false).map(Box::new), ..Task::contract(&self.revive(s, false)?) })
        });
        let mine: Vec<&str> = [Some(task), preflight.as_ref(), contract.as_ref()]
            .into_iter()
            .flatten()
            .map(|t| t.name.as_str())
            .collect();
        if let Some(other) = self.stranger(&mine) {
            return self.at(Step::Waits(other), serving, self.held(serving));
        }
        let before_contract = known.is_some_and(|known| self.revisions.is_before_a_contract(known));
        let mut records = Vec::new();
        let mut serving = serving.cloned();
        if state == State::Absent && self.refusal().is_some() {
            let why = self.refusal().unwrap_or_default();
            return self.at(Step::Refused(why), serving.as_ref(), self.held(serving.as_ref()));
        }
        if is_new_image
            && (state == State::Absent || (state == State::Done && before_contract))
            && let (Some(served), Some(preflight)) = (serving.clone(), preflight)
        {
            if self.database_is_down() {
                return self.at(Step::WaitsForDatabase, Some(&served), self.held(Some(&served)));
            }
            match preflight.state(self.found, None) {
                State::Absent => return self.with_job(Step::Preflight, Some(&served), preflight, true),
                State::Running => return self.with_job(Step::Preflight, Some(&served), preflight, false),
                State::Failed(why) => {
                    return self.at(Step::PreflightFailed(why), Some(&served), self.held(Some(&served)));
                }
                State::Done => {}
            }
            // An older image would find the schema without what it needs: only one that knows all closes the window.
            let words = self.found.job_words.get(&preflight.name).map(String::as_str).unwrap_or_default();
            let closes = state == State::Absent && words.starts_with(KNOWS_ALL) && served.marks.contracted_by.is_none();
            if closes {
                let Some(contract) = contract else {
                    let why = format!("a Secret that {} ({}) names is gone", served.name, served.version);
                    return self.at(Step::ContractFailed(why), Some(&served), self.held(Some(&served)));
                };
                match contract.state(self.found, None) {
                    State::Absent => return self.with_job(Step::Contract, Some(&served), contract, true),
                    State::Running => return self.with_job(Step::Contract, Some(&served), contract, false),
                    State::Failed(why) => {
                        let mut upgrade = self.at(Step::ContractFailed(why), Some(&served), self.held(Some(&served)));
                        upgrade.keep.insert((Kind::Job, contract.name));
                        return upgrade;
                    }
                    State::Done => {
                        let closed = contracted(&served, &contract.name);
                        records.push(self.record(&closed));
                        serving = Some(closed);
                    }
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

fn contracted(serving: &Revision, by: &str) -> Revision {
    let mut serving = serving.clone();
    serving.marks.contracted_by = Some(by.to_owned());
    serving
}
