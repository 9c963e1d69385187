//! Phase 1: what the spec names, and what runs now.
//!
//! What runs comes from the cache of watches; what the spec names is read by name. A value of a Secret lives here only
//! until its digest is made, but for the Secrets that the operator itself makes and has to write whole.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::Api;
use kube::api::ListParams;
use secrecy::SecretString;
use serde_json::Value;
use vitte_crds::{Spec, uses};

use crate::apply::orphans::{Belongs, belongs};
use crate::apply::write::Writer;
use crate::cache::BotKey;
use crate::cache::child::strip;
use crate::cache::named::{Name, Source, digest};
use crate::cluster::Cluster;
use crate::names::child;
use crate::objects::{Apis, Children, Kind, Live};
use crate::resource::VitteBot;
use crate::upgrade::Purpose;
use crate::upgrade::job_pods::{self, Start};
use crate::upgrade::jobs::job_end;
use crate::upgrade::revision;
use crate::validate::{
    POSTGRES_SECRET, REDIS_SECRET, WEBHOOK_SECRET, database_secret, generated_secrets, redis_secret,
};

/// A Secret that the spec names. Values are never kept, only their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFound {
    /// The API server has none of this name.
    Missing,
    /// Its keys whose values are not empty, each with a digest of its value (16 hexadecimal digits of SHA-256 over
    /// namespace, name, key and value).
    Keys(BTreeMap<String, String>),
    /// Nobody looked: `render` has no cluster. Every key counts as there, and no digest is written.
    Unseen,
}

/// A Secret that the operator itself made: its values are needed to write it again.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    pub data: BTreeMap<String, SecretString>,
    pub annotations: BTreeMap<String, String>,
}

/// What Telegram says of the bot's webhook (`getWebhookInfo`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSeen {
    /// Empty: none is set.
    pub url: String,
    pub pending_updates: i64,
    pub last_error: Option<String>,
    /// Seconds since 1970.
    pub last_error_at: Option<i64>,
    /// Nothing was delivered over several looks, and deliveries went on failing ([`crate::telegram::deliveries`]).
    pub fails: bool,
}

/// What Telegram answered, when it was last asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Webhook {
    /// Nobody asked yet, or there is no token to ask with.
    #[default]
    Unknown,
    Seen(WebhookSeen),
    /// Telegram does not answer, or refuses: why, without the token.
    Failed(String),
}

/// What the spec names, and what runs now.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub children: Children,
    /// Every Secret that the spec names or that the operator generated for this bot.
    pub secrets: BTreeMap<String, SecretFound>,
    /// Every ConfigMap that the spec names; `None`: there is none of this name.
    pub config_maps: BTreeMap<String, Option<BTreeMap<String, String>>>,
    /// Secrets that the operator made for this bot, by name; what is not here has to be made.
    pub generated: BTreeMap<String, Generated>,
    /// Claims of the bot's name that are there, owned by it or kept from a former one.
    pub claims: BTreeSet<String>,
    /// PriorityClasses, Gateways and the like are not looked up: the API server's own message tells of them.
    pub apis: Apis,
    pub webhook: Webhook,
    /// The last words of ended Jobs, by the Job's name: of the newest one that failed, and of those that looked at the
    /// database. Empty: it ended without; not here: no pod is left that could tell.
    pub job_words: BTreeMap<String, String>,
    /// Jobs of which no container ever ran, by name: why, once there is more to say than that it is about to.
    pub unstarted: BTreeMap<String, Option<String>>,
}

/// Something could not be read. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    #[error("{what} cannot be read: {source}")]
    Failed { what: String, source: kube::Error },
    #[error("{what} of a former bot of this name is still being removed")]
    Former { what: String },
}

/// What runs, without anything that the spec names: enough for a paused bot.
#[must_use]
pub fn children(cluster: &Cluster, bot: &BotKey) -> Found {
    Found { children: cluster.watches.store.children(bot), apis: cluster.watches.apis(), ..Found::default() }
}

/// What the spec names, and what runs now. [`Found::webhook`] is left to the caller, who alone knows when to ask.
///
/// # Errors
/// When the API server does not answer, or does not let the operator read something.
pub async fn dereference(cluster: &Cluster, key: &BotKey, bot: &VitteBot) -> Result<Found, Unread> {
    let mut reader = Reader { cluster, key, bot, found: children(cluster, key) };
    // Until an upgrade is through, pods use what a former spec names.
    let serving = revision::specs_besides(&reader.found.children, bot);
    let specs = || std::iter::once(&bot.spec).chain(&serving);
    let (mut secrets, mut config_maps, mut generated) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for spec in specs() {
        let (more_secrets, more_config_maps) = named(key, spec);
        secrets.extend(more_secrets);
        config_maps.extend(more_config_maps);
        generated.extend(
            generated_secrets(&key.name, spec).into_iter().filter(|name| !generated.contains(name)).collect::<Vec<_>>(),
        );
    }
    let names = secrets.iter().map(|name| reader.name(Source::Secret, name));
    let names = names.chain(config_maps.iter().map(|name| reader.name(Source::ConfigMap, name)));
    cluster.watches.named.uses(key, names.collect());
    for name in &generated {
        reader.generated(name).await?;
    }
    for name in secrets.iter().filter(|name| !generated.contains(name)) {
        reader.secret(name).await?;
    }
    for name in &config_maps {
        reader.config_map(name).await?;
    }
    reader.leftovers(&generated).await?;
    reader.claim().await?;
    reader.jobs().await?;
    Ok(reader.found)
}

/// The Secrets (those that the operator makes among them) and ConfigMaps that a spec names.
fn named(key: &BotKey, spec: &Spec) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut secrets: BTreeSet<String> = uses::secrets(spec).into_iter().map(|used| used.secret.name.clone()).collect();
    let mut config_maps: BTreeSet<String> =
        uses::config_maps(spec).into_iter().map(|used| used.name.to_owned()).collect();
    let variables = spec.components.each().into_iter().flat_map(|(_, component)| &component.env);
    for from in variables.filter_map(|variable| variable.value_from.as_ref()) {
        secrets.extend(from.secret_key_ref.as_ref().map(|key| key.name.clone()));
        config_maps.extend(from.config_map_key_ref.as_ref().map(|key| key.name.clone()));
    }
    secrets.extend(database_secret(&key.name, spec).map(|key| key.name));
    secrets.extend(redis_secret(&key.name, spec).map(|key| key.name));
    secrets.extend(generated_secrets(&key.name, spec));
    (secrets, config_maps)
}

struct Reader<'a> {
    cluster: &'a Cluster,
    key: &'a BotKey,
    bot: &'a VitteBot,
    found: Found,
}

impl Reader<'_> {
    fn name(&self, source: Source, name: &str) -> Name {
        Name { source, namespace: self.key.namespace.clone(), name: name.to_owned() }
    }

    async fn get(&self, name: &str) -> Result<Option<Secret>, Unread> {
        let api: Api<Secret> = Api::namespaced(self.cluster.client.clone(), &self.key.namespace);
        let read = api.get_opt(name).await;
        read.map_err(|source| Unread::Failed { what: format!("Secret {name}"), source })
    }

    async fn secret(&mut self, name: &str) -> Result<(), Unread> {
        let named = self.name(Source::Secret, name);
        let known = self.cluster.watches.named.known(&named, self.cluster.settings.secret_refresh);
        let found = match known {
            Some(found) => found,
            None => self.learn(&named, self.get(name).await?.as_ref()),
        };
        self.found.secrets.insert(name.to_owned(), found);
        Ok(())
    }

    /// The news of what was read goes to the other bots that use it.
    fn learn(&self, named: &Name, secret: Option<&Secret>) -> SecretFound {
        let found = secret.map_or(SecretFound::Missing, |secret| digest(&named.namespace, &named.name, secret));
        let version = secret.and_then(|secret| secret.metadata.resource_version.clone());
        let news = self.cluster.watches.named.learn(named, version, found.clone());
        self.cluster.queue.add(news.into_iter().filter(|bot| bot != self.key));
        found
    }

    async fn generated(&mut self, name: &str) -> Result<(), Unread> {
        let secret = self.get(name).await?;
        let named = self.name(Source::Secret, name);
        let found = self.learn(&named, secret.as_ref());
        self.found.secrets.insert(name.to_owned(), found);
        let Some(mut secret) = secret else { return Ok(()) };
        let data = secret.data.take().unwrap_or_default();
        match self.keep(name, &secret)? {
            Belongs::Owned | Belongs::Labelled => {
                let text = |(key, value): (String, k8s_openapi::ByteString)| {
                    Some((key, SecretString::from(String::from_utf8(value.0).ok()?)))
                };
                let annotations = secret.metadata.annotations.take().unwrap_or_default();
                let generated = Generated { data: data.into_iter().filter_map(text).collect(), annotations };
                self.found.generated.insert(name.to_owned(), generated);
                Ok(())
            }
            Belongs::Former => Err(Unread::Former { what: format!("Secret {name}") }),
            // Validation says so: it is not the operator's to use.
            Belongs::Foreign => Ok(()),
        }
    }

    /// Takes a Secret, without its values, among the children.
    fn keep(&mut self, name: &str, secret: &Secret) -> Result<Belongs, Unread> {
        let failed =
            |source| Unread::Failed { what: format!("Secret {name}"), source: kube::Error::SerdeError(source) };
        let mut json: Value = serde_json::to_value(secret).map_err(failed)?;
        strip(&mut json);
        let belongs = belongs(&json, &self.key.name, self.bot.metadata.uid.as_deref().unwrap_or_default());
        self.found.children.insert(Live { kind: Kind::Secret, name: name.to_owned(), json: Arc::new(json) });
        Ok(belongs)
    }

    /// Secrets of an earlier spec. They are not watched, so they are looked for once for each generation.
    async fn leftovers(&mut self, generated: &[String]) -> Result<(), Unread> {
        let uid = self.bot.metadata.uid.clone().unwrap_or_default();
        let generation = self.bot.metadata.generation;
        if self
            .cluster
            .bots
            .memory(self.key, &uid, |memory| memory.no_leftovers.is_some() && memory.no_leftovers == generation)
        {
            return Ok(());
        }
        let mut none = true;
        for name in [WEBHOOK_SECRET, POSTGRES_SECRET, REDIS_SECRET].map(|part| child(&self.key.name, part)) {
            if !generated.contains(&name)
                && let Some(mut secret) = self.get(&name).await?
            {
                secret.data = None;
                none &= self.keep(&name, &secret)? != Belongs::Owned;
            }
        }
        if none {
            self.cluster.bots.memory(self.key, &uid, |memory| memory.no_leftovers = generation);
        }
        Ok(())
    }

    async fn config_map(&mut self, name: &str) -> Result<(), Unread> {
        let api: Api<ConfigMap> = Api::namespaced(self.cluster.client.clone(), &self.key.namespace);
        let read = api.get_opt(name).await;
        let map = read.map_err(|source| Unread::Failed { what: format!("ConfigMap {name}"), source })?;
        let version = map.as_ref().and_then(|map| map.metadata.resource_version.clone());
        let seen = if map.is_some() { SecretFound::Unseen } else { SecretFound::Missing };
        let _ = self.cluster.watches.named.learn(&self.name(Source::ConfigMap, name), version, seen);
        self.found.config_maps.insert(name.to_owned(), map.map(|map| map.data.unwrap_or_default()));
        Ok(())
    }

    /// A volume that is there may have lost its labels; without its Secret it cannot be used.
    async fn claim(&mut self) -> Result<(), Unread> {
        let claims = self.found.children.of(Kind::PersistentVolumeClaim);
        let names: BTreeSet<String> = claims.map(|claim| claim.name.clone()).collect();
        self.found.claims = names;
        let name = child(&self.key.name, POSTGRES_SECRET);
        let embedded = self.bot.spec.database.as_ref().is_some_and(|database| database.embedded.is_some());
        if embedded && !self.found.claims.contains(&name) {
            let writer = Writer {
                client: &self.cluster.client,
                namespace: &self.key.namespace,
                store: &self.cluster.watches.store,
                metrics: &self.cluster.metrics,
            };
            let kind = Kind::PersistentVolumeClaim;
            let read = writer.look(kind, &name).await;
            let live = read.map_err(|source| Unread::Failed { what: format!("{kind} {name}"), source })?;
            if let Some(live) = live {
                self.found.claims.insert(name);
                self.found.children.insert(live);
            }
        }
        Ok(())
    }

    /// What pods tell of Jobs: of those at work, whether they have begun; of the newest that failed and of preflights, their
    /// last words.
    async fn jobs(&mut self) -> Result<(), Unread> {
        let jobs: Vec<Live> = self.found.children.of(Kind::Job).cloned().collect();
        let uid = |job: &Live| job.text("/metadata/uid").unwrap_or_default().to_owned();
        let bot = self.bot.metadata.uid.clone().unwrap_or_default();
        let mut known = self.cluster.bots.memory(self.key, &bot, |memory| std::mem::take(&mut memory.jobs));
        known.retain(|known, _| jobs.iter().any(|job| uid(job) == *known));
        let failed = jobs.iter().filter(|job| matches!(job_end(job), Some(Err(_))));
        let newest = failed.max_by_key(|job| job.text("/metadata/creationTimestamp")).map(|job| job.name.clone());
        let looks = format!("{}-", child(&self.key.name, Purpose::Preflight.part()));
        for job in &jobs {
            let told = known.entry(uid(job)).or_default();
            let end = job_end(job);
            let is_heard = Some(&job.name) == newest.as_ref() || job.name.starts_with(&looks);
            match &end {
                None if told.start != Some(Start::Begun) => {
                    let now = job_pods::start(&self.pods_of(job).await?);
                    told.start = Some(job_pods::remembered(told.start.take(), now));
                }
                Some(end) if is_heard && told.may_be_asked(Instant::now()) => {
                    told.words = job_pods::last_words(&self.pods_of(job).await?, end.is_err());
                    told.asked = Some(Instant::now());
                }
                _ => {}
            }
            if let Some(Start::Not(why)) = &told.start {
                self.found.unstarted.insert(job.name.clone(), why.clone());
            }
            if is_heard && let Some(words) = &told.words {
                self.found.job_words.insert(job.name.clone(), words.clone());
            }
        }
        self.cluster.bots.memory(self.key, &bot, |memory| memory.jobs = known);
        Ok(())
    }

    /// Those of this Job, and not of a former one of its name that are still on their way out.
    async fn pods_of(&self, job: &Live) -> Result<Vec<Pod>, Unread> {
        let api: Api<Pod> = Api::namespaced(self.cluster.client.clone(), &self.key.namespace);
        let uid = job.text("/metadata/uid").unwrap_or_default();
        let params = ListParams::default().labels(&format!("batch.kubernetes.io/controller-uid={uid}")).limit(20);
        let pods = api.list(&params).await;
        let pods = pods.map_err(|source| Unread::Failed { what: format!("the pods of Job {}", job.name), source })?;
        Ok(pods.items)
    }
}

/// What pods told of one Job. Remembered, since they go: those of a Job whose time is over as soon as it is.
#[derive(Default)]
pub struct JobTold {
    start: Option<Start>,
    words: Option<String>,
    /// When it was last asked for words.
    asked: Option<Instant>,
}

impl JobTold {
    /// Whether its pods may be asked for words that they have not told yet.
    fn may_be_asked(&self, now: Instant) -> bool {
        /// A pod's report may come after its Job's; what is not there by then has gone.
        const AGAIN: Duration = Duration::from_secs(30);
        self.words.is_none() && self.asked.is_none_or(|asked| now.duration_since(asked) >= AGAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_job_has_not_told_yet_are_asked_for_again_but_not_at_each_look() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut told = JobTold::default();
        assert!(told.may_be_asked(now));
        told.asked = Some(now);
        assert!(!told.may_be_asked(after(29)));
        assert!(told.may_be_asked(after(30)));
        told.words = Some(String::new());
        assert!(!told.may_be_asked(after(60)), "it ended without");
    }
}
