use serde_json::json;

use super::*;

fn revision(number: i64, version: &str, outcome: &str) -> Revision {
    Revision {
        name: format!("luna-{number:010}"),
        number,
        version: version.to_owned(),
        image: format!("vitte:{version}"),
        outcome: outcome.to_owned(),
        since: "2026-01-01T12:00:00Z".to_owned(),
        reason: None,
        done: None,
    }
}

/// Newest first, as they are read.
fn three() -> Vec<Revision> {
    vec![revision(3, "0.3.0", "Good"), revision(2, "0.2.0", "Good"), revision(1, "0.1.0", "Good")]
}

fn chosen(bot: &Value, revisions: &[Revision], to: Option<&str>) -> Result<Choice, Fault> {
    choose(bot, revisions, serving(bot, revisions), to)
}

fn value(choice: Result<Choice, Fault>) -> String {
    match choice {
        Ok(Choice::Ask(value, _)) => value,
        other => panic!("{other:?}"),
    }
}

fn nothing(choice: Result<Choice, Fault>) -> String {
    match choice {
        Ok(Choice::Nothing(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_a_name_it_is_what_served_before() {
    assert_eq!(value(chosen(&json!({}), &three(), None)), "luna-0000000002");
}

#[test]
fn a_revision_that_never_served_is_passed_over() {
    let mut revisions = three();
    revisions[1].outcome = "Failed".to_owned();
    assert_eq!(value(chosen(&json!({}), &revisions, None)), "luna-0000000001");
    let refused = chosen(&json!({}), &revisions, Some("0.2.0")).unwrap_err();
    assert!(refused.to_string().contains("0.2.0 is no revision that served"), "{refused}");
    assert_eq!(refused.code(), 2);
}

#[test]
fn a_revision_is_meant_by_name_number_or_version() {
    for by in ["luna-0000000001", "1", "0.1.0"] {
        assert_eq!(value(chosen(&json!({}), &three(), Some(by))), "luna-0000000001", "{by}");
    }
}

#[test]
fn while_an_upgrade_is_under_way_what_serves_is_gone_back_to() {
    let mut revisions = three();
    revisions.insert(0, revision(4, "0.4.0", "Trying"));
    assert_eq!(value(chosen(&json!({}), &revisions, None)), "luna-0000000003");
}

/// As the operator tells it before there is a revision of what the spec asks for.
fn stopped_at(reason: &str) -> Value {
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": reason});
    json!({"status": {"revision": "luna-0000000003", "conditions": [condition("Ready", "False"), condition("Upgraded", "False")]}})
}

#[test]
fn what_serves_is_gone_back_to_at_every_step_of_an_upgrade() {
    for step in
        ["Preflight", "PreflightFailed", "Contract", "ContractFailed", "Expand", "ExpandFailed", "Waits", "Refused"]
    {
        let bot = stopped_at(step);
        assert_eq!(value(chosen(&bot, &three(), None)), "luna-0000000003", "{step}");
        assert_eq!(value(chosen(&bot, &three(), Some("0.3.0"))), "luna-0000000003", "{step}");
    }
    for end in ["Current", "RolledBack"] {
        assert_eq!(value(chosen(&stopped_at(end), &three(), None)), "luna-0000000002", "{end}");
    }
}

#[test]
fn a_removal_that_failed_after_an_upgrade_is_no_upgrade_under_way() {
    let mut bot = stopped_at("ContractFailed");
    bot["status"]["conditions"][0]["reason"] = json!("WebhookNotRegistered");
    assert_eq!(value(chosen(&bot, &three(), None)), "luna-0000000002");
}

#[test]
fn what_was_taken_back_already_is_not_taken_back_further() {
    let bot = json!({"status": {"failedVersion": "0.4.0", "revision": "luna-0000000003"}});
    assert!(nothing(chosen(&bot, &three(), None)).starts_with("0.4.0 was given up already, and 0.3.0 serves"));
    assert_eq!(value(chosen(&bot, &three(), Some("0.1.0"))), "luna-0000000001");
}

#[test]
fn what_serves_is_not_asked_for() {
    assert!(nothing(chosen(&json!({}), &three(), Some("0.3.0"))).contains("serves already"));
}

#[test]
fn what_is_asked_for_already_is_not_asked_again() {
    let bot = json!({"metadata": {"annotations": {ANNOTATION_ROLLBACK: "0.2.0"}}});
    assert!(nothing(chosen(&bot, &three(), None)).contains("asked to go back to 0.2.0 already"));
}

/// The operator acts on another value than before: a second way back to the same revision needs another word.
#[test]
fn a_value_that_is_done_with_is_not_written_again() {
    let mut revisions = three();
    revisions[0].done = Some("luna-0000000002".to_owned());
    let bot = json!({"metadata": {"annotations": {ANNOTATION_ROLLBACK: "luna-0000000002"}}});
    assert_eq!(value(chosen(&bot, &revisions, None)), "2");
}

#[test]
fn a_version_that_means_a_newer_revision_is_not_written_for_an_older_one() {
    let mut revisions = three();
    revisions[1].version = "0.1.0".to_owned();
    revisions[0].done = Some("luna-0000000001".to_owned());
    revisions[1].done = Some("1".to_owned());
    assert!(chosen(&json!({}), &revisions, Some("luna-0000000001")).is_err());
}

#[test]
fn before_anything_served_there_is_nothing_to_go_back_to() {
    let refused = chosen(&json!({}), &[revision(1, "0.1.0", "Trying")], None).unwrap_err();
    assert!(refused.to_string().contains("no revision has served yet"));
    let refused = chosen(&json!({}), &[revision(1, "0.1.0", "Good")], None).unwrap_err();
    assert!(refused.to_string().contains("only revision that served"));
}

#[test]
fn the_list_marks_what_serves_and_says_why_others_do_not() {
    let mut revisions = three();
    revisions[0].outcome = "Failed".to_owned();
    revisions[0].reason = Some("worker was not ready in 300 s".to_owned());
    let serving = serving(&json!({}), &revisions).cloned();
    insta::assert_snapshot!(table(&revisions, serving.as_ref()));
}
