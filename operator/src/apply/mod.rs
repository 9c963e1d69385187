//! Phase 4: the objects come into the cluster, in order; what is no longer wanted goes.
//!
//! In: what is wanted, in the order of [`Kind`], and what was found. Out: what the API server says is there now, and what
//! it refused. An object that is refused stops only those that name it.
//!
//! What must never happen: a write of what is there already; an object of somebody else overwritten or removed; a
//! Deployment without pods because its count had no owner for a moment; a new template before its ConfigMap.

pub mod contains;
pub mod fights;
pub mod orphans;
pub mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::ByteString;
use kube::core::Status;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use self::fights::Fights;
use self::orphans::{Belongs, belongs, orphans, scales};
use self::write::{Created, Writer};
use crate::cache::child::{OWNS_REPLICAS, shorten};
use crate::dereference::Found;
use crate::names::{ANNOTATION_APPLIED, Component, child};
use crate::objects::{Children, Kind, Live, Mode, Wanted};
use crate::plan::{Plan, Scale};
use crate::upgrade::Upgrade;

/// What there is after the writes.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// As the API server answered; what was not written, as it was found.
    pub children: Children,
    /// How many objects were written or removed.
    pub writes: usize,
    /// What could not be done.
    pub errors: Vec<ObjectError>,
    /// When a correction that was held back is due.
    pub again: Option<Duration>,
}

/// One object could not be brought into the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    pub kind: Kind,
    pub name: String,
    pub reason: Reason,
    pub message: String,
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, message, .. } = self;
        write!(f, "{kind} {name}: {message}")
    }
}

/// What kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A field of what is there cannot be changed.
    Immutable,
    /// The API server refuses the object as it is.
    Invalid,
    /// The operator, or the namespace's quota or policy, does not allow it.
    Forbidden,
    /// One of this name is there and is somebody else's.
    Foreign,
    /// Somebody else wrote at the same time, or is still being removed.
    Conflict,
    /// The namespace is being removed.
    Terminating,
    /// No answer, or one of a server in trouble.
    Failed,
}

impl Reason {
    /// Whether nothing changes until a person does something; otherwise it is tried again soon.
    #[must_use]
    pub fn needs_person(self) -> bool {
        matches!(self, Self::Immutable | Self::Invalid | Self::Forbidden | Self::Foreign)
    }
}

/// Whose objects these are.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub name: &'a str,
    pub uid: &'a str,
}

/// Brings the objects into the cluster. `wanted` is in the order of [`Kind`].
pub async fn apply(
    writer: &Writer<'_>,
    fights: &Mutex<Fights>,
    owner: Owner<'_>,
    wanted: &[Wanted],
    plan: &Plan,
    found: &Found,
) -> Applied {
    let applied = Applied { children: found.children.clone(), ..Applied::default() };
    let mut pass = Pass { writer, fights, owner, found, plan, applied, failed: BTreeSet::new() };
    let (before, after): (Vec<&Wanted>, Vec<&Wanted>) = wanted.iter().partition(|w| w.kind < Kind::Deployment);
    for object in before {
        pass.bring(object).await;
    }
    // An autoscaler that is switched off must not fight the fixed count that comes next.
    pass.remove(wanted, scales).await;
    for object in after {
        pass.bring(object).await;
    }
    pass.remove(wanted, |_| true).await;
    pass.applied
}

struct Pass<'a> {
    writer: &'a Writer<'a>,
    fights: &'a Mutex<Fights>,
    owner: Owner<'a>,
    found: &'a Found,
    plan: &'a Plan,
    applied: Applied,
    /// Objects that are not as they should be: whose pods name one of them waits.
    failed: BTreeSet<(Kind, String)>,
}

impl Pass<'_> {
    async fn bring(&mut self, wanted: &Wanted) {
        if let Err(error) = self.try_bring(wanted).await {
            self.failed.insert((wanted.kind, wanted.name.clone()));
            self.applied.errors.push(error);
        }
    }

    async fn try_bring(&mut self, wanted: &Wanted) -> Result<(), ObjectError> {
        let Wanted { kind, name, json, mode } = wanted;
        let said = |error: kube::Error| write::error(*kind, name, &error);
        let refuse = |reason, message: &str| ObjectError {
            kind: *kind,
            name: name.clone(),
            reason,
            message: message.to_owned(),
        };
        let awaited = references(json).into_iter().find(|named| self.failed.contains(named));
        if let Some((kind, name)) = awaited.or_else(|| self.unwritten(*kind)) {
            return Err(refuse(Reason::Conflict, &format!("waits for {kind} {name}")));
        }
        // What the cache lacks may be there all the same, and may be somebody else's.
        let live = match self.applied.children.get(*kind, name) {
            Some(live) => Some(live.clone()),
            None => self.writer.look(*kind, name).await.map_err(said)?,
        };
        if let Some(live) = &live {
            match belongs(&live.json, self.owner.name, self.owner.uid) {
                Belongs::Foreign => {
                    let what = "one of this name is there already and is not this bot's: rename the bot, or remove it";
                    return Err(refuse(Reason::Foreign, what));
                }
                Belongs::Former => {
                    return Err(refuse(Reason::Conflict, "that of a former bot of this name is still being removed"));
                }
                Belongs::Owned | Belongs::Labelled => {}
            }
            if live.is_being_deleted() {
                return Err(refuse(Reason::Conflict, "it is still being removed"));
            }
            self.applied.children.insert(live.clone());
        }
        match (mode, live) {
            // It was planned without knowing of it: what is written there decides, and not what would have been.
            (Mode::Create, Some(_)) if *kind == Kind::ControllerRevision => {
                Err(refuse(Reason::Conflict, "one of this name is there already; it is read again"))
            }
            (Mode::Create, Some(live)) if *kind == Kind::Job && self.plan.upgrade.drop.contains(name) => {
                self.delete(&live).await.map_err(said)?;
                self.create(wanted).await
            }
            (Mode::Create, Some(_)) => Ok(()),
            (Mode::Create, None) => self.create(wanted).await,
            (Mode::Replace, Some(_)) => {
                let live = self.writer.replace(*kind, name, json).await.map_err(said)?;
                self.wrote(live);
                Ok(())
            }
            (Mode::Replace, None) => Err(refuse(Reason::Conflict, "it is gone; all is planned anew")),
            (Mode::Apply(manager), Some(live)) => self.update(wanted, manager, live).await,
            (Mode::Apply(manager), None) => {
                let live = self.writer.apply(*kind, name, manager, &stamped(json)).await.map_err(said)?;
                self.wrote(live.clone());
                if let Some(hold) = self.hold(wanted, &live) {
                    // Nobody but us wanted a count yet: its controller writes the status alone.
                    let live = self.writer.hold_replicas(&live, hold, false).await.map_err(said)?;
                    self.wrote(live);
                }
                Ok(())
            }
        }
    }

    async fn create(&mut self, wanted: &Wanted) -> Result<(), ObjectError> {
        let Wanted { kind, name, json, .. } = wanted;
        match self.writer.create(*kind, &stamped(json)).await.map_err(|error| write::error(*kind, name, &error))? {
            Created::New(live) => {
                self.wrote(live);
                // What is planned next may need its values, and no watch of a whole cluster tells of a Secret.
                if *kind == Kind::Secret {
                    self.applied.again = Some(Duration::ZERO);
                }
                Ok(())
            }
            Created::Exists => {
                let message = "another process made it just now; it is read again".to_owned();
                Err(ObjectError { kind: *kind, name: name.clone(), reason: Reason::Conflict, message })
            }
        }
    }

    async fn delete(&mut self, live: &Live) -> kube::Result<()> {
        self.writer.delete(live).await?;
        tracing::info!(kind = %live.kind, name = live.name, "no longer wanted; removed");
        self.applied.writes += 1;
        self.applied.children.remove(live.kind, &live.name);
        Ok(())
    }

    /// A decision about an upgrade that is not written yet: neither Job nor pods act upon it.
    fn unwritten(&self, kind: Kind) -> Option<(Kind, String)> {
        let acts = matches!(kind, Kind::Job | Kind::Deployment);
        self.failed.iter().find(|(kind, _)| acts && *kind == Kind::ControllerRevision).cloned()
    }

    async fn update(&mut self, wanted: &Wanted, manager: &str, mut live: Live) -> Result<(), ObjectError> {
        let Wanted { kind, name, json, .. } = wanted;
        let said = |error: kube::Error| write::error(*kind, name, &error);
        if let Some(hold) = self.hold(wanted, &live) {
            live = match self.writer.hold_replicas(&live, hold, true).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    self.hold_again(wanted, status).await.map_err(said)?
                }
                other => other.map_err(said)?,
            };
            self.wrote(live.clone());
        }
        let same = contains::is_applied(&live, json);
        let drift = contains::difference(&live.json, &comparable(wanted, &live))
            .or_else(|| self.secret_differs(wanted).then(|| "data".to_owned()));
        if drift.is_none() && !same && self.waits_for_schema(wanted, &live) {
            return Ok(());
        }
        if same {
            let may = drift.map(|path| self.may_correct(wanted, &path)).transpose()?;
            if may != Some(true) {
                return Ok(());
            }
        }
        let live = self.writer.apply(*kind, name, manager, &stamped(json)).await.map_err(said)?;
        if let Some(path) = contains::difference(&live.json, &comparable(wanted, &live)) {
            tracing::warn!(%kind, name, path, "the API server changes a field as it is written");
        }
        self.wrote(live);
        Ok(())
    }

    /// Whether a Deployment is held at what it is until the schema is ready: then its wanted template is the live one, in
    /// other words than it was applied with. Writing those would change its digest, and soon after change it back.
    fn waits_for_schema(&self, wanted: &Wanted, live: &Live) -> bool {
        let gives_up_count = wanted.json.pointer("/spec/replicas").is_none() && owns_replicas(live);
        wanted.kind == Kind::Deployment && !self.plan.roll && !gives_up_count
    }

    /// Somebody wrote since the Deployment was read: it is looked at as it is now, once.
    async fn hold_again(&mut self, wanted: &Wanted, conflict: Box<Status>) -> kube::Result<Live> {
        let Some(now) = self.writer.look(wanted.kind, &wanted.name).await? else {
            return Err(kube::Error::Api(conflict));
        };
        match self.hold(wanted, &now) {
            Some(hold) => self.writer.hold_replicas(&now, hold, true).await,
            None => Ok(now),
        }
    }

    /// The count that a Deployment without one is to be held at; `None`: its count is as it should be.
    fn hold(&self, wanted: &Wanted, live: &Live) -> Option<i32> {
        if wanted.kind != Kind::Deployment || wanted.json.pointer("/spec/replicas").is_some() {
            return None;
        }
        let component = Component::ALL.into_iter().find(|part| child(self.owner.name, part) == wanted.name)?;
        let Some(Scale::Autoscaled { hold }) = self.plan.scale.get(&component) else { return None };
        let count = live.int("/spec/replicas").and_then(|count| i32::try_from(count).ok());
        // Left out while it is ours, it would fall back to 1, whatever the autoscaler made of it.
        let ours = owns_replicas(live);
        match hold {
            Some(hold) => (ours || count != Some(*hold)).then_some(*hold),
            None => count.filter(|_| ours),
        }
    }

    fn secret_differs(&self, wanted: &Wanted) -> bool {
        if wanted.kind != Kind::Secret {
            return false;
        }
        let Some(live) = self.found.generated.get(&wanted.name) else { return true };
        let data = wanted.json.get("data").cloned().unwrap_or_default();
        let data: BTreeMap<String, ByteString> = serde_json::from_value(data).unwrap_or_default();
        let text = wanted.json.get("stringData").cloned().unwrap_or_default();
        let text: BTreeMap<String, String> = serde_json::from_value(text).unwrap_or_default();
        let same =
            |key: &String, value: &[u8]| live.data.get(key).is_some_and(|l| l.expose_secret().as_bytes() == value);
        !(data.iter().all(|(key, value)| same(key, &value.0))
            && text.iter().all(|(key, value)| same(key, value.as_bytes())))
    }

    /// `false`: held back for a while.
    fn may_correct(&mut self, wanted: &Wanted, path: &str) -> Result<bool, ObjectError> {
        const PATIENCE: u32 = 3;
        let Wanted { kind, name, .. } = wanted;
        let verdict = self.fights.lock().unwrap_or_else(PoisonError::into_inner).correct(*kind, name, Instant::now());
        let Err((wait, corrections)) = verdict else {
            tracing::info!(%kind, name, path, "changed by somebody else; put right");
            return Ok(true);
        };
        self.applied.again = Some(self.applied.again.map_or(wait, |again| again.min(wait)));
        let message = format!("somebody else changes {path} again and again ({corrections} corrections)");
        // Nothing to worry about before: it is put right in a moment.
        if corrections < PATIENCE {
            return Ok(false);
        }
        Err(ObjectError { kind: *kind, name: name.clone(), reason: Reason::Conflict, message })
    }

    fn wrote(&mut self, live: Live) {
        self.applied.writes += 1;
        self.applied.children.insert(live);
    }

    async fn remove(&mut self, wanted: &[Wanted], which: impl Fn(Kind) -> bool) {
        let Upgrade { keep, drop, .. } = &self.plan.upgrade;
        let orphans: Vec<Live> = orphans(&self.applied.children, wanted, keep, drop, self.owner.name, self.owner.uid)
            .into_iter()
            .filter(|live| which(live.kind))
            .cloned()
            .collect();
        for live in orphans {
            if let Err(error) = self.delete(&live).await {
                self.applied.errors.push(write::error(live.kind, &live.name, &error));
            }
        }
    }
}

/// Whether the count is ours.
fn owns_replicas(live: &Live) -> bool {
    live.at(&format!("/metadata/{OWNS_REPLICAS}")).is_some()
}

/// The object with the digest by which the next reconcile knows it again.
fn stamped(json: &Value) -> Value {
    let mut stamped = json.clone();
    let digest = contains::digest(json);
    if let Some(meta) = stamped.get_mut("metadata").and_then(Value::as_object_mut) {
        let annotations = meta.entry("annotations").or_insert_with(|| json!({}));
        annotations[ANNOTATION_APPLIED] = Value::String(digest);
    }
    stamped
}

/// What of a wanted object can be held against a live one: the cache keeps no kind, no values of a Secret, and no content
/// of what cannot change.
fn comparable(wanted: &Wanted, live: &Live) -> Value {
    let mut json = wanted.json.clone();
    if let Some(object) = json.as_object_mut() {
        let immutable = live.at("/immutable") == Some(&Value::Bool(true));
        let hidden: &[&str] =
            if wanted.kind == Kind::Secret || immutable { &["data", "binaryData", "stringData"] } else { &[] };
        for key in ["apiVersion", "kind"].iter().chain(hidden) {
            object.shift_remove(*key);
        }
        if let Some(data) = object.get_mut("data") {
            shorten(data);
        }
    }
    json
}

/// The objects that pods of this object cannot start without.
fn references(json: &Value) -> BTreeSet<(Kind, String)> {
    let mut found = BTreeSet::new();
    walk(json, &mut found);
    found
}

fn walk(json: &Value, found: &mut BTreeSet<(Kind, String)>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map {
                let named = |field: &str| value.get(field).and_then(Value::as_str);
                let reference = match key.as_str() {
                    "configMap" | "configMapRef" | "configMapKeyRef" => {
                        named("name").map(|name| (Kind::ConfigMap, name))
                    }
                    "secretRef" | "secretKeyRef" => named("name").map(|name| (Kind::Secret, name)),
                    "secret" => named("secretName").map(|name| (Kind::Secret, name)),
                    "persistentVolumeClaim" => named("claimName").map(|name| (Kind::PersistentVolumeClaim, name)),
                    "serviceAccountName" => value.as_str().map(|name| (Kind::ServiceAccount, name)),
                    _ => None,
                };
                found.extend(reference.map(|(kind, name)| (kind, name.to_owned())));
                walk(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
