use chrono::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::fixtures::{bot, deployment, found, generated, job, live};
use crate::names::ANNOTATION_ROTATE;
use crate::validate::validate;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap()
}

fn planned(spec: Value, found: &Found, status: Option<&Status>) -> Plan {
    let valid = validate(&bot(spec), found).unwrap();
    plan(&valid, found, status, now())
}

fn job_name(spec: Value) -> String {
    planned(spec, &found(), None).migration_job
}

fn autoscaled() -> Value {
    json!({"components": {"bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetCPUUtilizationPercentage": 70}}}})
}

#[test]
fn pods_wait_for_the_schema_that_they_need() {
    let name = job_name(json!({}));
    let table = [
        (None, Migration::Due, false),
        (Some(job(&name, None)), Migration::Running, false),
        (Some(job(&name, Some("Complete"))), Migration::Done, true),
        (Some(job(&name, Some("Failed"))), Migration::Failed("BackoffLimitExceeded: tried too often".into()), false),
    ];
    for (live, migration, roll) in table {
        let mut found = found();
        found.children.extend(live);
        let plan = planned(json!({}), &found, None);
        assert_eq!((plan.migration, plan.roll), (migration, roll));
    }
}

#[test]
fn a_failed_migration_speaks_in_its_own_words() {
    let mut found = found();
    found.children.insert(job(&job_name(json!({})), Some("Failed")));
    found.job_words = Some("migration 0007 waits for a lock".to_owned());
    assert_eq!(planned(json!({}), &found, None).migration, Migration::Failed("migration 0007 waits for a lock".into()));
}

#[test]
fn a_done_job_that_was_tidied_away_does_not_run_again_but_another_images_does() {
    let done = |job: String| Status {
        migration: Some(vitte_crds::status::MigrationStatus {
            job: Some(job),
            phase: Some(MigrationPhase::Succeeded),
            ..Default::default()
        }),
        ..Status::default()
    };
    let status = done(job_name(json!({})));
    assert_eq!(planned(json!({}), &found(), Some(&status)).migration, Migration::Done);
    assert_eq!(planned(json!({"version": "0.2.0"}), &found(), Some(&status)).migration, Migration::Due);
}

#[test]
fn an_embedded_database_comes_before_its_migration() {
    let spec = || json!({"database": {"urlSecretRef": null, "embedded": {}}});
    let mut found = found();
    assert_eq!(planned(spec(), &found, None).migration, Migration::WaitsForDatabase);
    found.children.insert(live(Kind::StatefulSet, "luna-postgres", json!({"status": {"readyReplicas": 1}})));
    assert_eq!(planned(spec(), &found, None).migration, Migration::Due);
}

#[test]
fn a_backup_that_nobody_makes_is_not_passed_over() {
    let spec = json!({"migrations": {"backup": "Required"}, "backup": {"schedule": "0 3 * * *", "s3": {"bucket": "luna-backups",
        "accessKeyIdSecretRef": {"name": "luna", "key": "id"}, "secretAccessKeySecretRef": {"name": "luna", "key": "key"}}}});
    let plan = planned(spec, &found(), None);
    assert!(matches!(plan.migration, Migration::Refused(why) if why.contains("backup: None")));
    assert!(!plan.roll);
}

#[test]
fn pods_wait_for_secrets_that_are_still_to_be_made() {
    let mut found = found();
    found.children.insert(job(&job_name(json!({})), Some("Complete")));
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
