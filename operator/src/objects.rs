//! The kinds of objects that a bot is made of, those that run now, and those that are to be.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// Every kind that the operator writes, in the order in which it does: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    ServiceAccount,
    NetworkPolicy,
    Secret,
    ConfigMap,
    ControllerRevision,
    PersistentVolumeClaim,
    Service,
    StatefulSet,
    Job,
    Deployment,
    PodDisruptionBudget,
    HorizontalPodAutoscaler,
    TriggerAuthentication,
    ScaledObject,
    Ingress,
    HttpRoute,
    ServiceMonitor,
    PrometheusRule,
}

impl Kind {
    pub const ALL: [Self; 18] = [
        Self::ServiceAccount,
        Self::NetworkPolicy,
        Self::Secret,
        Self::ConfigMap,
        Self::ControllerRevision,
        Self::PersistentVolumeClaim,
        Self::Service,
        Self::StatefulSet,
        Self::Job,
        Self::Deployment,
        Self::PodDisruptionBudget,
        Self::HorizontalPodAutoscaler,
        Self::TriggerAuthentication,
        Self::ScaledObject,
        Self::Ingress,
        Self::HttpRoute,
        Self::ServiceMonitor,
        Self::PrometheusRule,
    ];

    /// Group, version, kind and plural.
    #[must_use]
    pub fn coordinates(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::ServiceAccount => ("", "v1", "ServiceAccount", "serviceaccounts"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
            Self::Secret => ("", "v1", "Secret", "secrets"),
            Self::ConfigMap => ("", "v1", "ConfigMap", "configmaps"),
            Self::ControllerRevision => ("apps", "v1", "ControllerRevision", "controllerrevisions"),
            Self::PersistentVolumeClaim => ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
            Self::Service => ("", "v1", "Service", "services"),
            Self::StatefulSet => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Deployment => ("apps", "v1", "Deployment", "deployments"),
            Self::PodDisruptionBudget => ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
            Self::HorizontalPodAutoscaler => {
                ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
            }
            Self::TriggerAuthentication => ("keda.sh", "v1alpha1", "TriggerAuthentication", "triggerauthentications"),
            Self::ScaledObject => ("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects"),
            Self::Ingress => ("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Self::HttpRoute => ("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes"),
            Self::ServiceMonitor => ("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors"),
            Self::PrometheusRule => ("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules"),
        }
    }

    /// `apps/v1`, `v1`.
    #[must_use]
    pub fn api_version(self) -> String {
        let (group, version, ..) = self.coordinates();
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
    }

    #[must_use]
    pub fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.coordinates();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// Whether a cluster may lack the kind: then nothing of it is built.
    #[must_use]
    pub fn is_optional(self) -> bool {
        matches!(
            self,
            Self::TriggerAuthentication
                | Self::ScaledObject
                | Self::HttpRoute
                | Self::ServiceMonitor
                | Self::PrometheusRule
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.coordinates().2)
    }
}

/// One object that runs now, as the API server last told, without `managedFields`.
#[derive(Clone, Debug)]
pub struct Live {
    pub kind: Kind,
    pub name: String,
    pub json: Arc<Value>,
}

impl Live {
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.json.pointer(pointer)
    }

    #[must_use]
    pub fn int(&self, pointer: &str) -> Option<i64> {
        self.at(pointer)?.as_i64()
    }

    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    #[must_use]
    pub fn is_being_deleted(&self) -> bool {
        self.at("/metadata/deletionTimestamp").is_some_and(|v| !v.is_null())
    }

    /// Status (`True`, `False`, `Unknown`), reason and message of one of `status.conditions`.
    #[must_use]
    pub fn condition(&self, kind: &str) -> Option<(&str, &str, &str)> {
        let text = |key| self.of_condition(kind, key).unwrap_or_default();
        self.of_condition(kind, "type").map(|_| (text("status"), text("reason"), text("message")))
    }

    /// One text of one of `status.conditions`.
    #[must_use]
    pub fn of_condition(&self, kind: &str, key: &str) -> Option<&str> {
        let conditions = self.at("/status/conditions")?.as_array()?;
        let found = conditions.iter().find(|c| c.get("type").and_then(Value::as_str) == Some(kind))?;
        found.get(key)?.as_str()
    }
}

/// Everything that carries the bot's label and its ownership, by kind and name.
#[derive(Clone, Debug, Default)]
pub struct Children(BTreeMap<(Kind, String), Live>);

impl Children {
    pub fn insert(&mut self, live: Live) {
        self.0.insert((live.kind, live.name.clone()), live);
    }

    pub fn remove(&mut self, kind: Kind, name: &str) {
        self.0.remove(&(kind, name.to_owned()));
    }

    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&Live> {
        self.0.get(&(kind, name.to_owned()))
    }

    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Live> {
        self.0.iter().filter(move |((k, _), _)| *k == kind).map(|(_, live)| live)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Live> {
        self.0.values()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<Live> for Children {
    fn extend<I: IntoIterator<Item = Live>>(&mut self, lives: I) {
        for live in lives {
            self.insert(live);
        }
    }
}

impl FromIterator<Live> for Children {
    fn from_iter<I: IntoIterator<Item = Live>>(lives: I) -> Self {
        let mut children = Self::default();
        for live in lives {
            children.insert(live);
        }
        children
    }
}

/// Which optional kinds the cluster has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Apis(pub std::collections::BTreeSet<Kind>);

impl Apis {
    #[must_use]
    pub fn has(&self, kind: Kind) -> bool {
        !kind.is_optional() || self.0.contains(&kind)
    }
}

/// How an object comes into the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By server-side apply under this field manager, whenever it differs from what runs.
    Apply(&'static str),
    /// Written whole over the version of it that was read; whoever read an older one is refused. For what cannot be
    /// applied: the API server would put the data of a ControllerRevision, which must not change, into other words.
    Replace,
    /// Created once and never touched again: Jobs, whose name tells their content; immutable ConfigMaps likewise;
    /// and generated Secrets, so that a second writer finds the first one's value instead of overwriting it.
    Create,
}

/// One object that is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    pub kind: Kind,
    pub name: String,
    /// The whole object: apiVersion, kind, metadata (namespace, labels, ownerReferences) and the rest. No empty lists
    /// or maps, quantities in their canonical form: what the API server would return for it contains it word for word.
    pub json: Value,
    pub mode: Mode,
}
