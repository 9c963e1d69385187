//! Redis, which may vanish at any moment: every call has a short limit, and after a failure Redis is left alone for a
//! second, so that its absence costs nobody time. `None` means "as if it were empty"; the caller has its own way then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{FromRedisValue, ToRedisArgs};
use tokio::time::Instant;

use crate::telemetry::metrics;

const LIMIT: Duration = Duration::from_millis(250);
const REST: Duration = Duration::from_secs(1);

/// A handle to the process's one Redis connection. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    state: Arc<State>,
}

struct State {
    start: Instant,
    /// Milliseconds after `start` until which Redis is left alone.
    resting_until: AtomicU64,
}

/// A Lua script, loaded once and called by its digest.
pub struct Script {
    text: &'static str,
    loaded: OnceLock<redis::Script>,
}

impl Script {
    pub const fn new(text: &'static str) -> Self {
        Self { text, loaded: OnceLock::new() }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the Redis URL is not valid: {0} (allowed: redis://host:port/db, rediss://..., redis+unix:///path)")]
pub struct RedisUrlError(String);

impl Redis {
    /// Connects when first used.
    pub fn new(url: &str) -> Result<Self, RedisUrlError> {
        let client = redis::Client::open(url).map_err(|e| RedisUrlError(e.to_string()))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(LIMIT))
            .set_response_timeout(Some(LIMIT))
            .set_number_of_retries(0)
            .set_max_delay(REST);
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(|e| RedisUrlError(e.to_string()))?;
        let state = Arc::new(State { start: Instant::now(), resting_until: AtomicU64::new(0) });
        Ok(Self { connection, state })
    }

    fn resting(&self) -> bool {
        let now = u64::try_from(self.state.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        now < self.state.resting_until.load(Ordering::Relaxed)
    }

    async fn limited<T>(&self, call: impl Future<Output = redis::RedisResult<T>>) -> Option<T> {
        if self.resting() {
            return None;
        }
        let failure = match tokio::time::timeout(LIMIT, call).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {LIMIT:?}"),
        };
        metrics().redis_errors.inc();
        let until = self.state.start.elapsed() + REST;
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        if self.state.resting_until.swap(until, Ordering::Relaxed) < until.saturating_sub(2000) {
            tracing::warn!(%failure, "Redis does not answer; going on without it");
        }
        None
    }

    /// Runs a script with one key.
    pub async fn eval<T: FromRedisValue>(&self, script: &Script, key: &str, args: &[String]) -> Option<T> {
        let script = script.loaded.get_or_init(|| redis::Script::new(script.text));
        let mut connection = self.connection.clone();
        self.limited(async {
            let mut call = script.key(key);
            for arg in args {
                call.arg(arg);
            }
            call.invoke_async(&mut connection).await
        })
        .await
    }

    /// One command.
    pub async fn command<T: FromRedisValue>(&self, name: &str, args: impl ToRedisArgs) -> Option<T> {
        let mut connection = self.connection.clone();
        self.limited(async { redis::cmd(name).arg(args).query_async(&mut connection).await }).await
    }

    /// Does Redis answer? Asks even while it is left alone.
    pub async fn ping(&self) -> bool {
        let mut connection = self.connection.clone();
        let ping = async { redis::cmd("PING").query_async::<String>(&mut connection).await };
        matches!(tokio::time::timeout(LIMIT, ping).await, Ok(Ok(_)))
    }
}
