//! The Jobs of an upgrade: what each runs, what it is called, and how it stands.
//!
//! Each is bounded by `migrations.timeoutSeconds`, in which its image must also be pulled and its pod find a node; how
//! long a preflight may look once it runs, the process itself knows.

use std::fmt;

use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vitte_crds::database::Database;
use vitte_crds::status::{MigrationPhase, Status};

use super::revision::{Marks, Revision};
use crate::dereference::Found;
use crate::names::child;
use crate::objects::{Kind, Live};
use crate::validate::Valid;

/// What a Job is for: the middle of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Looks whether the image can work with the database, and changes nothing.
    Preflight,
    /// Extends the schema.
    Expand,
    /// Removes from the schema what nobody uses any more.
    Contract,
}

impl Purpose {
    #[must_use]
    pub fn part(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Expand => "migrate",
            Self::Contract => "contract",
        }
    }
}

/// One Job: its name tells all that it is made of, so it is created once and never changed.
#[derive(Clone, Debug)]
pub struct Task {
    pub purpose: Purpose,
    pub name: String,
    pub arguments: Vec<String>,
    /// Whose image and inputs it has; `None`: those of the spec as it stands.
    pub of: Option<Box<Valid>>,
}

/// How it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Absent,
    Running,
    Done,
    /// With its own words, if it had any.
    Failed(String),
}

impl Task {
    /// Another image, other inputs or another value of the retry annotation make another Job; limits of time do not,
    /// since a Job that ended well need not run again under another limit.
    fn new(purpose: Purpose, valid: &Valid, arguments: &[&str], more: Option<Value>) -> Self {
        let secrets: Vec<_> = valid.migrate.secrets.iter().map(|(name, key)| (name, &key.name, &key.key)).collect();
        let mut content =
            vec![json!(valid.image), json!(arguments), json!(secrets), json!(valid.migrate.digest), json!(valid.retry)];
        content.extend(more);
        let hash = hex::encode(&Sha256::digest(Value::Array(content).to_string())[..5]);
        Self {
            purpose,
            name: child(&valid.name, format_args!("{}-{hash}", purpose.part())),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            of: None,
        }
    }

    /// Beside `serving`: what it found before that one's contract says nothing once that has begun. `attempt` counts from 0:
    /// what was found can be lost with its pod.
    #[must_use]
    pub fn preflight(valid: &Valid, serving: &Revision, attempt: u8) -> Self {
        let connections = connections(valid).to_string();
        let Marks { contracted_by, contract_begun, .. } = &serving.marks;
        let beside = json!([serving.name, contracted_by, contract_begun, attempt]);
        Self::new(Purpose::Preflight, valid, &["migrate", "preflight", "--connections", &connections], Some(beside))
    }

    /// Beside pods that serve.
    #[must_use]
    pub fn expand(valid: &Valid) -> Self {
        Self::new(Purpose::Expand, valid, &["migrate", "up", "--phase", "expand"], None)
    }

    /// Where no pod ever served, everything in order.
    #[must_use]
    pub fn install(valid: &Valid) -> Self {
        Self::new(Purpose::Expand, valid, &["migrate", "up"], None)
    }

    #[must_use]
    pub fn contract(valid: &Valid) -> Self {
        Self::new(Purpose::Contract, valid, &["migrate", "up", "--phase", "contract"], None)
    }

    /// How it stands. What only a migration's Job told is remembered by the status, should somebody tidy it away.
    #[must_use]
    pub fn state(&self, found: &Found, status: Option<&Status>) -> State {
        if let Some(live) = found.children.get(Kind::Job, &self.name) {
            return match job_end(live) {
                Some(Ok(())) => State::Done,
                Some(Err(failure)) => State::Failed(self.told(&failure, found)),
                None => State::Running,
            };
        }
        let remembered = status.and_then(|status| status.migration.as_ref());
        let Some(remembered) = remembered.filter(|m| m.job.as_deref() == Some(&self.name)) else {
            return State::Absent;
        };
        match remembered.phase {
            Some(MigrationPhase::Succeeded) => State::Done,
            Some(MigrationPhase::Failed) => State::Failed(remembered.message.clone().unwrap_or_default()),
            _ => State::Absent,
        }
    }

    /// Why it failed: Kubernetes' reason, and the most telling words that there are.
    fn told(&self, failure: &Failure, found: &Found) -> String {
        let Failure { reason, message } = failure;
        let unstarted = found.unstarted.get(&self.name).and_then(Option::as_ref);
        match (found.job_words.get(&self.name), unstarted) {
            (Some(words), _) if !words.is_empty() => format!("{reason}: {words}"),
            (None, Some(why)) => format!("{reason}: {message}; its pod never started: {why}"),
            _ => format!("{reason}: {message}"),
        }
    }
}

/// When a Job ran, in its own words (RFC 3339, UTC).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub from: Option<String>,
    pub to: Option<String>,
}

impl Ran {
    #[must_use]
    pub fn of(job: &Live) -> Self {
        let failed = || matches!(job_end(job), Some(Err(_))).then(|| job.of_condition("Failed", "lastTransitionTime"));
        let to = job.text("/status/completionTime").or_else(|| failed().flatten());
        Self { from: job.text("/status/startTime").map(str::to_owned), to: to.map(str::to_owned) }
    }

    /// From what [`Display`](fmt::Display) wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('/')?;
        let owned = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Some(Self { from: owned(from), to: owned(to) })
    }
}

/// An interval of ISO 8601: `2026-01-01T12:00:00Z/2026-01-01T12:00:09Z`.
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from.as_deref().unwrap_or_default(), self.to.as_deref().unwrap_or_default())
    }
}

/// How a Job failed, in Kubernetes' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: String,
    pub message: String,
}

/// `None` while the Job is at work; its end, with the reason when it failed.
#[must_use]
pub fn job_end(job: &Live) -> Option<Result<(), Failure>> {
    let holds = |kind| job.condition(kind).filter(|(status, ..)| *status == "True");
    if holds("Complete").is_some() {
        return Some(Ok(()));
    }
    let failed = holds("Failed");
    failed.map(|(_, reason, message)| Err(Failure { reason: reason.to_owned(), message: message.to_owned() }))
}

/// Connections that all pods together may open: each its pool, at the most pods that there may be, and the quarter more
/// that a rollout brings for a while.
#[must_use]
pub fn connections(valid: &Valid) -> i64 {
    let pool = valid.spec.database.as_ref().map_or(0, |database: &Database| i64::from(database.connections()));
    let components = valid.spec.components.each();
    let most = |name: &str| {
        let settings = components.iter().find(|(component, _)| *component == name).map(|(_, settings)| *settings);
        let autoscaled = settings.and_then(|s| s.autoscaling.as_ref()).map(|a| a.max_replicas);
        i64::from(autoscaled.or(settings.and_then(|s| s.replicas)).unwrap_or(1))
    };
    valid.inputs.keys().map(|component| most(component.as_str())).map(|pods| pods + (pods + 3) / 4).sum::<i64>() * pool
}

/// A number of seconds of the manifest as a span of time.
#[must_use]
pub fn seconds(seconds: i32) -> TimeDelta {
    TimeDelta::seconds(i64::from(seconds))
}
