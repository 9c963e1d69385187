//! Revisions: what served well, kept as ControllerRevisions, so that it can serve again.
//!
//! A revision is the whole spec, the names of the immutable ConfigMaps that its pods read, and what became of it. Its
//! name is made from what pods are made of, so the same manifest is the same revision. They are the memory of upgrades:
//! whatever is decided is written here before it is acted upon, and the bot's status only repeats it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use vitte_crds::Spec;

use super::jobs::Ran;
use super::spec::{essence, same};
use crate::build::{config_map_name, revision_metadata, without_defaults};
use crate::names::{ANNOTATION_ROLLBACK, Component, child};
use crate::objects::{Children, Kind, Live, Mode, Wanted};
use crate::resource::VitteBot;
use crate::validate::Valid;

/// Good revisions that are kept, the serving one counted.
pub const KEPT: usize = 5;

/// On a ControllerRevision: [`Outcome`] in one word.
pub const OUTCOME: &str = "vitte.dev/outcome";
/// Since when (RFC 3339, UTC).
pub const SINCE: &str = "vitte.dev/outcome-since";
/// Why it failed or was left.
pub const REASON: &str = "vitte.dev/outcome-reason";
/// The Job that extended the schema for it, and when that ran: the Job itself goes once another spec has one.
const MIGRATED_BY: &str = "vitte.dev/migrated-by";
const MIGRATED_AT: &str = "vitte.dev/migrated-at";
/// The Job after which what came before it cannot serve any more without a look at the schema.
const CONTRACTED_BY: &str = "vitte.dev/contracted-by";
/// The Job that begins, or has begun, to remove what came before it needs: each of its files commits by itself, so that from
/// here on nobody knows what is left.
const CONTRACT_BEGUN: &str = "vitte.dev/contract-begun";
/// The bot's retry annotation when it was tried.
const RETRY: &str = "vitte.dev/tried-at-retry";
/// The bot's rollback annotation that is done with.
pub const ROLLBACK: &str = "vitte.dev/rolled-back-to";

/// What became of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its pods are being brought in.
    Trying,
    /// All its pods were ready. The one with the highest number serves.
    Good,
    /// Its pods were not ready in time, or a person went back from it before they ever were.
    Failed,
    /// It was good, and a person went back from it.
    Left,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trying => "Trying",
            Self::Good => "Good",
            Self::Failed => "Failed",
            Self::Left => "Left",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Trying, Self::Good, Self::Failed, Self::Left].into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// What is written on a revision after it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    pub outcome: Outcome,
    pub since: DateTime<Utc>,
    pub reason: Option<String>,
    pub migrated_by: Option<String>,
    pub migrated_at: Option<Ran>,
    pub contracted_by: Option<String>,
    pub contract_begun: Option<String>,
    pub retry: Option<String>,
    pub rollback: Option<String>,
}

impl Marks {
    #[must_use]
    pub fn new(outcome: Outcome, now: DateTime<Utc>, valid: &Valid) -> Self {
        Self {
            outcome,
            since: now,
            reason: None,
            migrated_by: None,
            migrated_at: None,
            contracted_by: None,
            contract_begun: None,
            retry: valid.retry.clone().filter(|text| !text.is_empty()),
            rollback: valid.rollback_to.clone().filter(|text| !text.is_empty()),
        }
    }

    fn annotations(&self) -> BTreeMap<&'static str, String> {
        let since = self.since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let always = [(OUTCOME, self.outcome.as_str().to_owned()), (SINCE, since)];
        // All of them, always: one that is left out would stay as whoever created the object wrote it.
        let maybe = [
            (REASON, &self.reason),
            (MIGRATED_BY, &self.migrated_by),
            (MIGRATED_AT, &self.migrated_at.as_ref().map(Ran::to_string)),
            (CONTRACTED_BY, &self.contracted_by),
            (CONTRACT_BEGUN, &self.contract_begun),
            (RETRY, &self.retry),
            (ROLLBACK, &self.rollback),
        ];
        always.into_iter().chain(maybe.map(|(key, value)| (key, value.clone().unwrap_or_default()))).collect()
    }

    fn read(live: &Live) -> Option<Self> {
        let text = |key: &str| live.text(&format!("/metadata/annotations/{}", key.replace('/', "~1")));
        let owned = |key| text(key).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            outcome: Outcome::parse(text(OUTCOME)?)?,
            since: DateTime::parse_from_rfc3339(text(SINCE)?).ok()?.to_utc(),
            reason: owned(REASON),
            migrated_by: owned(MIGRATED_BY),
            migrated_at: text(MIGRATED_AT).and_then(Ran::parse),
            contracted_by: owned(CONTRACTED_BY),
            contract_begun: owned(CONTRACT_BEGUN),
            retry: owned(RETRY),
            rollback: owned(ROLLBACK),
        })
    }
}

/// One revision, in the cluster or about to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    pub name: String,
    /// Grows: the good one with the highest serves.
    pub number: i64,
    pub version: String,
    pub image: String,
    pub spec: Spec,
    /// The ConfigMap of each component that runs.
    pub config_maps: BTreeMap<Component, String>,
    pub marks: Marks,
    /// As it was written: it cannot be changed.
    data: Value,
    /// As it was read.
    read: Option<Arc<Value>>,
}

impl Revision {
    /// The revision that a bot's spec asks for.
    #[must_use]
    pub fn of(valid: &Valid, number: i64, marks: Marks) -> Self {
        let config_maps: BTreeMap<Component, String> =
            valid.inputs.keys().map(|component| (*component, config_map_name(valid, *component))).collect();
        let names: Map<String, Value> =
            config_maps.iter().map(|(component, name)| (component.to_string(), json!(name))).collect();
        let data = json!({
            "version": valid.spec.version,
            "image": valid.image,
            "spec": without_defaults(&valid.spec),
            "configMaps": names,
        });
        Self {
            name: name(valid),
            number,
            version: valid.spec.version.clone(),
            image: valid.image.clone(),
            spec: valid.spec.clone(),
            config_maps,
            marks,
            data,
            read: None,
        }
    }

    /// `None`: not written by this operator, or by one that knew more.
    fn read(live: &Live) -> Option<Self> {
        let data = live.at("/data")?;
        let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
        let names = data.get("configMaps")?.as_object()?;
        let config_maps = Component::ALL
            .into_iter()
            .filter_map(|component| Some((component, names.get(component.as_str())?.as_str()?.to_owned())))
            .collect();
        Some(Self {
            name: live.name.clone(),
            number: live.int("/revision")?,
            version: text("version")?,
            image: text("image")?,
            spec: serde_json::from_value(data.get("spec")?.clone()).ok()?,
            config_maps,
            marks: Marks::read(live)?,
            data: data.clone(),
            read: Some(Arc::clone(&live.json)),
        })
    }

    /// The object. A new one is only ever created, so that whoever did not know of it finds it as it is.
    #[must_use]
    pub fn wanted(&self, valid: &Valid) -> Wanted {
        let kind = Kind::ControllerRevision;
        let name = self.name.clone();
        let Some(read) = &self.read else {
            let mut metadata = json!(revision_metadata(valid, &self.name));
            metadata["annotations"] = json!(self.marks.annotations());
            let json = json!({"apiVersion": kind.api_version(), "kind": kind.to_string(), "metadata": metadata,
                "revision": self.number, "data": self.data});
            return Wanted { kind, name, json, mode: Mode::Create };
        };
        let mut json = Value::clone(read);
        json["apiVersion"] = json!(kind.api_version());
        json["kind"] = json!(kind.to_string());
        json["revision"] = json!(self.number);
        for (key, value) in self.marks.annotations() {
            json["metadata"]["annotations"][key] = json!(value);
        }
        Wanted { kind, name, json, mode: Mode::Replace }
    }

    /// Whether it was given up, and nobody has asked for another try since.
    #[must_use]
    pub fn is_condemned(&self, valid: &Valid) -> bool {
        matches!(self.marks.outcome, Outcome::Failed | Outcome::Left) && self.is_of_this_attempt(valid)
    }

    /// Whether nobody has asked for another try since it was tried.
    #[must_use]
    pub fn is_of_this_attempt(&self, valid: &Valid) -> bool {
        self.marks.retry.as_deref().unwrap_or_default() == valid.retry.as_deref().unwrap_or_default()
    }

    /// Whether all that its pods read is there.
    #[must_use]
    pub fn is_whole(&self, children: &Children) -> bool {
        self.config_maps
            .values()
            .all(|name| children.get(Kind::ConfigMap, name).is_some_and(|config_map| !config_map.is_being_deleted()))
    }

    /// Whether it was good once. What was not migrated never was, whatever is written on it.
    fn served(&self) -> bool {
        matches!(self.marks.outcome, Outcome::Good | Outcome::Left) && self.marks.migrated_by.is_some()
    }
}

/// The name of the revision that a spec asks for: `luna-0123456789`. How many pods there are, and how the operator goes
/// about an upgrade, makes no other revision; nor does the value of a Secret.
#[must_use]
pub fn name(valid: &Valid) -> String {
    let config_maps: Vec<String> = valid.inputs.keys().map(|c| config_map_name(valid, *c)).collect();
    let content = json!([valid.image, without_defaults(&essence(&valid.spec)), config_maps]);
    child(&valid.name, hex::encode(&Sha256::digest(content.to_string())[..5]))
}

/// Specs of revisions whose pods run, or are asked for, beside what the bot's own spec says.
#[must_use]
pub fn specs_besides(children: &Children, bot: &VitteBot) -> Vec<Spec> {
    let revisions = Revisions::of(children);
    let serving = revisions.serving();
    let asked = bot
        .annotation(ANNOTATION_ROLLBACK)
        .filter(|by| serving.is_some_and(|s| s.marks.rollback.as_deref() != Some(by)));
    let asked = asked.into_iter().flat_map(|by| revisions.meant(by, children));
    let specs = serving.into_iter().chain(revisions.under_way()).chain(asked).map(|revision| &revision.spec);
    specs.filter(|spec| !same(spec, &bot.spec)).cloned().collect()
}

/// All revisions of a bot, newest first.
#[derive(Clone, Debug, Default)]
pub struct Revisions {
    all: Vec<Revision>,
    unreadable: Vec<Unreadable>,
}

/// A revision of an operator that knew more, or one that somebody damaged.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    pub name: String,
    pub number: i64,
    config_maps: Vec<String>,
}

impl Unreadable {
    /// `None`: it is not a bot's. A StatefulSet keeps revisions of its own, with the labels of its pods.
    fn of(live: &Live) -> Option<Self> {
        let owners = live.at("/metadata/ownerReferences")?.as_array()?;
        if !owners.iter().any(|owner| owner.get("kind").and_then(Value::as_str) == Some(vitte_crds::KIND)) {
            return None;
        }
        let names = live.at("/data/configMaps").and_then(Value::as_object);
        let config_maps =
            names.into_iter().flat_map(Map::values).filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Self { name: live.name.clone(), number: live.int("/revision").unwrap_or(0), config_maps })
    }
}

impl Revisions {
    #[must_use]
    pub fn of(children: &Children) -> Self {
        let mut revisions = Self::default();
        for live in children.of(Kind::ControllerRevision).filter(|live| !live.is_being_deleted()) {
            match Revision::read(live) {
                Some(revision) => revisions.all.push(revision),
                None => revisions.unreadable.extend(Unreadable::of(live)),
            }
        }
        revisions.all.sort_by_key(|revision| std::cmp::Reverse(revision.number));
        revisions
    }

    pub fn all(&self) -> impl Iterator<Item = &Revision> {
        self.all.iter()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Revision> {
        self.all.iter().find(|revision| revision.name == name)
    }

    /// What serves, or is to serve again.
    #[must_use]
    pub fn serving(&self) -> Option<&Revision> {
        self.all.iter().find(|revision| revision.marks.outcome == Outcome::Good)
    }

    /// What is being brought in, or was given up since: the newest, if it does not serve.
    #[must_use]
    pub fn under_way(&self) -> Option<&Revision> {
        self.all.first().filter(|newest| matches!(newest.marks.outcome, Outcome::Trying | Outcome::Failed))
    }

    /// One without which nobody knows what serves: that of this name, or the newest.
    #[must_use]
    pub fn in_the_dark(&self, own: &str) -> Option<&Unreadable> {
        let newest = self.all.first().map_or(0, |newest| newest.number);
        self.unreadable.iter().find(|unreadable| unreadable.name == own || unreadable.number > newest)
    }

    #[must_use]
    pub fn next_number(&self) -> i64 {
        let numbers = self.all.iter().map(|revision| revision.number);
        numbers.chain(self.unreadable.iter().map(|unreadable| unreadable.number)).max().map_or(1, |newest| newest + 1)
    }

    /// The revisions that served and that a person may mean by a name, number or version, newest first.
    pub fn meant<'a>(&'a self, by: &'a str, children: &'a Children) -> impl Iterator<Item = &'a Revision> {
        let is = move |r: &&Revision| r.name == by || r.number.to_string() == by || r.version == by;
        self.all.iter().filter(move |r| r.served() && r.is_whole(children)).filter(is)
    }

    /// Those that served, for people.
    #[must_use]
    pub fn listed(&self) -> String {
        let served = self.all.iter().filter(|revision| revision.served());
        let texts: Vec<String> = served.map(|r| format!("{} ({}, {})", r.number, r.version, r.name)).collect();
        texts.join("; ")
    }

    /// Whether something that came after it took away what it may need, or began to.
    #[must_use]
    pub fn is_before_a_contract(&self, revision: &Revision) -> bool {
        self.all.iter().any(|later| {
            let took = later.marks.contracted_by.is_some() || later.marks.contract_begun.is_some();
            later.number > revision.number && later.image != revision.image && took
        })
    }

    /// Objects that stay: the last good revisions, `also`, what cannot be read, and every ConfigMap that one of them needs.
    #[must_use]
    pub fn kept(&self, also: &str) -> BTreeSet<(Kind, String)> {
        let good = self.all.iter().filter(|revision| revision.served()).take(KEPT);
        let also = self.all.iter().filter(|revision| revision.name == also);
        let mut kept = BTreeSet::new();
        for revision in good.chain(also) {
            kept.insert((Kind::ControllerRevision, revision.name.clone()));
            kept.extend(revision.config_maps.values().map(|name| (Kind::ConfigMap, name.clone())));
        }
        for unreadable in &self.unreadable {
            kept.insert((Kind::ControllerRevision, unreadable.name.clone()));
            kept.extend(unreadable.config_maps.iter().map(|name| (Kind::ConfigMap, name.clone())));
        }
        kept
    }
}

#[cfg(test)]
#[path = "revision_tests.rs"]
mod tests;
