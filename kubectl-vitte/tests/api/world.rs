//! The world of one test: a namespace on the shared API server, and the executable in it.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::process::Command;

/// The longest that a test waits for anything: far over what it takes, so that a busy machine fails no test.
pub const LIMIT: Duration = Duration::from_secs(60);

static WORLDS: AtomicU64 = AtomicU64::new(0);

pub struct World {
    client: Client,
    pub namespace: String,
}

/// What the executable did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub notes: String,
}

fn kubeconfig() -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the API server is")]
    let value = std::env::var("VITTE_TEST_KUBECONFIG");
    value.unwrap_or_else(|_| {
        unreachable!("VITTE_TEST_KUBECONFIG is not set: run these tests through tools/with-cluster")
    })
}

impl World {
    pub async fn new() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let file = Kubeconfig::read_from(kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "a name that no earlier run on this API server used")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let namespace = format!("k{now:x}-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let world = Self { client: Client::try_from(config).unwrap(), namespace };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": world.namespace}});
        let all: Api<DynamicObject> = Api::all_with(world.client.clone(), &resource(&namespace));
        all.patch(&world.namespace, &PatchParams::apply("test"), &Patch::Apply(&namespace)).await.unwrap();
        world
    }

    /// A namespace with a bot that polls and uses the Secret `luna`.
    pub async fn with_luna() -> Self {
        let world = Self::new().await;
        world.apply(luna("luna")).await;
        world
    }

    pub fn api(&self, object: &Value) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(object))
    }

    /// Server-side apply.
    pub async fn apply(&self, object: Value) -> Value {
        let name = object["metadata"]["name"].as_str().unwrap();
        let applied = self.api(&object).patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&object)).await;
        serde_json::to_value(applied.unwrap()).unwrap()
    }

    /// Writes the status of an object of that kind.
    pub async fn status(&self, kind: &Value, name: &str, status: Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.api(kind).patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    pub async fn bot(&self, name: &str) -> Value {
        serde_json::to_value(self.api(&luna(name)).get(name).await.unwrap()).unwrap()
    }

    /// Waits until there are so many pods of a component, and gives them.
    pub async fn pods(&self, component: &str, count: usize) -> Vec<Value> {
        let kind = json!({"apiVersion": "v1", "kind": "Pod"});
        let params = ListParams::default().labels(&format!("app.kubernetes.io/component={component}"));
        until("pods", async || {
            let list = self.api(&kind).list(&params).await.unwrap();
            (list.items.len() == count).then_some(list.items)
        })
        .await
        .into_iter()
        .map(|pod| serde_json::to_value(pod).unwrap())
        .collect()
    }

    /// Runs `kubectl vitte ARGUMENTS` in this namespace.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.run_as(&kubeconfig(), arguments).await
    }

    /// The same with another kubeconfig.
    pub async fn run_as(&self, kubeconfig: &str, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-vitte"));
        command.args(arguments).args(["-n", &self.namespace, "--kubeconfig", kubeconfig]);
        finished(command).await
    }

    /// A kubeconfig of somebody who may do nothing but `rules` here.
    pub async fn somebody(&self, folder: &std::path::Path, rules: Value) -> PathBuf {
        let api = "rbac.authorization.k8s.io/v1";
        self.apply(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "somebody"}})).await;
        self.apply(json!({"apiVersion": api, "kind": "Role", "metadata": {"name": "somebody"}, "rules": rules})).await;
        self.apply(json!({"apiVersion": api, "kind": "RoleBinding", "metadata": {"name": "somebody"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "somebody"},
            "subjects": [{"kind": "ServiceAccount", "name": "somebody", "namespace": self.namespace}]}))
            .await;
        let mut config = serde_json::to_value(Kubeconfig::read_from(kubeconfig()).unwrap()).unwrap();
        for user in config["users"].as_array_mut().unwrap() {
            user["user"]["as"] = json!(format!("system:serviceaccount:{}:somebody", self.namespace));
        }
        let file = folder.join("somebody.kubeconfig");
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }
}

pub async fn finished(mut command: Command) -> Ran {
    command.stdin(Stdio::null()).kill_on_drop(true).env_remove("NO_COLOR");
    let output = tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), notes: text(output.stderr) }
}

/// Waits until `check` gives something, looking again and again.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, looking).await.unwrap_or_else(|_| unreachable!("waited {LIMIT:?} for: {what}"))
}

fn resource(object: &Value) -> ApiResource {
    let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

pub fn luna(name: &str) -> Value {
    let key = |key: &str| json!({"name": "luna", "key": key});
    json!({
        "apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot",
        "metadata": {"name": name},
        "spec": {
            "version": "0.1.0",
            "telegram": {"tokenSecretRef": key("token"), "updates": "Polling"},
            "database": {"urlSecretRef": key("database-url")},
            "modules": {"companion": {
                "llm": {"baseUrl": "https://llm.example.org/v1", "model": "some/model", "apiKeySecretRef": key("llm")},
                "personasConfigMapRef": {"name": "luna-personas"},
            }},
            "components": {"bot": {"env": [{"name": "GREETING", "value": "a-literal-value"}]}},
        },
    })
}

pub fn labels(component: &str) -> Value {
    json!({"vitte.dev/bot": "luna", "app.kubernetes.io/component": component})
}

/// As the operator makes it, as far as this program looks.
pub fn deployment(component: &str, replicas: u8) -> Value {
    let container = json!({"name": component, "image": "vitte:0.1.0", "env": [
        {"name": "GREETING", "value": "a-literal-value"}, {"name": "VITTE_GRACE", "value": "25"},
        {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "luna", "key": "token"}}},
    ]});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("luna-{component}"), "labels": labels(component)},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels(component)},
            "template": {"metadata": {"labels": labels(component)}, "spec": {"containers": [container]}}},
    })
}

pub fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T12:00:00Z"})
}

/// The status of a bot that is ready, or not.
pub fn status(ready: bool) -> Value {
    let (phase, holds) = if ready { ("Ready", "True") } else { ("RollingOut", "False") };
    json!({"observedGeneration": 1, "phase": phase, "version": "0.1.0", "message": "as the test says",
        "conditions": [condition("Ready", holds, phase, "as the test says")]})
}
