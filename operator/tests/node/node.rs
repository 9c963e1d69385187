//! The cluster as its administrator sees it.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::process::Command;

/// Longest that any condition is waited for: pods start in seconds, but two cores start many.
pub const LIMIT: Duration = Duration::from_secs(180);
/// The images' tag, as `tests/cluster/images` makes them.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

pub fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the cluster is")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run these tests through tools/with-node"))
}

#[derive(Clone)]
pub struct Node {
    pub client: Client,
}

impl Node {
    pub async fn connect() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self { client: ClientBuilder::try_from(config().await).unwrap().build() }
    }

    /// A client that takes a refusal (429) for an answer, and does not ask again by itself.
    pub async fn asks_once(&self) -> Client {
        let mut config = config().await;
        config.default_retry = false;
        ClientBuilder::try_from(config).unwrap().build()
    }

    /// `kubectl`, as a person types it; its output.
    pub async fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).stdin(Stdio::null()).output().await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "kubectl {}: {err}{out}", arguments.join(" "));
        out.into_owned()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = PathBuf::from(variable("VITTE_TEST_CLUSTER_BIN")).join("kubectl");
        let mut command = Command::new(program);
        command.env("KUBECONFIG", variable("VITTE_TEST_NODE_KUBECONFIG")).args(arguments).kill_on_drop(true);
        command
    }

    /// Server-side apply of objects in their order.
    pub async fn apply(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
            let api = self.api(&version, &kind, object["metadata"]["namespace"].as_str());
            let name = text(&object["metadata"]["name"]);
            let parameters = PatchParams::apply("tests").force();
            let applied = api.patch(&name, &parameters, &Patch::Apply(&object)).await;
            applied.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
        }
    }

    pub fn api(&self, version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    pub async fn list(&self, version: &str, kind: &str, namespace: &str, selector: &str) -> Vec<Value> {
        let parameters = ListParams::default().labels(selector);
        let list = self.api(version, kind, Some(namespace)).list(&parameters).await.unwrap();
        list.items.into_iter().map(|object| serde_json::to_value(object).unwrap()).collect()
    }

    /// Makes a namespace that lets in only pods of the `restricted` standard.
    pub async fn namespace(&self, name: &str) {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/enforce-version": "latest"});
        let metadata = json!({"name": name, "labels": labels});
        self.apply([json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})]).await;
    }

    /// What went on, for the message of a test that failed.
    pub async fn story(&self, namespace: &str) -> String {
        let mut story = String::new();
        for arguments in [
            &["get", "vb,pods,jobs,deployments,statefulsets", "-o", "wide"][..],
            &["get", "vb", "-o", "jsonpath={.items[*].status}"],
            &["get", "events", "--sort-by=.lastTimestamp"],
        ] {
            let output = self.command(arguments).args(["-n", namespace]).output().await.unwrap();
            story += &String::from_utf8_lossy(&output.stdout);
            story += "\n";
        }
        let pods = self.list("v1", "Pod", namespace, "").await;
        for pod in pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str()) {
            let output = self.command(&["logs", "--tail=15", "--all-containers", pod, "-n", namespace]).output().await;
            story += &format!("--- {pod}\n{}\n", String::from_utf8_lossy(&output.unwrap().stdout));
        }
        story
    }
}

async fn config() -> Config {
    let file = Kubeconfig::read_from(variable("VITTE_TEST_NODE_KUBECONFIG")).unwrap();
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()
}

/// Kills the process of Vitte's in a pod, by the pod's uid, as the kernel does when there is no memory: no farewell.
pub fn kill(uid: &str) {
    let folders = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let of_pod = folders.filter(|folder| {
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        read("cgroup").contains(uid) && read("comm").trim() == "vitte"
    });
    let processes: Vec<_> = of_pod.filter_map(|folder| folder.file_name().map(ToOwned::to_owned)).collect();
    assert_eq!(processes.len(), 1, "one process in the pod {uid}: {processes:?}");
    let killed = std::process::Command::new("kill").arg("-KILL").args(processes).status().unwrap();
    assert!(killed.success());
}

/// Asks until there is an answer, with a limit; the first one is given back.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let asked = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    tokio::time::timeout(LIMIT, asked).await.unwrap_or_else(|_| panic!("{what}: not within {} s", LIMIT.as_secs()))
}
