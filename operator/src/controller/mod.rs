//! Runs the operator: who works, what is watched, and when each bot is looked at.
//!
//! In: settings and a client. Out: a cluster as its bots say, until told to stop. What happens to a bot puts it into
//! the [`queue`]; the [`runner`] takes it from there and lets it be [`reconcile`]d, a bounded number at one time.
//!
//! What must never happen: two reconciles of one bot at one time; a write after the lease is lost; a bot that fails so
//! fast that others wait.

pub mod bots;
pub mod deletion;
pub mod queue;
pub mod reconcile;
pub mod runner;
pub mod webhook;
pub mod write_bot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use vitte_crds::status::{ConditionStatus, ConditionType};

use self::bots::Bots;
use self::queue::Queue;
use crate::cache::named::digest;
use crate::cache::watches::Watches;
use crate::clock::jitter;
use crate::cluster::Cluster;
use crate::dereference::SecretFound;
use crate::door::{self, Gate};
use crate::events::Events;
use crate::http::{self, Health};
use crate::leader::Elector;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::telegram::Telegram;
use crate::telegram::checks::Checks;

/// How long reconciles may take to end when told to stop.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs the operator until `stop`, or until its lease is lost.
///
/// # Errors
/// When the lease is lost, or something cannot be had at the start. The process should end then: it is started anew.
pub async fn run(settings: Settings, client: Client, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::new().context("metrics")?);
    let health = Arc::new(Health::new(Arc::clone(&metrics), settings.log_level.clone()));
    let serving = CancellationToken::new();
    let _served = serving.clone().drop_guard();
    let listen = settings.http.clone();
    let server = async {
        match listen {
            Some(listen) => http::serve(listen, Arc::clone(&health), serving).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = server => ended,
        ended = lead(settings, client, &metrics, &health, stop) => ended,
    }
}

async fn lead(
    settings: Settings,
    client: Client,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let gate = Gate::shut();
    let through = |gate: Option<&Gate>| door::through(&client, gate, metrics, settings.request_limit);
    let Some(lease) = settings.lease.clone() else {
        gate.open_for_good();
        metrics.leader.set(1);
        return work(settings.clone(), through(Some(&gate)), metrics, health, stop).await;
    };
    let mut elector = Elector::new(through(None), lease, settings.identity.clone(), gate.clone());
    if !elector.acquire(&stop, || health.reached()).await {
        return Ok(());
    }
    metrics.leader.set(1);
    let ended = tokio::select! {
        // Whatever else is ready: a lost lease comes first.
        biased;
        lost = elector.hold() => Err(anyhow::Error::from(lost)),
        ended = work(settings.clone(), through(Some(&gate)), metrics, health, stop) => ended,
    };
    gate.close();
    metrics.leader.set(0);
    if ended.is_ok()
        && let Err(error) = elector.release().await
    {
        tracing::warn!(%error, "the lease could not be released: another replica waits until it runs out");
    }
    ended
}

/// Everything that only the holder of the lease does. Dropping it stops everything at once.
async fn work(
    settings: Settings,
    client: Client,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let queue = Arc::new(Queue::default());
    let watches = Arc::new(Watches::new(client.clone(), settings.scope(), Arc::clone(&queue), Arc::clone(metrics)));
    let telegram = Telegram::new(settings.telegram_limit, Arc::clone(metrics)).context("the client of Telegram")?;
    let checks = Arc::new(Checks::new(
        telegram.clone(),
        client.clone(),
        settings.webhook_check,
        Arc::clone(&queue),
        Arc::clone(metrics),
    ));
    let events = Events::new(client.clone(), &settings.identity, Arc::clone(metrics));
    let concurrency = usize::from(settings.concurrency.max(1));
    let cluster = Arc::new(Cluster {
        client,
        watches: Arc::clone(&watches),
        bots: Arc::new(Bots::default()),
        queue: Arc::clone(&queue),
        checks: Arc::clone(&checks),
        telegram,
        telegram_slots: Semaphore::new((concurrency / 2).max(1)),
        events,
        metrics: Arc::clone(metrics),
        settings,
    });
    watches.start(cluster.settings.discovery, &cluster);
    let (pending, measured) = (Arc::downgrade(&watches), Arc::downgrade(&cluster));
    health.works(
        move || pending.upgrade().map(|watches| watches.pending()).unwrap_or_default(),
        move || {
            if let Some(cluster) = measured.upgrade() {
                measure(&cluster);
            }
        },
    );
    let ready = tokio::select! {
        () = watches.ready() => true,
        () = stop.cancelled() => false,
    };
    if ready {
        tracing::info!(bots = cluster.bots.keys().len(), "everything is read; reconciling begins");
        let _background = [
            AbortOnDropHandle::new(tokio::spawn({
                let checks = Arc::clone(&checks);
                async move { checks.run().await }
            })),
            AbortOnDropHandle::new(tokio::spawn(refresh_secrets(Arc::clone(&cluster)))),
        ];
        let reconciling = runner::run(Arc::clone(&queue), Arc::clone(metrics), concurrency, stop.clone(), {
            let cluster = Arc::clone(&cluster);
            move |bot| reconcile::reconcile(Arc::clone(&cluster), bot)
        });
        tokio::select! {
            () = reconciling => {}
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => {
                tracing::warn!("some reconciles did not end in time; they are broken off");
            }
        }
    }
    health.rests();
    Ok(())
}

/// Reads named Secrets again before what is known of them is too old.
async fn refresh_secrets(cluster: Arc<Cluster>) {
    const AT_ONCE: usize = 4;
    let refresh = cluster.settings.secret_refresh;
    let pause = (refresh / 30).clamp(Duration::from_millis(50), Duration::from_secs(2));
    loop {
        tokio::time::sleep(jitter(pause)).await;
        // So many in each pause that all have their turn within the time.
        let due = cluster.watches.named.due(refresh.mul_f64(0.9), 500);
        let mut due = due.into_iter();
        let mut reads = FuturesUnordered::new();
        let read = |name| {
            let cluster = &cluster;
            async move { read_secret(cluster, name).await }
        };
        reads.extend(due.by_ref().take(AT_ONCE).map(read));
        while reads.next().await.is_some() {
            reads.extend(due.next().map(read));
        }
    }
}

async fn read_secret(cluster: &Cluster, name: crate::cache::named::Name) {
    let api: kube::Api<k8s_openapi::api::core::v1::Secret> =
        kube::Api::namespaced(cluster.client.clone(), &name.namespace);
    match api.get_opt(&name.name).await {
        Ok(secret) => {
            let found = secret.as_ref().map_or(SecretFound::Missing, |s| digest(&name.namespace, &name.name, s));
            let version = secret.and_then(|secret| secret.metadata.resource_version);
            cluster.queue.add(cluster.watches.named.learn(&name, version, found));
        }
        Err(error) => {
            tracing::debug!(namespace = name.namespace, name = name.name, %error, "a Secret could not be read again");
            cluster.watches.named.postpone(&name);
        }
    }
}

/// Counts the bots by what their status says.
fn measure(cluster: &Cluster) {
    let metrics = &cluster.metrics;
    let mut conditions: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for kind in ConditionType::ALL {
        for status in ["True", "False", "Unknown"] {
            conditions.insert((kind.as_str(), status), 0);
        }
    }
    let mut phases: BTreeMap<&str, i64> = BTreeMap::new();
    let mut undecodable = 0;
    for bot in cluster.bots.all() {
        let Ok(bot) = &bot.0 else {
            undecodable += 1;
            continue;
        };
        let Some(status) = &bot.status else { continue };
        if let Some(phase) = status.phase {
            *phases.entry(phase.as_str()).or_default() += 1;
        }
        for condition in &status.conditions {
            let value = match condition.status {
                ConditionStatus::True => "True",
                ConditionStatus::False => "False",
                ConditionStatus::Unknown => "Unknown",
            };
            // Conditions of others are not counted: their names have no bound.
            let known = ConditionType::ALL.into_iter().find(|kind| kind.as_str() == condition.type_);
            if let Some(known) = known {
                *conditions.entry((known.as_str(), value)).or_default() += 1;
            }
        }
    }
    for ((condition, status), count) in conditions {
        metrics.bots.with_label_values(&[condition, status]).set(count);
    }
    metrics.phases.reset();
    for (phase, count) in phases {
        metrics.phases.with_label_values(&[phase]).set(count);
    }
    metrics.undecodable.set(undecodable);
    metrics.queued.set(i64::try_from(cluster.queue.len()).unwrap_or(i64::MAX));
    cluster.checks.measure();
}
