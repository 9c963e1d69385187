//! The bots of the measurement, fifty in a namespace, and what is seen of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Where every bot of the measurement wants its updates.
pub const WEBHOOK: &str = "https://bots.example.org/telegram/webhook";
const IN_A_NAMESPACE: usize = 50;
const AT_ONCE: usize = 16;
const LIMIT: Duration = Duration::from_secs(600);

pub fn namespace(bot: usize) -> String {
    format!("bots-{}", bot / IN_A_NAMESPACE)
}

fn name(bot: usize) -> String {
    format!("bot-{bot}")
}

pub struct Bots {
    client: Client,
    telegram: String,
    count: usize,
    replicas: i32,
}

fn api(client: &Client, object: &Value) -> Api<DynamicObject> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, version) = text("/apiVersion").split_once('/').unwrap_or(("", text("/apiVersion")));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, text("/kind")));
    match text("/metadata/namespace") {
        "" => Api::all_with(client.clone(), &resource),
        namespace => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}

async fn apply(client: &Client, object: Value) -> anyhow::Result<()> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).context("an object without a name")?;
    let params = PatchParams::apply("bench").force();
    api(client, &object).patch(name, &params, &Patch::Apply(&object)).await.with_context(|| name.to_owned())?;
    Ok(())
}

/// So many, each 1 KiB, where the first bots are.
pub async fn foreign_secrets(client: &Client, count: usize) -> anyhow::Result<()> {
    let value = "x".repeat(1024);
    let made = (0..count).map(|number| {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"value": value},
            "metadata": {"name": format!("foreign-{number}"), "namespace": namespace(0)}});
        apply(client, secret)
    });
    futures::stream::iter(made).buffer_unordered(AT_ONCE).try_collect().await
}

impl Bots {
    pub fn new(client: Client, telegram: &str) -> Self {
        Self { client, telegram: telegram.to_owned(), count: 0, replicas: 1 }
    }

    fn all(&self) -> Api<DynamicObject> {
        api(&self.client, &json!({"apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot", "metadata": {}}))
    }

    fn manifest(&self, bot: usize) -> Value {
        let key = |key: &str| json!({"name": "bot", "key": key});
        json!({
            "apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot",
            "metadata": {"name": name(bot), "namespace": namespace(bot)},
            "spec": {
                "version": "0.1.0",
                "telegram": {"tokenSecretRef": key("token"), "apiUrl": self.telegram, "webhook": {"url": WEBHOOK}},
                "database": {"urlSecretRef": key("database-url")},
                "modules": {"companion": {
                    "llm": {"baseUrl": "https://llm.example.org/v1", "model": "some/model", "apiKeySecretRef": key("llm")},
                    "personasConfigMapRef": {"name": "personas"},
                }},
                "components": {"worker": {"replicas": self.replicas}},
                "migrations": {"backup": "None"},
                "rollout": {"minReadySeconds": 0},
            },
        })
    }

    async fn prepare(&self, namespace: &str) -> anyhow::Result<()> {
        apply(&self.client, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await?;
        let values = json!({"token": format!("1000001:{}", "x".repeat(30)), "database-url": "postgres://bot@db:5432/bot", "llm": "a-key"});
        let metadata = |name: &str| json!({"name": name, "namespace": namespace});
        apply(
            &self.client,
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("bot"), "stringData": values}),
        )
        .await?;
        let persona = "name: {en: Luna}\ndescription: Luna answers briefly.\nfirstMes: {en: Hi!}\n";
        let personas = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("personas"), "data": {"luna.yaml": persona}});
        apply(&self.client, personas).await
    }

    pub async fn create_up_to(&mut self, count: usize) -> anyhow::Result<()> {
        for first in (0..count).step_by(IN_A_NAMESPACE) {
            self.prepare(&namespace(first)).await?;
        }
        let made = (self.count..count).map(|bot| apply(&self.client, self.manifest(bot)));
        futures::stream::iter(made).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.count = count;
        Ok(())
    }

    /// Waits until every bot is Ready, with its present generation.
    pub async fn all_ready(&self) -> anyhow::Result<()> {
        let waiting = async {
            loop {
                let bots = self.all().list(&ListParams::default()).await?;
                let waiting = bots.items.iter().filter(|bot| !is_ready(bot)).count();
                if bots.items.len() >= self.count && waiting == 0 {
                    return anyhow::Ok(());
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.with_context(|| format!("not every bot is Ready after {LIMIT:?}"))?
    }

    /// Gives each bot's worker one pod more, one bot every `pace`; from the answer to the change until the worker's
    /// Deployment was seen with it, shortest first.
    pub async fn change_each(&mut self, pace: Duration) -> anyhow::Result<Vec<Duration>> {
        self.replicas += 1;
        let (seen, mut arrivals) = mpsc::unbounded_channel();
        let wanted = self.replicas;
        let all = Api::<Deployment>::all(self.client.clone());
        let watch = tokio::spawn(async move {
            let mut events = watcher(all, watcher::Config::default()).default_backoff().applied_objects().boxed();
            while let Some(event) = events.next().await {
                let Ok(deployment) = event else { continue };
                let count = deployment.spec.as_ref().and_then(|spec| spec.replicas);
                if deployment.name_any().ends_with("-worker") && count == Some(wanted) {
                    let _ = seen.send((deployment.name_any(), Instant::now()));
                }
            }
        });
        let patch = json!({"spec": {"components": {"worker": {"replicas": wanted}}}});
        let mut ticks = tokio::time::interval(pace.max(Duration::from_micros(1)));
        let mut changes = Vec::new();
        for bot in 0..self.count {
            ticks.tick().await;
            let object = self.manifest(bot);
            let (api, patch) = (api(&self.client, &object), patch.clone());
            changes.push(tokio::spawn(async move {
                let changed = api.patch(&name(bot), &PatchParams::default(), &Patch::Merge(&patch)).await;
                changed.map(|_| (format!("{}-worker", name(bot)), Instant::now()))
            }));
        }
        let mut changed = BTreeMap::new();
        for change in changes {
            let (worker, at) = change.await??;
            changed.insert(worker, at);
        }
        let mut took = BTreeMap::new();
        let collecting = async {
            while took.len() < changed.len() {
                let (worker, at) = arrivals.recv().await.context("the watch ended")?;
                if let Some(began) = changed.get(&worker) {
                    took.entry(worker).or_insert(at.saturating_duration_since(*began));
                }
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(LIMIT, collecting).await.context("not every change was carried out")??;
        watch.abort();
        let mut took: Vec<Duration> = took.into_values().collect();
        took.sort();
        Ok(took)
    }
}

fn is_ready(bot: &DynamicObject) -> bool {
    let generation = &json!(bot.metadata.generation);
    let conditions = bot.data.pointer("/status/conditions").and_then(Value::as_array);
    conditions.is_some_and(|conditions| {
        conditions.iter().any(|condition| {
            condition.get("type").is_some_and(|kind| kind == "Ready")
                && condition.get("status").is_some_and(|status| status == "True")
                && condition.get("observedGeneration") == Some(generation)
        })
    })
}
