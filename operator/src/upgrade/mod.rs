//! Upgrades (pure): which revision serves, which step is next, and why.
//!
//! ```text
//! Preflight -> Contract (of what serves, if its window is still open) -> Expand -> Rollout -> verified: it serves
//!                                                                                    \-> not in time: RolledBack
//! ```
//!
//! In go a checked bot and what was found; out comes one [`Upgrade`]: from which spec pods are built, the one Job to
//! create if any, and what is to be written on revisions before anything else happens. All that it goes by lies in the
//! cluster (revisions, Jobs, Deployments), so whoever looks next goes on where the last one stopped.
//!
//! What must never happen: a new pod template before its migration; two Jobs at work at once; a version given up for a
//! fault that the old pods have too; a decision that is acted upon before it is written.

mod back;
pub mod job_pods;
pub mod jobs;
pub mod revision;
pub mod rollout;
pub mod spec;
mod steps;
mod trial;
mod window;

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

pub use self::jobs::{Purpose, Ran, State, Task};
pub use self::revision::{Outcome, Revision, Revisions};
pub use self::steps::plan;
use crate::objects::{Kind, Wanted};
use crate::validate::Valid;

/// Where an upgrade stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The spec's own revision serves.
    Current,
    /// Hibernated: what is new waits until the bot wakes.
    Asleep,
    /// The Job of a former spec is at work: it ends first.
    Waits(String),
    /// The embedded database is not up yet.
    WaitsForDatabase,
    /// It may not begin: why, and what to write instead.
    Refused(String),
    /// The new image looks at the database.
    Preflight,
    PreflightFailed(String),
    /// What serves removes what only its predecessor used: its window closes now.
    Contract,
    ContractFailed(String),
    /// The schema is extended.
    Expand,
    ExpandFailed(String),
    /// New pods come: what is still to come.
    Rollout(String),
    /// The new pods are late, and nobody can say whose fault it is.
    Late(String),
    /// The new pods are late, and a person decides.
    Stuck(String),
    /// What served before serves again: why.
    RolledBack(String),
}

impl Step {
    /// One word for programs: the reason of the condition `Upgraded`.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Current => "Current",
            Self::Asleep => "Hibernated",
            Self::Waits(_) => "Waits",
            Self::WaitsForDatabase => "WaitsForDatabase",
            Self::Refused(_) => "Refused",
            Self::Preflight => "Preflight",
            Self::PreflightFailed(_) => "PreflightFailed",
            Self::Contract => "Contract",
            Self::ContractFailed(_) => "ContractFailed",
            Self::Expand => "Expand",
            Self::ExpandFailed(_) => "ExpandFailed",
            Self::Rollout(_) => "Rollout",
            Self::Late(_) => "Late",
            Self::Stuck(_) => "Stuck",
            Self::RolledBack(_) => "RolledBack",
        }
    }
}

/// What serves, or is to serve, for the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    pub name: String,
    pub version: String,
    pub image: String,
}

impl From<&Revision> for Serving {
    fn from(revision: &Revision) -> Self {
        let Revision { name, version, image, .. } = revision;
        Self { name: name.clone(), version: version.clone(), image: image.clone() }
    }
}

/// What is next.
#[derive(Clone, Debug)]
pub struct Upgrade {
    pub step: Step,
    /// The spec's own revision.
    pub revision: String,
    /// What this step leads to: the spec's own revision, or the one that a person goes back to.
    pub toward: Serving,
    /// What serves once this is done; `None`: nothing has served yet.
    pub serving: Option<Serving>,
    /// What pods and all else are built from; `None`: the spec as it stands.
    pub basis: Option<Box<Valid>>,
    /// Whether pod templates may change. If not, Deployments are left as they are, and none is created.
    pub roll: bool,
    /// The Job that extends the schema for the spec's image and inputs, and how it stands.
    pub expand: (String, State),
    /// When that Job ran, as the spec's own revision remembers.
    pub migrated_at: Option<Ran>,
    /// The one Job to create.
    pub task: Option<Task>,
    /// Why the Job at work has not begun: its pod waits for an image, or for a node.
    pub unstarted: Option<String>,
    /// Revisions to be written, in this order, before anything of this is acted upon.
    pub records: Vec<Wanted>,
    /// Objects that stay although nothing wants them.
    pub keep: BTreeSet<(Kind, String)>,
    /// Jobs that go although they have not ended: of which nothing ever ran, nor will. A former spec's, or one that `task`
    /// makes anew.
    pub drop: BTreeSet<String>,
    /// When a decision that waits for time is due.
    pub look_again: Option<DateTime<Utc>>,
    /// The version that was given up, and is not tried again by itself.
    pub failed: Option<String>,
    /// The contract of what serves did not succeed.
    pub contract_failed: Option<String>,
    /// What a person asked for and cannot have.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests;
