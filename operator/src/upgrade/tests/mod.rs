//! Every decision, as a table or a short story.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use vitte_crds::status::Status;

use super::*;
use crate::dereference::Found;
use crate::fixtures::{bot, found, job, live, revision};
use crate::names::{ANNOTATION_APPLIED, ANNOTATION_RETRY, ANNOTATION_ROLLBACK};
use crate::validate::validate;

mod at_work;
mod judged;
mod kept;
mod ways_back;

fn now() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// A bot and what runs of it.
struct World {
    spec: Value,
    annotations: Vec<(&'static str, &'static str)>,
    found: Found,
    now: DateTime<Utc>,
}

impl World {
    /// Nothing runs yet.
    fn new(spec: Value) -> Self {
        Self { spec, annotations: Vec::new(), found: found(), now: now() }
    }

    /// 0.1.0 serves as `serves` has it (since 1970), and the spec says otherwise in `spec`.
    fn upgrade(serves: Value, spec: Value) -> Self {
        let mut world = Self::new(serves);
        world.found.children.extend(revision(&world.valid(), 1, |_| {}));
        world.pods(Pods::Ready);
        world.spec = spec;
        world
    }

    fn to(version: &str) -> Self {
        Self::upgrade(json!({}), json!({"version": version}))
    }

    fn valid(&self) -> Valid {
        let mut bot = bot(self.spec.clone());
        let annotations = self.annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        bot.metadata.annotations = Some(annotations.collect());
        validate(&bot, &self.found).unwrap()
    }

    fn plan(&self) -> Upgrade {
        plan(&self.valid(), &self.found, None, self.now)
    }

    fn job(&mut self, task: &Task, end: Option<&str>) {
        let mut live = job(&task.name, end);
        let json = Arc::make_mut(&mut live.json);
        let stamp = crate::apply::contains::digest(&crate::build::job(&self.valid(), task).json);
        json["metadata"]["annotations"] = json!({ANNOTATION_APPLIED: stamp});
        self.found.children.insert(live);
    }

    fn serving(&self) -> Revision {
        Revisions::of(&self.found.children).serving().unwrap().clone()
    }

    /// A preflight ended well, and found this.
    fn looked(&mut self, preflight: &Task, words: &str) {
        self.job(preflight, Some("Complete"));
        self.found.job_words.insert(preflight.name.clone(), words.to_owned());
    }

    /// The newer image looked at the database and knows all of it, and the schema is extended.
    fn migrated(&mut self) {
        let (preflight, expand) = (Task::preflight(&self.valid(), &self.serving(), 0), Task::expand(&self.valid()));
        self.looked(&preflight, "newer");
        self.job(&expand, Some("Complete"));
    }

    /// What was planned is written, as far as revisions go.
    fn write(&mut self) {
        let written = self.plan().records;
        for (count, record) in written.into_iter().enumerate() {
            let mut json = record.json;
            json["metadata"]["resourceVersion"] = json!((100 + count).to_string());
            self.found.children.insert(live(Kind::ControllerRevision, &record.name, json));
        }
    }

    /// Deployments as the spec wants them, each with pods like this.
    fn pods(&mut self, pods: Pods) {
        for wanted in crate::build::deployments(&self.valid(), &self.found) {
            let mut json = wanted.json.clone();
            let stamp = crate::apply::contains::digest(&wanted.json);
            json["metadata"]["annotations"] = json!({ANNOTATION_APPLIED: stamp});
            json["metadata"]["generation"] = json!(2);
            json["status"] = pods.status();
            self.found.children.insert(live(Kind::Deployment, &wanted.name, json));
        }
        let config_maps: Vec<String> =
            self.valid().inputs.keys().map(|c| crate::build::config_map_name(&self.valid(), *c)).collect();
        for name in config_maps {
            self.found.children.insert(live(Kind::ConfigMap, &name, json!({"immutable": true})));
        }
    }
}

/// One replica is asked for.
#[derive(Clone, Copy)]
enum Pods {
    Ready,
    Coming,
    /// The deadline is over; the old pod is ready.
    Late,
    /// The old pod is ready since this many seconds only.
    LateSince(i64),
    /// The old pod is not ready either.
    AllDown,
    /// One of two old pods is not ready.
    SomeDown,
    /// There never was an old pod, and the deadline is over.
    FirstLate,
}

impl Pods {
    fn status(self) -> Value {
        let counts = |replicas: i64, updated: i64, available: i64| {
            json!({"observedGeneration": 2, "replicas": replicas, "updatedReplicas": updated,
                "availableReplicas": available, "readyReplicas": available})
        };
        let late = |available: i64, since: DateTime<Utc>| {
            let mut status = counts(2, 1, available);
            let holds = if available > 0 { "True" } else { "False" };
            status["conditions"] = json!([
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"},
                {"type": "Available", "status": holds, "lastTransitionTime": since.to_rfc3339()},
            ]);
            status
        };
        match self {
            Self::Ready => counts(1, 1, 1),
            Self::Coming => counts(2, 1, 1),
            Self::Late => late(1, DateTime::UNIX_EPOCH),
            Self::LateSince(seconds) => late(1, now() - TimeDelta::seconds(seconds)),
            Self::AllDown => late(0, now()),
            Self::FirstLate => {
                let mut status = late(0, now());
                status["replicas"] = json!(1);
                status
            }
            Self::SomeDown => {
                let mut status = late(1, DateTime::UNIX_EPOCH);
                status["replicas"] = json!(3);
                status
            }
        }
    }
}

fn outcomes(upgrade: &Upgrade) -> Vec<(String, String)> {
    let texts = |wanted: &Wanted| {
        let version = wanted.json["data"]["version"].as_str().unwrap().to_owned();
        (version, wanted.json["metadata"]["annotations"]["vitte.dev/outcome"].as_str().unwrap().to_owned())
    };
    upgrade.records.iter().map(texts).collect()
}

fn pair(version: &str, outcome: &str) -> (String, String) {
    (version.to_owned(), outcome.to_owned())
}

fn purpose(upgrade: &Upgrade) -> Option<Purpose> {
    upgrade.task.as_ref().map(|task| task.purpose)
}

#[test]
fn an_install_migrates_everything_then_brings_pods_and_is_good_once_they_are_ready() {
    let mut world = World::new(json!({}));
    let plan = world.plan();
    assert_eq!((&plan.step, plan.roll, plan.serving.is_none()), (&Step::Expand, false, true));
    let task = plan.task.unwrap();
    assert_eq!(task.arguments, ["migrate", "up"]);

    world.job(&task, None);
    let plan = world.plan();
    assert_eq!((&plan.step, plan.roll, plan.task.is_none()), (&Step::Expand, false, true));

    world.job(&task, Some("Complete"));
    let plan = world.plan();
    assert!(matches!(plan.step, Step::Rollout(_)) && plan.roll && plan.basis.is_none());
    assert_eq!(outcomes(&plan), [pair("0.1.0", "Trying")]);
    world.write();
    world.pods(Pods::Coming);
    assert_eq!((outcomes(&world.plan()), world.plan().serving), (vec![], None));

    world.pods(Pods::Ready);
    let plan = world.plan();
    assert_eq!((&plan.step, outcomes(&plan)), (&Step::Current, vec![pair("0.1.0", "Good")]));
    world.write();
    let plan = world.plan();
    assert_eq!((&plan.step, outcomes(&plan), plan.task.is_none()), (&Step::Current, vec![], true));
    assert_eq!(plan.serving.unwrap().version, "0.1.0");
}

#[test]
fn another_image_is_looked_at_then_the_schema_extended_then_pods_replaced_and_until_then_the_old_spec_serves() {
    let mut world = World::to("0.2.0");
    let plan = world.plan();
    assert_eq!((&plan.step, purpose(&plan)), (&Step::Preflight, Some(Purpose::Preflight)));
    assert_eq!((plan.basis.unwrap().image.as_str(), plan.roll), ("ghcr.io/vitte/vitte:0.1.0", true));
    world.looked(&plan.task.unwrap(), "newer");

    let plan = world.plan();
    assert_eq!((&plan.step, purpose(&plan)), (&Step::Expand, Some(Purpose::Expand)));
    assert_eq!(plan.basis.unwrap().image, "ghcr.io/vitte/vitte:0.1.0");
    let task = plan.task.unwrap();
    assert_eq!(task.arguments, ["migrate", "up", "--phase", "expand"]);
    world.job(&task, Some("Complete"));

    let plan = world.plan();
    assert!(matches!(plan.step, Step::Rollout(_)) && plan.basis.is_none() && plan.roll);
    assert_eq!(plan.serving.as_ref().unwrap().version, "0.1.0");
    world.write();
    world.pods(Pods::Ready);
    assert_eq!(outcomes(&world.plan()), [pair("0.2.0", "Good")]);
    world.write();
    assert_eq!(world.plan().serving.unwrap().version, "0.2.0");
}

#[test]
fn each_step_that_fails_leaves_the_old_spec_serving_and_creates_nothing() {
    let mut preflight = World::to("0.2.0");
    let task = preflight.plan().task.unwrap();
    preflight.job(&task, Some("Failed"));
    preflight.found.job_words.insert(task.name, "no downgrade over 0007".to_owned());
    let mut expand = World::to("0.2.0");
    expand.migrated();
    expand.job(&Task::expand(&expand.valid()), Some("Failed"));
    let refused = World::upgrade(
        json!({}),
        json!({"version": "0.2.0", "migrations": {"backup": "Required"}, "backup": {"schedule": "0 3 * * *", "s3": {"bucket":
            "luna-backups", "accessKeyIdSecretRef": {"name": "luna", "key": "token"},
            "secretAccessKeySecretRef": {"name": "luna", "key": "token"}}}}),
    );
    let table = [
        (preflight, Step::PreflightFailed("BackoffLimitExceeded: no downgrade over 0007".into())),
        (expand, Step::ExpandFailed("BackoffLimitExceeded: tried too often".into())),
    ];
    for (world, step) in table {
        let plan = world.plan();
        assert_eq!(plan.step, step);
        assert_eq!((plan.basis.unwrap().spec.version.as_str(), plan.task.is_none()), ("0.1.0", true), "{step:?}");
    }
    let plan = refused.plan();
    assert!(matches!(&plan.step, Step::Refused(why) if why.contains("backup: None")), "{:?}", plan.step);
    assert_eq!((plan.basis.unwrap().spec.version.as_str(), plan.task.is_none()), ("0.1.0", true));
}

#[test]
fn a_failed_migration_runs_again_for_another_version_image_input_or_wish_and_for_nothing_else() {
    let failed = || {
        let mut world = World::to("0.2.0");
        world.migrated();
        world.job(&Task::expand(&world.valid()), Some("Failed"));
        world
    };
    let mut same = failed();
    same.spec = json!({"version": "0.2.0", "limits": {"messagesPerMinute": 3}});
    assert!(matches!(same.plan().step, Step::ExpandFailed(_)));
    let mut tidied = failed();
    let status = Status {
        migration: Some(vitte_crds::status::MigrationStatus {
            job: Some(Task::expand(&tidied.valid()).name),
            phase: Some(vitte_crds::status::MigrationPhase::Failed),
            message: Some("out of space".to_owned()),
            ..Default::default()
        }),
        ..Status::default()
    };
    tidied.found.children.remove(Kind::Job, &Task::expand(&tidied.valid()).name);
    let step = plan(&tidied.valid(), &tidied.found, Some(&status), now()).step;
    assert_eq!(step, Step::ExpandFailed("out of space".to_owned()), "somebody tidied the Job away");

    let mut wish = failed();
    wish.annotations.push((ANNOTATION_RETRY, "1"));
    let mut version = failed();
    version.spec = json!({"version": "0.3.0"});
    let mut image = failed();
    image.spec = json!({"version": "0.2.0", "image": {"repository": "example.org/vitte"}});
    for world in [wish, version, image] {
        assert!(world.plan().task.is_some(), "{}", world.spec);
    }
}

#[test]
fn the_job_of_a_former_spec_ends_before_anything_new_begins() {
    let mut world = World::to("0.2.0");
    world.migrated();
    let former = Task::expand(&world.valid());
    world.job(&former, None);
    world.spec = json!({"version": "0.3.0"});
    let plan = world.plan();
    assert_eq!((&plan.step, plan.task.is_none()), (&Step::Waits(former.name.clone()), true));
    assert_eq!(plan.basis.unwrap().spec.version, "0.1.0");
    world.job(&former, Some("Failed"));
    assert_eq!(world.plan().step, Step::Preflight);
}

#[test]
fn a_second_change_during_a_rollout_returns_to_what_serves_and_begins_anew() {
    let mut world = World::to("0.2.0");
    world.migrated();
    world.write();
    world.pods(Pods::Coming);
    world.spec = json!({"version": "0.3.0"});
    let plan = world.plan();
    assert_eq!((&plan.step, plan.basis.unwrap().spec.version.as_str(), plan.roll), (&Step::Preflight, "0.1.0", true));
    // Back to what serves: nothing is left to do but that.
    world.spec = json!({});
    let plan = world.plan();
    assert_eq!((&plan.step, plan.basis.is_none(), plan.roll, plan.task.is_none()), (&Step::Current, true, true, true));
}

#[test]
fn a_change_that_needs_no_new_image_needs_no_job() {
    let mut world = World::upgrade(json!({}), json!({"limits": {"messagesPerMinute": 3}}));
    world.job(&Task::expand(&world.valid()), Some("Complete"));
    let plan = world.plan();
    assert!(matches!(plan.step, Step::Rollout(_)) && plan.task.is_none());
    assert_eq!(outcomes(&plan), [pair("0.1.0", "Trying")]);
    // One that no pod reads is good at once.
    let mut world = World::upgrade(json!({}), json!({"networkPolicy": {"enabled": false}}));
    world.job(&Task::expand(&world.valid()), Some("Complete"));
    let plan = world.plan();
    assert_eq!((&plan.step, outcomes(&plan)), (&Step::Current, vec![pair("0.1.0", "Good")]));
}

/// 0.2.0 was given up.
fn given_up() -> World {
    let mut world = World::to("0.2.0");
    world.migrated();
    world.write();
    world.pods(Pods::Late);
    world.write();
    world
}

#[test]
fn what_was_given_up_is_not_tried_again_until_the_spec_or_the_wish_changes() {
    let mut world = given_up();
    for _ in 0..2 {
        let plan = world.plan();
        assert_eq!((plan.step.reason(), outcomes(&plan), plan.task.is_none()), ("RolledBack", vec![], true));
        assert_eq!((plan.failed.as_deref(), plan.serving.unwrap().version.as_str()), (Some("0.2.0"), "0.1.0"));
        assert_eq!(plan.basis.unwrap().spec.version, "0.1.0");
        world.now += TimeDelta::days(3);
    }
    let mut more_pods = given_up();
    more_pods.spec = json!({"version": "0.2.0", "components": {"worker": {"replicas": 3}}});
    let plan = more_pods.plan();
    assert_eq!((plan.step.reason(), plan.basis.unwrap().spec.components.worker.replicas), ("RolledBack", Some(3)));

    let mut wish = given_up();
    wish.annotations.push((ANNOTATION_RETRY, "1"));
    assert_eq!(wish.plan().step, Step::Preflight);
    let mut mended = given_up();
    mended.spec = json!({"version": "0.2.0", "limits": {"messagesPerMinute": 3}});
    assert!(matches!(mended.plan().step, Step::Rollout(_)), "its migration is done");
}

#[test]
fn asleep_nothing_is_upgraded_and_what_served_is_what_wakes() {
    let world = World::upgrade(json!({}), json!({"version": "0.2.0", "hibernated": true}));
    let plan = world.plan();
    assert_eq!((&plan.step, plan.task.is_none(), outcomes(&plan)), (&Step::Asleep, true, vec![]));
    let basis = plan.basis.unwrap();
    assert_eq!((basis.spec.version.as_str(), basis.spec.hibernated), ("0.1.0", true));
}

#[test]
fn another_database_behind_the_same_key_is_migrated_though_the_revision_is_the_same() {
    let mut world = World::upgrade(json!({}), json!({}));
    if let Some(crate::dereference::SecretFound::Keys(keys)) = world.found.secrets.get_mut("luna") {
        keys.insert("database-url".to_owned(), "another".to_owned());
    }
    let plan = world.plan();
    assert_eq!((&plan.step, purpose(&plan), plan.roll), (&Step::Expand, Some(Purpose::Expand), false));
}

#[test]
fn an_embedded_database_comes_before_any_job() {
    let embedded = || json!({"database": {"urlSecretRef": null, "embedded": {}}});
    let mut world = World::new(embedded());
    assert_eq!(world.plan().step, Step::WaitsForDatabase);
    world.found.children.insert(live(Kind::StatefulSet, "luna-postgres", json!({"status": {"readyReplicas": 1}})));
    assert_eq!(world.plan().step, Step::Expand);
}
