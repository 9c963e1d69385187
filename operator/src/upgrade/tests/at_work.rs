//! Jobs at work, what their pods tell, and revisions that tell nothing.

use super::super::spec::under_way;
use super::*;
use crate::cache::child::Child;

const WHY: &str = "ImagePullBackOff: Back-off pulling image";

#[test]
fn a_job_that_cannot_start_says_why_and_makes_way_for_the_next_spec() {
    let mut world = World::to("0.2.0-typo");
    let typo = world.plan().task.unwrap();
    world.job(&typo, None);
    world.found.unstarted.insert(typo.name.clone(), None);
    let plan = world.plan();
    assert_eq!((plan.unstarted, plan.drop.len()), (None, 0));
    assert_eq!(plan.look_again, Some(now() + TimeDelta::seconds(5)), "no watch tells of its pod");
    world.found.unstarted.insert(typo.name.clone(), Some(WHY.to_owned()));
    let plan = world.plan();
    assert_eq!((plan.step, plan.unstarted.as_deref(), plan.drop.len()), (Step::Preflight, Some(WHY), 0));

    for spec in [json!({"version": "0.2.0"}), json!({})] {
        world.spec = spec;
        let plan = world.plan();
        assert_eq!((plan.drop, plan.look_again), ([typo.name.clone()].into(), Some(now())), "{}", world.spec);
        assert!(plan.task.is_none(), "never two at work");
    }
    // One that is about to start, or has, ends first.
    world.spec = json!({"version": "0.2.0"});
    world.found.unstarted.insert(typo.name.clone(), None);
    assert_eq!((world.plan().step, world.plan().drop.len()), (Step::Waits(typo.name.clone()), 0));
    world.found.children.remove(Kind::Job, &typo.name);
    assert_eq!(purpose(&world.plan()), Some(Purpose::Preflight));
}

#[test]
fn a_job_that_cannot_start_is_made_anew_as_soon_as_it_would_be_made_otherwise() {
    let pull = |secret: &str| json!({"version": "0.2.0", "image": {"pullSecrets": [{"name": secret}]}});
    for (spec, purpose_of_it) in [(None, Purpose::Expand), (Some(json!({})), Purpose::Preflight)] {
        let mut world = match spec {
            Some(serves) => World::upgrade(serves, pull("wrong")),
            None => World::new(pull("wrong")),
        };
        let task = world.plan().task.unwrap();
        assert_eq!(task.purpose, purpose_of_it);
        for end in [None, Some("Failed")] {
            world.spec = pull("wrong");
            world.job(&task, end);
            world.found.unstarted.insert(task.name.clone(), Some(WHY.to_owned()));
            assert!(world.plan().task.is_none() && world.plan().drop.is_empty(), "as it is, it waits");
            world.spec = pull("right");
            let plan = world.plan();
            let anew = plan.task.as_ref().map(|task| &task.name);
            assert_eq!((anew, &plan.drop), (Some(&task.name), &[task.name.clone()].into()), "{end:?}");
            assert_eq!((plan.unstarted, plan.look_again.is_some()), (None, end.is_none()), "{end:?}");
            // What may have done something is left alone, however it is to be made.
            world.found.unstarted.insert(task.name.clone(), None);
            assert!(world.plan().task.is_none() && world.plan().drop.is_empty());
        }
    }
}

#[test]
fn a_job_that_failed_tells_the_reason_then_its_words_or_what_kept_it_from_starting() {
    let mut world = World::to("0.2.0");
    let task = world.plan().task.unwrap();
    world.job(&task, Some("Failed"));
    let mut told = |unstarted: Option<&str>, words: Option<&str>| {
        world.found.unstarted = unstarted.map(|why| (task.name.clone(), Some(why.to_owned()))).into_iter().collect();
        world.found.job_words = words.map(|words| (task.name.clone(), words.to_owned())).into_iter().collect();
        let Step::PreflightFailed(why) = world.plan().step else { panic!("{:?}", world.plan().step) };
        why
    };
    assert_eq!(told(None, Some("too few")), "BackoffLimitExceeded: too few");
    assert_eq!(told(None, None), "BackoffLimitExceeded: tried too often");
    assert_eq!(told(Some(WHY), None), format!("BackoffLimitExceeded: tried too often; its pod never started: {WHY}"));
    assert_eq!(told(Some(WHY), Some("")), "BackoffLimitExceeded: tried too often", "it started after all");
}

#[test]
fn a_preflight_whose_words_are_lost_is_made_again_but_not_for_ever() {
    let mut world = World::to("0.2.0");
    world.found.children.extend(revision(&World::new(json!({})).valid(), 1, |marks| marks.contracted_by = None));
    let mut names = BTreeSet::new();
    for _ in 0..3 {
        let task = world.plan().task.unwrap();
        assert_eq!(task.purpose, Purpose::Preflight);
        world.job(&task, Some("Complete"));
        names.insert(task.name);
    }
    let plan = world.plan();
    assert!(matches!(&plan.step, Step::PreflightFailed(why) if why.contains("3 times")), "{:?}", plan.step);
    assert_eq!((names.len(), plan.task.is_none()), (3, true));
    assert!(names.iter().all(|name| plan.keep.contains(&(Kind::Job, name.clone()))), "or it would begin anew");
    world.found.job_words.insert(names.first().unwrap().clone(), "newer".to_owned());
    assert_eq!(purpose(&world.plan()), Some(Purpose::Contract));
}

#[test]
fn a_revision_that_cannot_be_read_is_kept_and_stops_whoever_does_not_know_what_serves() {
    let mut world = World::to("0.2.0");
    let known = world.serving();
    let of_tomorrow = |name: &str, number: i64| {
        let mut json = Value::clone(&world.found.children.get(Kind::ControllerRevision, &known.name).unwrap().json);
        json["revision"] = json!(number);
        json["data"]["spec"]["fromTheFuture"] = json!(true);
        json["data"]["configMaps"] = json!({"bot": "luna-bot-of-tomorrow"});
        let json = serde_json::from_slice(&Child::from_value(json).unwrap().into_json()).unwrap();
        live(Kind::ControllerRevision, name, json)
    };
    let (older, newer) = (of_tomorrow("luna-x", 0), of_tomorrow("luna-x", 7));
    world.found.children.insert(older);
    let plan = world.plan();
    assert_eq!(plan.step, Step::Preflight);
    for kept in [(Kind::ControllerRevision, "luna-x"), (Kind::ConfigMap, "luna-bot-of-tomorrow")] {
        assert!(plan.keep.contains(&(kept.0, kept.1.to_owned())), "{kept:?}");
    }
    world.found.children.insert(newer);
    let plan = world.plan();
    assert!(matches!(&plan.step, Step::Refused(why) if why.contains("luna-x")), "{:?}", plan.step);
    assert_eq!((plan.roll, plan.task.is_none(), plan.records.is_empty(), plan.look_again), (false, true, true, None));
    assert_eq!(Revisions::of(&world.found.children).next_number(), 8);

    // What a StatefulSet remembers is none of ours.
    let mut json = json!({"revision": 9, "data": {}, "metadata": {"ownerReferences": [{"kind": "StatefulSet"}]}});
    json["metadata"]["name"] = json!("luna-x");
    world.found.children.insert(live(Kind::ControllerRevision, "luna-x", json));
    assert_eq!(world.plan().step, Step::Preflight);
}

#[test]
fn while_the_next_spec_cannot_be_what_is_rolled_out_is_judged_and_what_was_given_up_stays_so() {
    let mut world = World::upgrade(json!({}), json!({"version": "0.2.0"}));
    world.migrated();
    let invalid = || bot(json!({"version": "0.3.0", "telegram": {"tokenSecretRef": {"name": "gone"}}}));
    assert!(under_way(&invalid(), &world.found).is_none(), "its pods are not coming yet");
    world.write();
    world.pods(Pods::Late);
    for written in [vec![pair("0.2.0", "Failed")], vec![]] {
        let (standing, valid) = under_way(&invalid(), &world.found).unwrap();
        assert_eq!((standing.spec.version.as_str(), valid.image.as_str()), ("0.2.0", "ghcr.io/vitte/vitte:0.2.0"));
        let plan = plan(&valid, &world.found, None, now());
        assert_eq!((plan.step.reason(), outcomes(&plan)), ("RolledBack", written));
        assert_eq!(plan.basis.unwrap().spec.version, "0.1.0");
        world.write();
    }
    let good = World::upgrade(json!({}), json!({}));
    assert!(under_way(&invalid(), &good.found).is_none(), "nothing is under way");
}
