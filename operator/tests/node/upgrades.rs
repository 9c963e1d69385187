//! One bot that people talk to all the while: a migration that fails and is mended, an upgrade, a version that cannot
//! serve, lost pods, another password, sleep, and a change of version while it polls.
//!
//! One story, since a bot takes a minute to come up. Every part says what it measured (`--no-capture` shows it).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, EvictParams, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::crowd::{Crowd, PERSONS, Talk};
use crate::node::{Node, VERSION, kill, until};
use crate::ready::{COMPONENT, Ready, is_ready};
use crate::world::{OPERATOR, TOKEN, bot, install_operator, simulated_world};

const BOTS: &str = "upgrades";
/// The same executable under the next version's name, as `tools/test` has loaded it.
const NEXT: &str = "0.2.0";
/// Migrates, and serves nothing.
const FAULTY: &str = "0.3.0";
/// `spec.rollout.progressDeadlineSeconds`: the shortest that there may be.
const DEADLINE: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const BOT_PODS: usize = 2;
const SERVICES: [&str; 4] = ["bot", "worker", "api", "admin"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_in_use_survives_upgrades_faulty_versions_and_lost_pods_and_answers_each_message() {
    let stage = Stage::set().await;
    let begun = Instant::now();
    let part = |name: &str| println!("{:>4} s: {name}", begun.elapsed().as_secs());
    part("a failing migration");
    stage.a_failing_migration_leaves_the_old_version_serving_and_says_why().await;
    part("the upgrade");
    stage.once_mended_the_upgrade_migrates_and_nobody_notices().await;
    part("a version that cannot serve");
    stage.a_version_that_cannot_serve_is_taken_back_within_the_deadline().await;
    part("evictions");
    stage.a_second_eviction_is_refused_until_the_replacement_is_ready().await;
    part("a password, and an autoscaler");
    stage.a_changed_password_restarts_only_those_who_read_it_while_an_autoscaler_adds_a_pod().await;
    part("kills");
    stage.killed_pods_lose_nothing().await;
    part("polling");
    stage.a_polling_bot_changes_its_version_by_hand_over().await;
    part("sleep");
    stage.what_is_said_to_a_bot_asleep_is_answered_once_it_wakes().await;
    part("done");
}

struct Stage {
    node: Node,
    crowd: Arc<Crowd>,
    ready: Ready,
    /// Answers that a kill has repeated.
    repeated: AtomicUsize,
}

impl Stage {
    /// The operator, the world, and a bot that half of the crowd has met.
    async fn set() -> Self {
        let node = Node::connect().await;
        node.namespace(OPERATOR).await;
        node.namespace(BOTS).await;
        install_operator(&node).await;
        node.apply(simulated_world(BOTS)).await;
        let mut objects = bot(BOTS);
        for object in &mut objects {
            if object["kind"] == "VitteBot" {
                let rollout = json!({"progressDeadlineSeconds": DEADLINE.as_secs(), "minReadySeconds": 2});
                object["spec"]["rollout"] = rollout;
                // What fails is tried again with growing pauses: for half a minute here, instead of more than one.
                object["spec"]["migrations"] = json!({"timeoutSeconds": 30});
                object["spec"]["components"]["bot"] = json!({"replicas": BOT_PODS});
            }
        }
        node.apply(objects).await;
        let waited = ["wait", "--for=condition=WebhookRegistered", "vb/luna", "-n", BOTS, "--timeout=170s"];
        if !node.command(&waited).output().await.unwrap().status.success() {
            panic!("the bot is not there\n{}", node.story(BOTS).await);
        }
        node.kubectl(&["wait", "--for=condition=Ready", "vb/luna", "-n", BOTS, "--timeout=170s"]).await;
        // Straight to the pod, which this machine reaches: a port-forward is a detour by the API server for each message.
        let world = node.list("v1", "Pod", BOTS, "app=sim").await;
        let address = world[0]["status"]["podIP"].as_str().unwrap().to_owned();
        let crowd = Crowd::at(format!("http://{address}:8081"));
        let ready = Ready::watch(&node, BOTS, "luna");
        let met = crowd.talks(PERSONS / 2).await;
        let stage = Self { node, crowd, ready, repeated: AtomicUsize::new(0) };
        stage.nobody_waited_long("before anything happens", &met).await;
        stage
    }

    async fn a_failing_migration_leaves_the_old_version_serving_and_says_why(&self) {
        // A schema of yesterday, in which somebody has made a table by hand that the migration is going to make.
        self.vitte(&["migrate", "down", "--to", "3"]).await;
        self.sql("CREATE TABLE habits_days_off (reason text)").await;
        let before = self.pods(&SERVICES).await;

        let failed = async {
            self.change(&json!({"version": NEXT})).await;
            self.upgraded("ExpandFailed").await
        };
        let (message, talk) = self.crowd.talks_during(failed).await;
        self.nobody_waited_long("a failing migration", &talk).await;
        assert!(message.contains("habits_days_off"), "the Job's last words, not {message:?}");
        let status = self.status().await;
        assert_eq!(status["version"], VERSION, "{status}");
        assert!(status["message"].as_str().is_some_and(|words| words.contains("habits_days_off")), "{status}");
        assert_eq!(self.pods(&SERVICES).await, before, "no pod was replaced");

        // What the preflight wrote to /dev/termination-log, under a root that is read-only.
        let looks = self.node.list("v1", "Pod", BOTS, &format!("{COMPONENT}=migrate")).await;
        let words = looks.iter().filter_map(|pod| {
            pod.pointer("/status/containerStatuses/0/state/terminated/message").and_then(Value::as_str)
        });
        let words: Vec<&str> = words.collect();
        assert!(words.iter().any(|words| words.starts_with("newer: ")), "{words:?}");
    }

    async fn once_mended_the_upgrade_migrates_and_nobody_notices(&self) {
        self.sql("DROP TABLE habits_days_off").await;
        self.ready.fewest("bot");
        self.ready.fewest("worker");
        let upgraded = async {
            self.annotate("vitte.dev/retry-migration", "mended").await;
            self.upgraded("Expand").await;
            self.serves(NEXT).await;
        };
        let ((), talk) = self.crowd.talks_during(upgraded).await;
        self.nobody_waited_long("the upgrade", &talk).await;
        assert!(self.ready.fewest("bot") >= BOT_PODS, "fewer bot pods than asked for");
        assert!(self.ready.fewest("worker") >= 1, "no worker");
        let applied = self.vitte(&["migrate", "status"]).await;
        assert!(!applied.contains("pending") && applied.contains("0004_habits"), "{applied}");
    }

    async fn a_version_that_cannot_serve_is_taken_back_within_the_deadline(&self) {
        self.ready.fewest("bot");
        self.ready.fewest("worker");
        let tried = async {
            self.change(&json!({"version": FAULTY})).await;
            self.upgraded("Rollout").await;
            let begun = Instant::now();
            let message = self.upgraded("RolledBack").await;
            self.runs_only(NEXT).await;
            (message, begun.elapsed())
        };
        let ((message, took), talk) = self.crowd.talks_during(tried).await;
        self.nobody_waited_long("a version that cannot serve", &talk).await;
        println!("      back on {NEXT} {:.1} s after its pods were made: {message}", took.as_secs_f64());
        assert!(took <= DEADLINE + Duration::from_secs(30), "{took:?}");
        assert!(self.ready.fewest("bot") >= BOT_PODS, "fewer bot pods than asked for");
        assert!(self.ready.fewest("worker") >= 1, "no worker");
        let status = self.status().await;
        assert_eq!((&status["version"], &status["failedVersion"]), (&json!(NEXT), &json!(FAULTY)), "{status}");
        assert!(status["message"].as_str().is_some_and(|words| words.contains(FAULTY)), "{status}");
        self.change(&json!({"version": NEXT})).await;
        self.serves(NEXT).await;
    }

    async fn a_second_eviction_is_refused_until_the_replacement_is_ready(&self) {
        let pods: Api<Pod> = Api::namespaced(self.node.asks_once().await, BOTS);
        let names: Vec<String> = self.pods(&["bot"]).await.into_keys().collect();
        assert_eq!(names.len(), BOT_PODS);
        let evicted = async {
            pods.evict(&names[0], &EvictParams::default()).await.unwrap();
            let second = pods.evict(&names[1], &EvictParams::default()).await;
            let refused = matches!(&second, Err(kube::Error::Api(status)) if status.code == 429);
            assert!(refused, "a second eviction at once: {second:?}");
            until("the second eviction is allowed", || async {
                let there = self.ready_bots(&pods).await;
                let allowed = pods.evict(&names[1], &EvictParams::default()).await.is_ok();
                assert!(!allowed || there >= BOT_PODS, "allowed with {there} ready pods");
                allowed.then_some(())
            })
            .await;
            until("both are replaced", || async {
                let old = self.pods(&["bot"]).await.into_keys().any(|name| names.contains(&name));
                (!old && self.ready_bots(&pods).await == BOT_PODS).then_some(())
            })
            .await;
        };
        let ((), talk) = self.crowd.talks_during(evicted).await;
        self.nobody_waited_long("evictions", &talk).await;
    }

    /// Both take their time: the operator reads Secrets again twice a minute, and metrics come every few seconds.
    async fn a_changed_password_restarts_only_those_who_read_it_while_an_autoscaler_adds_a_pod(&self) {
        let others = self.pods(&["worker", "api"]).await;
        let bots = self.pods(&["bot"]).await;
        let before = self.pods(&["admin"]).await;
        self.ready.fewest("bot");
        let changed = async {
            // Of 50m: more than a bot takes that nobody talks to, and less than this crowd costs it.
            let scaling =
                json!({"minReplicas": BOT_PODS, "maxReplicas": BOT_PODS + 1, "targetCPUUtilizationPercentage": 20});
            self.change(&json!({"components": {"bot": {"replicas": null, "autoscaling": scaling}}})).await;
            let secret = json!({"stringData": {"admin": "another password of a test"}});
            let secrets = self.node.api("v1", "Secret", Some(BOTS));
            secrets.patch("luna", &PatchParams::default(), &Patch::Merge(secret)).await.unwrap();
            until("the administrators' pod is another", || async {
                let now = self.pods(&["admin"]).await;
                (now.len() == 1 && now.keys().all(|name| !before.contains_key(name))).then_some(())
            })
            .await;
            until("the bot has one pod more", || async {
                (self.pods(&["bot"]).await.len() == BOT_PODS + 1).then_some(())
            })
            .await;
            self.upgraded("Current").await;
        };
        let ((), talk) = self.crowd.talks_during(changed).await;
        self.nobody_waited_long("a password, and an autoscaler", &talk).await;
        assert_eq!(self.pods(&["worker", "api"]).await, others, "who does not read the password stays");
        let now = self.pods(&["bot"]).await;
        assert!(bots.keys().all(|name| now.contains_key(name)), "{bots:?}, then {now:?}");

        let quiet = Instant::now();
        until("in the quiet the bot has its least pods", || async {
            (self.pods(&["bot"]).await.len() == BOT_PODS).then_some(())
        })
        .await;
        println!("      one pod less {:.1} s after the last word", quiet.elapsed().as_secs_f64());
        assert!(self.ready.fewest("bot") >= BOT_PODS, "fewer bot pods than the least");
        self.change(&json!({"components": {"bot": {"replicas": BOT_PODS, "autoscaling": null}}})).await;
        self.upgraded("Current").await;
    }

    async fn a_polling_bot_changes_its_version_by_hand_over(&self) {
        self.change(&json!({"telegram": {"updates": "Polling", "webhook": null}})).await;
        until("Telegram has no webhook", || async { self.webhook().await.is_empty().then_some(()) }).await;
        self.serves(NEXT).await;
        self.ready.fewest("bot");
        let upgraded = async {
            self.change(&json!({"version": VERSION})).await;
            self.serves(VERSION).await;
        };
        let ((), talk) = self.crowd.talks_during(upgraded).await;
        self.nobody_waited_long("a polling bot's change of version", &talk).await;
        assert!(self.ready.fewest("bot") >= BOT_PODS, "fewer bot pods than asked for");
    }

    async fn what_is_said_to_a_bot_asleep_is_answered_once_it_wakes(&self) {
        self.change(&json!({"hibernated": true})).await;
        until("nobody is awake", || async { self.pods(&SERVICES).await.is_empty().then_some(()) }).await;
        for _ in 0..10 {
            self.crowd.says().await;
        }
        let begun = Instant::now();
        self.change(&json!({"hibernated": false})).await;
        let tally = self.crowd.tally().await;
        println!("      awake, and all answered after {:.1} s", begun.elapsed().as_secs_f64());
        assert_eq!((tally.unanswered, tally.repeated), (0, self.repeated.load(Relaxed)), "{tally:?}");
        self.upgraded("Current").await;
    }

    /// A kill may repeat the sends in flight, and loses none.
    async fn killed_pods_lose_nothing(&self) {
        let of = async |part: &str| {
            let pods = self.node.list("v1", "Pod", BOTS, &format!("vitte.dev/bot=luna,{COMPONENT}={part}")).await;
            // One that the autoscaler has just let go has no process any more.
            let stays = pods.iter().find(|pod| pod["metadata"]["deletionTimestamp"].is_null()).unwrap();
            stays["metadata"]["uid"].as_str().unwrap().to_owned()
        };
        let uids = [of("bot").await, of("worker").await];
        let killed = async {
            for uid in &uids {
                kill(uid);
            }
            until("both were started again and are ready", || async {
                let pods = self.node.list("v1", "Pod", BOTS, "vitte.dev/bot=luna").await;
                let killed = pods.iter().filter(|pod| uids.iter().any(|uid| pod["metadata"]["uid"] == *uid));
                let mut states = killed.map(|pod| &pod["status"]["containerStatuses"][0]);
                states.all(|state| state["restartCount"] == 1 && state["ready"] == true).then_some(())
            })
            .await;
        };
        let ((), talk) = self.crowd.talks_during(killed).await;
        let tally = self.crowd.tally().await;
        println!("      kills: {talk:?}, {tally:?}");
        assert_eq!(tally.unanswered, 0, "{tally:?}");
        // Leases of the killed run out after eight seconds; then others go on.
        assert!(talk.longest <= LONGEST_WAIT, "{talk:?}");
        // One pod of the bot and one worker, each with a few sends in flight at this pace.
        assert!(tally.repeated <= 10, "{tally:?}");
        self.repeated.store(tally.repeated, Relaxed);
    }

    async fn nobody_waited_long(&self, when: &str, talk: &Talk) {
        println!(
            "      {when}: {} messages in {:.1} s, an answer after {} ms in the middle, {} ms at the longest",
            talk.said,
            talk.took.as_secs_f64(),
            talk.middle.as_millis(),
            talk.longest.as_millis()
        );
        let tally = self.crowd.tally().await;
        let good =
            talk.longest <= LONGEST_WAIT && (tally.unanswered, tally.repeated) == (0, self.repeated.load(Relaxed));
        if !good {
            panic!("{when}: {talk:?}, {tally:?}\n{}", self.node.story(BOTS).await);
        }
    }

    /// Changes these values of the spec, as a person edits a manifest.
    async fn change(&self, spec: &Value) {
        self.merge(&json!({"spec": spec})).await;
    }

    async fn annotate(&self, name: &str, value: &str) {
        self.merge(&json!({"metadata": {"annotations": {name: value}}})).await;
    }

    async fn merge(&self, patch: &Value) {
        let bots = self.node.api("vitte.dev/v1alpha1", "VitteBot", Some(BOTS));
        bots.patch("luna", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn resource(&self) -> Value {
        let bots = self.node.api("vitte.dev/v1alpha1", "VitteBot", Some(BOTS));
        serde_json::to_value(bots.get("luna").await.unwrap()).unwrap()
    }

    async fn status(&self) -> Value {
        self.resource().await["status"].clone()
    }

    /// The message of `Upgraded`, if it has this reason and counts for the spec as it is.
    async fn upgraded_is(&self, reason: &str) -> Option<String> {
        let resource = self.resource().await;
        let conditions = resource["status"]["conditions"].as_array()?;
        let upgraded = conditions.iter().find(|condition| condition["type"] == "Upgraded")?;
        let of_now = upgraded["observedGeneration"] == resource["metadata"]["generation"];
        (of_now && upgraded["reason"] == reason).then(|| upgraded["message"].as_str().unwrap_or_default().to_owned())
    }

    async fn upgraded(&self, reason: &str) -> String {
        let reached = until(reason, || async { self.upgraded_is(reason).await });
        match tokio::time::timeout(Duration::from_secs(120), reached).await {
            Ok(message) => message,
            Err(_) => panic!("not {reason} within two minutes\n{}", self.node.story(BOTS).await),
        }
    }

    /// The version is the one that serves, by word and by deed.
    async fn serves(&self, version: &str) {
        self.upgraded("Current").await;
        let status = self.status().await;
        assert_eq!(status["version"], version, "{status}");
        self.runs_only(version).await;
    }

    async fn runs_only(&self, version: &str) {
        let image = format!("localhost/vitte/vitte:{version}");
        until("no pod of another image is left", || async {
            let images: BTreeSet<String> = self.pods(&SERVICES).await.into_values().collect();
            (images == BTreeSet::from([image.clone()])).then_some(())
        })
        .await;
    }

    /// The pods of these components that are not on their way out, with their images.
    async fn pods(&self, components: &[&str]) -> BTreeMap<String, String> {
        let selector = format!("vitte.dev/bot=luna,{COMPONENT} in ({})", components.join(","));
        let pods = self.node.list("v1", "Pod", BOTS, &selector).await;
        let stays = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        stays.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["containers"][0]["image"]))).collect()
    }

    async fn ready_bots(&self, pods: &Api<Pod>) -> usize {
        let only = ListParams::default().labels(&format!("vitte.dev/bot=luna,{COMPONENT}=bot"));
        pods.list(&only).await.unwrap().iter().filter(|pod| is_ready(pod)).count()
    }

    /// Telegram's address of the bot; empty without a webhook.
    async fn webhook(&self) -> String {
        let info = self.crowd.telegram(TOKEN, "getWebhookInfo").await;
        info["result"]["url"].as_str().unwrap_or_default().to_owned()
    }

    /// The services' executable, in one of the bot's pods and with what that one knows.
    async fn vitte(&self, arguments: &[&str]) -> String {
        let exec = ["exec", "-n", BOTS, "deployment/luna-bot", "--", "vitte"];
        self.node.kubectl(&[&exec[..], arguments].concat()).await
    }

    async fn sql(&self, statement: &str) -> String {
        let psql = ["exec", "-n", BOTS, "luna-postgres-0", "--", "psql", "-v", "ON_ERROR_STOP=1"];
        self.node.kubectl(&[&psql[..], &["-U", "vitte", "-d", "vitte", "-Atc", statement]].concat()).await
    }
}
