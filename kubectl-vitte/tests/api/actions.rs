use serde_json::{Value, json};

use crate::world::{World, condition, labels, luna, status};

#[tokio::test]
async fn pause_and_resume_write_the_field_once_and_only_when_asked_in_earnest() {
    let world = World::with_luna().await;
    let paused = async || world.bot("luna").await["spec"]["paused"].clone();
    let ran = world.run(&["pause", "luna", "--dry-run"]).await;
    assert!(ran.code == 0 && ran.out.contains("dry run: nothing was changed"), "{ran:?}");
    assert_ne!(paused().await, json!(true));

    let ran = world.run(&["pause", "luna", "--dry-run=server"]).await;
    assert!(ran.code == 0 && ran.out.contains("dry run: nothing was changed"), "{ran:?}");
    assert_ne!(paused().await, json!(true));

    let ran = world.run(&["pause", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("luna is paused: its pods go on as they are"), "{ran:?}");
    let bot = world.bot("luna").await;
    assert_eq!(bot["spec"]["paused"], json!(true));

    let ran = world.run(&["pause", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("is paused already: nothing to do"), "{ran:?}");
    assert_eq!(world.bot("luna").await["metadata"]["resourceVersion"], bot["metadata"]["resourceVersion"]);

    let ran = world.run(&["resume", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("luna goes on"), "{ran:?}");
    assert_ne!(paused().await, json!(true));
    let ran = world.run(&["resume", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("is not paused: nothing to do"), "{ran:?}");
}

#[tokio::test]
async fn whoever_else_writes_the_field_is_named() {
    let world = World::new().await;
    let mut bot = luna("luna");
    bot["spec"]["paused"] = json!(false);
    world.apply(bot).await;
    let ran = world.run(&["pause", "luna"]).await;
    assert!(ran.notes.contains("note: test also writes spec.paused"), "{ran:?}");
}

#[tokio::test]
async fn retry_writes_the_time_when_something_failed_and_nothing_otherwise() {
    let world = World::with_luna().await;
    let retried = async || world.bot("luna").await["metadata"]["annotations"]["vitte.dev/retry-migration"].clone();
    world.status(&luna("luna"), "luna", status(true)).await;
    let ran = world.run(&["retry", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("nothing of it failed: nothing to do"), "{ran:?}");
    assert_eq!(retried().await, Value::Null);

    let failed = json!({"migration": {"phase": "Failed", "job": "luna-migrate-ab"}});
    world.status(&luna("luna"), "luna", failed).await;
    let ran = world.run(&["retry", "luna", "--dry-run"]).await;
    assert!(ran.code == 0 && ran.out.contains("dry run"), "{ran:?}");
    assert_eq!(retried().await, Value::Null);
    let ran = world.run(&["retry", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("its migration failed (job luna-migrate-ab)"), "{ran:?}");
    let at = retried().await;
    let form = "0000-00-00T00:00:00Z";
    let digits = at.as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(digits, form, "RFC 3339 in whole seconds");
}

/// Three revisions as the operator keeps them, the third serving.
async fn with_revisions() -> World {
    let world = World::with_luna().await;
    let mut serving = status(true);
    serving["conditions"] = json!([condition("Ready", "True", "Ready", "")]);
    world.status(&luna("luna"), "luna", serving).await;
    for (number, outcome) in [(1, "Good"), (2, "Failed"), (3, "Good"), (4, "Good")] {
        let version = format!("0.{number}.0");
        world
            .apply(json!({
                "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
                "metadata": {"name": format!("luna-000000000{number}"), "labels": labels("revision"), "annotations":
                    {"vitte.dev/outcome": outcome, "vitte.dev/outcome-since": "2026-01-01T12:00:00Z"}},
                "data": {"version": version, "image": format!("vitte:{version}"), "configMaps": {},
                    "spec": {"components": {"bot": {"env": [{"name": "GREETING", "value": "a-literal-value"}]}}}},
            }))
            .await;
    }
    world
}

#[tokio::test]
async fn rollback_asks_for_the_revision_that_served_before_and_asks_once() {
    let world = with_revisions().await;
    let asked = async || world.bot("luna").await["metadata"]["annotations"]["vitte.dev/rollback-to"].clone();
    let ran = world.run(&["rollback", "luna", "--dry-run"]).await;
    assert!(ran.code == 0 && ran.out.contains("luna goes back to 0.3.0"), "{ran:?}");
    assert!(ran.notes.contains("REVISION") && ran.notes.contains("luna-0000000001"), "several: listed: {ran:?}");
    assert_eq!(asked().await, Value::Null);
    let ran = world.run(&["rollback", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("(revision 3, luna-0000000003), after 0.4.0"), "{ran:?}");
    assert!(ran.notes.contains("the spec stays as it is (0.1.0)"), "{ran:?}");
    assert_eq!(asked().await, json!("luna-0000000003"));
    let ran = world.run(&["rollback", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("asked to go back to luna-0000000003 already"), "{ran:?}");
    let ran = world.run(&["rollback", "luna", "--to", "0.1.0"]).await;
    assert_eq!((ran.code, asked().await), (0, json!("luna-0000000001")), "{ran:?}");
}

#[tokio::test]
async fn rollback_to_what_never_served_is_refused_with_what_did() {
    let world = with_revisions().await;
    let ran = world.run(&["rollback", "luna", "--to", "0.2.0"]).await;
    assert!(ran.code == 2 && ran.notes.contains("0.2.0 is no revision that served"), "{ran:?}");
    assert!(ran.notes.contains("luna-0000000003"), "{ran:?}");
    let ran = world.run(&["rollback", "luna", "--list"]).await;
    assert!(ran.code == 0 && ran.out.contains("*  4"), "{ran:?}");
    let empty = World::with_luna().await;
    let ran = empty.run(&["rollback", "luna"]).await;
    assert!(ran.code == 2 && ran.notes.contains("no revision has served yet"), "{ran:?}");
}

/// Broken when `--as` and its like are taken and not acted upon.
#[tokio::test]
async fn who_is_to_act_and_by_which_cluster_and_user_is_said_as_for_kubectl() {
    let world = World::with_luna().await;
    let ran = world.run(&["status", "luna", "--as", "nobody-of-this-cluster"]).await;
    assert!(ran.code == 3 && ran.notes.contains("nobody-of-this-cluster"), "{ran:?}");
    let masters = ["status", "luna", "--as", "somebody", "--as-group", "system:masters", "--request-timeout", "20s"];
    let ran = world.run(&masters).await;
    assert!(ran.code == 1 && ran.out.contains("luna"), "{ran:?}");
    for option in ["--cluster", "--user"] {
        let ran = world.run(&["status", "luna", option, "of-nobody"]).await;
        assert!(ran.code == 2 && ran.notes.contains("of-nobody"), "{option}: {ran:?}");
    }
}

#[tokio::test]
async fn retry_of_pods_that_never_become_ready_names_the_way_back() {
    let world = World::with_luna().await;
    let mut stuck = status(true);
    stuck["conditions"] =
        json!([condition("Stalled", "True", "Stuck", "worker has 0 of 1 pods updated and available")]);
    world.status(&luna("luna"), "luna", stuck).await;
    let ran = world.run(&["retry", "luna"]).await;
    assert!(ran.code == 0 && ran.out.contains("kubectl vitte rollback luna -n "), "{ran:?}");
    assert_eq!(world.bot("luna").await["metadata"]["annotations"]["vitte.dev/retry-migration"], Value::Null);
}
