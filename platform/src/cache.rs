//! A value kept for a while: in this process, behind that in Redis, behind that at its source.
//!
//! Loads of one key are made once however many ask; a failing Redis costs nothing but the look; a value is forgotten
//! everywhere after the commit that changed it ([`Cache::forget`]), and in other processes at the latest when their
//! short in-process copy runs out. Whoever began to load before that commit may end after it: what was loaded then is
//! given to those who asked, and kept by nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::jitter;
use crate::redis::Redis;
use crate::telemetry::metrics;

/// How long a value may be older than its source, in another process that was not told.
const IN_PROCESS: Duration = Duration::from_secs(10);

/// How long a forgotten value's place is taken, so that no load that began before stores what it found: longer than a
/// statement may run by default.
const FORGOTTEN: Duration = Duration::from_secs(15);
/// What stands there meanwhile; no value is written so.
const NOTHING: &str = "";

/// What is cached, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    pub ttl: Duration,
}

/// A person's row.
pub const USER: Kind = Kind { name: "user", ttl: Duration::from_secs(300) };
/// A persona as shown to the model.
pub const PERSONA: Kind = Kind { name: "persona", ttl: Duration::from_secs(300) };
/// What a person pays for.
pub const SUBSCRIPTION: Kind = Kind { name: "subscription", ttl: Duration::from_secs(3600) };
/// What a person has unlocked.
pub const UNLOCKS: Kind = Kind { name: "unlocks", ttl: Duration::from_secs(600) };

/// One kind of value of one bot. Cheap to clone.
pub struct Cache<T> {
    kind: Kind,
    prefix: String,
    memory: moka::future::Cache<i64, Arc<T>>,
    /// Values forgotten in this process: a load during which this changes is not kept.
    forgotten: Arc<AtomicU64>,
    redis: Option<Redis>,
}

impl<T> Clone for Cache<T> {
    fn clone(&self) -> Self {
        Self {
            kind: self.kind,
            prefix: self.prefix.clone(),
            memory: self.memory.clone(),
            forgotten: self.forgotten.clone(),
            redis: self.redis.clone(),
        }
    }
}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Cache<T> {
    pub fn new(bot_id: i64, kind: Kind, redis: Option<Redis>) -> Self {
        let memory = moka::future::Cache::builder()
            .max_capacity(10_000)
            .time_to_live(if redis.is_some() { IN_PROCESS.min(kind.ttl) } else { kind.ttl })
            .build();
        Self { kind, prefix: format!("vitte:{bot_id}:cache:{}", kind.name), memory, forgotten: Arc::default(), redis }
    }

    fn key(&self, id: i64) -> String {
        format!("{}:{id}", self.prefix)
    }

    /// The value, loaded by `load` when nobody has it. Many callers of one key share one load; its error goes to all
    /// of them and is not kept.
    pub async fn get<E>(&self, id: i64, load: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, Arc<E>>
    where
        E: Send + Sync + 'static,
    {
        let count = |from: &str| metrics().cache.with_label_values(&[self.kind.name, from]).inc();
        if let Some(value) = self.memory.get(&id).await {
            count("memory");
            return Ok(value);
        }
        let behind = async {
            if let Some(redis) = &self.redis
                && let Some(Some(text)) = redis.command::<Option<String>>("GET", &[self.key(id)]).await
                && let Ok(value) = serde_json::from_str(&text)
            {
                count("redis");
                return Ok(Arc::new(value));
            }
            let value = load.await?;
            count("source");
            if let Some(redis) = &self.redis
                && let Ok(text) = serde_json::to_string(&value)
            {
                // Spread, so that what was loaded together does not run out together.
                let seconds = jitter(self.kind.ttl).min(self.kind.ttl).as_secs().max(1).to_string();
                // Best effort: the next one loads again. Not where somebody has been faster, or has forgotten it.
                let args = [self.key(id), text, "EX".to_owned(), seconds, "NX".to_owned()];
                let _: Option<Option<String>> = redis.command("SET", &args).await;
            }
            Ok(Arc::new(value))
        };
        let before = self.forgotten.load(Ordering::SeqCst);
        let value = self.memory.try_get_with(id, behind).await;
        if self.forgotten.load(Ordering::SeqCst) != before {
            self.memory.invalidate(&id).await;
        }
        value
    }

    /// After the commit that changed the value.
    pub async fn forget(&self, id: i64) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
        self.memory.invalidate(&id).await;
        if let Some(redis) = &self.redis {
            let taken = [self.key(id), NOTHING.to_owned(), "PX".to_owned(), FORGOTTEN.as_millis().to_string()];
            // With Redis away its old value lives on for its time at most.
            let _: Option<String> = redis.command("SET", &taken).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_share_one_load_and_a_forgotten_value_is_loaded_again() {
        let cache: Cache<String> = Cache::new(1, USER, None);
        let loads = AtomicU32::new(0);
        let load = || async {
            tokio::task::yield_now().await;
            loads.fetch_add(1, Ordering::SeqCst);
            Ok::<_, ()>("Ann".to_owned())
        };
        let all = futures::future::join_all((0..20).map(|_| cache.get(7, load()))).await;
        assert!(all.iter().all(|v| v.as_ref().is_ok_and(|v| v.as_str() == "Ann")));
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        cache.forget(7).await;
        cache.get(7, load()).await.unwrap();
        assert_eq!(loads.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn what_is_forgotten_while_it_is_loaded_is_not_kept() {
        let cache: Cache<String> = Cache::new(1, USER, None);
        let old = async {
            // Somebody changes it, after this has read it.
            cache.forget(7).await;
            Ok::<_, ()>("old".to_owned())
        };
        assert_eq!(*cache.get(7, old).await.unwrap(), "old");
        assert_eq!(*cache.get(7, async { Ok::<_, ()>("new".to_owned()) }).await.unwrap(), "new");
        assert_eq!(*cache.get(7, async { Ok::<_, ()>("newer".to_owned()) }).await.unwrap(), "new", "and that is kept");
    }

    #[tokio::test]
    async fn a_failed_load_is_not_kept() {
        let cache: Cache<String> = Cache::new(1, USER, None);
        assert!(cache.get(7, async { Err::<String, _>("away") }).await.is_err());
        assert!(cache.get(7, async { Ok::<_, &str>("Ann".to_owned()) }).await.is_ok());
    }
}
