//! The operator stopped after write k, for every k: whoever starts next brings the same end about as if nothing had
//! happened.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};
use vitte_operator::names::{ANNOTATION_ROLLBACK, ANNOTATION_ROTATE};
use vitte_operator::objects::Kind;

use crate::harness::calls::Call;
use crate::harness::history::{History, Statuses, deadlines_pass};
use crate::harness::kstatus::condition;
use crate::harness::kubelet::Fate;
use crate::harness::manifests::{luna_with, secrets};
use crate::harness::operator::Operator;
use crate::harness::snapshot::Snapshot;
use crate::harness::until;
use crate::harness::wire::{Stop, Wire};
use crate::harness::world::World;

/// Worlds at once: enough to keep two cores busy while each waits for the controllers.
const AT_ONCE: usize = 8;
/// What an operator that was stopped may write once more: the object whose answer it did not live to see.
const AGAIN: usize = 2;
const STATUS: &str = "vittebots/status luna";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Story {
    Install,
    Scale,
    Rotation,
    Deletion,
    /// Another version, which is good.
    Upgrade,
    /// One whose migration fails.
    FailedMigration,
    /// One whose pods never become ready.
    Rollback,
    /// A person goes back to the version before the one that serves.
    Back,
    /// The window of a good upgrade closes.
    Contract,
    /// It closes because another version is to come.
    ContractAndUpgrade,
}

/// Two autoscaled pods at least, by CPU, which nobody measures here.
fn scaling() -> serde_json::Value {
    json!({"minReplicas": 2, "maxReplicas": 4, "targetCPUUtilizationPercentage": 70})
}

fn bot(world: &World) -> serde_json::Value {
    luna_with(
        &world.telegram,
        json!({
            "database": {"urlSecretRef": null, "embedded": {"storage": "1Gi"}},
            "components": {"api": {"replicas": 2}, "worker": {"autoscaling": scaling()}},
            "migrations": {"timeoutSeconds": 10},
        }),
    )
}

impl Story {
    /// What was before the operator is stopped: a bot that is ready, or nothing.
    async fn before(self, world: &World) {
        if self == Self::Install {
            return;
        }
        let operator = Operator::start(world);
        world.apply(bot(world)).await;
        world.ready("luna").await;
        operator.settled(world, "luna").await;
        if matches!(self, Self::Back | Self::Contract | Self::ContractAndUpgrade) {
            world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
            world.ready("luna").await;
            operator.settled(world, "luna").await;
        }
        operator.stop().await.unwrap();
    }

    /// How it ends.
    async fn ends(self, world: &World, operator: &Operator) {
        let reason = |bot: &Value, wanted: &str| condition(bot, "Upgraded").is_some_and(|c| c["reason"] == wanted);
        match self {
            Self::Deletion => {
                world.until_bot_gone("luna").await;
                // The garbage collector ends it.
                let left = ["PersistentVolumeClaim luna-postgres", "Secret luna-postgres"];
                until("all else to be gone", async || world.snapshot().await.keys().eq(left).then_some(())).await;
                return;
            }
            Self::FailedMigration => {
                world.until_bot("luna", "has failed", |bot| reason(bot, "ExpandFailed")).await;
            }
            Self::Rollback | Self::Back => {
                world.until_bot("luna", "is back", |bot| reason(bot, "RolledBack")).await;
                until("the old pods alone", async || {
                    let list = world.api(Kind::Deployment).list(&ListParams::default()).await.unwrap();
                    let old = |d: &DynamicObject| d.data["status"]["updatedReplicas"] == d.data["status"]["replicas"];
                    list.items.iter().all(old).then_some(())
                })
                .await;
            }
            Self::Contract => {
                until("its contract is written down", async || {
                    let list = world.api(Kind::ControllerRevision).list(&ListParams::default()).await.unwrap();
                    let by =
                        |r: &DynamicObject| r.metadata.annotations.as_ref()?.get("vitte.dev/contracted-by").cloned();
                    list.items.iter().filter_map(by).any(|by| by.contains("-contract-")).then_some(())
                })
                .await;
                world.ready("luna").await;
            }
            Self::Install | Self::Scale | Self::Rotation | Self::Upgrade | Self::ContractAndUpgrade => {
                world.ready("luna").await;
            }
        }
        operator.settled(world, "luna").await;
    }

    /// What the operator writes at least: fewer, and the story does not tell what it should.
    fn writes(self) -> usize {
        match self {
            Self::Install => 25,
            Self::Scale => 5,
            Self::Rotation => 4,
            Self::Deletion => 1,
            Self::Upgrade => 10,
            Self::FailedMigration => 4,
            Self::Rollback => 14,
            Self::Back => 5,
            Self::Contract => 3,
            Self::ContractAndUpgrade => 14,
        }
    }

    /// The last of these writes after which the operator is stopped: what follows may be another story's.
    fn stops(self, writes: &[Call]) -> usize {
        let creates_a_job = |call: &Call| call.verb == "create" && call.resource == "jobs";
        let jobs = writes.iter().enumerate().filter(|(_, call)| creates_a_job(call));
        match self {
            // Preflight, contract, and from then on an upgrade as any other.
            Self::ContractAndUpgrade => jobs.map(|(place, _)| place + 1).nth(2).unwrap_or(writes.len()),
            _ => writes.len(),
        }
    }

    /// What the person does.
    async fn happens(self, world: &World) {
        match self {
            Self::Install => {
                world.apply(bot(world)).await;
            }
            Self::Scale => {
                // An autoscaler goes, another comes.
                let components = json!({
                    "worker": {"replicas": 3, "autoscaling": null},
                    "api": {"replicas": null, "autoscaling": scaling()},
                });
                world.patch_bot("luna", json!({"spec": {"components": components}})).await;
            }
            Self::Rotation => {
                let mut keys = secrets(&world.token);
                keys.insert("llm".to_owned(), "another-key".to_owned());
                world.secret("luna", &keys).await;
                world.annotate("luna", ANNOTATION_ROTATE, "now").await;
            }
            Self::Deletion => world.delete_bot("luna").await,
            Self::Upgrade => {
                world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
            }
            Self::FailedMigration => {
                world.kubelet.ordain("migrate", Fate::Fails("a table is in use".to_owned())).await;
                world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
            }
            Self::Rollback => {
                world.kubelet.ordain_image("0.2.0", Fate::Hangs).await;
                world.patch_bot("luna", json!({"spec": {"version": "0.2.0"}})).await;
            }
            Self::Back => world.annotate("luna", ANNOTATION_ROLLBACK, "0.1.0").await,
            Self::Contract => {
                world.patch_bot("luna", json!({"spec": {"rollout": {"rollbackWindowSeconds": 0}}})).await;
            }
            Self::ContractAndUpgrade => {
                world.patch_bot("luna", json!({"spec": {"version": "0.3.0"}})).await;
            }
        }
    }

    fn history(self, world: &World) -> History {
        let history = History::of(world);
        if self == Self::Back { history.after("0.1.0") } else { history }
    }

    /// Whether every Deployment has all its pods throughout.
    fn keeps_pods(self) -> bool {
        !matches!(self, Self::Install | Self::Scale | Self::Rotation | Self::Deletion)
    }
}

/// What must hold of every run, whatever its end.
fn judge(story: Story, history: &History) -> Result<(), String> {
    history.judge()?;
    match history.fewest() {
        fewest if fewest < 0 && story.keeps_pods() => Err(format!("{fewest} pods served for a while")),
        _ => Ok(()),
    }
}

fn by_object(wires: &[&Wire]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in wires.iter().flat_map(|wire| wire.writes()) {
        let name = call.name.as_deref().unwrap_or("-").to_owned();
        // Hashed names are one object's successive contents.
        *counts.entry(format!("{} {name}", call.resource)).or_insert(0) += 1;
    }
    counts
}

struct Undisturbed {
    end: Snapshot,
    writes: usize,
    /// The last write after which the operator is stopped.
    stops: usize,
    by_object: BTreeMap<String, usize>,
    statuses: Statuses,
    jobs: usize,
    webhook: String,
}

async fn undisturbed(story: Story, world: &World) -> Undisturbed {
    story.before(world).await;
    let history = story.history(world);
    let _passing = (story == Story::Rollback).then(|| deadlines_pass(world, "0.2.0"));
    let operator = Operator::start(world);
    story.happens(world).await;
    story.ends(world, &operator).await;
    judge(story, &history).unwrap();
    Undisturbed {
        end: world.snapshot().await,
        writes: operator.wire.count(),
        stops: story.stops(&operator.wire.writes()),
        by_object: by_object(&[&operator.wire]),
        statuses: history.statuses(),
        jobs: world.kubelet.all_jobs().len(),
        webhook: world.telegram.webhook(&world.token).await,
    }
}

/// One run, cut off at one place; whether it came to that.
async fn disturbed(story: Story, world: World, stop: Stop, expected: &Undisturbed) -> Result<bool, String> {
    story.before(&world).await;
    let history = story.history(&world);
    let _passing = (story == Story::Rollback).then(|| deadlines_pass(&world, "0.2.0"));
    // Given up for one Deployment, a version may never come to the next: how many templates each had is no part of the end.
    let aside = (story == Story::Rollback).then_some("deployment.kubernetes.io/revision");
    let first = Operator::with(&world, Wire::stopping(stop), |_| {});
    story.happens(&world).await;
    // A run with fewer writes than the undisturbed one ends before it can be stopped.
    tokio::select! {
        () = first.wire.dead() => {}
        end = world.becomes_aside(&expected.end, aside) => end?,
    }
    let was_cut_off = first.wire.is_dead();
    let killed = first.kill();
    let second = Operator::start(&world);
    world.becomes_aside(&expected.end, aside).await?;
    if story != Story::Deletion {
        second.settled(&world, "luna").await;
        world.becomes_aside(&expected.end, aside).await?;
    }
    if world.kubelet.all_jobs().len() != expected.jobs {
        return Err(format!("Jobs: {:?}", world.kubelet.all_jobs()));
    }
    judge(story, &history)?;
    if world.telegram.webhook(&world.token).await != expected.webhook {
        return Err("the webhook is another one".to_owned());
    }
    let statuses = history.statuses();
    if statuses.news > expected.statuses.news + 3 * AGAIN || statuses.counts > statuses.reports {
        return Err(format!("it tells too often: {statuses:#?}"));
    }
    // Each is written because it is another: how many counts of pods there are to tell is the controllers' affair.
    let told = statuses.news + statuses.counts;
    let most = |object: &String| {
        AGAIN + if object == STATUS { told } else { expected.by_object.get(object).copied().unwrap_or(1) }
    };
    let counts = by_object(&[&killed, &second.wire]);
    let over: Vec<_> = counts.iter().filter(|(object, count)| **count > most(object)).collect();
    if over.is_empty() { Ok(was_cut_off) } else { Err(format!("too many writes: {over:?}; {statuses:#?}")) }
}

async fn stopped_everywhere(story: Story) {
    let world = World::new().await;
    let expected = undisturbed(story, &world).await;
    assert!(expected.writes >= story.writes(), "{story:?} writes only {} times", expected.writes);
    let stops = (1..=expected.stops).flat_map(|k| {
        // What lies between two writes matters where Telegram is called; elsewhere one of the two is enough.
        if story == Story::Deletion { vec![Stop::During(k), Stop::After(k)] } else { vec![Stop::During(k)] }
    });
    let (world, expected) = (&world, &expected);
    let runs = stops.map(|stop| async move {
        let end = disturbed(story, world.another().await, stop, expected).await;
        end.map_err(|why| format!("{story:?}, stopped {stop:?} of {}: {why}", expected.writes))
    });
    let all: Result<Vec<bool>, String> = futures::stream::iter(runs).buffer_unordered(AT_ONCE).try_collect().await;
    let cut_off = all.unwrap_or_else(|why| panic!("{why}"));
    let whole = cut_off.iter().filter(|was| !**was).count();
    // How often counts of pods are written on the way depends on when the controllers report.
    let most = 3 + expected.statuses.counts;
    assert!(whole <= most && whole < cut_off.len(), "{whole} of {} runs were not cut off", cut_off.len());
}

#[tokio::test]
async fn an_install_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Install).await;
}

#[tokio::test]
async fn a_change_of_scale_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Scale).await;
}

#[tokio::test]
async fn a_rotation_of_secrets_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Rotation).await;
}

#[tokio::test]
async fn a_deletion_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Deletion).await;
}

#[tokio::test]
async fn an_upgrade_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Upgrade).await;
}

#[tokio::test]
async fn a_failed_migration_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::FailedMigration).await;
}

#[tokio::test]
async fn a_return_to_the_last_good_version_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Rollback).await;
}

#[tokio::test]
async fn a_return_by_hand_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Back).await;
}

#[tokio::test]
async fn an_upgrade_that_closes_a_window_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::ContractAndUpgrade).await;
}

#[tokio::test]
async fn a_contract_stopped_after_any_write_ends_as_the_undisturbed_one() {
    stopped_everywhere(Story::Contract).await;
}
