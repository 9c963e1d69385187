use serde_json::json;

use super::super::spec::spec_now;
use super::*;
use crate::cache::child::Child;
use crate::fixtures::{bot, found, live};
use crate::validate::validate;

fn valid(spec: serde_json::Value) -> Valid {
    validate(&bot(spec), &found()).unwrap()
}

#[test]
fn a_revision_is_read_as_it_was_written_through_the_cache_too() {
    let long = "x".repeat(3_000);
    let valid = valid(json!({"components": {"worker": {"env": [{"name": "LONG", "value": long}]}}}));
    let mut marks = Marks::new(Outcome::Failed, "2026-01-01T12:00:00Z".parse().unwrap(), &valid);
    marks.reason = Some("Deployment luna-bot: timed out".to_owned());
    let revision = Revision::of(&valid, 7, marks);
    let cached = Child::from_value(revision.wanted(&valid).json).unwrap().into_json();
    let live = live(Kind::ControllerRevision, &revision.name, serde_json::from_slice(&cached).unwrap());
    let read = Revision::read(&live).unwrap();
    assert_eq!(Revision { read: None, ..read }, revision);
}

#[test]
fn a_new_one_is_created_and_a_known_one_is_written_only_over_what_was_read() {
    let valid = valid(json!({}));
    let new = Revision::of(&valid, 1, Marks::new(Outcome::Good, DateTime::UNIX_EPOCH, &valid));
    assert_eq!(new.wanted(&valid).mode, Mode::Create);
    let mut json = new.wanted(&valid).json;
    json["metadata"]["resourceVersion"] = json!("41");
    let known = Revision::read(&live(Kind::ControllerRevision, &new.name, json)).unwrap().wanted(&valid);
    assert_eq!((known.mode, &known.json["metadata"]["resourceVersion"]), (Mode::Replace, &json!("41")));
    // What cannot be changed is written back letter by letter.
    assert_eq!(known.json["data"].to_string(), new.wanted(&valid).json["data"].to_string());
}

#[test]
fn one_that_this_operator_cannot_read_is_passed_over() {
    let valid = valid(json!({}));
    let mut json = Revision::of(&valid, 1, Marks::new(Outcome::Good, DateTime::UNIX_EPOCH, &valid)).wanted(&valid).json;
    json["data"]["spec"]["fromTheFuture"] = json!(true);
    let children: Children = [live(Kind::ControllerRevision, "luna-1", json)].into_iter().collect();
    assert!(Revisions::of(&children).serving().is_none());
}

#[test]
fn the_pods_of_a_revision_are_made_again_word_for_word() {
    let mut found = found();
    let before = validate(&bot(json!({"monitoring": {"logLevel": "debug"}})), &found).unwrap();
    let revision = Revision::of(&before, 1, Marks::new(Outcome::Good, DateTime::UNIX_EPOCH, &before));
    // The personas have changed since, and the spec too.
    found.config_maps.insert(
        "personas".to_owned(),
        found.config_maps["personas"].clone().map(|mut files| {
            files.insert("nova.yaml".to_owned(), files["luna.yaml"].replace("Luna", "Nova"));
            files
        }),
    );
    let now = validate(&bot(json!({"version": "0.2.0"})), &found).unwrap();
    assert_ne!(name(&now), revision.name);
    let spec = spec_now(&revision, &now.spec, false);
    let again = crate::validate::revived(&now, spec, &revision.image, &revision.config_maps, &found).unwrap();
    assert_eq!(crate::build::deployments(&again, &found), crate::build::deployments(&before, &found));
    assert_eq!(name(&again), revision.name);
}
