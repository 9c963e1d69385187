//! Phase 5 (pure): how the bot is, from what the API server told.
//!
//! A status is made anew from every reconcile's outcome and written only if it differs from the one that is there. From
//! the old one it takes what only time knows: when a condition changed, what ran last, which migration was done.
//!
//! What must never happen: a value that changes without a change of meaning, since every write is an event and every
//! event a reconcile; and `Ready` for anything but the generation that it was found for.

mod advice;
mod conditions;
mod events;
mod explain;
mod verdict;

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use vitte_crds::status::{
    ComponentStatus, ConditionStatus, ConditionType, MigrationPhase, MigrationStatus, Phase, Status, WebhookStatus,
    shorten,
};

pub use self::advice::{Named, advice};
use self::conditions::Conditions;
pub use self::events::{Event, Severity, transitions};
pub use self::explain::explain;
use self::verdict::STALLED;
use crate::apply::Applied;
use crate::build;
use crate::dereference::{Found, Webhook};
use crate::names::{Component, child};
use crate::objects::{Children, Kind, Live};
use crate::plan::{Migration, Plan, Scale, rolled_out};
use crate::resource::VitteBot;
use crate::upgrade::rollout::{exceeded, in_words};
use crate::upgrade::spec::same;
use crate::upgrade::{Ran, Revisions};
use crate::validate::{Invalid, Valid, components, webhook};

/// The reason of `WebhookRegistered` when Telegram delivers to the right address and nothing comes through.
pub const DELIVERY_FAILS: &str = "DeliveryFails";

/// How a reconcile ended.
pub enum Outcome<'a> {
    /// Nothing could be built: what runs was left alone.
    Invalid { invalid: &'a Invalid, found: &'a Found },
    /// The objects were brought into the cluster, or as many as could be.
    Applied { valid: &'a Valid, plan: &'a Plan, found: &'a Found, applied: &'a Applied },
    /// `spec.paused`: nothing was looked at but what runs.
    Paused { found: &'a Found },
    /// The bot is being removed; what it waits for.
    Deleting { message: &'a str },
}

/// The status that this outcome means.
#[must_use]
pub fn status(bot: &VitteBot, outcome: &Outcome<'_>, now: DateTime<Utc>) -> Status {
    let old = bot.status.clone().unwrap_or_default();
    let mut conditions = Conditions::new(&old, bot.metadata.generation, now);
    let mut new = Status { observed_generation: bot.metadata.generation, ..old.clone() };
    let paused = matches!(outcome, Outcome::Paused { .. });
    conditions.set(
        ConditionType::Paused,
        paused,
        if paused { "Asked" } else { "NotAsked" },
        if paused {
            "spec.paused is true: what runs is left alone"
        } else {
            "the operator keeps the bot as its spec says"
        },
    );
    match outcome {
        Outcome::Invalid { invalid, found } => refused(bot, invalid, found, &mut new, &mut conditions),
        Outcome::Applied { valid, plan, found, applied } => {
            let view = View { bot, valid, plan, found, applied };
            view.write(&old, &mut new, &mut conditions);
        }
        Outcome::Paused { found } => suspended(bot, &old, found, &mut new, &mut conditions),
        Outcome::Deleting { message } => {
            new.phase = Some(Phase::Deleting);
            new.message = Some(shorten(message));
            conditions.set(ConditionType::Ready, false, "Deleting", message);
            conditions.set(ConditionType::Reconciling, true, "Deleting", message);
            conditions.set(ConditionType::Stalled, false, "Deleting", "");
        }
    }
    new.conditions = conditions.into_list();
    new
}

/// RFC 3339, UTC, whole seconds.
fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn refused(bot: &VitteBot, invalid: &Invalid, found: &Found, new: &mut Status, conditions: &mut Conditions) {
    new.components = component_statuses(bot, &found.children, |_| None);
    let runs = found.children.of(Kind::Deployment).any(|d| d.int("/status/readyReplicas").unwrap_or(0) > 0);
    let stays = if runs { "; what runs stays as it is" } else { "" };
    let missing: Vec<String> = invalid.missing.iter().map(ToString::to_string).collect();
    if missing.is_empty() {
        conditions.set(ConditionType::SecretsReady, true, "AllThere", "every key that the spec names is there");
    } else {
        conditions.set(ConditionType::SecretsReady, false, "Missing", &missing.join("; "));
    }
    let wrong: Vec<String> = invalid.findings.iter().map(ToString::to_string).collect();
    let message = [wrong.clone(), missing].concat().join("; ") + stays;
    new.message = Some(shorten(&message));
    let reason = if wrong.is_empty() { "SecretsMissing" } else { "SpecInvalid" };
    conditions.set(ConditionType::Ready, false, reason, &message);
    // What is missing may come by itself; a spec that contradicts itself waits for a person.
    conditions.set(ConditionType::Reconciling, wrong.is_empty(), reason, &message);
    conditions.set(ConditionType::Stalled, !wrong.is_empty(), reason, &message);
    new.phase = Some(match (runs, wrong.is_empty()) {
        (true, _) => Phase::Degraded,
        (false, true) => Phase::Pending,
        (false, false) => Phase::Failed,
    });
}

/// A paused bot is `Ready` only if it was when it was paused, and is still asked for what it was ready for then.
fn suspended(bot: &VitteBot, old: &Status, found: &Found, new: &mut Status, conditions: &mut Conditions) {
    /// Reasons of a bot that was ready when it was paused, and may be so again before it goes on.
    const PODS: &str = "PausedPodsNotReady";
    const CHANGED: &str = "PausedSpecChanged";
    new.components = component_statuses(bot, &found.children, |_| None);
    let mut deployments = found.children.of(Kind::Deployment).peekable();
    let runs = deployments.peek().is_some() && deployments.all(rolled_out);
    let revisions = Revisions::of(&found.children);
    let serving = old.revision.as_deref().and_then(|name| revisions.get(name));
    let unchanged = serving.is_some_and(|serving| same(&serving.spec, &bot.spec));
    let ready = old.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    let was_ready =
        ready.is_some_and(|ready| ready.status == ConditionStatus::True || [PODS, CHANGED].contains(&&*ready.reason));
    let (ready, reason, message) = match (was_ready, unchanged, runs) {
        (false, ..) => {
            (false, "Paused", "paused before it was ready for its spec; the operator goes on when spec.paused is false")
        }
        (true, false, _) => {
            (false, CHANGED, "paused: what served before runs; the changed spec waits until spec.paused is false")
        }
        (true, true, false) => {
            (false, PODS, "paused: not everything is running; the operator goes on when spec.paused is false")
        }
        (true, true, true) => {
            (true, "Paused", "paused: what runs is ready; changes of the spec wait until spec.paused is false")
        }
    };
    new.phase = Some(Phase::Paused);
    new.message = Some(message.to_owned());
    conditions.set(ConditionType::Ready, ready, reason, message);
    conditions.set(ConditionType::Reconciling, false, "Paused", message);
    conditions.set(ConditionType::Stalled, false, "Paused", "");
}

/// One entry for each component that has a Deployment or should have one.
fn component_statuses(
    bot: &VitteBot,
    children: &Children,
    scale: impl Fn(Component) -> Option<Scale>,
) -> BTreeMap<String, ComponentStatus> {
    let wanted: Vec<Component> = components(&bot.spec).collect();
    let entry = |component: Component| {
        let live = children.get(Kind::Deployment, &child(bot.name(), component));
        (live.is_some() || wanted.contains(&component))
            .then(|| (component.to_string(), component_status(live, scale(component))))
    };
    Component::ALL.into_iter().filter_map(entry).collect()
}

fn component_status(live: Option<&Live>, scale: Option<Scale>) -> ComponentStatus {
    let count = |pointer| live.and_then(|d| d.int(pointer)).and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
    let desired = match scale {
        Some(Scale::Fixed(count)) => count,
        Some(Scale::Asleep) => 0,
        Some(Scale::Autoscaled { .. }) | None => count("/spec/replicas"),
    };
    ComponentStatus {
        desired,
        updated: count("/status/updatedReplicas"),
        ready: count("/status/readyReplicas"),
        available: count("/status/availableReplicas"),
        image: live.and_then(|d| d.text("/spec/template/spec/containers/0/image")).map(str::to_owned),
        autoscaled: matches!(scale, Some(Scale::Autoscaled { .. })),
    }
}

/// One reconcile that came as far as its writes.
struct View<'a> {
    bot: &'a VitteBot,
    valid: &'a Valid,
    plan: &'a Plan,
    found: &'a Found,
    applied: &'a Applied,
}

/// How far the pods are.
enum Pods {
    Ready,
    Asleep,
    /// What is still to come.
    Coming(String),
    /// A Deployment gave up: which, and its own words.
    Stuck(String),
}

impl View<'_> {
    fn write(&self, old: &Status, new: &mut Status, conditions: &mut Conditions) {
        let scale = |component| self.plan.scale.get(&component).copied();
        new.components = component_statuses(self.bot, &self.applied.children, scale);
        new.migration = self.migration(old);
        new.webhook = self.webhook();
        new.backup = None;
        conditions.set(ConditionType::SecretsReady, true, "AllThere", "every key that the spec names is there");
        self.migrated(conditions);
        let reachable = self.reachable(conditions);
        self.backups(conditions);

        let upgrade = &self.plan.upgrade;
        if let Some(serving) = &upgrade.serving {
            new.version = Some(serving.version.clone());
            new.image = Some(serving.image.clone());
        }
        new.revision = upgrade.serving.as_ref().map(|serving| serving.name.clone());
        new.failed_version.clone_from(&upgrade.failed);
        self.upgraded(conditions);
        let pods = self.pods();
        let serving = new.components.values().any(|c| c.ready > 0);
        let (phase, reason, mut message) = self.verdict(&pods, reachable, serving);
        for (kind, path) in build::lacking(self.valid, &self.found.apis) {
            message.push_str(&format!("; this cluster has no {kind}, which {path} asks for"));
        }
        if let Some(note) = &upgrade.note {
            message.push_str(&format!("; {note}"));
        }
        let ready = matches!(phase, Phase::Ready | Phase::Hibernated);
        let stalled = STALLED.contains(&reason);
        conditions.set(ConditionType::Ready, ready, reason, &message);
        conditions.set(ConditionType::Stalled, stalled, reason, if stalled { &message } else { "" });
        let working = !ready && !stalled;
        conditions.set(ConditionType::Reconciling, working, reason, if working { &message } else { "" });
        new.phase = Some(phase);
        new.message = Some(shorten(&message));
    }

    /// What pods are built from.
    fn basis(&self) -> &Valid {
        self.plan.basis(self.valid)
    }

    fn pods(&self) -> Pods {
        let mut coming = Vec::new();
        if !self.plan.roll && self.plan.migration == Migration::Done {
            coming.push("the operator's own Secrets are being made".to_owned());
        }
        for (component, scale) in &self.plan.scale {
            let name = child(&self.valid.name, component);
            let Some(live) = self.applied.children.get(Kind::Deployment, &name) else {
                if self.plan.roll {
                    coming.push(format!("{component} is being created"));
                }
                continue;
            };
            if let Some(why) = exceeded(live) {
                return Pods::Stuck(why);
            }
            if !rolled_out(live) || (*scale == Scale::Asleep && live.int("/status/replicas").unwrap_or(0) > 0) {
                coming.push(in_words(live));
            }
        }
        for live in self.applied.children.of(Kind::StatefulSet) {
            let wanted = live.int("/spec/replicas").unwrap_or(1);
            if live.int("/status/readyReplicas").unwrap_or(0) < wanted {
                coming.push(format!("StatefulSet {} is starting", live.name));
            }
        }
        match (coming.is_empty(), self.valid.spec.hibernated) {
            (false, _) => Pods::Coming(coming.join("; ")),
            (true, true) => Pods::Asleep,
            (true, false) => Pods::Ready,
        }
    }

    fn migrated(&self, conditions: &mut Conditions) {
        let job = self.plan.migration_job();
        let (done, reason, message) = match &self.plan.migration {
            Migration::Done => (true, "Done", format!("the schema is what {} needs", self.valid.image)),
            Migration::Later => (false, "Due", "other steps come before the migration".to_owned()),
            Migration::Due => (false, "Due", format!("Job {job} is to migrate")),
            Migration::Running => (false, "Running", format!("Job {job} migrates")),
            Migration::WaitsForDatabase => {
                (false, "WaitsForDatabase", "the embedded PostgreSQL is starting".to_owned())
            }
            Migration::Postponed => (false, "Postponed", "the schema is migrated when the bot wakes".to_owned()),
            Migration::Refused(why) => (false, "Refused", why.clone()),
            Migration::Failed(why) => (false, "Failed", format!("Job {job}: {why}")),
        };
        conditions.set(ConditionType::Migrated, done, reason, &message);
    }

    fn migration(&self, old: &Status) -> Option<MigrationStatus> {
        let job = self.plan.migration_job();
        let live = self.applied.children.get(Kind::Job, job);
        let phase = match &self.plan.migration {
            Migration::Postponed | Migration::Later | Migration::Refused(_) | Migration::WaitsForDatabase => {
                return old.migration.clone();
            }
            Migration::Due => MigrationPhase::Pending,
            Migration::Running => MigrationPhase::Running,
            Migration::Done => MigrationPhase::Succeeded,
            Migration::Failed(_) => MigrationPhase::Failed,
        };
        let former = old.migration.as_ref();
        let told = former.filter(|m| m.job.as_deref() == Some(job));
        let attempt = match (told, former) {
            (Some(told), _) => told.attempt.unwrap_or(1),
            (_, Some(m)) if m.image.as_ref() == Some(&self.valid.image) => m.attempt.unwrap_or(1).saturating_add(1),
            _ => 1,
        };
        // The Job may have been tidied away, and the status have told of another one since.
        let remembered = || self.plan.upgrade.migrated_at.clone();
        let repeated = || told.map(|m| Ran { from: m.started_at.clone(), to: m.finished_at.clone() });
        let ran = live.map(Ran::of).or_else(remembered).or_else(repeated).unwrap_or_default();
        Some(MigrationStatus {
            job: Some(job.to_owned()),
            image: Some(self.valid.image.clone()),
            phase: Some(phase),
            attempt: Some(attempt),
            started_at: ran.from,
            finished_at: ran.to,
            message: match &self.plan.migration {
                Migration::Failed(why) => Some(shorten(why)),
                _ => None,
            },
        })
    }

    fn webhook(&self) -> Option<WebhookStatus> {
        self.basis().webhook.as_ref()?;
        let Webhook::Seen(seen) = &self.found.webhook else {
            return self.bot.status.as_ref().and_then(|status| status.webhook.clone());
        };
        let last_error_at = seen.last_error_at.and_then(|at| DateTime::from_timestamp(at, 0)).map(rfc3339);
        Some(WebhookStatus {
            url: (!seen.url.is_empty()).then(|| seen.url.clone()),
            pending_updates: Some(rounded(seen.pending_updates)),
            last_error: seen.last_error.as_deref().map(shorten),
            last_error_at,
        })
    }

    /// Says what Telegram told. `Some`: people cannot reach the bot, and why, in a word and a sentence.
    fn reachable(&self, conditions: &mut Conditions) -> Option<(&'static str, String)> {
        const NOT: &str = "WebhookNotRegistered";
        let Some(target) = webhook(&self.basis().spec) else {
            // Telegram refuses polling while there is one.
            let in_the_way = matches!(&self.found.webhook, Webhook::Seen(seen) if !seen.url.is_empty());
            if !in_the_way {
                conditions.remove(ConditionType::WebhookRegistered);
                return None;
            }
            let message = "the bot polls, which Telegram refuses while it has a webhook: the bot's own is removed once its \
                           pods poll, and one that stays is another program's with the same token";
            conditions.set(ConditionType::WebhookRegistered, false, "InTheWay", message);
            return Some(("WebhookInTheWay", message.to_owned()));
        };
        let mut say = |status, reason: &str, message: &str| {
            conditions.write(ConditionType::WebhookRegistered, status, reason, message);
        };
        let Some(url) = target.url else {
            let message = "the Gateway alone knows the address: write spec.telegram.webhook.host beside gatewayRef, and \
                           the bot registers it";
            say(ConditionStatus::Unknown, "AddressUnknown", message);
            return None;
        };
        if self.valid.spec.hibernated {
            say(ConditionStatus::Unknown, "Hibernated", "the webhook is kept; nobody answers it while the bot sleeps");
            return None;
        }
        match &self.found.webhook {
            Webhook::Unknown => {
                say(ConditionStatus::Unknown, "NotAsked", "Telegram was not asked yet");
                Some((NOT, "Telegram was not asked yet whether the webhook is registered".to_owned()))
            }
            Webhook::Failed(why) => {
                say(ConditionStatus::Unknown, "TelegramSilent", why);
                None
            }
            Webhook::Seen(seen) if seen.url == url && seen.fails => {
                let error = seen.last_error.as_deref().unwrap_or("it does not say why");
                let message = format!("updates wait, and Telegram cannot deliver them to {url}: {error}");
                say(ConditionStatus::False, DELIVERY_FAILS, &message);
                Some((DELIVERY_FAILS, message))
            }
            Webhook::Seen(seen) if seen.url == url => {
                let message = match &seen.last_error {
                    Some(error) => format!("Telegram delivers to {url}; its last failed delivery said: {error}"),
                    None => format!("Telegram delivers to {url}"),
                };
                say(ConditionStatus::True, "Registered", &message);
                None
            }
            Webhook::Seen(seen) if seen.url.is_empty() => {
                let message = "Telegram has no webhook for the bot: its pods register it once they are ready";
                say(ConditionStatus::False, "NotRegistered", message);
                Some((NOT, message.to_owned()))
            }
            Webhook::Seen(_) => {
                let message = "Telegram delivers to another address: another program has the same token, or the bot's \
                               pods have not registered theirs yet";
                say(ConditionStatus::False, "Elsewhere", message);
                Some((NOT, message.to_owned()))
            }
        }
    }

    fn backups(&self, conditions: &mut Conditions) {
        if self.valid.spec.backup.is_none() {
            conditions.remove(ConditionType::BackupHealthy);
            return;
        }
        let message = "this version makes no backups yet: make them yourself";
        conditions.write(ConditionType::BackupHealthy, ConditionStatus::False, "Unsupported", message);
    }
}

/// The number's magnitude: 0, 1, 10, 100, ... A status that counted would be written at every look.
fn rounded(count: i64) -> i64 {
    let mut power = 1;
    if count <= 0 {
        return 0;
    }
    while count / 10 >= power {
        power *= 10;
    }
    power
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
