//! Makes of what was read what is worth knowing (pure): the [`super::model`].

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use vitte_crds::status::{Condition, ConditionType};
use vitte_operator::names::{Component, LABEL_BOT, LABEL_COMPONENT};
use vitte_operator::status::{Named, advice};

use super::gather::Found;
use super::model::{BotView, ConditionView, EventView, MigrationView, PartView, PodView, State, WebhookView};
use super::pods::pod_view;
use crate::object::{self, int, owned, text};
use crate::screen::age;

/// Warnings that are shown: the last ones.
const EVENTS: usize = 5;

/// What of `found` is about this bot.
#[must_use]
pub fn view(bot: &Value, found: &Found, now: Timestamp) -> BotView {
    let (name, namespace) = (object::name(bot).to_owned(), object::namespace(bot).to_owned());
    let of = |list: &'_ [Value]| -> Vec<Value> {
        let ours = |o: &&Value| object::namespace(o) == namespace && object::label(o, LABEL_BOT) == Some(&name);
        list.iter().filter(ours).cloned().collect()
    };
    let (deployments, sets, pods) = (of(&found.deployments), of(&found.stateful_sets), of(&found.pods));
    let jobs = of(&found.jobs);

    let generation = int(bot, "/metadata/generation").unwrap_or_default();
    let looked_at = int(bot, "/status/observedGeneration");
    let stale = looked_at.is_none_or(|seen| seen < generation);
    let said = owned(bot, "/status/message");
    let stalled = object::holds(bot, ConditionType::Stalled.as_str()).is_some();
    let all = || object::items(bot, "/status/conditions");
    let known: Vec<Condition> = all().filter_map(|one| serde_json::from_value(one.clone()).ok()).collect();
    let named = Named { name: &name, namespace: Some(&namespace) };
    let conditions: Vec<ConditionView> = all().map(|one| condition_view(named, &known, stalled, one)).collect();
    let is = |kind: ConditionType| object::holds(bot, kind.as_str()).is_some();
    let phase = owned(bot, "/status/phase");
    let ready = !stale && is(ConditionType::Ready);
    let stop = conditions.iter().find(|condition| condition.type_ == ConditionType::Stalled.as_str());
    let stop = stop.and_then(|condition| condition.advice.clone());
    let message = match (looked_at, stale) {
        (None, _) => Some("no operator has looked at it: is one running that watches this namespace?".to_owned()),
        (Some(_), true) => Some("the spec has changed since the operator looked: what follows may be old".to_owned()),
        _ => said,
    };
    let mut components: Vec<PartView> = deployments.iter().map(|d| part_view(d, &pods)).collect();
    let order = |part: &PartView| Component::ALL.iter().position(|c| c.as_str() == part.name).unwrap_or(usize::MAX);
    components.sort_by_key(|part| (order(part), part.name.clone()));
    let stores: Vec<PartView> = sets.iter().map(|s| part_view(s, &pods)).collect();
    let ours: BTreeSet<&str> =
        [bot].into_iter().chain(&deployments).chain(&sets).chain(&jobs).chain(&pods).map(object::name).collect();
    let makers: Vec<&str> = deployments.iter().chain(&sets).chain(&jobs).map(object::name).collect();
    BotView {
        ready,
        state: match ready {
            true => State::Good,
            false if stalled => State::Bad,
            false => State::Busy,
        },
        phase: phase.unwrap_or_else(|| "Unknown".to_owned()),
        version: owned(bot, "/status/version"),
        wanted_version: owned(bot, "/spec/version"),
        revision: owned(bot, "/status/revision"),
        failed_version: owned(bot, "/status/failedVersion"),
        message,
        advice: stop,
        webhook: webhook_view(bot, &conditions),
        conditions,
        components,
        migration: migration_view(bot, &pods, &jobs),
        stores,
        warnings: warnings(&found.events, &namespace, &ours, &makers, now),
        notes: found.notes.clone(),
        name,
        namespace,
    }
}

/// A condition that others added is taken as it looks: true is good. Unless the operator is `stalled`, what it makes come
/// true is on its way.
fn condition_view(bot: Named<'_>, known: &[Condition], stalled: bool, condition: &Value) -> ConditionView {
    const MADE: [&str; 4] = ["Ready", "Migrated", "Upgraded", "WebhookRegistered"];
    let field = |key: &str| condition.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (type_, status) = (field("type"), field("status"));
    let inverted = [ConditionType::Reconciling, ConditionType::Stalled, ConditionType::Paused];
    let inverted = inverted.iter().any(|kind| kind.as_str() == type_);
    let state = match (status.as_str(), inverted) {
        ("True", false) | ("False", true) => State::Good,
        ("True", true) if type_ != ConditionType::Stalled.as_str() => State::Busy,
        ("False", false) if !stalled && MADE.contains(&type_.as_str()) => State::Busy,
        ("Unknown", _) => State::Busy,
        _ => State::Bad,
    };
    let this = known.iter().find(|known| known.type_ == type_);
    let advice = this.and_then(|this| advice(bot, known, this));
    ConditionView { type_, status, reason: field("reason"), message: field("message"), state, advice }
}

/// `pods`: all of the bot's.
fn part_view(part: &Value, pods: &[Value]) -> PartView {
    let count = |pointer: &str| int(part, pointer).unwrap_or_default();
    let desired = int(part, "/spec/replicas").unwrap_or(1);
    let (ready, updated) = (count("/status/readyReplicas"), count("/status/updatedReplicas"));
    let current = count("/status/observedGeneration") >= count("/metadata/generation");
    let failed = object::condition(part, "Progressing").is_some_and(|progress| progress["status"] == "False");
    let component = object::label(part, LABEL_COMPONENT);
    let of_part = pods.iter().filter(|pod| object::label(pod, LABEL_COMPONENT) == component);
    let pods: Vec<PodView> = of_part.filter_map(pod_view).collect();
    let name = component.unwrap_or_else(|| object::name(part)).to_owned();
    PartView {
        state: match () {
            () if failed || pods.iter().any(|pod| pod.restarts > 0 || pod.is_stuck()) => State::Bad,
            () if current && ready >= desired && updated >= desired => State::Good,
            () => State::Busy,
        },
        name,
        object: object::name(part).to_owned(),
        desired,
        ready,
        updated,
        image: owned(part, "/spec/template/spec/containers/0/image").unwrap_or_default(),
        revision: object::annotation(part, "deployment.kubernetes.io/revision").and_then(|text| text.parse().ok()),
        pods,
    }
}

fn migration_view(bot: &Value, pods: &[Value], jobs: &[Value]) -> Option<MigrationView> {
    // Before and after the migration others of an upgrade's Jobs look and clean up.
    let pods = pods_of_jobs(pods, jobs);
    let none = Value::Null;
    let migration =
        bot.pointer("/status/migration").filter(|found| found.is_object()).or((!pods.is_empty()).then_some(&none))?;
    let phase = owned(migration, "/phase").unwrap_or_else(|| "Unknown".to_owned());
    let job = owned(migration, "/job");
    Some(MigrationView {
        state: match phase.as_str() {
            _ if pods.iter().any(PodView::is_stuck) => State::Bad,
            "Succeeded" if pods.is_empty() => State::Good,
            "Failed" => State::Bad,
            _ => State::Busy,
        },
        pods,
        phase,
        job,
        attempt: int(migration, "/attempt"),
        image: owned(migration, "/image"),
        finished_at: owned(migration, "/finishedAt"),
        message: owned(migration, "/message"),
    })
}

/// The pods of Jobs that are at work, or have failed, as far as they are not done.
fn pods_of_jobs(pods: &[Value], jobs: &[Value]) -> Vec<PodView> {
    let is_done = |job: &&Value| object::condition(job, "Complete").is_some_and(|c| c["status"] == "True");
    let names: BTreeSet<&str> = jobs.iter().filter(|job| !is_done(job)).map(object::name).collect();
    let is_theirs = |pod: &&Value| {
        let mut owners = object::items(pod, "/metadata/ownerReferences");
        owners.any(|owner| owner["kind"] == "Job" && owner["name"].as_str().is_some_and(|name| names.contains(name)))
    };
    pods.iter().filter(is_theirs).filter_map(pod_view).collect()
}

fn webhook_view(bot: &Value, conditions: &[ConditionView]) -> Option<WebhookView> {
    let webhook = bot.pointer("/status/webhook").filter(|webhook| webhook.is_object())?;
    let registered = conditions.iter().find(|one| one.type_ == ConditionType::WebhookRegistered.as_str());
    Some(WebhookView {
        state: registered.map_or(State::Busy, |registered| registered.state),
        url: owned(webhook, "/url"),
        pending_updates: int(webhook, "/pendingUpdates"),
        last_error: owned(webhook, "/lastError"),
    })
}

/// The last warnings about one of `ours`, or about a pod or ReplicaSet that one of the `makers` made.
fn warnings(
    events: &[Value],
    namespace: &str,
    ours: &BTreeSet<&str>,
    makers: &[&str],
    now: Timestamp,
) -> Vec<EventView> {
    let is_ours = |name: &str| ours.contains(name) || makers.iter().any(|maker| is_made_by(name, maker));
    let about = |event: &&Value| {
        object::namespace(event) == namespace && text(event, "/involvedObject/name").is_some_and(is_ours)
    };
    let mut found: Vec<(Option<Timestamp>, EventView)> =
        events.iter().filter(about).map(|e| event_view(e, now)).collect();
    found.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    found.into_iter().take(EVENTS).map(|(_, view)| view).collect()
}

/// Whether a name is the maker's with one or two words that Kubernetes made up: digits, or letters of its alphabet
/// without vowels (<https://pkg.go.dev/k8s.io/apimachinery/pkg/util/rand>). `luna-bot-worker` is no pod of `luna-bot`.
fn is_made_by(name: &str, maker: &str) -> bool {
    let Some(rest) = name.strip_prefix(maker).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let made_up = |word: &str| {
        let all = |allowed: &str| !word.is_empty() && word.chars().all(|c| allowed.contains(c));
        all("0123456789") || all("bcdfghjklmnpqrstvwxz2456789")
    };
    rest.split('-').count() <= 2 && rest.split('-').all(made_up)
}

fn event_view(event: &Value, now: Timestamp) -> (Option<Timestamp>, EventView) {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    let at = times.iter().find_map(|pointer| object::time(event, pointer));
    let kind = text(event, "/involvedObject/kind").unwrap_or_default().to_ascii_lowercase();
    let view = EventView {
        at: at.map(|at| at.to_string()),
        age: at.map(|at| age(at, now)).unwrap_or_default(),
        reason: owned(event, "/reason").unwrap_or_default(),
        object: format!("{kind}/{}", text(event, "/involvedObject/name").unwrap_or_default()),
        count: int(event, "/series/count").or_else(|| int(event, "/count")).unwrap_or(1).max(1),
        note: owned(event, "/message").unwrap_or_default(),
    };
    (at, view)
}
