//! What the operator may do, each rule with its reason: the one table from which the manifests are made, and against
//! which a test holds every call that the operator makes.

use std::fmt::Write;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use crate::objects::Kind;
use crate::settings::Scope;

/// The ServiceAccount, the roles and their bindings have this name.
pub const NAME: &str = "vitte-operator";

/// Where a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever bots are looked after.
    Watched,
    /// In the operator's own namespace.
    Own,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub place: Place,
    pub group: &'static str,
    pub resources: Vec<&'static str>,
    pub verbs: Vec<&'static str>,
    /// Why the operator cannot do without it.
    pub reason: String,
}

impl Rule {
    /// As a role has it.
    #[must_use]
    pub fn policy_rule(&self) -> PolicyRule {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        PolicyRule {
            api_groups: Some(vec![self.group.to_owned()]),
            resources: Some(texts(&self.resources)),
            verbs: texts(&self.verbs),
            ..PolicyRule::default()
        }
    }
}

/// Every rule that an operator of this scope needs.
#[must_use]
pub fn rules(scope: &Scope) -> Vec<Rule> {
    let rule = |group, resource, verbs: &[&'static str], reason: &str| Rule {
        place: Place::Watched,
        group,
        resources: vec![resource],
        verbs: verbs.to_vec(),
        reason: reason.to_owned(),
    };
    let mut rules = vec![
        rule(
            "vitte.dev",
            "vittebots",
            &["list", "watch", "patch"],
            "watches the bots; patch: sets and removes the finalizer by which a bot's webhook is removed before the bot",
        ),
        rule("vitte.dev", "vittebots/status", &["patch"], "says how a bot is"),
        rule(
            "",
            "pods",
            &["list"],
            "reads why a migration failed from its pod, and waits for a deleted bot's pods before removing its webhook",
        ),
        rule("events.k8s.io", "events", &["create", "patch"], "tells of transitions; patch: counts repeated ones"),
    ];
    rules.extend(Kind::ALL.into_iter().map(|kind| of_kind(kind, scope)));
    rules.push(Rule {
        place: Place::Own,
        group: "coordination.k8s.io",
        resources: vec!["leases"],
        verbs: vec!["get", "create", "update"],
        reason: "the lease by which one of several replicas works and the others stand by".to_owned(),
    });
    rules
}

fn of_kind(kind: Kind, scope: &Scope) -> Rule {
    let (group, _, _, plural) = kind.coordinates();
    let all: &[&'static str] = &["get", "list", "watch", "create", "patch", "delete"];
    let (verbs, reason): (&[&'static str], &str) = match (kind, scope) {
        (Kind::Secret, Scope::Cluster) => (
            &["get", "create", "patch", "delete"],
            "reads the Secrets that bots name, one by one and never all (no list, no watch), and keeps digests of them; \
             makes the passwords of embedded servers and the webhook's secret",
        ),
        (Kind::Secret, Scope::Namespaces(_)) => (
            all,
            "reads the Secrets that bots name, and keeps digests of them; list and watch, of metadata alone: acts at once \
             when one changes; makes the passwords of embedded servers and the webhook's secret",
        ),
        (Kind::ConfigMap, _) => (
            all,
            "reads the ConfigMaps that bots name, and acts at once when one changes (list and watch of metadata); makes the \
             configuration files of pods, and dashboards",
        ),
        (Kind::Job, _) => (
            &["get", "list", "watch", "create", "delete"],
            "makes the Jobs that look at the database and migrate it, and removes ended ones; a Job is never changed",
        ),
        (Kind::ControllerRevision, _) => (
            &["get", "list", "watch", "create", "update", "delete"],
            "keeps what served well, so that it can serve again; update: writes what became of it; removes old ones",
        ),
        (Kind::PersistentVolumeClaim, _) => (
            &["get", "list", "watch", "create", "patch"],
            "makes the volume of an embedded database; never removes one",
        ),
        (Kind::ServiceAccount, _) => (all, "each component has its own ServiceAccount, without a token"),
        (Kind::NetworkPolicy, _) => (all, "lets each component make and take only the connections that it needs"),
        (Kind::Service, _) => (all, "makes the components reachable"),
        (Kind::StatefulSet, _) => (all, "runs embedded PostgreSQL and Redis"),
        (Kind::Deployment, _) => (all, "runs bot, api, worker and admin"),
        (Kind::PodDisruptionBudget, _) => (all, "keeps pods up while nodes are drained"),
        (Kind::HorizontalPodAutoscaler, _) => (all, "scales components by their load"),
        (Kind::TriggerAuthentication, _) => (all, "lets KEDA read the queue's length, where the cluster has KEDA"),
        (Kind::ScaledObject, _) => (all, "scales workers by the queue's length, where the cluster has KEDA"),
        (Kind::Ingress, _) => (all, "lets Telegram and people in"),
        (Kind::HttpRoute, _) => (all, "lets Telegram and people in through a Gateway, where the cluster has Gateways"),
        (Kind::ServiceMonitor, _) => (all, "has metrics collected, where the cluster has the Prometheus operator"),
        (Kind::PrometheusRule, _) => (all, "raises alerts, where the cluster has the Prometheus operator"),
    };
    Rule {
        place: Place::Watched,
        group,
        resources: vec![plural],
        verbs: verbs.to_vec(),
        reason: reason.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// An object, and comments for its rules.
struct Manifest {
    json: Value,
    reasons: Vec<String>,
}

fn all(scope: &Scope, namespace: &str) -> Vec<Manifest> {
    let rules = rules(scope);
    let of = |place: Place| -> (Vec<Value>, Vec<String>) {
        let rules = rules.iter().filter(|rule| rule.place == place);
        rules.map(|rule| (json!(rule.policy_rule()), rule.reason.clone())).unzip()
    };
    let labels = json!({"app.kubernetes.io/name": NAME});
    let meta = |namespace: Option<&str>, name: &str| match namespace {
        Some(namespace) => json!({"name": name, "namespace": namespace, "labels": labels}),
        None => json!({"name": name, "labels": labels}),
    };
    let api = "rbac.authorization.k8s.io/v1";
    let role = |kind: &str, place: Option<&str>, name: &str, (rules, reasons): (Vec<Value>, Vec<String>)| Manifest {
        json: json!({"apiVersion": api, "kind": kind, "metadata": meta(place, name), "rules": rules}),
        reasons,
    };
    let binding = |kind: &str, place: Option<&str>, name: &str| Manifest {
        json: json!({"apiVersion": api, "kind": format!("{kind}Binding"), "metadata": meta(place, name),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": namespace}]}),
        reasons: Vec::new(),
    };
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta(Some(namespace), NAME)});
    let mut manifests = vec![Manifest { json: account, reasons: Vec::new() }];
    match scope {
        Scope::Cluster => {
            manifests.push(role("ClusterRole", None, NAME, of(Place::Watched)));
            manifests.push(binding("ClusterRole", None, NAME));
        }
        Scope::Namespaces(names) => {
            for name in names {
                manifests.push(role("Role", Some(name), NAME, of(Place::Watched)));
                manifests.push(binding("Role", Some(name), NAME));
            }
        }
    }
    let leader = format!("{NAME}-leader");
    manifests.push(role("Role", Some(namespace), &leader, of(Place::Own)));
    manifests.push(binding("Role", Some(namespace), &leader));
    manifests
}

/// ServiceAccount, roles and bindings of an operator that runs in `namespace`.
#[must_use]
pub fn manifests(scope: &Scope, namespace: &str) -> Vec<Value> {
    all(scope, namespace).into_iter().map(|manifest| manifest.json).collect()
}

/// The same as YAML, each rule with its reason above it.
#[must_use]
pub fn yaml(scope: &Scope, namespace: &str) -> String {
    let mut text = String::from("# What the operator may do, and why. Made by: vitte-operator rbac\n");
    for Manifest { json, reasons } in all(scope, namespace) {
        text.push_str("---\n");
        for (key, value) in json.as_object().into_iter().flatten() {
            if key != "rules" {
                // Every value here is a plain name: JSON within YAML is read alike by everybody.
                let _ = writeln!(text, "{key}: {}", flow(value));
                continue;
            }
            text.push_str("rules:\n");
            for (rule, reason) in value.as_array().into_iter().flatten().zip(&reasons) {
                let _ = writeln!(text, "  # {reason}");
                for (index, (key, value)) in rule.as_object().into_iter().flatten().enumerate() {
                    let _ = writeln!(text, "  {} {key}: {}", if index == 0 { "-" } else { " " }, flow(value));
                }
            }
        }
    }
    text
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}: {}", flow(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_listed_and_watched_only_in_named_namespaces() {
        let verbs = |scope: &Scope| {
            let rules = rules(scope);
            rules.into_iter().find(|rule| rule.resources == ["secrets"]).unwrap().verbs
        };
        assert!(!verbs(&Scope::Cluster).iter().any(|verb| matches!(*verb, "list" | "watch")));
        assert!(verbs(&Scope::Namespaces(vec!["a".to_owned()])).contains(&"watch"));
    }

    #[test]
    fn every_rule_has_a_reason_and_no_rule_a_wildcard() {
        for rule in rules(&Scope::Cluster) {
            assert!(rule.reason.len() > 10 && !rule.reason.contains('\n'), "{rule:?}");
            assert!(!rule.verbs.contains(&"*") && !rule.resources.contains(&"*"), "{rule:?}");
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    fn compare(name: &str, text: &str) {
        let path = format!("{}/rbac/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var("UPDATE_GENERATED").is_ok() {
            std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(there, text, "operator/rbac/{name} is not what the code says: run make generate");
    }

    #[test]
    fn generated_rbac_is_what_the_code_says() {
        compare("cluster.yaml", &yaml(&Scope::Cluster, "vitte-system"));
        compare("namespaces.yaml", &yaml(&Scope::Namespaces(vec!["bots".to_owned()]), "vitte-system"));
    }
}
