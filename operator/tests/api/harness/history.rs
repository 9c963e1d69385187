//! What happened to the bots, Jobs and Deployments of a world, state by state, to be judged afterwards.
//!
//! All states carry the version at which etcd wrote them, and those count up over all kinds: so what came before what is
//! known, whichever watch told first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use vitte_operator::objects::Kind;

use super::snapshot::compare;
use super::world::World;

/// One state of one object; `None`: it is gone.
type State = (u64, String, Option<Value>);

pub struct History {
    bots: Arc<Mutex<Vec<State>>>,
    jobs: Arc<Mutex<Vec<State>>>,
    deployments: Arc<Mutex<Vec<State>>>,
    /// Tags of images for which the schema was ready before.
    ready: Vec<&'static str>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for History {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// How often a bot's status changed.
#[derive(Debug, Default)]
pub struct Statuses {
    /// In what it says.
    pub news: usize,
    /// In counts of pods, and words about them, alone.
    pub counts: usize,
    /// States of Deployments meanwhile: each may have been another count.
    pub reports: usize,
    /// What changed, for people.
    pub lines: Vec<String>,
}

fn keep(api: Api<DynamicObject>) -> (Arc<Mutex<Vec<State>>>, JoinHandle<()>) {
    let states: Arc<Mutex<Vec<State>>> = Arc::default();
    let log = Arc::clone(&states);
    let task = tokio::spawn(async move {
        let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
        while let Some(event) = events.next().await {
            let (object, there) = match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => (object, true),
                Ok(watcher::Event::Delete(object)) => (object, false),
                _ => continue,
            };
            let version = object.metadata.resource_version.as_ref().and_then(|v| v.parse().ok()).unwrap_or(0);
            let name = object.metadata.name.clone().unwrap_or_default();
            let json = there.then(|| serde_json::to_value(object).unwrap());
            log.lock().unwrap().push((version, name, json));
        }
    });
    (states, task)
}

fn ended(job: &Value) -> Option<bool> {
    let holds = |kind: &str| {
        let conditions = job["status"]["conditions"].as_array();
        conditions.is_some_and(|all| all.iter().any(|c| c["type"] == kind && c["status"] == "True"))
    };
    if holds("Complete") { Some(true) } else { holds("Failed").then_some(false) }
}

fn image(object: &Value) -> String {
    object["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned()
}

impl History {
    pub fn of(world: &World) -> Self {
        let (bots, watch_bots) = keep(world.bots());
        let (jobs, watch_jobs) = keep(world.api(Kind::Job));
        let (deployments, watch_deployments) = keep(world.api(Kind::Deployment));
        Self { bots, jobs, deployments, ready: Vec::new(), tasks: vec![watch_bots, watch_jobs, watch_deployments] }
    }

    /// The image of this tag served before, so that it needs no migration now.
    pub fn after(mut self, tag: &'static str) -> Self {
        self.ready.push(tag);
        self
    }

    /// What each status of the bot has other than the one before it.
    pub fn statuses(&self) -> Statuses {
        let states = self.bots.lock().unwrap();
        let mut statuses = Statuses { reports: self.deployments.lock().unwrap().len(), ..Statuses::default() };
        for pair in states.windows(2) {
            let [(_, _, Some(before)), (_, _, Some(after))] = pair else { continue };
            let mut lines = Vec::new();
            compare("status", &before["status"], &after["status"], &mut lines);
            let counts = |line: &String| {
                let path = line.split(':').next().unwrap_or_default();
                path.starts_with("status.components.") || path.ends_with(".message")
            };
            match lines.iter().all(counts) {
                _ if lines.is_empty() => {}
                true => statuses.counts += 1,
                false => statuses.news += 1,
            }
            statuses.lines.extend(lines);
            statuses.lines.push(String::new());
        }
        statuses
    }

    /// # Errors
    /// Two Jobs that were at work at one time; a template that came before its migration.
    pub fn judge(&self) -> Result<(), String> {
        let mut jobs = self.jobs.lock().unwrap().clone();
        jobs.sort_by_key(|(version, ..)| *version);
        let mut at_work = BTreeSet::new();
        // Images for which the schema was ready, and since when.
        let mut migrated: BTreeMap<String, u64> = BTreeMap::new();
        for (version, name, state) in &jobs {
            match state {
                Some(job) if ended(job).is_none() => {
                    at_work.insert(name.clone());
                }
                _ => {
                    at_work.remove(name);
                }
            }
            if let Some(job) = state.as_ref().filter(|job| name.contains("-migrate-") && ended(job) == Some(true)) {
                migrated.entry(image(job)).or_insert(*version);
            }
            if at_work.len() > 1 {
                return Err(format!("Jobs at work at one time: {at_work:?}"));
            }
        }
        let deployments = self.deployments.lock().unwrap();
        let first = deployments.iter().map(|(version, ..)| *version).min().unwrap_or(0);
        let before: BTreeSet<String> = deployments
            .iter()
            .filter(|(_, _, state)| state.as_ref().is_some_and(|d| d["metadata"]["generation"] == 1))
            .filter_map(|(_, _, state)| state.as_ref().map(image))
            .collect();
        for (version, name, state) in deployments.iter() {
            let Some(image) = state.as_ref().map(image) else { continue };
            if self.ready.iter().any(|tag| image.ends_with(&format!(":{tag}"))) {
                continue;
            }
            let ready_since = migrated.get(&image).copied();
            let at_first = before.contains(&image) && ready_since.is_none_or(|since| since < first);
            if !at_first && ready_since.is_none_or(|since| since > *version) {
                return Err(format!("{name} has {image} at {version}, migrated at {ready_since:?}"));
            }
        }
        Ok(())
    }

    /// The fewest pods of any Deployment that were available, less those that it should have had at the beginning.
    pub fn fewest(&self) -> i64 {
        let deployments = self.deployments.lock().unwrap();
        let mut first: BTreeMap<&str, i64> = BTreeMap::new();
        let mut fewest = 0;
        for (_, name, state) in deployments.iter() {
            let Some(state) = state else { continue };
            let wanted = *first.entry(name).or_insert_with(|| state["spec"]["replicas"].as_i64().unwrap_or(0));
            let available = state["status"]["availableReplicas"].as_i64().unwrap_or(0);
            fewest = fewest.min(available - wanted);
        }
        fewest
    }
}

/// Time passes for Deployments whose new pods are of this image: their controller gives up as soon as there is one.
pub fn deadlines_pass(world: &World, tag: &'static str) -> JoinHandle<()> {
    let api = world.api(Kind::Deployment);
    tokio::spawn(async move {
        let mut states = watcher(api.clone(), watcher::Config::default()).default_backoff().applied_objects().boxed();
        while let Some(state) = states.next().await {
            let Ok(deployment) = state else { continue };
            if let Some(status) = given_up(&deployment, tag) {
                let name = deployment.metadata.name.unwrap_or_default();
                let patch =
                    json!({"metadata": {"resourceVersion": deployment.metadata.resource_version}, "status": status});
                // Its controller wrote meanwhile: the next state comes.
                let _ = api.patch_status(&name, &PatchParams::default(), &Patch::Merge(&patch)).await;
            }
        }
    })
}

fn given_up(deployment: &DynamicObject, tag: &str) -> Option<Value> {
    let data = &deployment.data;
    let image = data["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
    let observed = data["status"]["observedGeneration"].as_i64()? >= deployment.metadata.generation?;
    let has_new = data["status"]["updatedReplicas"].as_i64().unwrap_or(0) > 0;
    let mut conditions = data["status"]["conditions"].as_array()?.clone();
    let exceeded = conditions.iter().any(|c| c["reason"] == "ProgressDeadlineExceeded");
    if !image.ends_with(&format!(":{tag}")) || !observed || !has_new || exceeded {
        return None;
    }
    for condition in &mut conditions {
        if condition["type"] == "Progressing" {
            condition["status"] = json!("False");
            condition["reason"] = json!("ProgressDeadlineExceeded");
            condition["message"] = json!("ReplicaSet has timed out progressing.");
        }
        if condition["type"] == "Available" {
            condition["lastTransitionTime"] = json!("2026-01-01T00:00:00Z");
        }
    }
    Some(json!({"conditions": conditions}))
}
