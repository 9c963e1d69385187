use chrono::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{bot, deployment, found, generated, job, live};
use crate::names::ANNOTATION_ROTATE;
use crate::upgrade::Task;
use crate::validate::validate;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
}

fn planned(spec: Value, found: &Found, status: Option<&Status>) -> Plan {
    let valid = validate(&bot(spec), found).unwrap();
    plan(&valid, found, status, now())
}

fn autoscaled() -> Value {
    json!({"components": {"bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 70}}}})
}

#[test]
fn pods_wait_for_secrets_that_are_still_to_be_made() {
    let mut found = found();
    let name = Task::install(&validate(&bot(json!({})), &found).unwrap()).name;
    found.children.insert(job(&name, Some("Complete")));
    assert!(planned(json!({}), &found, None).roll);
    found.generated.clear();
    let plan = planned(json!({}), &found, None);
    assert!(!plan.roll && plan.look_again.is_some());
}

#[test]
fn a_sleeping_bot_has_no_pods_and_migrates_when_it_wakes() {
    let plan = planned(json!({"hibernated": true}), &found(), None);
    assert_eq!(plan.migration, Migration::Postponed);
    assert!(plan.scale.values().all(|scale| *scale == Scale::Asleep));
}

#[test]
fn replicas_pass_from_hand_to_autoscaler_without_a_dip() {
    let hpa = || live(Kind::HorizontalPodAutoscaler, "luna-bot", json!({}));
    let table = [
        // A new Deployment begins with the autoscaler's least, not with one.
        (None, false, Some(2)),
        // Taken over by an autoscaler: what runs now is held.
        (Some(4), false, Some(4)),
        // The autoscaler is at it.
        (Some(4), true, None),
        // Woken from hibernation: an autoscaler leaves zero alone.
        (Some(0), true, Some(2)),
    ];
    for (replicas, scaled, hold) in table {
        let mut found = found();
        found.children.extend(replicas.map(|count| deployment("luna-bot", count)));
        found.children.extend(scaled.then(hpa));
        let plan = planned(autoscaled(), &found, None);
        assert_eq!(plan.scale[&Component::Bot], Scale::Autoscaled { hold }, "{replicas:?} {scaled}");
    }
}

#[test]
fn without_an_autoscaler_the_spec_says_how_many() {
    let plan = planned(json!({"components": {"worker": {"replicas": 3}}}), &found(), None);
    assert_eq!(plan.scale[&Component::Worker], Scale::Fixed(3));
    assert_eq!(plan.scale[&Component::Bot], Scale::Fixed(1));
    // No administrators' pages without a password.
    assert!(!plan.scale.contains_key(&Component::Admin));
}

#[test]
fn the_webhooks_secret_rotates_once_for_each_wish_and_the_previous_one_goes_when_its_time_is_over() {
    let mut bot = bot(json!({}));
    bot.metadata.annotations = Some([(ANNOTATION_ROTATE.to_owned(), "2".to_owned())].into());
    let both = [("current", "b"), ("previous", "a")];
    let recent = [(ANNOTATION_ROTATED, "2"), (ANNOTATION_ROTATED_AT, "2026-01-01T11:55:00Z")];
    let old = [(ANNOTATION_ROTATED, "2"), (ANNOTATION_ROTATED_AT, "2026-01-01T11:45:00Z")];
    let table: [(_, _, bool, _); 5] = [
        (&both[..1], &[(ANNOTATION_ROTATED, "1")][..], true, Rotation::Rotate),
        (&both[..1], &recent[..], true, Rotation::Keep),
        (&both[..], &recent[..], true, Rotation::Keep),
        (&both[..], &old[..], true, Rotation::DropPrevious),
        // Pods that still know only the previous one may run.
        (&both[..], &old[..], false, Rotation::Keep),
    ];
    for (keys, annotations, rolled_out, expected) in table {
        let mut found = found();
        found.generated.insert("luna-webhook".to_owned(), generated(keys, annotations));
        if rolled_out {
            found.children.insert(deployment("luna-bot", 1));
        }
        let valid = validate(&bot, &found).unwrap();
        let plan = plan(&valid, &found, None, now());
        assert_eq!(plan.rotation, expected, "{keys:?} {annotations:?}");
        let waits = expected == Rotation::Keep && keys.len() == 2 && annotations == recent;
        assert_eq!(plan.look_again.is_some(), waits);
    }
}

#[test]
fn a_rollout_is_over_when_every_pod_is_new_and_available() {
    let at = |generation: i64, status: Value| {
        rolled_out(&live(
            Kind::Deployment,
            "luna-bot",
            json!({"metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": status}),
        ))
    };
    let done = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
    assert!(at(2, done.clone()));
    assert!(!at(3, done), "the newest template was not looked at yet");
    let with_old = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2});
    assert!(!at(2, with_old), "an old pod still runs");
    let not_ready = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1});
    assert!(!at(2, not_ready));
    assert!(!at(2, json!({})));
}
