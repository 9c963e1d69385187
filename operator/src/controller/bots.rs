//! The bots themselves, as their watch tells of them, and what this process remembers of each.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::core::DeserializeGuard;
use kube::{Resource, ResourceExt};
use vitte_crds::status::Status;

use crate::apply::fights::Fights;
use crate::cache::BotKey;
use crate::cache::child::version;
use crate::dereference::JobTold;
use crate::resource::VitteBot;

/// A bot, or what of it can be read.
pub type Guarded = DeserializeGuard<VitteBot>;

/// The whole manifest once more, as client-side `kubectl apply` leaves it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All bots in sight.
#[derive(Default)]
pub struct Bots(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    bots: BTreeMap<BotKey, Arc<Guarded>>,
    memories: HashMap<BotKey, Memory>,
}

/// What this process remembers of one bot. Losing it, as a restart does, costs a few reads and nothing else.
#[derive(Default)]
pub struct Memory {
    /// Of the bot; a successor of its name begins anew.
    uid: String,
    /// Failures in a row.
    pub failures: u32,
    /// The bot's version after the last write of ours to it, with the status that it had then.
    own: Option<(u64, Option<Status>)>,
    pub fights: Arc<Mutex<Fights>>,
    /// What pods told of Jobs, by the Job's uid.
    pub jobs: BTreeMap<String, JobTold>,
    /// The generation for which no generated Secret was found that is no longer wanted.
    pub no_leftovers: Option<i64>,
    /// Whether the bot's own pods were all new at the last look.
    pub was_rolled_out: bool,
    /// The version that was reported as unreadable.
    pub reported: Option<String>,
}

impl Bots {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The watch tells of a bot; `false`: that is how the operator itself left it.
    pub fn observe(&self, mut bot: Guarded) -> bool {
        bot.managed_fields_mut().clear();
        if let Some(annotations) = bot.meta_mut().annotations.as_mut() {
            annotations.remove(LAST_APPLIED);
        }
        let key = key(&bot);
        let mut inner = self.lock();
        let now = version(bot.meta().resource_version.as_deref());
        let ours = inner.memories.get(&key).and_then(|memory| memory.own.as_ref()).is_some_and(|(own, _)| *own == now);
        // Somebody may have changed it just before our write: then both come as one, and that is news.
        let unchanged = inner.bots.get(&key).is_some_and(|before| {
            let (before, bot) = (before.meta(), bot.meta());
            before.uid == bot.uid
                && before.generation == bot.generation
                && before.annotations == bot.annotations
                && before.deletion_timestamp == bot.deletion_timestamp
        });
        inner.bots.insert(key, Arc::new(bot));
        !(ours && now != 0 && unchanged)
    }

    pub fn remove(&self, key: &BotKey) {
        let mut inner = self.lock();
        inner.bots.remove(key);
        inner.memories.remove(key);
    }

    #[must_use]
    pub fn get(&self, key: &BotKey) -> Option<Arc<Guarded>> {
        self.lock().bots.get(key).cloned()
    }

    #[must_use]
    pub fn all(&self) -> Vec<Arc<Guarded>> {
        self.lock().bots.values().cloned().collect()
    }

    #[must_use]
    pub fn keys(&self) -> Vec<BotKey> {
        self.lock().bots.keys().cloned().collect()
    }

    /// Looks into the memory of a bot, or changes it.
    pub fn memory<T>(&self, key: &BotKey, uid: &str, with: impl FnOnce(&mut Memory) -> T) -> T {
        let mut inner = self.lock();
        let memory = inner.memories.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        with(memory)
    }

    /// The bot as the operator left it, if the watch has not told of that yet: a decision from before an own write would
    /// be taken twice.
    #[must_use]
    pub fn newest(&self, key: &BotKey, bot: &VitteBot) -> VitteBot {
        let mut bot = bot.clone();
        let uid = bot.metadata.uid.clone().unwrap_or_default();
        let known = version(bot.metadata.resource_version.as_deref());
        let own = self.memory(key, &uid, |memory| memory.own.clone());
        if let Some((own, status)) = own
            && own > known
        {
            bot.metadata.resource_version = Some(own.to_string());
            if status.is_some() {
                bot.status = status;
            }
        }
        bot
    }

    /// The operator wrote to a bot: its version now, and its status if that was written.
    pub fn wrote(&self, key: &BotKey, uid: &str, version_now: Option<&str>, status: Option<Status>) {
        let now = version(version_now);
        self.memory(key, uid, |memory| {
            let before = memory.own.take().and_then(|(_, status)| status);
            memory.own = Some((now, status.or(before)));
        });
    }
}

/// A bot's namespace and name.
#[must_use]
pub fn key(bot: &Guarded) -> BotKey {
    BotKey::new(bot.namespace().unwrap_or_default(), bot.name_any())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitte_crds::status::Phase;

    use super::*;

    fn bot(version: &str) -> Guarded {
        serde_json::from_value(json!({"apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot",
            "metadata": {"name": "luna", "namespace": "n", "uid": "u", "resourceVersion": version},
            "spec": {"version": "1", "telegram": {"tokenSecretRef": {"name": "s", "key": "k"}}, "modules": {}}}))
        .unwrap()
    }

    #[test]
    fn an_own_write_is_no_news_and_any_other_is() {
        let bots = Bots::default();
        let luna = BotKey::new("n", "luna");
        assert!(bots.observe(bot("5")));
        bots.wrote(&luna, "u", Some("7"), None);
        assert!(!bots.observe(bot("7")));
        assert!(bots.observe(bot("8")));
    }

    #[test]
    fn a_change_that_comes_together_with_an_own_write_is_news() {
        let bots = Bots::default();
        bots.observe(bot("5"));
        bots.wrote(&BotKey::new("n", "luna"), "u", Some("7"), None);
        let mut changed = bot("7");
        changed.meta_mut().generation = Some(2);
        assert!(bots.observe(changed));
    }

    #[test]
    fn a_status_that_the_watch_has_not_told_of_yet_counts() {
        let bots = Bots::default();
        let luna = BotKey::new("n", "luna");
        let seen = bot("5").0.unwrap();
        bots.observe(bot("5"));
        let status = Status { phase: Some(Phase::Ready), ..Status::default() };
        bots.wrote(&luna, "u", Some("7"), Some(status.clone()));
        // A later write of ours that is none of the status keeps it.
        bots.wrote(&luna, "u", Some("9"), None);
        let newest = bots.newest(&luna, &seen);
        assert_eq!((newest.status, newest.metadata.resource_version.as_deref()), (Some(status), Some("9")));
        let newer = bot("12").0.unwrap();
        assert_eq!(bots.newest(&luna, &newer).status, None);
    }

    #[test]
    fn a_bot_that_cannot_be_read_is_still_known_by_its_name() {
        let broken: Guarded =
            serde_json::from_value(json!({"metadata": {"name": "luna", "namespace": "n"}, "spec": 5})).unwrap();
        assert!(broken.0.is_err());
        assert_eq!(key(&broken), BotKey::new("n", "luna"));
    }
}
