//! Trees as people see them, of bots in several states. `INSTA_UPDATE=always` writes the snapshots anew.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::gather::Found;
use super::model::State;
use super::view::view;
use super::*;
use crate::screen::Paint;

fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 3,
        "lastTransitionTime": "2026-01-01T11:58:00Z"})
}

/// Ready, unless `status` says otherwise (JSON merge of its top level).
fn luna(status: &Value) -> Value {
    let mut bot = json!({
        "kind": "VitteBot",
        "metadata": {"name": "luna", "namespace": "bots", "generation": 3},
        "spec": {"version": "0.1.0"},
        "status": {
            "observedGeneration": 3, "phase": "Ready", "version": "0.1.0", "message": "everything runs as the spec says",
            "conditions": [
                condition("Ready", "True", "Ready", "everything runs as the spec says"),
                condition("Reconciling", "False", "Ready", ""),
                condition("Stalled", "False", "Ready", ""),
                condition("Migrated", "True", "Done", "the schema is what vitte:0.1.0 needs"),
                condition("SecretsReady", "True", "Found", "all there"),
                condition("WebhookRegistered", "True", "Registered", "Telegram delivers"),
            ],
            "migration": {"job": "luna-migrate-0123456789", "phase": "Succeeded", "attempt": 1,
                "finishedAt": "2026-01-01T11:50:00Z"},
            "webhook": {"url": "https://luna.example.org/telegram/webhook", "pendingUpdates": 0},
        },
    });
    for (key, value) in status.as_object().unwrap() {
        bot["status"][key] = value.clone();
    }
    bot
}

fn labels(part: &str) -> Value {
    json!({"vitte.dev/bot": "luna", "app.kubernetes.io/component": part})
}

fn deployment(part: &str, ready: i64, desired: i64) -> Value {
    json!({
        "kind": "Deployment",
        "metadata": {"name": format!("luna-{part}"), "namespace": "bots", "generation": 1, "labels": labels(part),
            "annotations": {"deployment.kubernetes.io/revision": "4"}},
        "spec": {"replicas": desired, "template": {"spec": {"containers": [{"image": "vitte:0.1.0"}]}}},
        "status": {"observedGeneration": 1, "readyReplicas": ready, "updatedReplicas": desired},
    })
}

fn pod(part: &str, suffix: &str, status: &Value) -> Value {
    json!({"kind": "Pod", "status": status, "spec": {"containers": [{"name": part}]},
        "metadata": {"name": format!("luna-{part}-7d9c5b6f4-{suffix}"), "namespace": "bots", "labels": labels(part)}})
}

fn crashing(part: &str) -> Value {
    pod(
        part,
        "x2k9d",
        &json!({"phase": "Running", "containerStatuses": [{
            "name": part, "restartCount": 5,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 2m40s restarting failed container"}},
            "lastState": {"terminated": {"exitCode": 2, "reason": "Error",
                "message": "starting\nthe database refuses: \u{1b}[31mpassword authentication failed\n"}},
        }]}),
    )
}

fn warning(name: &str, minutes: i64, reason: &str, note: &str) -> Value {
    let at = Timestamp::from_second(noon().as_second() - minutes * 60).unwrap();
    json!({"metadata": {"namespace": "bots"}, "involvedObject": {"kind": "Pod", "name": name}, "reason": reason,
        "message": note, "type": "Warning", "count": 12, "lastTimestamp": at.to_string()})
}

fn whole() -> Found {
    let deployments = vec![deployment("worker", 1, 1), deployment("bot", 2, 2), deployment("api", 2, 2)];
    Found { deployments, ..Found::default() }
}

fn shown(bot: &Value, found: &Found) -> String {
    render::render(&[view(bot, found, noon())], Paint::default())
}

#[test]
fn a_ready_bot_fits_into_a_few_lines() {
    insta::assert_snapshot!(shown(&luna(&json!({})), &whole()));
}

#[test]
fn a_crashing_pod_tells_its_last_words_and_no_other_pod_is_shown() {
    let message = "worker has 0 of 1 pods updated and available";
    let bot = luna(&json!({"phase": "Degraded", "message": message, "conditions": [
        condition("Ready", "False", "RollingOut", message),
        condition("Reconciling", "True", "RollingOut", message),
        condition("Migrated", "True", "Done", ""),
    ]}));
    let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
    let found = Found {
        deployments: vec![deployment("worker", 0, 1), deployment("bot", 2, 2)],
        pods: vec![crashing("worker"), pod("bot", "b4b4b", &ready)],
        events: vec![
            warning("luna-worker-7d9c5b6f4-x2k9d", 2, "BackOff", "Back-off restarting\nfailed container"),
            warning("luna-worker-7d9c5b6f4", 300, "FailedCreate", "quota"),
            warning("luna-worker-of-another-bot", 1, "Failed", "not ours"),
        ],
        ..Found::default()
    };
    let tree = shown(&bot, &found);
    assert!(!tree.contains('\u{1b}'), "a pod's words move no cursor");
    insta::assert_snapshot!(tree);
}

#[test]
fn a_failed_migration_says_why_and_what_to_do() {
    let message = "the migration failed: relation \"orders\" exists (the old pods go on serving)";
    let mut bot = luna(&json!({"phase": "Degraded", "message": message, "failedVersion": "0.2.0",
        "conditions": [
            condition("Ready", "False", "MigrationFailed", message),
            condition("Stalled", "True", "MigrationFailed", message),
            condition("Migrated", "False", "Failed", "Job luna-migrate-ab: relation \"orders\" exists"),
            condition("SecretsReady", "True", "Found", ""),
        ],
        "migration": {"job": "luna-migrate-ab", "phase": "Failed", "attempt": 2, "message": "relation \"orders\" exists"},
    }));
    bot["spec"]["version"] = json!("0.2.0");
    insta::assert_snapshot!(shown(&bot, &whole()));
}

#[test]
fn the_pods_of_every_job_of_an_upgrade_are_shown_until_it_is_done() {
    let pull = json!({"name": "migrate", "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff",
        "message": "Back-off pulling image \"vitte:0.9.9\""}}});
    let of = |job: &str| {
        let mut pod = pod("migrate", job, &json!({"phase": "Pending", "containerStatuses": [pull]}));
        pod["metadata"]["ownerReferences"] = json!([{"kind": "Job", "name": format!("luna-{job}-ab")}]);
        pod
    };
    let job = |job: &str, done: bool| {
        let conditions = if done { json!([{"type": "Complete", "status": "True"}]) } else { json!([]) };
        json!({"metadata": {"name": format!("luna-{job}-ab"), "namespace": "bots", "labels": labels("migrate")},
            "status": {"conditions": conditions}})
    };
    let found = Found {
        pods: vec![of("preflight"), of("contract"), of("migrate")],
        jobs: vec![job("preflight", false), job("contract", false), job("migrate", true)],
        ..Found::default()
    };
    let seen = view(&luna(&json!({"phase": "Preflight"})), &found, noon()).migration.unwrap();
    let names: Vec<&str> = seen.pods.iter().map(|pod| pod.name.as_str()).collect();
    assert_eq!((names.len(), seen.state), (2, State::Bad), "{names:?}");
    assert!(seen.pods.iter().all(|pod| pod.reason == "ImagePullBackOff"));
    // Before anything was migrated, too.
    let fresh = view(&luna(&json!({"migration": null})), &found, noon()).migration.unwrap();
    assert_eq!((fresh.phase.as_str(), fresh.pods.len()), ("Unknown", 2));
}

#[test]
fn what_cannot_be_scheduled_or_pulled_is_named() {
    let scheduled = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient memory."});
    let pull = json!({"name": "bot", "restartCount": 0, "state": {"waiting": {"reason": "ImagePullBackOff",
        "message": "Back-off pulling image \"vitte:0.9.9\""}}});
    let mut stopping = pod("bot", "q9q9q", &json!({"phase": "Running"}));
    stopping["metadata"]["deletionTimestamp"] = json!("2026-01-01T12:00:00Z");
    let set = |part: &str| {
        let mut set = deployment(part, 0, 1);
        set["kind"] = json!("StatefulSet");
        set
    };
    let found = Found {
        deployments: vec![deployment("bot", 0, 2)],
        stateful_sets: vec![set("postgres")],
        pods: vec![
            pod("bot", "x2k9d", &json!({"phase": "Pending", "containerStatuses": [pull]})),
            stopping,
            pod("postgres", "0", &json!({"phase": "Pending", "conditions": [scheduled]})),
        ],
        notes: vec!["cannot list events in namespace bots: you are not allowed to".to_owned()],
        ..Found::default()
    };
    let bot = luna(&json!({"phase": "RollingOut", "message": "bot has 0 of 2", "conditions": [], "webhook": null}));
    insta::assert_snapshot!(shown(&bot, &found));
}

#[test]
fn a_bot_that_nobody_looked_at_says_so() {
    let mut bot = luna(&json!({}));
    bot.as_object_mut().unwrap().remove("status");
    insta::assert_snapshot!(shown(&bot, &Found::default()));
}

#[test]
fn ready_for_an_older_spec_is_not_ready() {
    let mut bot = luna(&json!({}));
    bot["metadata"]["generation"] = json!(4);
    let seen = view(&bot, &whole(), noon());
    assert!(!seen.ready);
    assert_eq!(
        seen.message.as_deref(),
        Some("the spec has changed since the operator looked: what follows may be old")
    );
}

/// An operator that is newer than this program has phases, conditions and reasons that it does not know.
#[test]
fn what_a_newer_operator_says_is_shown_as_it_is() {
    let bot = luna(&json!({"phase": "Levitating", "revision": "luna-0123456789", "conditions": [
        condition("Ready", "False", "Levitating", "rises"),
        condition("Upgraded", "Perhaps", "Levitating", "who knows"),
    ]}));
    let seen = view(&bot, &Found::default(), noon());
    assert_eq!((seen.phase.as_str(), seen.ready), ("Levitating", false));
    assert!(shown(&bot, &Found::default()).contains("Levitating: who knows"));
}

#[test]
fn things_of_another_bot_or_namespace_are_not_shown() {
    let mut elsewhere = deployment("bot", 0, 1);
    elsewhere["metadata"]["namespace"] = json!("others");
    let mut other = deployment("bot", 0, 1);
    other["metadata"]["labels"]["vitte.dev/bot"] = json!("mira");
    let found = Found { deployments: vec![elsewhere, other], ..Found::default() };
    assert!(view(&luna(&json!({})), &found, noon()).components.is_empty());
}

#[test]
fn old_pods_that_still_serve_make_a_part_busy_and_a_deadline_makes_it_bad() {
    let mut rolling = deployment("bot", 2, 2);
    rolling["status"]["updatedReplicas"] = json!(1);
    let state = |deployment: Value| {
        let found = Found { deployments: vec![deployment], ..Found::default() };
        view(&luna(&json!({})), &found, noon()).components[0].state
    };
    assert_eq!(state(rolling.clone()), State::Busy);
    rolling["status"]["conditions"] = json!([{"type": "Progressing", "status": "False"}]);
    assert_eq!(state(rolling), State::Bad);
    let mut unseen = deployment("bot", 2, 2);
    unseen["metadata"]["generation"] = json!(2);
    assert_eq!(state(unseen), State::Busy);
}

#[test]
fn programs_get_one_bot_or_a_list() {
    let views = [view(&luna(&json!({})), &whole(), noon())];
    let one: Value = serde_json::from_str(&for_programs(&views, Output::Json, true).unwrap()).unwrap();
    assert_eq!(
        (&one["name"], &one["ready"], &one["components"][0]["name"]),
        (&json!("luna"), &json!(true), &json!("bot"))
    );
    let list = for_programs(&views, Output::Yaml, false).unwrap();
    assert!(list.starts_with("items:\n") && list.contains("ready: true"), "{list}");
}

#[test]
fn what_is_still_being_made_is_busy_and_bad_once_nothing_more_happens() {
    let state = |stalled: &str, kind: &str| {
        let conditions = [condition("Stalled", stalled, "Any", "one"), condition(kind, "False", "Any", "another")];
        view(&luna(&json!({"conditions": conditions})), &Found::default(), noon()).conditions[1].state
    };
    assert_eq!((state("False", "Migrated"), state("True", "Migrated")), (State::Busy, State::Bad));
    assert_eq!(state("False", "SecretsReady"), State::Bad, "somebody has to make the Secret");
}
