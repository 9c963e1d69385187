use chrono::TimeZone;
use serde_json::{Value, json};

use super::*;
use crate::apply::{ObjectError, Reason};
use crate::dereference::WebhookSeen;
use crate::fixtures::{bot, deployment, found, job, live, revision};
use crate::plan::plan;
use crate::upgrade::Task;
use crate::validate::validate;

const LUNA: Named<'static> = Named { name: "luna", namespace: Some("bots") };

fn at(minute: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 1, 12, minute, 0).unwrap()
}

fn telegram_has(url: &str) -> Webhook {
    Webhook::Seen(WebhookSeen {
        url: url.to_owned(),
        pending_updates: 37,
        last_error: None,
        last_error_at: None,
        fails: false,
    })
}

/// A world in which everything of the fixtures' bot runs and Telegram delivers.
fn running(spec: Value) -> (VitteBot, Found) {
    let (bot, mut found) = (bot(spec), found());
    let valid = validate(&bot, &found).unwrap();
    found.children.insert(job(&Task::expand(&valid).name, Some("Complete")));
    found.children.extend(revision(&valid, 1, |_| {}));
    for name in ["luna-bot", "luna-api", "luna-worker"] {
        found.children.insert(deployment(name, 1));
    }
    found.webhook = telegram_has("https://luna.example.org/telegram/webhook");
    (bot, found)
}

fn told(bot: &VitteBot, found: &Found, errors: Vec<ObjectError>, now: DateTime<Utc>) -> Status {
    let valid = validate(bot, found).unwrap();
    let plan = plan(&valid, found, bot.status.as_ref(), now);
    let applied = Applied { children: found.children.clone(), errors, ..Applied::default() };
    status(bot, &Outcome::Applied { valid: &valid, plan: &plan, found, applied: &applied }, now)
}

fn condition(status: &Status, kind: ConditionType) -> (ConditionStatus, &str) {
    let found = status.conditions.iter().find(|c| c.type_ == kind.as_str()).unwrap();
    (found.status, found.reason.as_str())
}

/// What `kubectl wait`, Flux and Argo CD compute (<https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus>).
fn kstatus(status: &Status) -> &'static str {
    let holds = |kind| condition(status, kind).0 == ConditionStatus::True;
    match () {
        () if holds(ConditionType::Stalled) => "Failed",
        () if holds(ConditionType::Reconciling) => "InProgress",
        () if holds(ConditionType::Ready) => "Current",
        () => "InProgress",
    }
}

#[test]
fn a_bot_whose_parts_all_run_is_ready_for_the_generation_that_was_looked_at() {
    let (bot, found) = running(json!({}));
    let status = told(&bot, &found, vec![], at(1));
    assert_eq!(status.phase, Some(Phase::Ready));
    assert_eq!((status.observed_generation, status.version.as_deref()), (Some(3), Some("0.1.0")));
    assert_eq!(condition(&status, ConditionType::Ready), (ConditionStatus::True, "AllReady"));
    assert!(status.conditions.iter().all(|c| c.observed_generation == Some(3)));
    assert_eq!(kstatus(&status), "Current");
    assert_eq!(status.components["bot"].ready, 1);
    assert!(!status.components.contains_key("admin"));
    // A number that grows would make every look a write.
    assert_eq!(status.webhook.unwrap().pending_updates, Some(10));
}

#[test]
fn looking_again_changes_nothing() {
    let (mut bot, found) = running(json!({}));
    let first = told(&bot, &found, vec![], at(1));
    bot.status = Some(first.clone());
    assert_eq!(told(&bot, &found, vec![], at(7)), first);
}

#[test]
fn each_obstacle_is_named_and_the_machine_readable_states_agree() {
    type Change = fn(&mut VitteBot, &mut Found);
    let remove_pods: Change = |_, found| {
        let kept = [Kind::Job, Kind::ControllerRevision, Kind::ConfigMap];
        found.children = kept.into_iter().flat_map(|kind| found.children.of(kind)).cloned().collect();
    };
    let table: [(&str, Change, Phase, &str, &str); 9] = [
        (
            "nothing asked yet",
            |_, f| f.webhook = Webhook::Unknown,
            Phase::Degraded,
            "WebhookNotRegistered",
            "InProgress",
        ),
        ("no webhook", |_, f| f.webhook = telegram_has(""), Phase::Degraded, "WebhookNotRegistered", "InProgress"),
        (
            "another's webhook",
            |_, f| f.webhook = telegram_has("https://else.example"),
            Phase::Degraded,
            "WebhookNotRegistered",
            "InProgress",
        ),
        // Telegram's outage is no fault of the bot's.
        ("Telegram away", |_, f| f.webhook = Webhook::Failed("no answer".into()), Phase::Ready, "AllReady", "Current"),
        ("no pods yet", remove_pods, Phase::RollingOut, "RollingOut", "InProgress"),
        ("another version", |b, _| b.spec.version = "0.2.0".into(), Phase::Preflight, "Preflight", "InProgress"),
        (
            "migration failed beside running pods",
            |b, f| {
                b.spec.version = "0.2.0".into();
                let name = Task::expand(&validate(b, f).unwrap()).name;
                f.children.insert(job(&name, Some("Failed")));
            },
            Phase::Degraded,
            "MigrationFailed",
            "Failed",
        ),
        (
            "a pod that never gets ready",
            |_, f| {
                let status = json!({"replicas": 1, "conditions": [{"type": "Progressing", "status": "False",
                    "reason": "ProgressDeadlineExceeded", "message": "timed out"}]});
                f.children.insert(live(
                    Kind::Deployment,
                    "luna-api",
                    json!({"spec": {"replicas": 1}, "status": status}),
                ));
            },
            Phase::Degraded,
            "Stuck",
            "Failed",
        ),
        (
            "asleep",
            |b, f| {
                b.spec.hibernated = true;
                for name in ["luna-bot", "luna-api", "luna-worker"] {
                    f.children.insert(deployment(name, 0));
                }
            },
            Phase::Hibernated,
            "Hibernated",
            "Current",
        ),
    ];
    for (what, change, phase, reason, state) in table {
        let (mut bot, mut found) = running(json!({}));
        change(&mut bot, &mut found);
        let status = told(&bot, &found, vec![], at(1));
        assert_eq!(status.phase, Some(phase), "{what}: {:?}", status.message);
        assert_eq!(condition(&status, ConditionType::Ready).1, reason, "{what}");
        assert_eq!(kstatus(&status), state, "{what}");
        assert!(status.message.is_some_and(|message| !message.is_empty()), "{what}");
    }
}

#[test]
fn what_the_api_server_refuses_for_good_waits_for_a_person_and_what_it_refuses_now_does_not() {
    let (bot, found) = running(json!({}));
    let error = |reason| {
        vec![ObjectError { kind: Kind::Ingress, name: "luna".into(), message: "the host is not valid".into(), reason }]
    };
    let refused = told(&bot, &found, error(Reason::Invalid), at(1));
    assert_eq!(kstatus(&refused), "Failed");
    assert!(refused.message.unwrap().contains("the host is not valid"));
    assert_eq!(kstatus(&told(&bot, &found, error(Reason::Conflict), at(1))), "InProgress");
}

#[test]
fn a_missing_key_is_named_with_its_secret_and_what_runs_is_said_to_stay() {
    let (_, mut found) = running(json!({}));
    let bot = bot(json!({"admin": {"passwordSecretRef": {"name": "luna", "key": "nowhere"}}}));
    let invalid = validate(&bot, &found).unwrap_err();
    let status = status(&bot, &Outcome::Invalid { invalid: &invalid, found: &found }, at(1));
    let message = status.message.clone().unwrap();
    assert!(message.contains("Secret luna has no key nowhere (spec.admin.passwordSecretRef)"), "{message}");
    assert!(message.contains("what runs stays as it is"), "{message}");
    assert_eq!(condition(&status, ConditionType::SecretsReady), (ConditionStatus::False, "Missing"));
    assert_eq!((status.phase, kstatus(&status)), (Some(Phase::Degraded), "InProgress"));
    found.children = Children::default();
    let invalid = validate(&bot, &found).unwrap_err();
    let fresh = super::status(&bot, &Outcome::Invalid { invalid: &invalid, found: &found }, at(1));
    assert_eq!(fresh.phase, Some(Phase::Pending));
}

#[test]
fn a_condition_keeps_its_time_until_its_status_changes() {
    let (mut bot, mut found) = running(json!({}));
    let time = |status: &Status| {
        let ready = status.conditions.iter().find(|c| c.type_ == "Ready").unwrap();
        ready.last_transition_time.clone()
    };
    let ready = told(&bot, &found, vec![], at(1));
    assert_eq!(time(&ready), "2026-01-01T12:01:00Z");
    bot.status = Some(ready);
    found.webhook = telegram_has("");
    let not = told(&bot, &found, vec![], at(2));
    assert_eq!(time(&not), "2026-01-01T12:02:00Z");
    bot.status = Some(not);
    found.webhook = telegram_has("https://else.example");
    assert_eq!(time(&told(&bot, &found, vec![], at(3))), "2026-01-01T12:02:00Z");
}

#[test]
fn another_operators_condition_stays() {
    let (mut bot, found) = running(json!({}));
    let mut status = told(&bot, &found, vec![], at(1));
    let mut foreign = status.conditions[0].clone();
    foreign.type_ = "example.org/Approved".into();
    status.conditions.insert(0, foreign.clone());
    bot.status = Some(status);
    assert_eq!(told(&bot, &found, vec![], at(2)).conditions.last(), Some(&foreign));
}

#[test]
fn what_runs_is_remembered_while_the_next_version_comes() {
    let (mut bot, found) = running(json!({}));
    bot.status = Some(told(&bot, &found, vec![], at(1)));
    bot.spec.version = "0.2.0".into();
    let status = told(&bot, &found, vec![], at(2));
    assert_eq!(status.version.as_deref(), Some("0.1.0"));
}

#[test]
fn attempts_of_one_image_are_counted() {
    let (mut bot, mut found) = running(json!({}));
    bot.status = Some(told(&bot, &found, vec![], at(1)));
    bot.metadata.annotations = Some([(crate::names::ANNOTATION_RETRY.to_owned(), "1".to_owned())].into());
    let again = told(&bot, &found, vec![], at(2)).migration.unwrap();
    assert_eq!((again.attempt, again.phase), (Some(2), Some(MigrationPhase::Pending)));
    bot.spec.version = "0.2.0".into();
    let name = Task::expand(&validate(&bot, &found).unwrap()).name;
    found.children.insert(job(&name, None));
    assert_eq!(told(&bot, &found, vec![], at(3)).migration.unwrap().attempt, Some(1));
}

#[test]
fn when_a_migration_ran_is_told_again_after_another_one_was_told_of() {
    let (mut bot, mut found) = running(json!({}));
    let valid = validate(&bot, &found).unwrap();
    let ran = "2026-01-01T00:00:00Z/2026-01-01T00:00:07Z";
    found.children.extend(revision(&valid, 1, |marks| marks.migrated_at = crate::upgrade::Ran::parse(ran)));
    let before = told(&bot, &found, vec![], at(1)).migration.unwrap();
    assert_eq!(before.finished_at.as_deref(), Some("2026-01-01T00:00:07Z"));
    // Its Job went as that of another version came, which is given up before it is over.
    found.children.remove(Kind::Job, &Task::expand(&valid).name);
    bot.status = Some(Status {
        migration: Some(MigrationStatus {
            job: Some("luna-migrate-0123456789".to_owned()),
            image: Some("ghcr.io/vitte/vitte:0.2.0".to_owned()),
            phase: Some(MigrationPhase::Running),
            ..MigrationStatus::default()
        }),
        ..Status::default()
    });
    assert_eq!(told(&bot, &found, vec![], at(2)).migration.unwrap(), before);
    // The status was written last before the Job ended.
    let running = MigrationStatus { phase: Some(MigrationPhase::Running), finished_at: None, ..before.clone() };
    bot.status = Some(Status { migration: Some(running), ..Status::default() });
    assert_eq!(told(&bot, &found, vec![], at(3)).migration.unwrap(), before);
}

#[test]
fn one_event_tells_of_each_transition_and_none_of_standing_still() {
    let (mut bot, mut found) = running(json!({}));
    let ready = told(&bot, &found, vec![], at(1));
    let reasons = |old: Option<&Status>, new: &Status| -> Vec<String> {
        transitions(old, new).into_iter().map(|event| event.reason).collect()
    };
    assert_eq!(
        reasons(None, &ready),
        ["SecretsReadyAllThere", "MigratedDone", "UpgradedCurrent", "WebhookRegisteredRegistered", "Ready"]
    );
    assert_eq!(reasons(Some(&ready), &ready), Vec::<String>::new());
    bot.status = Some(ready.clone());
    found.webhook = telegram_has("");
    let lost = told(&bot, &found, vec![], at(2));
    let events = transitions(Some(&ready), &lost);
    assert!(events.iter().all(|event| event.severity == Severity::Warning), "{events:?}");
    assert_eq!(reasons(Some(&ready), &lost), ["WebhookRegisteredNotRegistered", "NotReadyWebhookNotRegistered"]);
}

#[test]
fn a_note_fits_into_an_event_whatever_the_message() {
    let (bot, found) = running(json!({}));
    let ready = told(&bot, &found, vec![], at(1));
    let mut stalled = ready.clone();
    for condition in &mut stalled.conditions {
        if condition.type_ == "Stalled" {
            condition.status = ConditionStatus::True;
            condition.message = "ж".repeat(4_000);
        }
    }
    let events = transitions(Some(&ready), &stalled);
    assert_eq!(events.len(), 1);
    assert!(events[0].note.len() <= 1_000 && events[0].note.ends_with(" ..."));
}

#[test]
fn a_status_in_words_says_what_to_do() {
    let (bot, mut found) = running(json!({}));
    found.webhook = telegram_has("https://else.example");
    let status = told(&bot, &found, vec![], at(1));
    let words = explain(LUNA, Some(4), Some(&status));
    assert!(words.contains("serving, but not as its spec says"), "{words}");
    assert!(words.contains("generation 4, looked at: 3"), "{words}");
    assert!(words.contains("@BotFather"), "{words}");
    assert!(explain(LUNA, None, None).contains("no operator has looked at it"));
}

fn paused(bot: &VitteBot, found: &Found, minute: u32) -> Status {
    super::status(bot, &Outcome::Paused { found }, at(minute))
}

#[test]
fn a_paused_bot_is_ready_only_if_it_was_and_is_asked_for_nothing_else() {
    fn ready(status: &Status) -> (ConditionStatus, &str) {
        condition(status, ConditionType::Ready)
    }
    let (mut bot, mut found) = running(json!({}));
    // Born paused, or paused at once with the first spec.
    assert_eq!(ready(&paused(&bot, &found, 1)), (ConditionStatus::False, "Paused"));

    bot.status = Some(told(&bot, &found, vec![], at(1)));
    bot.status = Some(paused(&bot, &found, 2));
    assert_eq!(ready(bot.status.as_ref().unwrap()), (ConditionStatus::True, "Paused"));
    bot.spec.version = "0.2.0".into();
    bot.status = Some(paused(&bot, &found, 3));
    assert_eq!(ready(bot.status.as_ref().unwrap()), (ConditionStatus::False, "PausedSpecChanged"));
    bot.spec.version = "0.1.0".into();
    let pods = found.children.clone();
    found.children.insert(live(Kind::Deployment, "luna-api", json!({"spec": {"replicas": 1}, "status": {}})));
    bot.status = Some(paused(&bot, &found, 4));
    assert_eq!(ready(bot.status.as_ref().unwrap()), (ConditionStatus::False, "PausedPodsNotReady"));
    found.children = pods;
    assert_eq!(ready(&paused(&bot, &found, 5)), (ConditionStatus::True, "Paused"));
}

#[test]
fn pausing_mends_nothing() {
    let (mut bot, mut found) = running(json!({}));
    bot.status = Some(told(&bot, &found, vec![], at(1)));
    let good = bot.spec.clone();
    bot.spec.version = "0.2.0".into();
    let name = Task::expand(&validate(&bot, &found).unwrap()).name;
    found.children.insert(job(&name, Some("Failed")));
    bot.status = Some(told(&bot, &found, vec![], at(2)));
    for (spec, minute) in [(bot.spec.clone(), 3), (good, 4)] {
        bot.spec = spec;
        bot.status = Some(paused(&bot, &found, minute));
        let status = bot.status.as_ref().unwrap();
        assert_eq!(condition(status, ConditionType::Ready), (ConditionStatus::False, "Paused"));
        assert_ne!(kstatus(status), "Current");
    }
}

#[test]
fn a_webhook_to_which_nothing_is_delivered_is_no_readiness_and_condemns_no_version() {
    let (bot, mut found) = running(json!({}));
    let Webhook::Seen(seen) = &mut found.webhook else { panic!("the fixture has one") };
    (seen.fails, seen.last_error) = (true, Some("SSL error {certificate has expired}".to_owned()));
    let status = told(&bot, &found, vec![], at(1));
    assert_eq!(condition(&status, ConditionType::WebhookRegistered), (ConditionStatus::False, "DeliveryFails"));
    assert_eq!(condition(&status, ConditionType::Ready), (ConditionStatus::False, "DeliveryFails"));
    assert_eq!(condition(&status, ConditionType::Upgraded), (ConditionStatus::True, "Current"));
    assert_eq!((status.phase, kstatus(&status)), (Some(Phase::Degraded), "InProgress"));
    assert!(status.message.unwrap().contains("certificate has expired"));
}

#[test]
fn a_bot_that_polls_has_no_webhook_condition_unless_a_webhook_is_in_its_way() {
    let (bot, mut found) = running(json!({"telegram": {"updates": "Polling", "webhook": null}}));
    let kind = ConditionType::WebhookRegistered;
    let in_the_way = told(&bot, &found, vec![], at(1));
    assert_eq!(condition(&in_the_way, kind), (ConditionStatus::False, "InTheWay"));
    assert_eq!(condition(&in_the_way, ConditionType::Ready), (ConditionStatus::False, "WebhookInTheWay"));
    for nothing in [telegram_has(""), Webhook::Unknown, Webhook::Failed("no answer".into())] {
        found.webhook = nothing;
        let status = told(&bot, &found, vec![], at(1));
        assert!(status.conditions.iter().all(|c| c.type_ != kind.as_str()));
        assert_eq!(condition(&status, ConditionType::Ready).0, ConditionStatus::True);
    }
}
