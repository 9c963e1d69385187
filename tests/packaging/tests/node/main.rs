//! With real pods, by `tools/with-node` on a cluster of its own: the way of docs/kubernetes.md, typed as it stands there,
//! and the way from the first version of the charts to this one.
//!
//! Both install the one operator that a cluster may have, so they run one after the other (.config/nextest.toml).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod documentation;
mod talk;

use std::process::Command;

use documentation::Documentation;
use talk::Talk;
use vitte_packaging::{root, run, variable};

/// A shell's lines, as the reader of the documentation types them, with the cluster at hand.
fn shell(lines: &str) -> String {
    let bin = variable("VITTE_TEST_CLUSTER_BIN");
    #[expect(clippy::disallowed_methods, reason = "the programs of this machine, behind the cluster's own")]
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", lines]).current_dir(root());
    command.env("PATH", format!("{}:{path}", bin.display()));
    command.env("KUBECONFIG", variable("VITTE_TEST_NODE_KUBECONFIG"));
    // Where `make cluster-load` finds the node; what it would build was built with the tests.
    command.env("CLUSTER_DIR", variable("VITTE_TEST_CLUSTER_DIR")).env("VITTE_BUILT", "1");
    // Of the forms that they have, and nobody's.
    command.env("TOKEN", "424242:of-nobody").env("LLM_KEY", "none").env("ADMIN_PASSWORD", "of a test");
    command.env("DATABASE_URL", "postgres://nobody:none@db.invalid/luna").env("REDIS_URL", "redis://redis.invalid/0");
    let answer = run(&mut command, "");
    assert!(answer.good, "{lines}\n--- failed:\n{}\n{}\n{}", answer.err, answer.out, story());
    answer.out
}

/// What went on, for the message of a test that failed.
fn story() -> String {
    let mut story = String::new();
    for arguments in ["get vb,pods,jobs,deployments -A -o wide", "get events -A --sort-by=.lastTimestamp"] {
        let mut command = Command::new(variable("VITTE_TEST_CLUSTER_BIN").join("kubectl"));
        command.arg("--kubeconfig").arg(variable("VITTE_TEST_NODE_KUBECONFIG")).args(arguments.split(' '));
        story += &run(&mut command, "").out;
    }
    story
}

/// What releases and bots have left after half a minute, but for what Kubernetes itself puts into a namespace.
fn left() -> String {
    let kinds = "deployments,statefulsets,jobs,services,configmaps,secrets,serviceaccounts,roles,rolebindings,leases,\
                 networkpolicies,poddisruptionbudgets,persistentvolumeclaims,ingresses";
    let wide = "clusterroles,clusterrolebindings,customresourcedefinitions";
    // The garbage collector takes what a bot owned a moment later.
    shell(&format!(
        "look() {{
             for namespace in vitte-system bots production; do
                 kubectl get {kinds},pods -n $namespace -o name | sed \"s|^|$namespace |\"
             done | {{ grep -vE ' (configmap/kube-root-ca.crt|serviceaccount/default)$' || true; }}
             kubectl get {wide} -o name | {{ grep -i vitte || true; }}
         }}
         for _ in {{1..60}}; do
             found=$(look)
             [[ -n $found ]] || break
             sleep 0.5
         done
         echo -n \"$found\""
    ))
}

/// Takes away what a test that failed before has left, so that one failure is one.
fn clean() {
    let mut command = Command::new("bash");
    let bin = variable("VITTE_TEST_CLUSTER_BIN");
    let lines = "kubectl get crd vittebots.vitte.dev >/dev/null 2>&1 && {
             kubectl patch vittebots -n bots luna --type=merge -p '{\"metadata\": {\"finalizers\": null}}'
             kubectl delete crd vittebots.vitte.dev --timeout=60s
         }
         kubectl delete namespace vitte-system bots production --ignore-not-found --timeout=120s
         for kind in clusterrolebinding clusterrole; do
             kubectl get $kind -o name | grep /vitte-operator | xargs -r kubectl delete
         done";
    command.args(["-c", lines]).env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let _ = run(command.env("KUBECONFIG", variable("VITTE_TEST_NODE_KUBECONFIG")), "");
}

/// Each pod of the bot with its uid and how often it was started, and each generation of its pods: what is there before
/// and after, nobody noticed anything of. An old pod goes only when a new one is ready, so the pods alone would tell late.
fn pods_of_the_bot() -> Vec<String> {
    let path =
        "{range .items[*]}{.metadata.name} {.metadata.uid} {.status.containerStatuses[0].restartCount}{\"\\n\"}{end}";
    let sets = "{range .items[*]}{.metadata.name} {.status.updateRevision}{\"\\n\"}{end}";
    let told = shell(&format!(
        "kubectl get pods -n bots -l vitte.dev/bot=luna --field-selector=status.phase=Running -o jsonpath='{path}'
         kubectl get replicasets -n bots -l vitte.dev/bot=luna -o name
         kubectl get statefulsets -n bots -l vitte.dev/bot=luna -o jsonpath='{sets}'"
    ));
    told.lines().map(str::to_owned).collect()
}

#[test]
fn the_documented_way_leads_from_nothing_to_a_bot_that_answers_through_upgrades_and_back_to_nothing() {
    clean();
    let page = Documentation::read("docs/kubernetes.md");
    let mut told = 0;
    let mut go = |heading: &str| {
        let lines = page.lines_of(heading);
        told += lines.len();
        shell(&lines.join("\n"))
    };
    go("A cluster on this machine");
    go("The operator");
    let shown = go("A bot in a simulated world");
    assert!(shown.contains("Ready") && shown.contains("Webhook"), "{shown}");
    let talk = Talk::begin("bots", "service/luna-sim");
    talk.says_and_hears("/start");
    talk.says_and_hears("What do you do in the evenings?");

    go("Change it");
    talk.says_and_hears("Are you still there?");
    go("Production");
    let before = pods_of_the_bot();
    go("Upgrade");
    assert_eq!(pods_of_the_bot(), before, "an upgrade of the operator replaces no pod of a bot");
    talk.says_and_hears("And now?");
    drop(talk);
    go("Uninstall");
    assert_eq!(left(), "", "the documented order leaves nothing");
    shell("kubectl delete namespace vitte-system bots production --timeout=120s");
    assert_eq!(told, page.count(), "a section was left out");
}

/// The charts that were published first, kept in this repository, with bots that run; then these.
#[test]
fn whoever_installed_the_first_version_upgrades_the_charts_and_no_bot_notices() {
    clean();
    let kept = |name: &str| format!("tests/packaging/kept/{name}-0.1.0.tgz");
    let local = |name: &str| format!("-f charts/{name}/examples/local.yaml");
    let (operator, bot) = (local("vitte-operator"), local("vitte-bot"));
    shell("for name in vitte-system bots production; do kubectl create namespace $name; done; make cluster-load");
    let install = |name: &str| format!("--wait --timeout=3m {}", kept(name));
    shell(&format!("helm install vitte-operator -n vitte-system {} {operator}", install("vitte-operator")));
    shell(&format!(
        "helm install luna -n bots {} {bot}; kubectl wait --for=condition=Ready vb/luna -n bots --timeout=5m",
        kept("vitte-bot")
    ));
    let talk = Talk::begin("bots", "service/luna-sim");
    talk.says_and_hears("/start");
    let before = pods_of_the_bot();
    assert!(before.len() >= 10, "bot, api, worker, PostgreSQL and Redis, and a generation of each: {before:?}");
    let uid = "kubectl get crd vittebots.vitte.dev -o jsonpath='{.metadata.uid}'";
    let definition = shell(uid);

    shell(&format!("helm upgrade vitte-operator charts/vitte-operator -n vitte-system {operator} --wait --timeout=3m"));
    shell("kubectl rollout status deployment/vitte-operator -n vitte-system --timeout=2m");
    // The version is what a bot runs; the chart's alone is not to touch it.
    shell(&format!("helm upgrade luna charts/vitte-bot -n bots {bot} --set version=0.1.0"));
    // The new operator has looked at all of it: it has answered to one more change.
    shell(
        "kubectl patch vb luna -n bots --type=merge -p '{\"spec\": {\"components\": {\"worker\": {\"replicas\": 2}}}}'
         generation=$(kubectl get vb luna -n bots -o jsonpath='{.metadata.generation}')
         kubectl wait --for=jsonpath='{.status.observedGeneration}'=$generation vb/luna -n bots --timeout=2m
         kubectl wait --for=jsonpath='{.status.readyReplicas}'=2 deployment/luna-worker -n bots --timeout=2m",
    );
    let after = pods_of_the_bot();
    // One more worker, of the same generation.
    let replaced: Vec<&String> = before.iter().filter(|pod| !after.contains(pod)).collect();
    assert_eq!((replaced, after.len()), (Vec::new(), before.len() + 1), "before {before:#?}, after {after:#?}");
    assert_eq!(shell(uid), definition);
    talk.says_and_hears("Are you still there?");
    drop(talk);

    // On this cluster alone, since others would find the kind too.
    shell(
        "folder=$(mktemp -d); trap 'rm -r \"$folder\"' EXIT; tests/cluster/cluster crds \"$folder\"
         kubectl apply --server-side -f \"$folder/monitoring.coreos.com_servicemonitors.yaml\"
         timeout 60 bash -c 'until kubectl get servicemonitors -n bots; do sleep 0.2; done'
         helm template dry charts/vitte-operator -n vitte-system --kube-version 1.34.4 --set serviceMonitor.enabled=true \
             --show-only templates/servicemonitor.yaml | kubectl apply --server-side --dry-run=server -f -
         kubectl delete crd servicemonitors.monitoring.coreos.com",
    );

    // The definition survives the release on purpose, and with it the bots.
    shell("helm uninstall vitte-operator -n vitte-system --wait");
    shell("kubectl get vb luna -n bots");
    // Back again, as whoever did that by mistake; now with rights in one namespace alone, which is all that it takes.
    shell(&format!(
        "helm install vitte-operator charts/vitte-operator -n vitte-system {operator} --set watch.namespaces={{bots}} --wait --timeout=3m
         helm test vitte-operator -n vitte-system
         if kubectl get clusterrolebindings -o name | grep vitte-operator; then exit 1; fi"
    ));
    let page = Documentation::read("docs/kubernetes.md");
    shell("kubectl create secret generic luna -n production");
    shell(&page.lines_of("Uninstall").join("\n"));
    assert_eq!(left(), "");
    shell("kubectl delete namespace vitte-system bots production --timeout=120s");
}
