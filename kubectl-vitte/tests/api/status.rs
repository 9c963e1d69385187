use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::world::{LIMIT, World, condition, deployment, finished, labels, luna, status};

#[tokio::test]
async fn a_bot_that_does_not_exist_is_told_with_those_that_do() {
    let world = World::with_luna().await;
    world.apply(luna("mira")).await;
    let ran = world.run(&["status", "lunna"]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let there = format!("bot lunna not found; bots in this namespace ({}): luna, mira", world.namespace);
    assert!(ran.notes.contains(&there), "{ran:?}");

    let empty = World::new().await;
    let ran = empty.run(&["logs", "luna"]).await;
    assert!(ran.code == 2 && ran.notes.contains("there are no bots in namespace"), "{ran:?}");
    let ran = empty.run(&["status"]).await;
    assert!(ran.code == 1 && ran.notes.contains("no bots in namespace"), "{ran:?}");
}

#[tokio::test]
async fn a_bot_is_ready_when_its_status_says_so_of_the_spec_as_it_stands() {
    let world = World::with_luna().await;
    let ran = world.run(&["status", "luna"]).await;
    assert!(ran.code == 1 && ran.out.contains("no operator has looked at it"), "{ran:?}");

    world.status(&luna("luna"), "luna", status(true)).await;
    let ran = world.run(&["status"]).await;
    assert!(ran.code == 0 && ran.out.starts_with("✓ luna  Ready  0.1.0"), "{ran:?}");

    let mut changed = luna("luna");
    changed["spec"]["version"] = json!("0.2.0");
    world.apply(changed).await;
    let ran = world.run(&["status", "luna"]).await;
    assert!(ran.code == 1 && ran.out.contains("0.1.0 runs, the spec asks for 0.2.0"), "{ran:?}");
    assert!(ran.out.contains("the spec has changed since"), "{ran:?}");
}

/// Deployments and pods as Kubernetes' own controllers make them; only the kubelet's word is the test's.
#[tokio::test]
async fn components_are_counted_and_only_pods_that_are_not_ready_are_shown() {
    let world = World::with_luna().await;
    world.status(&luna("luna"), "luna", status(false)).await;
    let kind = deployment("bot", 2);
    world.apply(kind.clone()).await;
    let pods = world.pods("bot", 2).await;
    let names: Vec<&str> = pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap()).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod"});
    let container = |state: Value, restarts: u8, ready: bool| json!({"name": "bot", "image": "vitte:0.1.0", "imageID": "", "ready": ready, "restartCount": restarts, "state": state});
    let mut crashed = container(json!({"waiting": {"reason": "CrashLoopBackOff"}}), 3, false);
    crashed["lastState"] = json!({"terminated": {"exitCode": 2, "message": "the token is refused"}});
    let ready = |holds: &str| json!([{"type": "Ready", "status": holds, "lastTransitionTime": "2026-01-01T12:00:00Z"}]);
    let running = container(json!({"running": {"startedAt": "2026-01-01T12:00:00Z"}}), 0, true);
    world
        .status(
            &pod,
            names[0],
            json!({"phase": "Running", "conditions": ready("True"), "containerStatuses": [running]}),
        )
        .await;
    world
        .status(
            &pod,
            names[1],
            json!({"phase": "Running", "conditions": ready("False"), "containerStatuses": [crashed]}),
        )
        .await;

    let shown = crate::world::until("the Deployment counts its ready pod", async || {
        let ran = world.run(&["status", "luna"]).await;
        ran.out.contains("1/2 ready").then_some(ran)
    })
    .await;
    assert_eq!(shown.code, 1);
    assert!(shown.out.contains(&format!("{}  CrashLoopBackOff, 3 restarts, exit code 2", names[1])), "{shown:?}");
    assert!(shown.out.contains("said last: the token is refused") && !shown.out.contains(names[0]), "{shown:?}");

    let json: Value = serde_json::from_str(&world.run(&["status", "luna", "-o", "json"]).await.out).unwrap();
    let bot = &json["components"][0];
    assert_eq!((&bot["ready"], &bot["desired"], &bot["state"]), (&json!(1), &json!(2), &json!("Bad")));
    assert_eq!(bot["pods"][0]["lastWords"], "the token is refused");
}

#[tokio::test]
async fn a_failed_migration_and_a_database_that_does_not_start_are_in_the_tree() {
    let world = World::with_luna().await;
    let mut failed = status(false);
    failed["phase"] = json!("Degraded");
    failed["failedVersion"] = json!("0.2.0");
    failed["conditions"] = json!([
        condition("Ready", "False", "MigrationFailed", "the migration failed"),
        condition("Stalled", "True", "MigrationFailed", "the migration failed"),
    ]);
    failed["migration"] =
        json!({"job": "luna-migrate-ab", "phase": "Failed", "attempt": 2, "message": "no such column"});
    world.status(&luna("luna"), "luna", failed).await;
    let pod = json!({"metadata": {"labels": labels("postgres")}, "spec": {"containers": [{"name": "postgres", "image": "postgres:18"}]}});
    world
        .apply(json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "luna-postgres", "labels": labels("postgres")},
            "spec": {"serviceName": "x", "selector": {"matchLabels": labels("postgres")}, "template": pod}}))
        .await;
    let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "one"}, "type": "Warning",
        "reason": "FailedMount", "message": "no volume", "count": 3, "lastTimestamp": "2026-01-01T12:00:00Z",
        "involvedObject": {"kind": "StatefulSet", "name": "luna-postgres", "namespace": world.namespace}});
    world.apply(event).await;
    let ran = world.run(&["status", "luna", "--color", "always"]).await;
    assert!(ran.code == 1 && ran.out.contains("\u{1b}[31m"), "{ran:?}");
    let ran = world.run(&["status", "luna"]).await;
    assert!(!ran.out.contains('\u{1b}'), "no colours but on a terminal: {ran:?}");
    for words in [
        "Failed, attempt 2  job/luna-migrate-ab",
        "no such column",
        "0/1 ready",
        "postgres:18",
        "FailedMount statefulset/luna-postgres (3 times): no volume",
        "vitte.dev/retry-migration",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
}

#[tokio::test]
async fn all_bots_of_all_namespaces_are_a_list() {
    let (one, other) = (World::with_luna().await, World::with_luna().await);
    one.status(&luna("luna"), "luna", status(true)).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-vitte"));
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the API server is")]
    let kubeconfig = std::env::var("VITTE_TEST_KUBECONFIG").unwrap();
    // As kubectl reads it: by the environment.
    command.args(["status", "-A", "-o", "yaml"]).env("KUBECONFIG", kubeconfig);
    let ran = finished(command).await;
    assert_eq!(ran.code, 1, "not all are ready: {ran:?}");
    for world in [&one, &other] {
        assert!(ran.out.contains(&format!("namespace: {}", world.namespace)), "{ran:?}");
    }
}

#[tokio::test]
async fn watching_ends_when_the_bot_is_ready() {
    let world = World::with_luna().await;
    world.status(&luna("luna"), "luna", status(false)).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-vitte"));
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the API server is")]
    let kubeconfig = std::env::var("VITTE_TEST_KUBECONFIG").unwrap();
    command.args(["status", "luna", "--watch", "-n", &world.namespace]).env("KUBECONFIG", kubeconfig);
    let mut watching = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first = tokio::time::timeout(LIMIT, lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(first.contains("RollingOut"), "{first}");
    world.status(&luna("luna"), "luna", status(true)).await;
    let ended = tokio::time::timeout(LIMIT, watching.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));

    world.status(&luna("luna"), "luna", status(false)).await;
    let ran = world.run(&["status", "luna", "--watch", "--timeout", "1s"]).await;
    assert!(ran.code == 1 && ran.notes.contains("not ready after 1 s"), "{ran:?}");
}

#[tokio::test]
async fn what_may_not_be_read_is_said_and_the_rest_is_shown() {
    let world = World::with_luna().await;
    world.status(&luna("luna"), "luna", status(true)).await;
    let folder = tempfile::tempdir().unwrap();
    let rules = json!([{"apiGroups": ["vitte.dev"], "resources": ["vittebots"], "verbs": ["get", "list"]}]);
    let somebody = world.somebody(folder.path(), rules).await;
    let ran = world.run_as(&somebody.display().to_string(), &["status", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("note: cannot list pods in namespace"), "{ran:?}");
    let ran = world.run_as(&somebody.display().to_string(), &["pause", "luna"]).await;
    assert!(ran.code == 3 && ran.notes.contains("you are not allowed to"), "{ran:?}");
}

#[tokio::test]
async fn an_api_server_that_is_away_and_a_wrong_context_are_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}], "users": [{"name": "u", "user": {}}]});
    std::fs::write(&file, config.to_string()).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-vitte"));
        command.args(arguments).arg("--kubeconfig").arg(&file);
        finished(command)
    };
    let ran = run(&["status", "luna"]).await;
    assert!(ran.code == 3 && ran.notes.contains("the API server cannot be reached"), "{ran:?}");
    let ran = run(&["status", "--context", "nowhere"]).await;
    assert!(ran.code == 2 && ran.notes.contains("nowhere"), "{ran:?}");
    let ran = run(&["status", "--watch", "--timeout", "soon"]).await;
    assert!(ran.code == 2 && ran.notes.contains("allowed: whole seconds"), "{ran:?}");
}

/// Broken when the executable has another name: kubectl finds plugins by theirs.
#[tokio::test]
async fn kubectl_finds_the_plugin_by_its_name() {
    let world = World::with_luna().await;
    world.status(&luna("luna"), "luna", status(true)).await;
    #[expect(clippy::disallowed_methods, reason = "tests are told so where the API server and its programs are")]
    let (kubeconfig, bin) =
        (std::env::var("VITTE_TEST_KUBECONFIG").unwrap(), std::env::var("VITTE_TEST_CLUSTER_BIN").unwrap());
    let plugin = std::path::Path::new(env!("CARGO_BIN_EXE_kubectl-vitte")).parent().unwrap();
    let mut command = Command::new(format!("{bin}/kubectl"));
    command.args(["vitte", "status", "luna", "-n", &world.namespace]).env("KUBECONFIG", kubeconfig).env("PATH", plugin);
    let ran = finished(command).await;
    assert!(ran.code == 0 && ran.out.starts_with("✓ luna"), "{ran:?}");
}
