//! Pretends to run the pods of one namespace: what a kubelet would report, it reports at once.
//!
//! Pods that stay are Running and Ready, those of Jobs Succeeded, unless the test ordained otherwise. A bot's pod that
//! becomes ready does at Telegram what the real one does by the configuration that it was given: it registers its webhook.
//! One that polls leaves Telegram alone, as those of an image do that removes no webhook: what the operator does then is
//! what these tests are about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Api, ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::telegram::Telegram;

/// What becomes of the pods of one component.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fate {
    /// Ready; a Job's pod: succeeded.
    #[default]
    Good,
    /// Running, never ready; a Job's pod runs for ever.
    Hangs,
    /// A Job's pod ends with this message, and fails.
    Fails(String),
    /// A Job's pod ends with this message, and succeeds.
    Says(&'static str),
}

#[derive(Clone)]
pub struct Kubelet(Arc<Inner>);

struct Inner {
    client: Client,
    namespace: String,
    telegram: Arc<Telegram>,
    token: String,
    fates: Mutex<BTreeMap<String, Fate>>,
    /// By the tag of a pod's image: before what its component is ordained.
    images: Mutex<BTreeMap<String, Fate>>,
    /// Tags that no registry has, or gives only to those who have this pull secret.
    missing: Mutex<BTreeMap<String, Option<&'static str>>>,
    jobs: Mutex<BTreeSet<String>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.lock().unwrap().iter().for_each(JoinHandle::abort);
    }
}

impl Kubelet {
    pub fn start(client: Client, namespace: &str, telegram: Arc<Telegram>, token: &str) -> Self {
        let kubelet = Self(Arc::new(Inner {
            client: client.clone(),
            namespace: namespace.to_owned(),
            telegram,
            token: token.to_owned(),
            fates: Mutex::default(),
            images: Mutex::default(),
            missing: Mutex::default(),
            jobs: Mutex::default(),
            tasks: Mutex::default(),
        }));
        // The tasks hold it weakly: with the world it ends.
        let (pods, jobs) = (Arc::downgrade(&kubelet.0), Arc::downgrade(&kubelet.0));
        let (pod_api, job_api) =
            (Api::<Pod>::namespaced(client.clone(), namespace), Api::<Job>::namespaced(client, namespace));
        let watch_pods = async move {
            let mut events = watcher(pod_api, watcher::Config::default()).default_backoff().applied_objects().boxed();
            while let Some(pod) = events.next().await {
                let (Ok(pod), Some(inner)) = (pod, pods.upgrade()) else { continue };
                Self(inner).look_at(pod).await;
            }
        };
        let watch_jobs = async move {
            let mut events = watcher(job_api, watcher::Config::default()).default_backoff().applied_objects().boxed();
            while let Some(job) = events.next().await {
                let (Ok(job), Some(inner)) = (job, jobs.upgrade()) else { continue };
                inner.jobs.lock().unwrap().insert(format!("{} {}", job.name_any(), job.uid().unwrap_or_default()));
            }
        };
        let tasks = vec![tokio::spawn(watch_pods), tokio::spawn(watch_jobs)];
        *kubelet.0.tasks.lock().unwrap() = tasks;
        kubelet
    }

    /// Name and uid of every Job that ever extended the schema.
    pub fn jobs(&self) -> BTreeSet<String> {
        self.all_jobs().into_iter().filter(|job| job.contains("-migrate-")).collect()
    }

    /// Name and uid of every Job that there ever was.
    pub fn all_jobs(&self) -> BTreeSet<String> {
        self.0.jobs.lock().unwrap().clone()
    }

    /// Ordains what becomes of a component's pods (`bot`, `worker`, `postgres`, ...) or of a Job's (`preflight`,
    /// `migrate`, `contract`), also of those that are there.
    pub async fn ordain(&self, component: &str, fate: Fate) {
        self.0.fates.lock().unwrap().insert(component.to_owned(), fate);
        self.look_at_all().await;
    }

    /// Ordains what becomes of the pods of a version, but for those of its Jobs.
    pub async fn ordain_image(&self, tag: &str, fate: Fate) {
        self.0.images.lock().unwrap().insert(tag.to_owned(), fate);
        self.look_at_all().await;
    }

    /// From now on no registry has an image of this tag: its pods wait for it, those of Jobs too.
    pub fn miss_image(&self, tag: &str) {
        self.0.missing.lock().unwrap().insert(tag.to_owned(), None);
    }

    /// The same, but for pods with this pull secret.
    pub fn lock_image(&self, tag: &str, pull_secret: &'static str) {
        self.0.missing.lock().unwrap().insert(tag.to_owned(), Some(pull_secret));
    }

    fn can_pull(&self, tag: &str, pod: &Pod) -> bool {
        let Some(needed) = self.0.missing.lock().unwrap().get(tag).copied() else { return true };
        let mut given = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
        needed.is_some_and(|needed| given.any(|secret| secret.name == needed))
    }

    async fn look_at_all(&self) {
        let pods: Api<Pod> = Api::namespaced(self.0.client.clone(), &self.0.namespace);
        for pod in pods.list(&ListParams::default()).await.unwrap() {
            self.look_at(pod).await;
        }
    }

    async fn look_at(&self, pod: Pod) {
        let mut component = pod.labels().get(vitte_operator::names::LABEL_COMPONENT).cloned().unwrap_or_default();
        let job = pod.owner_references().iter().find(|owner| owner.kind == "Job").map(|owner| owner.name.clone());
        let of_job = job.is_some();
        // luna-preflight-0123456789
        if let Some(part) = job.as_deref().and_then(|name| name.rsplit('-').nth(1)) {
            part.clone_into(&mut component);
        }
        let image = pod.spec.iter().flat_map(|spec| &spec.containers).find_map(|c| c.image.clone()).unwrap_or_default();
        let tag = image.rsplit(':').next().unwrap_or_default();
        let of_image = self.0.images.lock().unwrap().get(tag).cloned().filter(|_| !of_job);
        let of_component = || self.0.fates.lock().unwrap().get(&component).cloned();
        let fate = of_image.or_else(of_component).unwrap_or_default();
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        if pod.metadata.deletion_timestamp.is_some() || matches!(phase, "Succeeded" | "Failed") {
            return;
        }
        let pods: Api<Pod> = Api::namespaced(self.0.client.clone(), &self.0.namespace);
        if !self.can_pull(tag, &pod) {
            let status = waiting(&pod, &format!("Back-off pulling image \"{image}\": not found"));
            if !has_statuses(&pod) {
                let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
            }
            return;
        }
        let was_ready = is_ready(&pod);
        let (phase, ready) = match (&fate, of_job) {
            (Fate::Good | Fate::Says(_), true) => ("Succeeded", false),
            (Fate::Good | Fate::Says(_), false) => ("Running", true),
            (Fate::Hangs, _) | (Fate::Fails(_), false) => ("Running", false),
            (Fate::Fails(_), true) => ("Failed", false),
        };
        if was_ready == ready && pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some(phase) {
            return;
        }
        // As the real one: it tells Telegram before it is ready.
        if component == "bot" && ready {
            self.register(&pod).await;
        }
        let message = match &fate {
            Fate::Fails(message) => message.as_str(),
            Fate::Says(message) => message,
            // As an image says that is newer than the database's schema.
            _ if component == "preflight" => "newer",
            _ => "",
        };
        let status = report(&pod, phase, ready, message);
        // A pod that went meanwhile needs no report.
        let _ = pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
    }

    /// What the bot does at Telegram when it starts.
    async fn register(&self, pod: &Pod) {
        let Inner { client, namespace, telegram, token, .. } = &*self.0;
        let Some(name) = pod.labels().get(vitte_operator::names::LABEL_BOT) else { return };
        let Some(spec) = self.configuration(pod).await.map(|mut bot| bot["spec"]["telegram"].take()) else { return };
        if spec["updates"] == "Polling" {
            return;
        }
        let Some(url) = webhook_url(&spec["webhook"]) else { return };
        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let Ok(Some(secret)) = secrets.get_opt(&vitte_operator::names::child(name, "webhook")).await else { return };
        let data = secret.data.unwrap_or_default();
        let current = data.get("current").and_then(|value| std::str::from_utf8(&value.0).ok()).unwrap_or_default();
        // A bot that does not reach Telegram serves all the same, and tries again.
        let _ = telegram.try_call(token, "setWebhook", &json!({"url": url, "secret_token": current})).await;
    }

    /// The manifest in the pod's file.
    async fn configuration(&self, pod: &Pod) -> Option<Value> {
        let mut volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
        let name = volumes.find_map(|volume| volume.config_map.as_ref()).map(|source| source.name.clone())?;
        let maps: Api<ConfigMap> = Api::namespaced(self.0.client.clone(), &self.0.namespace);
        let file = maps.get_opt(&name).await.ok()??.data?.remove("bot.yaml")?;
        serde_json::from_str(file.split("---\n").next()?).ok()
    }
}

/// Where a bot with this section wants its updates.
pub fn webhook_url(webhook: &Value) -> Option<String> {
    if let Some(url) = webhook["url"].as_str() {
        return Some(url.to_owned());
    }
    let path = webhook["path"].as_str().unwrap_or("/telegram/webhook");
    webhook["host"].as_str().map(|host| format!("https://{host}{path}"))
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
}

fn has_statuses(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|status| status.container_statuses.as_ref().is_some_and(|all| !all.is_empty()))
}

/// What is told of a pod whose image cannot be pulled.
fn waiting(pod: &Pod, message: &str) -> Value {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let state = json!({"waiting": {"reason": "ImagePullBackOff", "message": message}});
    let statuses: Vec<Value> = containers
        .map(|container| {
            json!({"name": container.name, "image": container.image, "imageID": "", "ready": false, "started": false,
                "restartCount": 0, "state": state})
        })
        .collect();
    json!({"status": {"phase": "Pending", "containerStatuses": statuses}})
}

fn report(pod: &Pod, phase: &str, ready: bool, message: &str) -> Value {
    #[expect(clippy::disallowed_methods, reason = "a kubelet tells its machine's time")]
    let now = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let state = match phase {
        "Succeeded" => {
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "message": message, "finishedAt": now}})
        }
        "Failed" => json!({"terminated": {"exitCode": 1, "reason": "Error", "message": message, "finishedAt": now}}),
        _ => json!({"running": {"startedAt": now}}),
    };
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let statuses: Vec<Value> = containers
        .map(|container| {
            json!({"name": container.name, "image": container.image, "imageID": "", "ready": ready, "started": ready,
                "restartCount": 0, "state": state})
        })
        .collect();
    let holds = if ready { "True" } else { "False" };
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(|kind| {
        let status = if kind.ends_with("Ready") { holds } else { "True" };
        json!({"type": kind, "status": status, "lastTransitionTime": now})
    });
    json!({"status": {"phase": phase, "startTime": now, "conditions": conditions, "containerStatuses": statuses}})
}
