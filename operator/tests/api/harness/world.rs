//! The world of one test: a namespace, a Telegram, pods that pretend, and what the bot needs to be there before it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::{StreamExt, TryStreamExt};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::ApiResource;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use vitte_operator::objects::Kind;
use vitte_operator::resource::VitteBot;

use super::cluster::Cluster;
use super::kstatus::condition;
use super::kubelet::Kubelet;
use super::telegram::Telegram;
use super::{LIMIT, manifests};

/// The ServiceAccount in whose name operators act.
pub const ACCOUNT: &str = "operator";

static WORLDS: AtomicU64 = AtomicU64::new(0);

pub struct World {
    pub cluster: Cluster,
    pub namespace: String,
    pub telegram: Arc<Telegram>,
    pub token: String,
    pub kubelet: Kubelet,
}

impl World {
    pub async fn new() -> Self {
        Self::beside(Cluster::connect().await, Arc::new(Telegram::start().await)).await
    }

    /// Another namespace of the same test.
    pub async fn another(&self) -> Self {
        Self::beside(self.cluster.clone(), self.telegram.clone()).await
    }

    async fn beside(cluster: Cluster, telegram: Arc<Telegram>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a name that no earlier run on this API server used")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let namespace = format!("t{now:x}-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let token = Telegram::new_token();
        cluster.apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await;
        let kubelet = Kubelet::start(cluster.client.clone(), &namespace, telegram.clone(), &token);
        let world = Self { cluster, namespace, telegram, token, kubelet };
        world.permit().await;
        world.secret("luna", &manifests::secrets(&world.token)).await;
        world.apply(manifests::personas()).await;
        world
    }

    /// The operator's own rules, and no other, for its ServiceAccount.
    async fn permit(&self) {
        let scope = vitte_operator::settings::Scope::Namespaces(vec![self.namespace.clone()]);
        let rules: Vec<_> = vitte_operator::rbac::rules(&scope).iter().map(|rule| json!(rule.policy_rule())).collect();
        let (namespace, api) = (&self.namespace, "rbac.authorization.k8s.io/v1");
        self.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}})).await;
        self.apply(json!({"apiVersion": api, "kind": "Role", "metadata": {"name": ACCOUNT}, "rules": rules})).await;
        self.apply(json!({"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": ACCOUNT},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}]}))
            .await;
    }

    fn here(&self, mut object: Value) -> Value {
        object["metadata"]["namespace"] = json!(self.namespace);
        object
    }

    /// Server-side apply into this namespace.
    pub async fn apply(&self, object: Value) -> Value {
        self.cluster.apply(&self.here(object)).await
    }

    pub async fn try_apply(&self, object: Value) -> kube::Result<Value> {
        self.cluster.try_apply(&self.here(object)).await
    }

    /// A Secret with exactly these keys.
    pub async fn secret(&self, name: &str, values: &BTreeMap<String, String>) {
        let bytes = |value: &String| k8s_openapi::ByteString(value.clone().into_bytes());
        let data: BTreeMap<_, _> = values.iter().map(|(key, value)| (key, bytes(value))).collect();
        self.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data})).await;
    }

    pub fn api(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.cluster.client.clone(), &self.namespace, &kind.api_resource())
    }

    pub fn bots(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<VitteBot>(&());
        Api::namespaced_with(self.cluster.client.clone(), &self.namespace, &resource)
    }

    pub async fn get(&self, kind: Kind, name: &str) -> Option<Value> {
        self.api(kind).get_opt(name).await.unwrap().map(|object| serde_json::to_value(object).unwrap())
    }

    pub async fn bot(&self, name: &str) -> Value {
        serde_json::to_value(self.bots().get(name).await.unwrap()).unwrap()
    }

    pub async fn names(&self, kind: Kind) -> Vec<String> {
        let list = self.api(kind).list(&ListParams::default()).await.unwrap();
        list.items.into_iter().filter_map(|object| object.metadata.name).collect()
    }

    /// JSON merge patch, by a person.
    pub async fn patch(&self, kind: Kind, name: &str, patch: Value) -> Value {
        let patched = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        serde_json::to_value(patched).unwrap()
    }

    /// JSON merge patch of the bot.
    pub async fn patch_bot(&self, name: &str, patch: Value) -> Value {
        let patched = self.bots().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
        serde_json::to_value(patched).unwrap()
    }

    pub async fn annotate(&self, bot: &str, key: &str, value: &str) {
        self.patch_bot(bot, json!({"metadata": {"annotations": {key: value}}})).await;
    }

    pub async fn delete_bot(&self, name: &str) {
        self.bots().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until an object (`None`: it is not there) is as wanted, by watching it.
    pub async fn until(
        &self,
        api: Api<DynamicObject>,
        name: &str,
        what: &str,
        mut wanted: impl FnMut(Option<&Value>) -> bool,
    ) -> Option<Value> {
        let mut last = None;
        let watch = async {
            let mut states = watcher::watch_object(api, name).default_backoff().boxed();
            while let Some(state) = states.next().await {
                let Ok(state) = state else { continue };
                last = state.map(|object| serde_json::to_value(object).unwrap());
                if wanted(last.as_ref()) {
                    return;
                }
            }
        };
        let waited = tokio::time::timeout(LIMIT, watch).await;
        let shown = || serde_json::to_string_pretty(&last.as_ref().map(without_noise)).unwrap();
        assert!(waited.is_ok(), "waited {LIMIT:?} for: {name}: {what}; it is {}", shown());
        last
    }

    pub async fn until_bot(&self, name: &str, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        self.until(self.bots(), name, what, |bot| bot.is_some_and(&mut wanted)).await.unwrap()
    }

    pub async fn until_child(
        &self,
        kind: Kind,
        name: &str,
        what: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Value {
        self.until(self.api(kind), name, what, |object| object.is_some_and(&mut wanted)).await.unwrap()
    }

    pub async fn until_gone(&self, kind: Kind, name: &str) {
        self.until(self.api(kind), name, "is gone", |object| object.is_none()).await;
    }

    pub async fn until_bot_gone(&self, name: &str) {
        self.until(self.bots(), name, "is gone", |object| object.is_none()).await;
    }

    /// Waits for a condition that tells of the present generation.
    pub async fn condition(&self, bot: &str, kind: &str, status: &str) -> Value {
        let found = self.until_bot(bot, &format!("{kind} is {status}"), |object| has(object, kind, status)).await;
        condition(&found, kind).unwrap().clone()
    }

    /// Waits until the bot is as its spec says.
    pub async fn ready(&self, bot: &str) -> Value {
        let whole = |object: &Value| has(object, "Ready", "True") && !has(object, "Reconciling", "True");
        self.until_bot(bot, "is ready", whole).await
    }

    /// Every value that `field` of an object takes from now on.
    pub async fn trace(&self, kind: Kind, name: &str, pointer: &'static str) -> Trace {
        Self::trace_of(self.api(kind), name, pointer).await
    }

    /// The same of a bot.
    pub async fn trace_bot(&self, name: &str, pointer: &'static str) -> Trace {
        Self::trace_of(self.bots(), name, pointer).await
    }

    async fn trace_of(api: Api<DynamicObject>, name: &str, pointer: &'static str) -> Trace {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (name, values) = (name.to_owned(), seen.clone());
        let (started, first) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut started = Some(started);
            let mut states = watcher::watch_object(api, &name).boxed();
            while let Ok(Some(state)) = states.try_next().await {
                let value = state.and_then(|o| serde_json::to_value(o).unwrap().pointer(pointer).cloned());
                values.lock().unwrap().push(value.unwrap_or(Value::Null));
                started.take().map(|started| started.send(()));
            }
        });
        first.await.expect("the watch begins");
        Trace { seen, task }
    }
}

/// What a field was, one value an event.
pub struct Trace {
    seen: Arc<std::sync::Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Trace {
    /// The values in order, each once where it stayed.
    pub fn values(&self) -> Vec<Value> {
        let mut values = self.seen.lock().unwrap().clone();
        values.dedup();
        values
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether a condition of the present generation has this status.
pub fn has(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|found| {
        found["status"] == status && found["observedGeneration"] == object["metadata"]["generation"]
    }) && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// For messages: what the test itself wrote is known.
fn without_noise(object: &Value) -> Value {
    let mut object = object.clone();
    if object["kind"] == "VitteBot" {
        object.as_object_mut().unwrap().remove("spec");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}
