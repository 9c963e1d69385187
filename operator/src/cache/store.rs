//! The children of all bots, each as its newest known state.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::cache::BotKey;
use crate::cache::child::Child;
use crate::cache::packed::{Packed, Packer};
use crate::names::LABEL_BOT;
use crate::objects::{Children, Kind, Live};

/// An object: its kind, namespace and name.
type ObjectKey = (Kind, String, String);

#[derive(Default)]
struct Inner {
    bots: HashMap<BotKey, BTreeMap<(Kind, String), Entry>>,
    /// The bot under which an object is kept; its label may change.
    owners: HashMap<ObjectKey, String>,
    /// Objects that the operator deleted and of whose end no watch has told yet, by uid: an event from before the
    /// deletion must not bring them back.
    gone: HashMap<String, ObjectKey>,
    /// Counts the operator's own writes, to tell those that a list may not have seen yet.
    writes: u64,
    packer: Packer,
}

struct Entry {
    version: u64,
    uid: Box<str>,
    json: Packed,
    written: u64,
}

/// The children of all bots.
#[derive(Default)]
pub struct Store(Mutex<Inner>);

impl Store {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A watch tells of an object. The bots to which that is news: none when the state is known already (as after the
    /// operator's own write) or older than what is known.
    pub fn observe(&self, kind: Kind, child: Child) -> Vec<BotKey> {
        let mut inner = self.lock();
        let version = child.version();
        if inner.gone.contains_key(child.uid()) {
            return Vec::new();
        }
        inner.put(kind, child, version, None)
    }

    /// What the API server answered to a write of ours: known from now on, and no news.
    pub fn own(&self, kind: Kind, child: Child) {
        let mut inner = self.lock();
        inner.writes += 1;
        let (version, writes) = (child.version(), inner.writes);
        inner.put(kind, child, version, Some(writes));
    }

    /// A watch tells that an object is gone.
    pub fn deleted(&self, kind: Kind, child: &Child) -> Option<BotKey> {
        let mut inner = self.lock();
        let ours = inner.gone.remove(child.uid()).is_some();
        let key = (kind, child.namespace().to_owned(), child.name().to_owned());
        let bot = inner.drop_if(&key, |entry| *entry.uid == *child.uid() && entry.version <= child.version())?;
        (!ours).then_some(bot)
    }

    /// The API server answered that an object which we deleted is gone.
    pub fn own_deletion(&self, kind: Kind, namespace: &str, name: &str, uid: &str) {
        let mut inner = self.lock();
        let key = (kind, namespace.to_owned(), name.to_owned());
        if inner.drop_if(&key, |entry| *entry.uid == *uid).is_some() && !uid.is_empty() {
            inner.gone.insert(uid.to_owned(), key);
        }
    }

    /// A list begins; to be given to [`Self::listed`].
    pub fn list_begins(&self) -> u64 {
        self.lock().writes
    }

    /// A list ended: what it did not have is gone, unless it was written since the list began. The bots that lost
    /// something.
    pub fn listed(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        seen: &HashSet<(String, String)>,
        began: u64,
    ) -> Vec<BotKey> {
        let mut inner = self.lock();
        let within = |key: &ObjectKey| key.0 == kind && namespace.is_none_or(|namespace| namespace == key.1);
        let missing: Vec<ObjectKey> = inner
            .owners
            .keys()
            .filter(|key| within(key) && !seen.contains(&(key.1.clone(), key.2.clone())))
            .cloned()
            .collect();
        // Deletions that happened while nobody watched will never be told.
        inner.gone.retain(|_, key| !within(key));
        missing.iter().filter_map(|key| inner.drop_if(key, |entry| entry.written <= began)).collect()
    }

    /// Forgets all objects of a kind that the cluster no longer has.
    pub fn forget_kind(&self, kind: Kind) {
        let _ = self.listed(kind, None, &HashSet::new(), u64::MAX);
    }

    /// Everything that is known of a bot's children.
    #[must_use]
    pub fn children(&self, bot: &BotKey) -> Children {
        let mut inner = self.lock();
        let Inner { bots, packer, .. } = &mut *inner;
        let entries = bots.get(bot).into_iter().flatten();
        let unpacked =
            entries.filter_map(|((kind, name), entry)| Some((*kind, name.clone(), packer.unpack(&entry.json)?)));
        let unpacked: Vec<(Kind, String, Vec<u8>)> = unpacked.collect();
        drop(inner);
        let live = |(kind, name, bytes): (Kind, String, Vec<u8>)| {
            let json: Value = serde_json::from_slice(&bytes).ok()?;
            Some(Live { kind, name, json: Arc::new(json) })
        };
        unpacked.into_iter().filter_map(live).collect()
    }
}

impl Inner {
    fn put(&mut self, kind: Kind, child: Child, version: u64, written: Option<u64>) -> Vec<BotKey> {
        let Some(bot) = child.label(LABEL_BOT).map(str::to_owned) else { return Vec::new() };
        let (namespace, name) = (child.namespace().to_owned(), child.name().to_owned());
        let bot = BotKey { namespace: namespace.clone(), name: bot };
        let key = (kind, namespace, name);
        let mut news = Vec::new();
        let mut was_written = 0;
        if let Some(before) = self.owners.get(&key) {
            let before = BotKey::new(key.1.clone(), before.clone());
            let slot = (kind, key.2.clone());
            if let Some(known) = self.bots.get(&before).and_then(|entries| entries.get(&slot)) {
                was_written = known.written;
                // 0 is a version that says nothing: believed.
                if version != 0 && version <= known.version {
                    return Vec::new();
                }
            }
            if before != bot {
                self.drop_if(&key, |_| true);
                news.push(before);
            }
        }
        let uid = child.uid().into();
        let Some(json) = self.packer.pack(&child.into_json()) else { return news };
        let entry = Entry { version, uid, json, written: written.unwrap_or(was_written) };
        self.owners.insert(key.clone(), bot.name.clone());
        self.bots.entry(bot.clone()).or_default().insert((kind, key.2), entry);
        news.push(bot);
        news
    }

    fn drop_if(&mut self, key: &ObjectKey, is: impl FnOnce(&Entry) -> bool) -> Option<BotKey> {
        let bot = BotKey::new(key.1.clone(), self.owners.get(key)?.clone());
        let entries = self.bots.get_mut(&bot)?;
        let slot = (key.0, key.2.clone());
        if !entries.get(&slot).is_some_and(is) {
            return None;
        }
        entries.remove(&slot);
        if entries.is_empty() {
            self.bots.remove(&bot);
        }
        self.owners.remove(key);
        Some(bot)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KIND: Kind = Kind::Deployment;

    fn child(uid: &str, version: u64, bot: &str, replicas: i64) -> Child {
        Child::from_value(
            json!({"spec": {"replicas": replicas}, "metadata": {"name": "d", "namespace": "n", "uid": uid,
            "resourceVersion": version.to_string(), "labels": {LABEL_BOT: bot}}}),
        )
        .unwrap()
    }

    fn replicas(store: &Store, bot: &str) -> Option<i64> {
        store.children(&BotKey::new("n", bot)).get(KIND, "d")?.int("/spec/replicas")
    }

    fn luna() -> Vec<BotKey> {
        vec![BotKey::new("n", "luna")]
    }

    #[test]
    fn an_older_event_never_covers_a_newer_state() {
        let store = Store::default();
        assert_eq!(store.observe(KIND, child("u", 10, "luna", 1)), luna());
        store.own(KIND, child("u", 12, "luna", 3));
        assert_eq!(store.observe(KIND, child("u", 11, "luna", 2)), []);
        assert_eq!(replicas(&store, "luna"), Some(3));
        assert_eq!(store.observe(KIND, child("u", 9, "luna", 0)), []);
        assert_eq!(replicas(&store, "luna"), Some(3));
    }

    #[test]
    fn the_event_of_an_own_write_is_no_news() {
        let store = Store::default();
        store.own(KIND, child("u", 12, "luna", 3));
        assert_eq!(store.observe(KIND, child("u", 12, "luna", 3)), []);
        assert_eq!(store.observe(KIND, child("u", 13, "luna", 3)), luna());
    }

    #[test]
    fn a_version_that_is_longer_is_newer() {
        let store = Store::default();
        store.observe(KIND, child("u", 99, "luna", 1));
        assert_eq!(store.observe(KIND, child("u", 100, "luna", 2)), luna());
        assert_eq!(replicas(&store, "luna"), Some(2));
    }

    #[test]
    fn an_event_from_before_an_own_deletion_does_not_bring_the_object_back() {
        let store = Store::default();
        store.own(KIND, child("u", 12, "luna", 3));
        store.own_deletion(KIND, "n", "d", "u");
        assert_eq!(store.observe(KIND, child("u", 13, "luna", 3)), []);
        assert_eq!(replicas(&store, "luna"), None);
        assert_eq!(store.deleted(KIND, &child("u", 14, "luna", 3)), None);
        // Its successor is another object.
        assert_eq!(store.observe(KIND, child("v", 15, "luna", 1)), luna());
    }

    #[test]
    fn a_late_deletion_does_not_take_the_successor() {
        let store = Store::default();
        store.observe(KIND, child("u", 10, "luna", 1));
        store.own(KIND, child("v", 20, "luna", 2));
        assert_eq!(store.deleted(KIND, &child("u", 15, "luna", 1)), None);
        assert_eq!(replicas(&store, "luna"), Some(2));
    }

    #[test]
    fn what_a_list_lacks_is_gone_unless_it_was_written_since_the_list_began() {
        let store = Store::default();
        store.observe(KIND, child("u", 10, "luna", 1));
        let began = store.list_begins();
        assert_eq!(store.listed(KIND, Some("other"), &HashSet::new(), began), []);
        assert_eq!(store.listed(Kind::Service, None, &HashSet::new(), began), []);
        assert_eq!(replicas(&store, "luna"), Some(1));
        store.own(KIND, child("u", 12, "luna", 3));
        assert_eq!(store.listed(KIND, None, &HashSet::new(), began), []);
        assert_eq!(replicas(&store, "luna"), Some(3));
        let began = store.list_begins();
        assert_eq!(store.listed(KIND, Some("n"), &HashSet::new(), began), luna());
        assert_eq!(replicas(&store, "luna"), None);
    }

    #[test]
    fn an_object_that_changes_its_bot_is_news_to_both() {
        let store = Store::default();
        store.observe(KIND, child("u", 10, "luna", 1));
        let both = store.observe(KIND, child("u", 11, "nova", 1));
        assert_eq!(both, [BotKey::new("n", "luna"), BotKey::new("n", "nova")]);
        assert_eq!((replicas(&store, "luna"), replicas(&store, "nova")), (None, Some(1)));
    }
}
