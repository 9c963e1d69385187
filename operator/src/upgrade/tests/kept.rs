//! What makes a revision, what is kept of it, and what is built from it.

use super::super::jobs::connections;
use super::*;

#[test]
fn how_many_pods_and_how_to_upgrade_make_no_other_revision_and_resources_do() {
    let name = |spec: Value| revision::name(&World::new(spec).valid());
    let first = name(json!({}));
    let same = [
        json!({"components": {"worker": {"replicas": 4}}}),
        json!({"components": {"bot": {"autoscaling": {"maxReplicas": 4, "targetCPUUtilizationPercentage": 60}}}}),
        json!({"rollout": {"progressDeadlineSeconds": 60, "rollback": "Manual"}}),
        json!({"migrations": {"timeoutSeconds": 60}}),
        json!({"hibernated": true}),
    ];
    for spec in same {
        assert_eq!(name(spec.clone()), first, "{spec}");
    }
    let other = [
        json!({"version": "0.2.0"}),
        json!({"image": {"repository": "example.org/vitte"}}),
        json!({"components": {"worker": {"resources": {"limits": {"memory": "1Gi"}}}}}),
        json!({"monitoring": {"logLevel": "debug"}}),
        json!({"networkPolicy": {"enabled": false}}),
    ];
    for spec in other {
        assert_ne!(name(spec.clone()), first, "{spec}");
    }
}

#[test]
fn until_its_turn_a_spec_gives_running_pods_only_their_count_and_resources() {
    let spec = json!({"version": "0.2.0", "limits": {"messagesPerMinute": 3}, "telegram": {"webhook": {"host": "new.example.org"}},
        "components": {"worker": {"replicas": 3, "annotations": {"a": "b"}, "resources": {"limits": {"memory": "1Gi"}}}}});
    let basis = World::upgrade(json!({}), spec).plan().basis.unwrap();
    let worker = &basis.spec.components.worker;
    assert_eq!((worker.replicas, worker.resources.is_some(), worker.annotations.len()), (Some(3), true, 0));
    assert_eq!((basis.spec.limits.messages_per_minute, basis.spec.version.as_str()), (10, "0.1.0"));
    assert_eq!(basis.webhook.unwrap().url.as_deref(), Some("https://luna.example.org/telegram/webhook"));
}

#[test]
fn what_cannot_be_built_again_is_left_as_it_runs() {
    let mut no_config = World::to("0.2.0");
    let names: Vec<String> = no_config.serving().config_maps.into_values().collect();
    no_config.found.children.remove(Kind::ConfigMap, &names[0]);
    let no_secret = World::upgrade(
        json!({"monitoring": {"sentryDsnSecretRef": {"name": "luna", "key": "sentry"}}}),
        json!({"version": "0.2.0"}),
    );
    let mut no_secret = no_secret;
    if let Some(crate::dereference::SecretFound::Keys(keys)) = no_secret.found.secrets.get_mut("luna") {
        keys.remove("sentry");
    }
    for world in [no_config, no_secret] {
        let plan = world.plan();
        assert_eq!((&plan.step, plan.basis.is_none(), plan.roll), (&Step::Preflight, true, false));
    }
}

#[test]
fn only_so_many_revisions_are_kept_with_what_they_need() {
    let mut world = World::new(json!({}));
    for number in 1..=8 {
        world.spec = json!({"version": format!("0.{number}.0")});
        world.found.children.extend(revision(&world.valid(), number, |_| {}));
    }
    let keep = world.plan().keep;
    let of = |kind| keep.iter().filter(|(k, _)| *k == kind).count();
    assert_eq!((of(Kind::ControllerRevision), of(Kind::ConfigMap)), (revision::KEPT, 3), "their ConfigMaps are alike");
    let oldest: Vec<i64> = Revisions::of(&world.found.children)
        .all()
        .filter(|r| keep.contains(&(Kind::ControllerRevision, r.name.clone())))
        .map(|r| r.number)
        .collect();
    assert_eq!(oldest, [8, 7, 6, 5, 4]);
}

#[test]
fn connections_are_counted_at_the_most_pods_that_there_may_be() {
    let spec = json!({"database": {"poolSize": 4}, "components": {
        "bot": {"autoscaling": {"minReplicas": 2, "maxReplicas": 10, "targetCPUUtilizationPercentage": 70}},
        "api": {"replicas": 2}, "worker": {"replicas": 0}}});
    // Ten and three more in a rollout, two and one more.
    assert_eq!(connections(&World::new(spec).valid()), (13 + 3) * 4);
    // Below three it is what processes take all the same.
    let [one, three] = [1, 3].map(|n| connections(&World::new(json!({"database": {"poolSize": n}})).valid()));
    assert_eq!(one, three);
}

#[test]
fn pods_of_an_operator_that_kept_no_revisions_are_left_as_they_are_until_all_is_known_of_them() {
    let mut world = World::new(json!({}));
    world.pods(Pods::Ready);
    world.job(&Task::install(&world.valid()), Some("Complete"));
    assert_eq!(outcomes(&world.plan()), [pair("0.1.0", "Good")]);
    world.spec = json!({"version": "0.2.0"});
    let plan = world.plan();
    assert_eq!((&plan.step, plan.roll), (&Step::Expand, false));
    assert_eq!(plan.task.unwrap().arguments, ["migrate", "up", "--phase", "expand"]);
}

#[test]
fn when_the_migration_ran_is_remembered_longer_than_its_job() {
    let mut world = World::to("0.2.0");
    world.migrated();
    world.write();
    let job = Task::expand(&world.valid()).name;
    let ran = Some(Ran { from: Some("2026-01-01T00:00:00Z".to_owned()), to: Some("2026-01-01T00:00:07Z".to_owned()) });
    assert_eq!(world.plan().migrated_at, ran);
    world.found.children.remove(Kind::Job, &job);
    world.pods(Pods::Ready);
    world.write();
    assert_eq!((world.plan().step, world.plan().migrated_at), (Step::Current, ran.clone()));

    // Gone back from.
    world.annotations.push((ANNOTATION_ROLLBACK, "0.1.0"));
    world.write();
    assert_eq!((world.plan().step.reason(), world.plan().migrated_at), ("RolledBack", ran));
    // Another Job, another time.
    world.annotations = vec![(ANNOTATION_RETRY, "1")];
    assert_eq!(world.plan().migrated_at, None);
}
