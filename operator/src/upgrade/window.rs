//! What is looked at before an upgrade, and how the window of what serves is closed for it.
//!
//! Each file of a contract commits by itself, so one that has begun has perhaps removed something already. That it begins
//! is therefore written on the revision before its Job is created, and counts like its end wherever somebody may go back.

use super::jobs::{State, Task};
use super::revision::Revision;
use super::steps::Planner;
use super::{Step, Upgrade};
use crate::objects::{Kind, Wanted};

/// The first word of a preflight's message, where the image knows all that the database went through.
pub const KNOWS_ALL: &str = "newer";

/// How often a preflight is made whose words are lost with its pod.
const LOOKS: u8 = 3;

impl Planner<'_> {
    /// Every Job by which the spec's image may look at the database beside what serves.
    pub(super) fn preflights(&self, serving: &Revision) -> impl Iterator<Item = Task> + use<'_> {
        let beside = [before_its_contract(serving), serving.clone()];
        (0..LOOKS).flat_map(move |attempt| beside.clone().map(|serving| Task::preflight(self.valid, &serving, attempt)))
    }

    /// How the look of the spec's image at the database stands. `heard`: what it said decides something.
    pub(super) fn looked(&self, serving: &Revision, heard: bool) -> (Task, State) {
        // Who knows all knows what this contract removes, too: it need not look again because that has begun.
        let before = self.preflights(serving).find(|task| self.knows_all(task) && self.has_ended_well(task));
        if let Some(before) = before {
            return (before, State::Done);
        }
        let task = |attempt| Task::preflight(self.valid, serving, attempt);
        let is_lost =
            |task: &Task| heard && self.has_ended_well(task) && !self.found.job_words.contains_key(&task.name);
        match (0..LOOKS).map(task).find(|task| !is_lost(task)) {
            Some(task) => {
                let state = self.state(&task, None);
                (task, state)
            }
            None => {
                let why = format!(
                    "it ended well, but {LOOKS} times its pod was gone before anybody could read what it found"
                );
                (task(0), State::Failed(why))
            }
        }
    }

    fn has_ended_well(&self, task: &Task) -> bool {
        task.state(self.found, None) == State::Done
    }

    /// Whether a preflight found nothing in the database that its image does not know.
    pub(super) fn knows_all(&self, preflight: &Task) -> bool {
        self.found.job_words.get(&preflight.name).is_some_and(|words| words.starts_with(KNOWS_ALL))
    }

    /// What serves removes what only its predecessor used, before another takes over. `Err`: it is at it, or it cannot.
    pub(super) fn close(&self, served: &Revision, contract: Option<Task>) -> Result<Revision, Box<Upgrade>> {
        let held = || self.held(Some(served));
        let Some(contract) = contract else {
            let why = format!("a Secret that {} ({}) names is gone", served.name, served.version);
            return Err(Box::new(self.at(Step::ContractFailed(why), Some(served), held())));
        };
        let begun = self.begun(served, &contract);
        let name = contract.name.clone();
        let mut upgrade = match self.state(&contract, None) {
            State::Absent => self.with_job(Step::Contract, Some(served), contract, true),
            State::Running => self.with_job(Step::Contract, Some(served), contract, false),
            State::Failed(why) => self.at(Step::ContractFailed(why), Some(served), held()),
            State::Done => return Ok(contracted(served, &contract)),
        };
        if !matches!(upgrade.step, Step::Waits(_)) {
            upgrade.keep.insert((Kind::Job, name));
            upgrade.records.extend(begun);
        }
        Err(Box::new(upgrade))
    }

    /// What is to be written before this contract begins, if it is not there yet.
    pub(super) fn begun(&self, serving: &Revision, contract: &Task) -> Option<Wanted> {
        let mut begun = serving.clone();
        begun.marks.contract_begun = Some(contract.name.clone());
        (begun.marks != serving.marks).then(|| self.record(&begun))
    }
}

/// The revision whose contract is done.
pub(super) fn contracted(serving: &Revision, by: &Task) -> Revision {
    let mut serving = serving.clone();
    serving.marks.contracted_by = Some(by.name.clone());
    serving.marks.contract_begun = Some(by.name.clone());
    serving
}

fn before_its_contract(serving: &Revision) -> Revision {
    let mut serving = serving.clone();
    (serving.marks.contracted_by, serving.marks.contract_begun) = (None, None);
    serving
}
