//! What a real API server says to what is rendered, and what becomes of it when a release is upgraded and removed.
//!
//! The custom resource is there already and shared with other tests, so no release brings its own: that is tried in
//! `tests/node`, on a cluster of its own. The bots here are paused: an operator of another test leaves them alone.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use vitte_packaging::{Answer, helm, root, run, template, variable};

const LOCAL: &str = "charts/vitte-bot/examples/local.yaml";
const PRODUCTION: &str = "charts/vitte-bot/examples/production.yaml";

fn kubeconfig() -> PathBuf {
    variable("VITTE_TEST_KUBECONFIG")
}

fn kubectl(arguments: &[&str], input: &str) -> Answer {
    let mut command = Command::new(variable("VITTE_TEST_CLUSTER_BIN").join("kubectl"));
    run(command.arg("--kubeconfig").arg(kubeconfig()).arg("--request-timeout=60s").args(arguments), input)
}

/// A namespace of a test's own that wants pods of the `restricted` standard, and a release's name.
struct Place {
    namespace: String,
}

impl Place {
    fn new(name: &str) -> Self {
        let namespace = format!("charts-{name}-{}", std::process::id());
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/warn": "restricted"});
        let object =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
        let _ = kubectl(&["apply", "--server-side", "-f", "-"], &object.to_string()).done();
        Self { namespace }
    }

    fn helm(&self, arguments: &[&str]) -> Answer {
        let config = kubeconfig();
        run(helm(Some(&config)).args(arguments).args(["--namespace", &self.namespace]), "")
    }

    fn get(&self, kind: &str, name: &str) -> Value {
        let told = kubectl(&["get", kind, name, "-n", &self.namespace, "-o", "json"], "").done();
        serde_json::from_str(&told).unwrap()
    }

    /// What is in the namespace, but for what Kubernetes puts into each. Also what is cluster-wide and named like it.
    fn left(&self) -> Vec<String> {
        let kinds = "deployments,replicasets,services,configmaps,secrets,serviceaccounts,roles,rolebindings,leases,\
                     networkpolicies,poddisruptionbudgets,persistentvolumeclaims,vittebots.vitte.dev";
        let told = kubectl(&["get", kinds, "-n", &self.namespace, "-o", "name"], "").done();
        let wide = kubectl(&["get", "clusterroles,clusterrolebindings", "-o", "name"], "").done();
        let own = |name: &&str| !name.ends_with("/kube-root-ca.crt") && !name.ends_with("serviceaccount/default");
        let ours = |name: &&str| name.contains(&self.namespace);
        told.lines().filter(own).chain(wide.lines().filter(ours)).map(str::to_owned).collect()
    }
}

/// Everything that either chart can render, each in the form in which it has most in it.
#[test]
fn an_api_server_takes_everything_that_the_charts_render() {
    let place = Place::new("dry");
    let everything = "--set-json=commonLabels={\"team\": \"bots\"}";
    let named = "--set=watch.namespaces={NAMESPACE}".replace("NAMESPACE", &place.namespace);
    let operator: [&[&str]; 3] =
        [&[], &["--set", "replicas=3", everything], &[&named, "--set", "rbac.aggregate=false"]];
    let bots: [&[&str]; 3] = [
        &["-f", LOCAL, everything],
        &["-f", PRODUCTION],
        &["-f", LOCAL, "--set", "spec.telegram.updates=Polling,secret.create=false"],
    ];
    let charts = operator.map(|set| ("vitte-operator", set)).into_iter().chain(bots.map(|set| ("vitte-bot", set)));
    for (chart, set) in charts {
        let yaml = template(chart, "dry", &[&["--namespace", &place.namespace], set].concat()).done();
        let dry = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-"];
        let answer = kubectl(&dry, &yaml);
        // A pod that the namespace would refuse is a warning of the Deployment.
        assert!(answer.good && answer.err.is_empty(), "{chart} {set:?}: {}", answer.err);
    }
}

/// Whoever installed the first version goes on with this one: nothing is made anew that pods or people depend on.
#[test]
fn an_operator_of_the_first_version_is_upgraded_in_place_and_leaves_nothing_when_it_goes() {
    let place = Place::new("upgrade");
    let release = place.namespace.as_str();
    let kept = root().join("tests/packaging/kept/vitte-operator-0.1.0.tgz");
    let kept = kept.to_str().unwrap();
    let _ = place.helm(&["install", release, kept, "--set", "crds.install=false"]).done();
    let name = format!("{release}-vitte-operator");
    let before = place.get("deployment", &name);
    let upgrade = ["upgrade", release, "charts/vitte-operator", "--set", "crds.install=false", "--set", "replicas=3"];
    let _ = place.helm(&upgrade).done();
    let after = place.get("deployment", &name);
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["spec"]["selector"], before["spec"]["selector"]);
    assert_eq!(after["spec"]["replicas"], 3, "the upgrade took place");
    // Back again, as after an upgrade that one regrets.
    let _ = place.helm(&["rollback", release, "1"]).done();
    assert_eq!(place.get("deployment", &name)["spec"]["replicas"], before["spec"]["replicas"]);
    let _ = place.helm(&upgrade).done();
    let _ = place.helm(&["uninstall", release, "--wait", "--timeout=60s"]).done();
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn a_bot_of_the_first_version_is_upgraded_in_place_with_its_secrets_and_leaves_nothing_when_it_goes() {
    let place = Place::new("bot");
    let kept = root().join("tests/packaging/kept/vitte-bot-0.1.0.tgz");
    let local = root().join(LOCAL);
    let set = ["-f", local.to_str().unwrap(), "--set", "version=0.1.0,spec.paused=true,secret.generate={jwt}"];
    let first =
        [&["install", "luna", kept.to_str().unwrap(), "--set", "secret.values.llm=the first"], &set[..]].concat();
    let mut told = place.helm(&first).done();
    let secret = |place: &Place| place.get("secret", "luna")["data"].clone();
    let (before, bot) = (secret(&place), place.get("vittebot", "luna"));

    // Said anew: one key. Everything else is what it was, though it is said no more, or was random.
    let second = [&["upgrade", "luna", "charts/vitte-bot", "--set", "secret.values.llm=the second"], &set[..]].concat();
    told += &place.helm(&second).done();
    let after = secret(&place);
    assert_ne!(after["llm"], before["llm"]);
    let _ = place.helm(&[&["upgrade", "luna", "charts/vitte-bot"], &set[..]].concat()).done();
    assert_eq!(secret(&place), after);
    assert_eq!((&after["token"], &after["jwt"]), (&before["token"], &before["jwt"]));
    let now = place.get("vittebot", "luna");
    assert_eq!(now["metadata"]["uid"], bot["metadata"]["uid"]);
    assert_eq!(now["spec"], bot["spec"], "an upgrade of the chart alone changes no bot");
    let values = ["token", "jwt", "llm"].map(|key| before[key].as_str().unwrap());
    for value in values.into_iter().chain(["the first", "the second"]) {
        assert!(!told.contains(value), "the notes tell a secret: {told}");
    }

    let _ = kubectl(&["delete", "vittebot", "luna", "-n", &place.namespace, "--timeout=60s"], "").done();
    let _ = place.helm(&["uninstall", "luna", "--wait", "--timeout=60s"]).done();
    assert_eq!(place.left(), Vec::<String>::new());
}

/// What is typed next after an installation. Broken by whatever the charts ask for that the notes do not say.
#[test]
fn the_command_that_the_operators_notes_tell_installs_a_bot() {
    let place = Place::new("notes");
    let watched = format!("watch.namespaces={{{}}}", place.namespace);
    for set in [&["-f", "charts/vitte-operator/examples/local.yaml"][..], &["--set", &watched], &[]] {
        let install = ["install", "vitte-operator", "charts/vitte-operator", "--dry-run=server", "--set"];
        let told = place.helm(&[&install[..], &["crds.install=false"], set].concat()).done();
        let (_, rest) = told.split_once("\n  helm install luna ").unwrap_or_else(|| panic!("no next step: {told}"));
        let (next, _) = rest.split_once('\n').unwrap();
        // Without a namespace to look into there is nobody to ask.
        let next = next.replace("-n bots --create-namespace", &format!("-n {}", place.namespace));
        let arguments: Vec<&str> = next.split(' ').collect();
        let config = kubeconfig();
        let mut command = helm(Some(&config));
        let rendered = run(command.args(["install", "luna", "--dry-run=server"]).args(&arguments), "").done();
        assert!(rendered.contains("kind: VitteBot") && next.contains(&place.namespace), "{next}");
    }
}

/// A release that goes back takes nothing away: neither what people put into the Secret, nor what was drawn. Broken by
/// sending as data what a look-up found.
#[test]
fn a_rollback_keeps_every_key_of_the_secret_that_its_revision_does_not_say() {
    let place = Place::new("rollback");
    let bot =
        "postgresql.enabled=true,spec.modules.habits.catchUpMinutes=60,spec.telegram.updates=Polling,spec.paused=true";
    let bot = ["luna", "charts/vitte-bot", "--set", bot];
    let said = ["--set", "secret.generate={jwt},secret.values.llm=first"];
    let _ = place.helm(&[&["install"], &bot[..], &said].concat()).done();
    let secret = || place.get("secret", "luna")["data"].clone();
    let drawn = secret()["jwt"].clone();
    assert!(drawn.is_string() && secret()["token"].is_null(), "{}", secret());

    // As the notes say.
    let patch =
        ["patch", "secret", "luna", "-n", &place.namespace, "--type=merge", "-p", r#"{"stringData":{"token":"t"}}"#];
    let _ = kubectl(&patch, "").done();
    let _ = place.helm(&[&["upgrade"], &bot[..], &said, &["--set", "secret.values.speech=s"]].concat()).done();
    let before = secret();
    assert_eq!((&before["token"], &before["jwt"]), (&json!("dA=="), &drawn));
    assert!(before["speech"].is_string(), "{before}");
    let _ = place.helm(&["rollback", "luna", "1"]).done();
    assert_eq!(secret(), before);
    // And forth again, by an upgrade that says less than before.
    let _ = place.helm(&[&["upgrade"], &bot[..]].concat()).done();
    assert_eq!(secret(), before);

    let _ = kubectl(&["delete", "vittebot", "luna", "-n", &place.namespace, "--timeout=60s"], "").done();
    let _ = place.helm(&["uninstall", "luna", "--wait", "--timeout=60s"]).done();
    assert_eq!(place.left(), Vec::<String>::new());
}
