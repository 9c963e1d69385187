//! The way to the API server: everything that this program reads there or writes there passes here.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Config};
use serde_json::Value;
use vitte_operator::resource::VitteBot;

use crate::cli::Connection;
use crate::fault::{Fault, in_words};
use crate::object;

/// Owns the fields that this program writes.
pub const FIELD_MANAGER: &str = "kubectl-vitte";
/// Objects in one answer of the API server; more come in further answers.
const PAGE: u32 = 500;
/// Unless something else is asked for.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Cluster {
    client: Client,
    /// Of the context, or as asked.
    pub namespace: String,
    /// The longest that one answer may take; logs that are followed have no such bound.
    pub patience: Duration,
}

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    Namespace(&'a str),
    Everywhere,
}

impl Place<'_> {
    #[must_use]
    pub fn in_words(self) -> String {
        match self {
            Self::Namespace(name) => format!("in namespace {name}"),
            Self::Everywhere => "in all namespaces".to_owned(),
        }
    }
}

impl Cluster {
    /// As kubectl finds it: the given file, the files of `$KUBECONFIG`, `~/.kube/config`, or a pod's ServiceAccount.
    ///
    /// # Errors
    /// There is no such file, context or credential.
    pub async fn connect(connection: &Connection) -> Result<Self, Fault> {
        let Connection { namespace, context, cluster, user, act_as, act_as_groups, kubeconfig, request_timeout } =
            connection;
        let options = KubeConfigOptions { context: context.clone(), cluster: cluster.clone(), user: user.clone() };
        let read = |file: &PathBuf| {
            Kubeconfig::read_from(file).map_err(|error| Fault::Usage(format!("--kubeconfig: {error}")))
        };
        if let Some(user) = user {
            // The library would go on as nobody.
            let found = kubeconfig.as_ref().map(read).transpose()?.or_else(|| Kubeconfig::read().ok());
            if !found.is_some_and(|found| found.auth_infos.iter().any(|known| known.name == *user)) {
                return Err(Fault::Usage(format!("no way to an API server: the kubeconfig has no user {user}")));
            }
        }
        let config = match kubeconfig {
            Some(file) => Config::from_custom_kubeconfig(read(file)?, &options).await,
            None => Config::from_kubeconfig(&options).await,
        };
        let given = kubeconfig.is_some() || context.is_some() || cluster.is_some() || user.is_some();
        let mut config = match config {
            Ok(config) => config,
            Err(_) if !given && let Ok(config) = Config::incluster() => config,
            Err(error) => return Err(Fault::Usage(format!("no way to an API server: {error}"))),
        };
        if let Some(name) = act_as {
            config.auth_info.impersonate = Some(name.clone());
            config.auth_info.impersonate_groups = (!act_as_groups.is_empty()).then(|| act_as_groups.clone());
        }
        let namespace = namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|error| Fault::of("use this kubeconfig", &error))?;
        let patience = request_timeout.filter(|time| !time.is_zero()).unwrap_or(PATIENCE);
        Ok(Self { patience, ..Self::new(client, namespace) })
    }

    #[must_use]
    pub fn new(client: Client, namespace: impl Into<String>) -> Self {
        Self { client, namespace: namespace.into(), patience: PATIENCE }
    }

    fn api(&self, resource: &ApiResource, place: Place<'_>) -> Api<DynamicObject> {
        match place {
            Place::Namespace(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            Place::Everywhere => Api::all_with(self.client.clone(), resource),
        }
    }

    /// All objects, page by page. Each has its kind, which lists leave out.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn list(
        &self,
        resource: &ApiResource,
        place: Place<'_>,
        params: &ListParams,
    ) -> kube::Result<Vec<Value>> {
        let api = self.api(resource, place);
        let mut params = params.clone().limit(PAGE);
        let mut all = Vec::new();
        loop {
            let page = self.in_time(api.list(&params)).await?;
            let next = page.metadata.continue_.filter(|token| !token.is_empty());
            for object in page.items {
                let mut value = serde_json::to_value(object).map_err(kube::Error::SerdeError)?;
                value["apiVersion"] = resource.api_version.clone().into();
                value["kind"] = resource.kind.clone().into();
                all.push(value);
            }
            match next {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(all),
            }
        }
    }

    /// `None`: there is no such object.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn get(&self, resource: &ApiResource, namespace: &str, name: &str) -> kube::Result<Option<Value>> {
        let api = self.api(resource, Place::Namespace(namespace));
        let found = self.in_time(api.get_opt(name)).await?;
        found.map(|object| serde_json::to_value(object).map_err(kube::Error::SerdeError)).transpose()
    }

    /// # Errors
    /// The API server refuses, or the resource is not installed.
    pub async fn bots(&self, place: Place<'_>) -> Result<Vec<Value>, Fault> {
        self.list(&bots(), place, &ListParams::default()).await.map_err(|error| match &error {
            kube::Error::Api(status) if status.code == 404 => Fault::Failed(
                "this cluster has no VitteBots: the operator and its resource are not installed (docs/operator.md)"
                    .to_owned(),
            ),
            _ => Fault::of(&format!("list bots {}", place.in_words()), &error),
        })
    }

    /// The bot of that name.
    ///
    /// # Errors
    /// There is none: then the message names those that there are.
    pub async fn bot(&self, name: &str) -> Result<Value, Fault> {
        let namespace = &self.namespace;
        match self.get(&bots(), namespace, name).await {
            Ok(Some(bot)) => return Ok(bot),
            Ok(None) => {}
            Err(error) => return Err(Fault::of(&format!("read bot {name} in namespace {namespace}"), &error)),
        }
        let others = self.bots(Place::Namespace(namespace)).await?;
        let names: Vec<&str> = others.iter().map(object::name).collect();
        let there = match names.as_slice() {
            [] => format!("there are no bots in namespace {namespace} (-n names another)"),
            names => format!("bots in this namespace ({namespace}): {}", names.join(", ")),
        };
        Err(Fault::Usage(format!("bot {name} not found; {there}")))
    }

    /// JSON merge patch of a bot.
    ///
    /// # Errors
    /// As the API server says.
    pub async fn patch_bot(&self, name: &str, patch: &Value, dry_run: bool) -> Result<(), Fault> {
        let params = PatchParams { dry_run, field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.api(&bots(), Place::Namespace(&self.namespace));
        let doing = || format!("change bot {name} in namespace {}", self.namespace);
        self.in_time(api.patch(name, &params, &Patch::Merge(patch)))
            .await
            .map(drop)
            .map_err(|error| Fault::of(&doing(), &error))
    }

    async fn in_time<T>(&self, asking: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
        let late = |_| kube::Error::Service(format!("no answer within {} s", self.patience.as_secs()).into());
        tokio::time::timeout(self.patience, asking).await.map_err(late)?
    }

    /// A command of this program for the same namespace, to be copied from the screen.
    #[must_use]
    pub fn hint(&self, command: &str) -> String {
        format!("kubectl vitte {command} -n {}", self.namespace)
    }

    /// For logs.
    #[must_use]
    pub fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// `v1.34.4`.
    ///
    /// # Errors
    /// In words.
    pub async fn version(&self) -> Result<String, String> {
        self.in_time(self.client.apiserver_version())
            .await
            .map(|info| info.git_version)
            .map_err(|error| in_words(&error))
    }
}

#[must_use]
pub fn bots() -> ApiResource {
    ApiResource::erase::<VitteBot>(&())
}

/// A kind of Kubernetes itself.
#[must_use]
pub fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

#[must_use]
pub fn pods() -> ApiResource {
    resource("", "v1", "Pod", "pods")
}

#[must_use]
pub fn events() -> ApiResource {
    resource("", "v1", "Event", "events")
}
