//! The watches that keep the cache: one task a kind and namespace, each on its own, so that one that fails stops no
//! other.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cache::BotKey;
use crate::cache::child::Child;
use crate::cache::discovery;
use crate::cache::named::{Name, Named, Source};
use crate::cache::store::Store;
use crate::clock::jitter;
use crate::cluster::Cluster;
use crate::controller::bots::{Guarded, key};
use crate::controller::queue::Queue;
use crate::metrics::Metrics;
use crate::names::LABEL_BOT;
use crate::objects::{Apis, Kind};
use crate::settings::Scope;

/// A page of a list: its whole text is in memory at once.
const PAGE: u32 = 100;

/// Everything that is known, and who keeps it so.
pub struct Watches {
    client: Client,
    scope: Scope,
    pub store: Arc<Store>,
    pub named: Arc<Named>,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    /// Watches whose first list has not ended, by what they watch.
    pending: watch::Sender<BTreeSet<String>>,
    optional: Mutex<BTreeMap<Kind, Vec<JoinHandle<()>>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Watches {
    fn drop(&mut self) {
        let optional = self.optional.get_mut().unwrap_or_else(PoisonError::into_inner);
        let tasks = self.tasks.get_mut().unwrap_or_else(PoisonError::into_inner);
        for task in optional.values().flatten().chain(tasks.iter()) {
            task.abort();
        }
    }
}

impl Watches {
    #[must_use]
    pub fn new(client: Client, scope: Scope, queue: Arc<Queue>, metrics: Arc<Metrics>) -> Self {
        Self {
            client,
            scope,
            store: Arc::default(),
            named: Arc::default(),
            queue,
            metrics,
            pending: watch::Sender::new(BTreeSet::from([DISCOVERY.to_owned()])),
            optional: Mutex::default(),
            tasks: Mutex::default(),
        }
    }

    /// Begins all watches; those of optional kinds once the cluster is known to have them.
    pub fn start(self: &Arc<Self>, discovery: Duration, cluster: &Arc<Cluster>) {
        let mut tasks = Vec::new();
        for kind in Kind::ALL {
            // Secrets are named, never listed whole: see below.
            if !kind.is_optional() && kind != Kind::Secret {
                tasks.extend(self.watch_kind(kind));
            }
        }
        for namespace in self.scope.watches() {
            tasks.push(self.watch_bots(namespace, cluster));
            tasks.push(self.watch_named::<ConfigMap>(Source::ConfigMap, namespace));
            if namespace.is_some() {
                tasks.push(self.watch_named::<Secret>(Source::Secret, namespace));
            }
        }
        let this = Arc::downgrade(self);
        tasks.push(tokio::spawn(async move {
            let mut failures = 0;
            loop {
                let Some(watches) = this.upgrade() else { return };
                let pause = match discovery::optional_kinds(&watches.client).await {
                    Ok(kinds) => {
                        failures = 0;
                        watches.serve(&kinds);
                        watches.done(DISCOVERY);
                        jitter(discovery)
                    }
                    Err(error) => {
                        failures += 1;
                        tracing::warn!(%error, "the API server does not say which kinds it has");
                        crate::clock::backoff(failures, Duration::from_secs(1), discovery)
                    }
                };
                drop(watches);
                tokio::time::sleep(pause).await;
            }
        }));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend(tasks);
    }

    /// What of the first lists is still to come; empty: all is known.
    #[must_use]
    pub fn pending(&self) -> BTreeSet<String> {
        self.pending.borrow().clone()
    }

    /// Ends once every first list has ended.
    pub async fn ready(&self) {
        // The sender lives as long as `self`: this cannot fail.
        let _ = self.pending.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// The optional kinds that are watched and known.
    #[must_use]
    pub fn apis(&self) -> Apis {
        let pending = self.pending.borrow();
        let optional = self.optional.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |kind: &&Kind| !pending.iter().any(|name| name.split(' ').next() == Some(kind.coordinates().2));
        Apis(optional.keys().filter(known).copied().collect())
    }

    fn serve(self: &Arc<Self>, kinds: &BTreeSet<Kind>) {
        let mut optional = self.optional.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<Kind> = optional.keys().filter(|kind| !kinds.contains(kind)).copied().collect();
        for kind in gone {
            tracing::info!(%kind, "the cluster no longer has this kind");
            optional.remove(&kind).into_iter().flatten().for_each(|task| task.abort());
            self.store.forget_kind(kind);
            for namespace in self.scope.watches() {
                self.done(&label(kind, namespace));
            }
        }
        for kind in kinds {
            if !optional.contains_key(kind) {
                tracing::info!(%kind, "the cluster has this kind");
                optional.insert(*kind, self.watch_kind(*kind));
            }
        }
    }

    fn begin(&self, what: &str) {
        self.pending.send_modify(|pending| {
            pending.insert(what.to_owned());
        });
    }

    fn done(&self, what: &str) {
        self.pending.send_if_modified(|pending| pending.remove(what));
    }

    fn watch_kind(&self, kind: Kind) -> Vec<JoinHandle<()>> {
        let resource = kind.api_resource();
        let begin = |namespace: Option<&str>| {
            let api: Api<Child> = match namespace {
                Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
                None => Api::all_with(self.client.clone(), &resource),
            };
            let config = watcher::Config::default().labels(LABEL_BOT).page_size(PAGE);
            let keeper = self.keeper(kind.coordinates().2, label(kind, namespace));
            let children = ChildrenOf { kind, namespace: namespace.map(str::to_owned), store: Arc::clone(&self.store) };
            tokio::spawn(keeper.run(watcher(api, config), children))
        };
        self.scope.watches().into_iter().map(begin).collect()
    }

    fn watch_bots(&self, namespace: Option<&str>, cluster: &Arc<Cluster>) -> JoinHandle<()> {
        let api: Api<Guarded> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let keeper =
            self.keeper(vitte_crds::KIND, format!("{} {}", vitte_crds::KIND, namespace.unwrap_or("everywhere")));
        let bots = BotsOf { namespace: namespace.map(str::to_owned), cluster: Arc::downgrade(cluster) };
        tokio::spawn(keeper.run(watcher(api, watcher::Config::default().page_size(PAGE)), bots))
    }

    /// Of a watch whose first list is still to come.
    fn keeper(&self, kind: &'static str, what: String) -> Keeper {
        self.begin(&what);
        Keeper {
            kind,
            what,
            queue: Arc::clone(&self.queue),
            metrics: Arc::clone(&self.metrics),
            pending: self.pending.clone(),
        }
    }

    fn watch_named<K>(&self, source: Source, namespace: Option<&str>) -> JoinHandle<()>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + serde::de::DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<PartialObjectMeta<K>> = match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let kind: &'static str = match source {
            Source::Secret => "Secret",
            Source::ConfigMap => "ConfigMap",
        };
        let keeper = self.keeper(kind, format!("metadata of {kind} {}", namespace.unwrap_or("everywhere")));
        let named = NamedOf { source, namespace: namespace.map(str::to_owned), named: Arc::clone(&self.named) };
        let config = watcher::Config::default().page_size(PAGE);
        tokio::spawn(keeper.run(watcher(api, config), named))
    }
}

const DISCOVERY: &str = "discovery of optional kinds";

fn label(kind: Kind, namespace: Option<&str>) -> String {
    format!("{kind} {}", namespace.unwrap_or("everywhere"))
}

/// What a watch feeds.
trait Feeds<K>: Send {
    /// What a list had so far.
    type Seen: Default + Send;
    fn list_begins(&mut self) -> Self::Seen;
    fn listed(&mut self, object: K, seen: &mut Self::Seen) -> Vec<BotKey>;
    fn list_ended(&mut self, seen: Self::Seen) -> Vec<BotKey>;
    fn changed(&mut self, object: K) -> Vec<BotKey>;
    fn deleted(&mut self, object: K) -> Vec<BotKey>;
}

/// Runs one watch.
struct Keeper {
    kind: &'static str,
    what: String,
    queue: Arc<Queue>,
    metrics: Arc<Metrics>,
    pending: watch::Sender<BTreeSet<String>>,
}

impl Keeper {
    async fn run<K, F: Feeds<K>>(
        self,
        events: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Send,
        mut feeds: F,
    ) {
        let mut events = std::pin::pin!(events.default_backoff());
        let mut seen = F::Seen::default();
        let mut broken = false;
        while let Some(event) = events.next().await {
            let bots = match event {
                Ok(watcher::Event::Init) => {
                    seen = feeds.list_begins();
                    Vec::new()
                }
                Ok(watcher::Event::InitApply(object)) => feeds.listed(object, &mut seen),
                Ok(watcher::Event::InitDone) => {
                    let bots = feeds.list_ended(std::mem::take(&mut seen));
                    self.pending.send_if_modified(|pending| pending.remove(&self.what));
                    bots
                }
                Ok(watcher::Event::Apply(object)) => feeds.changed(object),
                Ok(watcher::Event::Delete(object)) => feeds.deleted(object),
                Err(error) => {
                    self.metrics.watch_restarts.with_label_values(&[self.kind]).inc();
                    // Once for each break, not for each try.
                    if broken {
                        tracing::debug!(watch = %self.what, %error, "watch still broken");
                    } else {
                        tracing::warn!(watch = %self.what, %error, "watch broken; it begins anew");
                    }
                    broken = true;
                    continue;
                }
            };
            broken = false;
            if !bots.is_empty() {
                self.queue.add(bots);
            }
        }
    }
}

struct ChildrenOf {
    kind: Kind,
    namespace: Option<String>,
    store: Arc<Store>,
}

impl Feeds<Child> for ChildrenOf {
    /// Objects by namespace and name, and the mark of the list's beginning.
    type Seen = (HashSet<(String, String)>, u64);

    fn list_begins(&mut self) -> Self::Seen {
        (HashSet::new(), self.store.list_begins())
    }

    fn listed(&mut self, object: Child, seen: &mut Self::Seen) -> Vec<BotKey> {
        seen.0.insert((object.namespace().to_owned(), object.name().to_owned()));
        self.store.observe(self.kind, object)
    }

    fn list_ended(&mut self, seen: Self::Seen) -> Vec<BotKey> {
        self.store.listed(self.kind, self.namespace.as_deref(), &seen.0, seen.1)
    }

    fn changed(&mut self, object: Child) -> Vec<BotKey> {
        self.store.observe(self.kind, object)
    }

    fn deleted(&mut self, object: Child) -> Vec<BotKey> {
        self.store.deleted(self.kind, &object).into_iter().collect()
    }
}

struct BotsOf {
    namespace: Option<String>,
    /// Gone: the process is about to end.
    cluster: Weak<Cluster>,
}

impl Feeds<Guarded> for BotsOf {
    type Seen = BTreeSet<BotKey>;

    fn list_begins(&mut self) -> Self::Seen {
        BTreeSet::new()
    }

    fn listed(&mut self, bot: Guarded, seen: &mut Self::Seen) -> Vec<BotKey> {
        seen.insert(key(&bot));
        self.changed(bot)
    }

    fn list_ended(&mut self, seen: Self::Seen) -> Vec<BotKey> {
        let Some(cluster) = self.cluster.upgrade() else { return Vec::new() };
        let within = |bot: &BotKey| self.namespace.as_ref().is_none_or(|namespace| *namespace == bot.namespace);
        for bot in cluster.bots.keys().iter().filter(|bot| within(bot) && !seen.contains(bot)) {
            cluster.forget(bot);
        }
        Vec::new()
    }

    fn changed(&mut self, bot: Guarded) -> Vec<BotKey> {
        let Some(cluster) = self.cluster.upgrade() else { return Vec::new() };
        let key = key(&bot);
        if cluster.bots.observe(bot) { vec![key] } else { Vec::new() }
    }

    fn deleted(&mut self, bot: Guarded) -> Vec<BotKey> {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.forget(&key(&bot));
        }
        Vec::new()
    }
}

struct NamedOf {
    source: Source,
    namespace: Option<String>,
    named: Arc<Named>,
}

impl NamedOf {
    fn name<K>(&self, object: &PartialObjectMeta<K>) -> Name {
        let meta = &object.metadata;
        Name {
            source: self.source,
            namespace: meta.namespace.clone().unwrap_or_default(),
            name: meta.name.clone().unwrap_or_default(),
        }
    }
}

impl<K: Send> Feeds<PartialObjectMeta<K>> for NamedOf {
    type Seen = BTreeSet<(String, String)>;

    fn list_begins(&mut self) -> Self::Seen {
        BTreeSet::new()
    }

    fn listed(&mut self, object: PartialObjectMeta<K>, seen: &mut Self::Seen) -> Vec<BotKey> {
        let name = self.name(&object);
        // A cluster has many that no bot names.
        if self.named.is_used(&name) {
            seen.insert((name.namespace.clone(), name.name.clone()));
        }
        self.named.hint(&name, object.metadata.resource_version.as_deref())
    }

    fn list_ended(&mut self, seen: Self::Seen) -> Vec<BotKey> {
        self.named.listed(self.source, self.namespace.as_deref(), &seen)
    }

    fn changed(&mut self, object: PartialObjectMeta<K>) -> Vec<BotKey> {
        self.named.hint(&self.name(&object), object.metadata.resource_version.as_deref())
    }

    fn deleted(&mut self, object: PartialObjectMeta<K>) -> Vec<BotKey> {
        self.named.hint(&self.name(&object), None)
    }
}
