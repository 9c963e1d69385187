//! New pods held against what was asked of them: taken over, waited for, or given up.

use super::*;

#[test]
fn late_pods_are_given_up_only_while_the_old_ones_are_ready_and_only_if_the_manifest_lets_the_operator() {
    let manual = json!({"version": "0.2.0", "rollout": {"rollback": "Manual"}});
    let automatic = json!({"version": "0.2.0"});
    type Row<'a> = (&'a Value, Pods, &'a str, &'a [(&'a str, &'a str)]);
    let table: [Row; 7] = [
        (&automatic, Pods::Coming, "Rollout", &[]),
        (&automatic, Pods::Late, "RolledBack", &[("0.2.0", "Failed")]),
        (&automatic, Pods::AllDown, "Late", &[]),
        (&automatic, Pods::SomeDown, "Late", &[]),
        // Ready again just now: the new ones had no chance yet.
        (&automatic, Pods::LateSince(299), "Late", &[]),
        (&automatic, Pods::LateSince(300), "RolledBack", &[("0.2.0", "Failed")]),
        (&manual, Pods::Late, "Stuck", &[]),
    ];
    for (spec, pods, reason, written) in table {
        let mut world = World::upgrade(json!({}), spec.clone());
        world.migrated();
        world.write();
        world.pods(pods);
        let plan = world.plan();
        assert_eq!(plan.step.reason(), reason);
        let written: Vec<_> = written.iter().map(|(version, outcome)| pair(version, outcome)).collect();
        assert_eq!(outcomes(&plan), written, "{reason}");
        let from = plan.basis.map_or("0.2.0".to_owned(), |basis| basis.spec.version.clone());
        assert_eq!(from == "0.1.0", reason == "RolledBack", "{reason}");
        assert_eq!(plan.serving.unwrap().version, "0.1.0", "{reason}");
    }
}

/// 0.2.0 is being brought in since now, with pods like this.
fn rolling(pods: Pods) -> World {
    let mut world = World::to("0.2.0");
    world.migrated();
    world.write();
    world.pods(pods);
    world
}

/// Changes what one Deployment tells.
fn tell(world: &mut World, name: &str, change: impl FnOnce(&mut Value)) {
    let mut json = Value::clone(&world.found.children.get(Kind::Deployment, name).unwrap().json);
    change(&mut json);
    world.found.children.insert(live(Kind::Deployment, name, json));
}

/// Its pods, which are well, are all old ones.
fn never_written(deployment: &mut Value) {
    deployment["status"] = Pods::Ready.status();
    deployment["metadata"]["annotations"] = json!({ANNOTATION_APPLIED: "another"});
}

#[test]
fn an_install_that_is_late_has_nothing_to_return_to_and_waits_for_a_person() {
    let mut world = World::new(json!({}));
    world.job(&Task::install(&world.valid()), Some("Complete"));
    world.write();
    world.pods(Pods::FirstLate);
    let plan = world.plan();
    assert_eq!(
        (&plan.step, plan.basis.is_none(), plan.roll),
        (&Step::Stuck("Deployment luna-bot: timed out".to_owned()), true, true)
    );
    world.pods(Pods::Ready);
    assert_eq!(outcomes(&world.plan()), [pair("0.1.0", "Good")], "ready after all");
}

#[test]
fn a_deployment_that_cannot_be_written_excuses_no_other() {
    let mut world = rolling(Pods::Late);
    tell(&mut world, "luna-api", never_written);
    assert_eq!(world.plan().step.reason(), "RolledBack");
}

#[test]
fn what_the_api_server_never_takes_is_given_up_when_its_time_is_over_but_not_before_it_was_tried() {
    let mut world = rolling(Pods::Ready);
    tell(&mut world, "luna-worker", never_written);
    let status = |reason: &str| {
        let ready: vitte_crds::status::Condition = serde_json::from_value(json!({"type": "Ready", "status": "False",
            "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}))
        .unwrap();
        Status { conditions: vec![ready], ..Status::default() }
    };
    let step = |world: &World, reason: &str| plan(&world.valid(), &world.found, Some(&status(reason)), world.now);
    let early = step(&world, "ApplyRefused");
    assert_eq!((early.step.reason(), early.look_again), ("Rollout", Some(now() + TimeDelta::seconds(300))));
    world.now += TimeDelta::seconds(300);
    // As after an operator that died before it wrote any.
    assert_eq!(step(&world, "RollingOut").step.reason(), "Rollout");
    for reason in ["ApplyRefused", "ApplyFailed"] {
        let plan = step(&world, reason);
        assert!(matches!(&plan.step, Step::RolledBack(why) if why.contains("luna-worker")), "{:?}", plan.step);
    }
}

#[test]
fn what_was_late_before_a_change_is_held_against_it_only_when_it_had_its_own_time() {
    let mut world = rolling(Pods::Ready);
    world.pods(Pods::Coming);
    tell(&mut world, "luna-worker", |worker| {
        worker["status"] = Pods::Late.status();
        worker["status"]["conditions"][0]["lastUpdateTime"] = json!("2026-01-01T11:59:59Z");
    });
    let plan = world.plan();
    assert_eq!((plan.step.reason(), plan.look_again), ("Rollout", Some(now() + TimeDelta::seconds(300))));
    world.now += TimeDelta::seconds(300);
    assert_eq!(world.plan().step.reason(), "RolledBack");
    // One that it brought itself.
    world.now = now();
    tell(&mut world, "luna-worker", |worker| {
        worker["status"]["conditions"][0]["lastUpdateTime"] = json!("2026-01-01T12:00:00Z");
    });
    assert_eq!(world.plan().step.reason(), "RolledBack");
}

#[test]
fn one_pod_that_stays_down_or_a_count_that_never_rests_excuses_late_pods_for_three_deadlines_and_an_outage_for_ever() {
    let at = |world: &World, deadlines: i32| {
        let now = now() + TimeDelta::seconds(300) * deadlines;
        plan(&world.valid(), &world.found, None, now)
    };
    let one_down = rolling(Pods::SomeDown);
    assert_eq!((at(&one_down, 2).step.reason(), at(&one_down, 3).step.reason()), ("Late", "RolledBack"));
    assert_eq!(at(&one_down, 2).look_again, Some(now() + TimeDelta::seconds(900)));
    // The worker was scaled just now, whenever that is.
    let mut scaled = rolling(Pods::Coming);
    tell(&mut scaled, "luna-worker", |worker| worker["status"] = Pods::Late.status());
    for (deadlines, reason) in [(2, "Late"), (3, "RolledBack")] {
        let since = now() + TimeDelta::seconds(300) * deadlines - TimeDelta::seconds(9);
        tell(&mut scaled, "luna-worker", |worker| {
            worker["status"]["conditions"][1]["lastTransitionTime"] = json!(since.to_rfc3339());
        });
        tell(&mut scaled, "luna-api", |api| {
            api["status"]["conditions"] =
                json!([{"type": "Available", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]);
        });
        assert_eq!(at(&scaled, deadlines).step.reason(), reason);
    }
    let outage = rolling(Pods::AllDown);
    assert_eq!(at(&outage, 30).step.reason(), "Late");
    // Over now: the new pods get their time, however long it was.
    let mut over = rolling(Pods::Late);
    for name in ["luna-api", "luna-bot", "luna-worker"] {
        tell(&mut over, name, |d| {
            let since = now() + TimeDelta::seconds(300 * 30 - 9);
            d["status"]["conditions"][1]["lastTransitionTime"] = json!(since.to_rfc3339());
        });
    }
    assert_eq!((at(&over, 30).step.reason(), at(&over, 31).step.reason()), ("Late", "RolledBack"));
}
