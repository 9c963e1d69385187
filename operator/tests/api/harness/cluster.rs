//! The API server that all tests share, as its administrator sees it.

use std::path::PathBuf;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, Config};
use serde_json::{Value, json};

use super::wire::Wire;

/// What a person who types `kubectl apply --server-side` is called in `managedFields`.
pub const PERSON: &str = "kubectl";

#[derive(Clone)]
pub struct Cluster {
    pub client: Client,
    config: Config,
}

fn variable(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the API server is")]
    let value = std::env::var(name);
    value.unwrap_or_else(|_| panic!("{name} is not set: run these tests through tools/with-cluster"))
}

/// The file with which an administrator reaches the API server.
pub fn kubeconfig() -> String {
    variable("VITTE_TEST_KUBECONFIG")
}

/// One of Kubernetes' own programs.
pub fn program(name: &str) -> PathBuf {
    PathBuf::from(variable("VITTE_TEST_CLUSTER_BIN")).join(name)
}

impl Cluster {
    /// The shared API server, with the VitteBot resource in it.
    pub async fn connect() -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let file = Kubeconfig::read_from(kubeconfig()).unwrap();
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
        let cluster = Self { client: Client::try_from(config.clone()).unwrap(), config };
        cluster.install().await;
        cluster
    }

    /// A client whose every request passes the wire, in the name of a ServiceAccount if one is given. Its connections
    /// live in the runtime that is entered now.
    pub fn wired(&self, wire: &Wire, account: Option<(&str, &str)>) -> Client {
        let mut config = self.config.clone();
        if let Some((namespace, name)) = account {
            config.auth_info.impersonate = Some(format!("system:serviceaccount:{namespace}:{name}"));
            let groups = ["system:serviceaccounts", "system:authenticated"];
            config.auth_info.impersonate_groups = Some(groups.map(str::to_owned).to_vec());
        }
        ClientBuilder::try_from(config).unwrap().with_layer(wire).build()
    }

    /// Every test does this: applying what is there changes nothing.
    async fn install(&self) {
        self.apply(&vitte_crds::custom_resource_definition()).await;
        let crds: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let established = await_condition(crds, "vittebots.vitte.dev", conditions::is_crd_established());
        tokio::time::timeout(super::LIMIT, established).await.expect("the CRD is established in time").unwrap();
        let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": "bots"}, "value": 1000});
        self.apply(&class).await;
    }

    /// The endpoint of an object's kind.
    pub fn api(&self, object: &Value) -> Api<DynamicObject> {
        let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    /// Server-side apply, as a person does it.
    ///
    /// # Panics
    /// The API server refuses it.
    pub async fn apply(&self, object: &Value) -> Value {
        match self.try_apply(object).await {
            Ok(applied) => applied,
            Err(kube::Error::Api(status)) => panic!("{}: {}", object["metadata"], status.message),
            Err(error) => panic!("{}: {error}", object["metadata"]),
        }
    }

    pub async fn try_apply(&self, object: &Value) -> kube::Result<Value> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let params = PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..params() };
        let applied = self.api(object).patch(name, &params, &Patch::Apply(object)).await?;
        Ok(serde_json::to_value(applied).unwrap())
    }
}

fn params() -> PatchParams {
    PatchParams::apply(PERSON).force()
}
