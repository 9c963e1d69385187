//! Secrets and ConfigMaps that specs name: what was last read of each, as digests, and which bots use it.
//!
//! A Secret is read by `get` alone and again after a while; where its namespace is watched (metadata only), and for
//! ConfigMaps everywhere, a change is known at once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use sha2::{Digest, Sha256};

use crate::cache::BotKey;
use crate::dereference::SecretFound;

/// What kind of object is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Secret,
    ConfigMap,
}

/// An object that some spec names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    pub source: Source,
    pub namespace: String,
    pub name: String,
}

#[derive(Default)]
struct Entry {
    users: BTreeSet<String>,
    known: Option<Known>,
}

struct Known {
    /// Of the object; `None`: there is none.
    version: Option<String>,
    found: SecretFound,
    read_at: Instant,
    /// A watch told of another version: to be read again before it is used.
    stale: bool,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Name, Entry>,
    used: HashMap<BotKey, BTreeSet<Name>>,
}

/// Everything that specs name.
#[derive(Default)]
pub struct Named(Mutex<Inner>);

impl Named {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bot uses these and no others. What nobody uses is forgotten.
    pub fn uses(&self, bot: &BotKey, names: BTreeSet<Name>) {
        let mut inner = self.lock();
        if inner.used.get(bot).is_some_and(|before| *before == names) {
            return;
        }
        for name in &names {
            inner.entries.entry(name.clone()).or_default().users.insert(bot.name.clone());
        }
        for name in inner.used.remove(bot).unwrap_or_default().difference(&names) {
            if let Some(entry) = inner.entries.get_mut(name) {
                entry.users.remove(&bot.name);
                if entry.users.is_empty() {
                    inner.entries.remove(name);
                }
            }
        }
        if !names.is_empty() {
            inner.used.insert(bot.clone(), names);
        }
    }

    pub fn forget(&self, bot: &BotKey) {
        self.uses(bot, BTreeSet::new());
    }

    /// Whether some bot names it.
    #[must_use]
    pub fn is_used(&self, name: &Name) -> bool {
        self.lock().entries.contains_key(name)
    }

    /// What is known of a Secret, if it was read within `max_age` and no watch told otherwise.
    #[must_use]
    pub fn known(&self, name: &Name, max_age: Duration) -> Option<SecretFound> {
        let inner = self.lock();
        let known = inner.entries.get(name)?.known.as_ref()?;
        (!known.stale && known.read_at.elapsed() <= max_age).then(|| known.found.clone())
    }

    /// An object was read. The bots to which its content is news; the first look is none.
    pub fn learn(&self, name: &Name, version: Option<String>, found: SecretFound) -> Vec<BotKey> {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(name) else { return Vec::new() };
        let news = entry.known.as_ref().is_some_and(|known| known.found != found);
        entry.known = Some(Known { version, found, read_at: Instant::now(), stale: false });
        if news { users(name, entry) } else { Vec::new() }
    }

    /// A watch tells that an object is at this version, or gone (`None`). The bots that have to look again.
    pub fn hint(&self, name: &Name, version: Option<&str>) -> Vec<BotKey> {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(name) else { return Vec::new() };
        // Never read yet: whoever reads it will see the newest.
        let Some(known) = entry.known.as_mut() else { return Vec::new() };
        if known.version.as_deref() == version || known.stale {
            return Vec::new();
        }
        known.stale = true;
        users(name, entry)
    }

    /// A list of all of one source ended, and these were in it: what is missing is gone.
    pub fn listed(&self, source: Source, namespace: Option<&str>, seen: &BTreeSet<(String, String)>) -> Vec<BotKey> {
        let within =
            |name: &Name| name.source == source && namespace.is_none_or(|namespace| namespace == name.namespace);
        let missing: Vec<Name> = {
            let inner = self.lock();
            let names = inner.entries.keys().filter(|name| within(name));
            names.filter(|name| !seen.contains(&(name.namespace.clone(), name.name.clone()))).cloned().collect()
        };
        missing.iter().flat_map(|name| self.hint(name, None)).collect()
    }

    /// Secrets that were read longer ago than `refresh`; what is missing is looked for six times as often. Never more
    /// than `most`.
    #[must_use]
    pub fn due(&self, refresh: Duration, most: usize) -> Vec<Name> {
        let inner = self.lock();
        let is_due = |entry: &Entry| {
            let Some(known) = &entry.known else { return false };
            let after = if known.found == SecretFound::Missing { refresh / 6 } else { refresh };
            known.read_at.elapsed() >= after
        };
        let names = inner.entries.iter().filter(|(name, entry)| name.source == Source::Secret && is_due(entry));
        names.take(most).map(|(name, _)| name.clone()).collect()
    }

    /// It could not be read: not due again before the others.
    pub fn postpone(&self, name: &Name) {
        if let Some(known) = self.lock().entries.get_mut(name).and_then(|entry| entry.known.as_mut()) {
            known.read_at = Instant::now();
            known.stale = true;
        }
    }
}

fn users(name: &Name, entry: &Entry) -> Vec<BotKey> {
    entry.users.iter().map(|bot| BotKey::new(name.namespace.clone(), bot.clone())).collect()
}

/// What is kept of a Secret.
#[must_use]
pub fn digest(namespace: &str, name: &str, secret: &Secret) -> SecretFound {
    let data = secret.data.iter().flatten();
    let keys = data.filter(|(_, value)| !value.0.is_empty()).map(|(key, value)| {
        let mut hash = Sha256::new();
        // A separator that no name can hold: no two different quadruples give the same bytes.
        for part in [namespace.as_bytes(), name.as_bytes(), key.as_bytes(), &value.0] {
            hash.update(part);
            hash.update([0]);
        }
        (key.clone(), hex::encode(&hash.finalize()[..8]))
    });
    SecretFound::Keys(keys.collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;

    use super::*;

    fn name() -> Name {
        Name { source: Source::Secret, namespace: "n".to_owned(), name: "s".to_owned() }
    }

    fn keys(value: &str) -> SecretFound {
        let data = [("token".to_owned(), ByteString(value.as_bytes().to_vec()))].into();
        digest("n", "s", &Secret { data: Some(data), ..Secret::default() })
    }

    #[test]
    fn a_changed_value_is_news_to_every_user_and_the_same_value_to_none() {
        let named = Named::default();
        for bot in ["luna", "nova"] {
            named.uses(&BotKey::new("n", bot), [name()].into());
        }
        assert_eq!(named.learn(&name(), Some("1".to_owned()), keys("a")), []);
        assert_eq!(named.learn(&name(), Some("2".to_owned()), keys("a")), []);
        let news = named.learn(&name(), Some("3".to_owned()), keys("b"));
        assert_eq!(news, [BotKey::new("n", "luna"), BotKey::new("n", "nova")]);
        named.forget(&BotKey::new("n", "luna"));
        assert_eq!(named.learn(&name(), None, SecretFound::Missing), [BotKey::new("n", "nova")]);
    }

    #[test]
    fn a_hint_of_another_version_makes_it_be_read_again() {
        let named = Named::default();
        named.uses(&BotKey::new("n", "luna"), [name()].into());
        named.learn(&name(), Some("1".to_owned()), keys("a"));
        assert_eq!(named.hint(&name(), Some("1")), []);
        assert!(named.known(&name(), Duration::from_secs(60)).is_some());
        assert_eq!(named.hint(&name(), Some("2")), [BotKey::new("n", "luna")]);
        assert!(named.known(&name(), Duration::from_secs(60)).is_none());
        named.learn(&name(), Some("2".to_owned()), keys("b"));
        assert_eq!(named.listed(Source::Secret, Some("n"), &BTreeSet::new()), [BotKey::new("n", "luna")]);
    }

    #[test]
    fn a_missing_secret_is_looked_for_more_often_and_an_unused_one_never() {
        let named = Named::default();
        named.uses(&BotKey::new("n", "luna"), [name()].into());
        named.learn(&name(), None, SecretFound::Missing);
        assert_eq!(named.due(Duration::ZERO, 10), [name()]);
        assert_eq!(named.due(Duration::from_secs(60), 10), []);
        named.forget(&BotKey::new("n", "luna"));
        assert_eq!(named.due(Duration::ZERO, 10), []);
    }

    #[test]
    fn an_empty_value_counts_as_none() {
        assert_eq!(keys(""), SecretFound::Keys(BTreeMap::new()));
    }
}
