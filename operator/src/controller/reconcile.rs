//! One look at one bot: the five phases, in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Resource;
use kube::core::ObjectMeta;

use crate::apply::write::Writer;
use crate::apply::{self, Applied, Owner};
use crate::build;
use crate::cache::BotKey;
use crate::clock::{self, backoff, jitter};
use crate::cluster::Cluster;
use crate::controller::deletion;
use crate::controller::webhook::{check, left_behind, remembered, withdraw};
use crate::dereference::{Found, Unread, Webhook, children, dereference};
use crate::door;
use crate::names::{Component, child};
use crate::objects::{Children, Kind};
use crate::plan::{self, rolled_out};
use crate::resource::VitteBot;
use crate::status::{Event, Outcome, Severity};
use crate::upgrade::spec::under_way;
use crate::validate::{Invalid, Valid, validate};

/// When to look again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When something happens.
    Nothing,
    In(Duration),
}

/// A reconcile did not come to its end; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Dereference(#[from] Unread),
    #[error("the finalizer could not be written: {0}")]
    Finalizer(kube::Error),
    #[error("{0}")]
    Apply(String),
    #[error("the status could not be written: {0}")]
    Status(kube::Error),
    #[error("the webhook in the way of polling is not removed yet: {0}")]
    Webhook(String),
}

impl Failed {
    pub fn finalizer(error: kube::Error) -> Self {
        Self::Finalizer(error)
    }

    pub fn status(error: kube::Error) -> Self {
        Self::Status(error)
    }

    /// The phase that it ended in, as a label.
    fn phase(&self) -> &'static str {
        match self {
            Self::Dereference(_) => "dereference",
            Self::Finalizer(_) => "finalizer",
            Self::Apply(_) => "apply",
            Self::Status(_) => "status",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Whether only the lease was lost, which the log tells once and not for each bot.
    fn is_shut(&self) -> bool {
        match self {
            Self::Finalizer(error) | Self::Status(error) => door::is_shut(error),
            Self::Dereference(_) | Self::Apply(_) | Self::Webhook(_) => false,
        }
    }
}

/// Looks at one bot, and counts what came of it. Returns when to look again.
pub async fn reconcile(cluster: Arc<Cluster>, key: BotKey) -> Option<Duration> {
    if let Some(waited) = cluster.queue.begin(&key) {
        cluster.metrics.queue_seconds.observe(waited.as_secs_f64());
    }
    let bot = cluster.bots.get(&key)?;
    let began = Instant::now();
    let uid = bot.meta().uid.clone().unwrap_or_default();
    let ended = match &bot.0 {
        Ok(bot) => pass(&cluster, &key, &cluster.bots.newest(&key, bot)).await,
        Err(invalid) => unreadable(&cluster, &key, &invalid.metadata, &invalid.error).await,
    };
    let took = began.elapsed();
    match ended {
        Ok((next, outcome, phase)) => {
            cluster.metrics.observe_reconcile(outcome, phase, took);
            if phase != "deletion" {
                cluster.bots.memory(&key, &uid, |memory| memory.failures = 0);
            }
            tracing::debug!(bot = %key, outcome, phase, took_ms = took.as_millis(), "reconciled");
            match next {
                Next::Nothing => None,
                Next::In(after) => Some(after),
            }
        }
        Err(failed) => {
            cluster.metrics.observe_reconcile("failed", failed.phase(), took);
            let failures = cluster.bots.memory(&key, &uid, |memory| {
                memory.failures = memory.failures.saturating_add(1);
                memory.failures
            });
            let (base, max) = cluster.settings.backoff;
            let again = backoff(failures, base, max);
            if failed.is_shut() {
                tracing::debug!(bot = %key, "not written: the lease is lost");
            } else {
                tracing::warn!(bot = %key, phase = failed.phase(), error = %failed, failures, "reconcile failed");
            }
            Some(again)
        }
    }
}

type Ended = Result<(Next, &'static str, &'static str), Failed>;

async fn pass(cluster: &Cluster, key: &BotKey, bot: &VitteBot) -> Ended {
    let resync = Next::In(jitter(cluster.settings.resync));
    if bot.is_being_deleted() {
        return Ok((deletion::delete(cluster, key, bot).await?, "done", "deletion"));
    }
    if bot.spec.paused {
        let found = children(cluster, key);
        cluster.write_status(key, bot, &Outcome::Paused { found: &found }).await.map_err(Failed::Status)?;
        return Ok((resync, "done", "paused"));
    }
    let found = dereference(cluster, key, bot).await?;
    match validate(bot, &found) {
        Ok(valid) => carry_out(cluster, key, bot, &valid, found, None).await,
        Err(invalid) => match under_way(bot, &found) {
            // New pods are not left without a judge because the next spec cannot be.
            Some((standing, valid)) => carry_out(cluster, key, &standing, &valid, found, Some(&invalid)).await,
            None => {
                let outcome = Outcome::Invalid { invalid: &invalid, found: &found };
                cluster.write_status(key, bot, &outcome).await.map_err(Failed::Status)?;
                Ok((resync, "waiting", "validate"))
            }
        },
    }
}

/// Plans, builds, applies and tells. `invalid`: what is wrong with the bot's own spec, while another one is carried out.
async fn carry_out(
    cluster: &Cluster,
    key: &BotKey,
    bot: &VitteBot,
    valid: &Valid,
    mut found: Found,
    invalid: Option<&Invalid>,
) -> Ended {
    let now = clock::now();
    let plan = plan::plan(valid, &found, bot.status.as_ref(), now);
    // Until its turn has come, a new spec says nothing to Telegram.
    let in_force = VitteBot { spec: plan.basis(valid).spec.clone(), ..bot.clone() };
    found.webhook = cluster.checks.want(key, check(&in_force.spec), || remembered(bot));
    if plan.basis(valid).webhook.is_some() {
        // Before any pod can register one.
        cluster.set_finalizer(key, &bot.metadata, true).await.map_err(Failed::Finalizer)?;
    }
    let wanted = build::build(valid, &found, &plan, now, &mut || clock::secret(43));
    let uid = bot.metadata.uid.clone().unwrap_or_default();
    let fights = cluster.bots.memory(key, &uid, |memory| Arc::clone(&memory.fights));
    let writer = Writer {
        client: &cluster.client,
        namespace: &key.namespace,
        store: &cluster.watches.store,
        metrics: &cluster.metrics,
    };
    let owner = Owner { name: &key.name, uid: &uid };
    let applied = apply::apply(&writer, &fights, owner, &wanted, &plan, &found).await;
    let outcome = match invalid {
        Some(invalid) => Outcome::Invalid { invalid, found: &found },
        None => Outcome::Applied { valid, plan: &plan, found: &found, applied: &applied },
    };
    cluster.write_status(key, bot, &outcome).await.map_err(Failed::Status)?;
    after(cluster, key, bot, plan.basis(valid), &found, &applied).await?;
    if let Some(error) = applied.errors.first() {
        let more = applied.errors.len() - 1;
        let text = if more == 0 { error.to_string() } else { format!("{error} (and {more} more)") };
        return Err(Failed::Apply(text));
    }
    let due = plan.look_again.map(|at| (at - now).to_std().unwrap_or_default().max(Duration::from_millis(100)));
    let soonest = [due, applied.again].into_iter().flatten().min();
    let resync = jitter(cluster.settings.resync);
    Ok((Next::In(soonest.map_or(resync, |soonest| soonest.min(resync))), "done", "apply"))
}

/// What follows from the pods being as they are now.
async fn after(
    cluster: &Cluster,
    key: &BotKey,
    bot: &VitteBot,
    valid: &Valid,
    found: &Found,
    applied: &Applied,
) -> Result<(), Failed> {
    let uid = bot.metadata.uid.clone().unwrap_or_default();
    let is_rolled_out = bot_is_rolled_out(key, &applied.children);
    let before = cluster.bots.memory(key, &uid, |memory| std::mem::replace(&mut memory.was_rolled_out, is_rolled_out));
    if is_rolled_out && !before {
        // New pods register their webhook as they start.
        cluster.checks.ask_soon(key);
    }
    if let Webhook::Seen(seen) = &found.webhook
        && valid.webhook.is_none()
        && is_rolled_out
        && applied.errors.is_empty()
    {
        if seen.url.is_empty() {
            cluster.set_finalizer(key, &bot.metadata, false).await.map_err(Failed::Finalizer)?;
        } else if left_behind(&found.children, &seen.url) {
            withdraw(cluster, key, &valid.spec).await.map_err(Failed::Webhook)?;
        }
    }
    Ok(())
}

fn bot_is_rolled_out(key: &BotKey, children: &Children) -> bool {
    children.get(Kind::Deployment, &child(&key.name, Component::Bot)).is_some_and(rolled_out)
}

/// A bot that this version cannot read is reported once, and what runs of it is left alone.
async fn unreadable(cluster: &Cluster, key: &BotKey, meta: &ObjectMeta, error: &str) -> Ended {
    let uid = meta.uid.clone().unwrap_or_default();
    let seen = meta.resource_version.clone();
    let is_new = cluster.bots.memory(key, &uid, |memory| std::mem::replace(&mut memory.reported, seen.clone()) != seen);
    if is_new {
        tracing::error!(bot = %key, error, "this bot cannot be read: it is left as it is");
        let about = k8s_openapi::api::core::v1::ObjectReference {
            api_version: Some(vitte_crds::API_VERSION.to_owned()),
            kind: Some(vitte_crds::KIND.to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: meta.uid.clone(),
            ..Default::default()
        };
        let note = format!("this version of the operator cannot read the bot, and leaves it as it is: {error}");
        let event = Event { severity: Severity::Warning, reason: "Unreadable".to_owned(), note };
        cluster.events.tell(&about, &[event]).await;
    }
    let next = if meta.deletion_timestamp.is_some() {
        deletion::delete_unreadable(cluster, key, meta).await?
    } else {
        Next::In(jitter(cluster.settings.resync))
    };
    Ok((next, "waiting", "decode"))
}
