//! What every test here begins with: the operator, the simulated world, and a bot, all as pods.

use serde_json::{Value, json};

use crate::node::{Node, VERSION, until};

pub const OPERATOR: &str = "vitte-system";
/// Telegram's form, nobody's value.
pub const TOKEN: &str = "424242:simulated-token-of-a-bot-in-cluster"; // check-words: allow

/// As the documentation says: the resource, the rules, and two replicas that share a lease.
pub async fn install_operator(node: &Node) {
    let crd = vitte_crds::crd::custom_resource_definition();
    node.apply([crd]).await;
    let definitions = node.api("apiextensions.k8s.io/v1", "CustomResourceDefinition", None);
    until("the resource is established", || async {
        let definition = serde_json::to_value(definitions.get("vittebots.vitte.dev").await.unwrap()).unwrap();
        let conditions = definition["status"]["conditions"].as_array()?.clone();
        conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True").then_some(())
    })
    .await;
    let rules = vitte_operator::rbac::manifests(&vitte_operator::settings::Scope::Cluster, OPERATOR);
    node.apply(rules).await;
    let labels = json!({"app.kubernetes.io/name": "vitte-operator"});
    let probe = |path: &str| json!({"httpGet": {"path": path, "port": 8080}});
    let container = json!({
        "name": "operator",
        "image": format!("localhost/vitte/operator:{VERSION}"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["vitte-operator", "run"],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": probe("/readyz"),
        "livenessProbe": probe("/livez"),
        "securityContext": restricted_container(),
    });
    node.apply([json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "vitte-operator", "namespace": OPERATOR, "labels": labels},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "serviceAccountName": "vitte-operator",
                "securityContext": restricted_pod(),
                "containers": [container],
            }},
        },
    })])
    .await;
    let rollout = ["rollout", "status", "deployment/vitte-operator", "-n", OPERATOR, "--timeout=120s"];
    let done = node.command(&rollout).output().await.unwrap();
    if !done.status.success() {
        panic!("the operator does not start\n{}", node.story(OPERATOR).await);
    }
}

fn restricted_pod() -> Value {
    json!({"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}})
}

fn restricted_container() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}

/// Telegram and the model, as one pod.
pub fn simulated_world(namespace: &str) -> Vec<Value> {
    let labels = json!({"app": "sim"});
    let container = json!({
        "name": "sim",
        "image": format!("localhost/vitte/vitte:{VERSION}"),
        "imagePullPolicy": "IfNotPresent",
        "command": ["vitte", "sim", "--listen", "0.0.0.0:8081"],
        "ports": [{"containerPort": 8081}],
        "readinessProbe": {"tcpSocket": {"port": 8081}, "periodSeconds": 1},
        "securityContext": restricted_container(),
    });
    let pod =
        json!({"securityContext": restricted_pod(), "automountServiceAccountToken": false, "containers": [container]});
    vec![
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "sim", "namespace": namespace},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "sim", "namespace": namespace},
            "spec": {"selector": labels, "ports": [{"port": 8081}]}}),
    ]
}

/// Luna: a bot with its own PostgreSQL and Redis, its Secret, its persona.
pub fn bot(namespace: &str) -> Vec<Value> {
    let persona = "name: {ru: Луна, en: Luna}\ndescription: Luna mends clocks and watches the stars.\n\
                   firstMes: {ru: 'Привет, я Luna!', en: 'Hi, I am Luna!'}\n";
    let secret = |key: &str| json!({"name": "luna", "key": key});
    vec![
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "luna", "namespace": namespace},
            "stringData": {"token": TOKEN, "admin": "a password of a test"}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "personas", "namespace": namespace},
            "data": {"luna.yaml": persona}}),
        json!({"apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot", "metadata": {"name": "luna", "namespace": namespace},
        "spec": {
            "version": VERSION,
            "image": {"repository": "localhost/vitte/vitte"},
            "telegram": {
                "tokenSecretRef": secret("token"),
                // The operator asks it too, from another namespace.
                "apiUrl": format!("http://sim.{namespace}.svc:8081"),
                "webhook": {"url": "http://luna-bot/telegram/webhook"},
            },
            "database": {"embedded": {"image": "localhost/postgres:15", "storage": "1Gi", "retain": "Keep"}},
            "redis": {"embedded": {"image": "localhost/redis:7"}},
            "modules": {"companion": {
                "llm": {"baseUrl": "http://sim:8081/sim/llm/v1", "model": "simulated"},
                "personasConfigMapRef": {"name": "personas"},
            }},
            "admin": {"passwordSecretRef": secret("admin")},
            "components": {"bot": {"replicas": 2}},
            "networkPolicy": {"egressTo": [{"podLabels": {"app": "sim"}, "ports": [8081]}],
                "ingressFrom": [{"podLabels": {"app": "sim"}}]},
        }}),
    ]
}
