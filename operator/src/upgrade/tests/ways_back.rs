//! The contract, and the ways back before and after it.

use super::*;

fn with_window(version: &str) -> Value {
    json!({"version": version, "rollout": {"rollbackWindowSeconds": 60}})
}

/// 0.2.0 serves since now; 0.1.0 did before.
fn upgraded() -> World {
    let mut world = World::upgrade(json!({}), with_window("0.2.0"));
    world.migrated();
    world.write();
    world.pods(Pods::Ready);
    world.write();
    world
}

#[test]
fn a_contract_runs_once_and_only_after_the_window() {
    let mut world = upgraded();
    let plan = world.plan();
    assert_eq!((&plan.step, plan.task.is_none()), (&Step::Current, true));
    assert_eq!(plan.look_again, Some(now() + TimeDelta::seconds(60)));

    world.now += TimeDelta::seconds(60);
    let plan = world.plan();
    let task = plan.task.clone().unwrap();
    assert_eq!((&plan.step, task.purpose, plan.roll), (&Step::Current, Purpose::Contract, true));
    assert_eq!(task.arguments, ["migrate", "up", "--phase", "contract"]);
    world.job(&task, None);
    assert!(world.plan().task.is_none());
    world.job(&task, Some("Failed"));
    let plan = world.plan();
    assert_eq!((&plan.step, plan.contract_failed.is_some(), plan.task.is_none()), (&Step::Current, true, true));

    world.job(&task, Some("Complete"));
    assert_eq!(outcomes(&world.plan()), [pair("0.2.0", "Good")]);
    world.write();
    let plan = world.plan();
    assert_eq!((outcomes(&plan), plan.task.is_none(), plan.look_again), (vec![], true, None));
}

#[test]
fn an_upgrade_within_the_window_runs_the_contract_first_but_a_downgrade_does_not() {
    for (words, first) in [("newer", Purpose::Contract), ("older", Purpose::Expand), ("", Purpose::Expand)] {
        let mut world = upgraded();
        world.spec = with_window("0.3.0");
        let preflight = world.plan().task.unwrap();
        assert_eq!(preflight.purpose, Purpose::Preflight);
        world.looked(&preflight, words);
        let task = world.plan().task.unwrap();
        assert_eq!(task.purpose, first, "{words}");
        if first == Purpose::Expand {
            continue;
        }
        assert_eq!(task.of.as_ref().unwrap().image, "ghcr.io/vitte/vitte:0.2.0", "what serves knows what it needs");
        world.job(&task, None);
        assert_eq!((world.plan().step, world.plan().task.is_none()), (Step::Contract, true));
        world.job(&task, Some("Failed"));
        assert!(matches!(world.plan().step, Step::ContractFailed(_)));
        world.job(&task, Some("Complete"));
        let plan = world.plan();
        assert_eq!((purpose(&plan), outcomes(&plan)), (Some(Purpose::Expand), vec![pair("0.2.0", "Good")]));
        let number = plan.records[0].json["revision"].as_i64();
        assert_eq!(number, Some(world.serving().number), "it still is what it was");
    }
}

#[test]
fn a_person_goes_back_by_name_number_or_version_once_for_each_wish() {
    let first = revision::name(&World::new(json!({})).valid());
    for by in [first.leak(), "1", "0.1.0"] {
        let mut world = upgraded();
        world.annotations.push((ANNOTATION_ROLLBACK, by));
        let plan = world.plan();
        assert_eq!(plan.step.reason(), "RolledBack", "{by}: {:?}", plan.note);
        assert_eq!(outcomes(&plan), [pair("0.2.0", "Left"), pair("0.1.0", "Good")], "{by}");
        assert_eq!((plan.basis.unwrap().spec.version.as_str(), plan.task.is_none()), ("0.1.0", true), "{by}");
        world.write();
        let plan = world.plan();
        assert_eq!((plan.step.reason(), outcomes(&plan)), ("RolledBack", vec![]), "{by}: it is done");
        assert_eq!(plan.failed.as_deref(), Some("0.2.0"));
        // Another spec goes on from there, with the annotation still in place.
        world.spec = with_window("0.3.0");
        assert_eq!(world.plan().step, Step::Preflight, "{by}");
    }
}

#[test]
fn a_way_back_that_was_half_written_is_finished() {
    let mut world = upgraded();
    world.annotations.push((ANNOTATION_ROLLBACK, "0.1.0"));
    let left = world.plan().records[0].clone();
    let mut json = left.json;
    json["metadata"]["resourceVersion"] = json!("200");
    world.found.children.insert(live(Kind::ControllerRevision, &left.name, json));
    let plan = world.plan();
    assert_eq!((plan.step.reason(), outcomes(&plan)), ("RolledBack", vec![pair("0.1.0", "Good")]));
}

#[test]
fn a_wish_that_names_nothing_is_told_and_changes_nothing() {
    let mut world = upgraded();
    world.annotations.push((ANNOTATION_ROLLBACK, "9.9.9"));
    let plan = world.plan();
    assert_eq!((&plan.step, outcomes(&plan)), (&Step::Current, vec![]));
    let note = plan.note.unwrap();
    assert!(note.contains("9.9.9") && note.contains("0.1.0"), "{note}");
}

#[test]
fn nobody_goes_back_over_a_contract_unless_the_older_image_agrees() {
    let contracted = || {
        let mut world = upgraded();
        world.now += TimeDelta::seconds(60);
        let task = world.plan().task.unwrap();
        world.job(&task, Some("Complete"));
        world.write();
        world.annotations.push((ANNOTATION_ROLLBACK, "0.1.0"));
        world
    };
    let mut world = contracted();
    let plan = world.plan();
    let task = plan.task.clone().unwrap();
    assert_eq!((&plan.step, task.purpose, outcomes(&plan)), (&Step::Preflight, Purpose::Preflight, vec![]));
    assert_eq!(plan.toward.image, "ghcr.io/vitte/vitte:0.1.0", "it is the older image that looks");
    assert_eq!(task.of.as_ref().unwrap().spec.version, "0.1.0");
    world.job(&task, Some("Failed"));
    world.found.job_words.insert(task.name.clone(), "0007 removed what it needs".to_owned());
    let plan = world.plan();
    assert_eq!((&plan.step, outcomes(&plan)), (&Step::Current, vec![]));
    assert!(plan.note.unwrap().contains("0007 removed"));
    assert!(plan.keep.contains(&(Kind::Job, task.name.clone())), "or it would be asked again and again");
    world.job(&task, Some("Complete"));
    assert_eq!(world.plan().step.reason(), "RolledBack");

    // The same by the manifest.
    let mut world = contracted();
    world.annotations.clear();
    world.spec = json!({});
    assert_eq!(world.plan().step, Step::Preflight);
}

/// 0.2.0 serves, and its contract has begun: where it stands.
fn contracting(end: Option<&str>) -> (World, Task) {
    let mut world = upgraded();
    world.now += TimeDelta::seconds(60);
    let plan = world.plan();
    assert_eq!(outcomes(&plan), [pair("0.2.0", "Good")], "it is written that it begins");
    world.write();
    let task = world.plan().task.unwrap();
    assert_eq!(outcomes(&world.plan()), [], "once");
    world.job(&task, end);
    (world, task)
}

#[test]
fn nobody_goes_back_beside_a_contract_that_is_at_work_or_failed_half_way_without_a_look() {
    let ways: [fn(&mut World); 3] = [
        |world| world.annotations.push((ANNOTATION_ROLLBACK, "0.1.0")),
        |world| world.spec = json!({}),
        |world| (world.spec, world.annotations) = (json!({}), vec![(ANNOTATION_ROLLBACK, "0.1.0")]),
    ];
    for go_back in ways {
        let (mut world, task) = contracting(None);
        go_back(&mut world);
        assert_eq!(world.plan().step, Step::Waits(task.name.clone()));
        let (mut world, _) = contracting(Some("Failed"));
        go_back(&mut world);
        let plan = world.plan();
        let look = plan.task.unwrap();
        assert_eq!((&plan.step, look.purpose, plan.records.len()), (&Step::Preflight, Purpose::Preflight, 0));
        // What was found before it began again says nothing.
        world.looked(&look, "older");
        let was = world.plan().step;
        assert_ne!(was, Step::Preflight);
        let mut again = world.serving();
        again.marks.contract_begun = Some("another".to_owned());
        let json = again.wanted(&world.valid()).json;
        world.found.children.insert(live(Kind::ControllerRevision, &again.name, json));
        assert_eq!(world.plan().step, Step::Preflight);
    }
}

#[test]
fn a_contract_that_an_earlier_operator_began_is_written_down_too() {
    for end in [None, Some("Failed")] {
        let (world, task) = contracting(end);
        let mut unwritten = world.serving();
        unwritten.marks.contract_begun = None;
        let mut world = world;
        let json = unwritten.wanted(&world.valid()).json;
        world.found.children.insert(live(Kind::ControllerRevision, &unwritten.name, json));
        let plan = world.plan();
        assert_eq!((plan.records.len(), plan.task.is_none()), (1, true));
        let written = &plan.records[0].json["metadata"]["annotations"]["vitte.dev/contract-begun"];
        assert_eq!(written, &json!(task.name));
    }
}

#[test]
fn an_upgrade_that_closes_the_window_looks_once_and_writes_that_the_contract_begins() {
    let mut world = upgraded();
    world.spec = with_window("0.3.0");
    let preflight = world.plan().task.unwrap();
    world.looked(&preflight, "newer");
    let plan = world.plan();
    assert_eq!((purpose(&plan), outcomes(&plan)), (Some(Purpose::Contract), vec![pair("0.2.0", "Good")]));
    world.write();
    let contract = world.plan().task.unwrap();
    assert_eq!((contract.purpose, outcomes(&world.plan())), (Purpose::Contract, vec![]));
    for (end, step) in [(None, Step::Contract), (Some("Complete"), Step::Expand)] {
        world.job(&contract, end);
        let plan = world.plan();
        assert_eq!(plan.step, step);
        assert!(plan.keep.contains(&(Kind::Job, preflight.name.clone())), "what it found is still needed");
    }
    world.write();
    assert_eq!(purpose(&world.plan()), Some(Purpose::Expand), "stopped in between, nobody looks again");
}

#[test]
fn what_was_never_good_is_no_place_to_come_back_to() {
    let trying = || {
        let mut world = World::to("0.2.0");
        world.migrated();
        world.write();
        world.pods(Pods::Coming);
        world
    };
    let mut unmigrated = World::to("0.2.0");
    unmigrated.migrated();
    unmigrated.job(&Task::expand(&unmigrated.valid()), Some("Failed"));
    let mut failed = trying();
    failed.pods(Pods::Late);
    failed.write();
    for (mut world, was_failed) in [(World::to("0.2.0"), false), (unmigrated, false), (trying(), false), (failed, true)]
    {
        world.annotations = vec![(ANNOTATION_ROLLBACK, "0.1.0")];
        let (left, good) = (pair("0.2.0", "Failed"), pair("0.1.0", "Good"));
        let written = if was_failed { vec![good] } else { vec![left, good] };
        assert_eq!(outcomes(&world.plan()), written);
        world.write();
        assert_eq!((world.plan().step.reason(), outcomes(&world.plan())), ("RolledBack", vec![]));
        world.annotations = vec![(ANNOTATION_ROLLBACK, "0.2.0")];
        let plan = world.plan();
        assert_eq!((plan.step.reason(), outcomes(&plan)), ("RolledBack", vec![]));
        assert!(plan.note.unwrap().contains("no revision that served"));
    }
    // As an earlier operator wrote it.
    let mut left = World::to("0.2.0");
    left.found.children.extend(revision(&left.valid(), 2, |marks| {
        marks.outcome = Outcome::Left;
        marks.migrated_by = None;
    }));
    left.annotations = vec![(ANNOTATION_ROLLBACK, "0.2.0")];
    assert!(left.plan().note.is_some());
}

#[test]
fn a_version_means_its_newest_revision_that_does_not_serve_and_what_serves_already_is_said_to() {
    let mut world = upgraded();
    world.spec =
        json!({"version": "0.2.0", "limits": {"messagesPerMinute": 3}, "rollout": {"rollbackWindowSeconds": 60}});
    world.migrated();
    world.write();
    world.pods(Pods::Ready);
    world.write();
    assert_eq!(world.serving().number, 3);
    world.annotations = vec![(ANNOTATION_ROLLBACK, "0.2.0")];
    let plan = world.plan();
    assert_eq!(plan.step.reason(), "RolledBack");
    assert_eq!(plan.basis.unwrap().spec.limits.messages_per_minute, 10);
    for by in ["3", world.serving().name.leak()] {
        world.annotations = vec![(ANNOTATION_ROLLBACK, by)];
        let plan = world.plan();
        assert_eq!((&plan.step, outcomes(&plan)), (&Step::Current, vec![]));
        assert!(plan.note.unwrap().contains("serves already"), "{by}");
    }
    // What serves is a way back while the spec asks for something else.
    world.annotations = vec![(ANNOTATION_ROLLBACK, "3")];
    world.spec = json!({"version": "0.4.0"});
    assert_eq!(world.plan().step.reason(), "RolledBack");
}
