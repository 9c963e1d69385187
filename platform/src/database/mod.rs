//! PostgreSQL: the pool, what counts as "the database is away", and the schema's migrations.
//!
//! Connections carry their own limits (statement, lock and idle-in-transaction timeouts), which the server keeps. When
//! the server itself is gone without a word (its node died, a firewall forgot the flow), nobody keeps them: so what
//! must not wait for ever has a limit of this side too ([`within`]), a little longer than the server's ([`patience`]),
//! and its connection is closed. A connection that has rested is pinged before it is lent; a busy one is not: that
//! ping would cost as much as a statement. What is busy all the time keeps its connections: see [`lanes`].

pub mod lanes;
pub mod literal;
pub mod migrations;
pub mod preflight;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

pub use lanes::{Lanes, Tx};

/// A ping that takes longer has nobody at its other end.
const PING: Duration = Duration::from_secs(2);
/// What an answer may take beyond the server's own limit of a statement.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// How a process talks to its database.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `postgres://...`; never logged.
    pub url: String,
    /// Connections of this process.
    pub pool_size: u32,
    /// How long a caller waits for a free connection.
    pub acquire_timeout: Duration,
    pub statement_timeout: Duration,
    pub lock_timeout: Duration,
}

impl DatabaseSettings {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            pool_size: 5,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            lock_timeout: Duration::from_secs(5),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    #[error("the database URL is not valid: {0} (allowed: postgres://user:password@host:port/name)")]
    Url(String),
}

fn options(settings: &DatabaseSettings) -> Result<PgConnectOptions, DatabaseError> {
    // sqlx's message does not repeat the URL, which holds a password.
    let options = PgConnectOptions::from_str(&settings.url).map_err(|e| DatabaseError::Url(e.to_string()))?;
    // Statements are not logged, slow ones neither: some hold what people say, as hex but whole.
    let options = options.disable_statement_logging();
    Ok(options.application_name("vitte").statement_cache_capacity(200).options([
        ("statement_timeout", settings.statement_timeout.as_millis().to_string()),
        ("lock_timeout", settings.lock_timeout.as_millis().to_string()),
        ("idle_in_transaction_session_timeout", "30000".to_owned()),
        // Plans of our prepared statements do not depend on their values: plan each once. But then no plan may be
        // made for the empty tables of a fresh install: it would read whole tables until the first autoanalyze
        // (measured: five thousand rows for each mark).
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        ("enable_hashjoin", "off".to_owned()),
        ("enable_mergejoin", "off".to_owned()),
    ]))
}

/// A pool that connects when first used: a database that is away is a matter of readiness, not of start.
pub fn pool(settings: &DatabaseSettings) -> Result<PgPool, DatabaseError> {
    Ok(PgPoolOptions::new()
        .max_connections(settings.pool_size)
        .acquire_timeout(settings.acquire_timeout)
        .max_lifetime(Duration::from_secs(30 * 60))
        .idle_timeout(Duration::from_secs(5 * 60))
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                Ok(meta.idle_for <= Duration::from_secs(1) || within(PING, connection.ping()).await.is_ok())
            })
        })
        // sqlx asks a connection that comes back whether it lives, and waits for the answer without limit: one that
        // nobody answers on would keep its place in the pool. Asking first costs what comes back, which the busy ones
        // do not, a round trip.
        .after_release(|connection, _| Box::pin(answers(connection)))
        .connect_lazy_with(options(settings)?))
}

async fn answers(connection: &mut PgConnection) -> sqlx::Result<bool> {
    within(PING, connection.ping()).await.map(|()| true)
}

/// Does the database answer? For readiness; ends within two seconds.
pub async fn ping(pool: &PgPool) -> bool {
    let query = async { sqlx::query("SELECT 1").execute(pool).await };
    within(PING, query).await.is_ok()
}

/// The longest that a statement of this pool can take while somebody is there: the server's own limit, and the way.
pub fn patience(pool: &PgPool) -> Duration {
    let options = pool.connect_options();
    let millis = || options.get_options()?.split("statement_timeout=").nth(1)?.split(' ').next()?.parse().ok();
    let limit: Option<u64> = millis().filter(|limit| *limit > 0);
    limit.map_or(DatabaseSettings::new("").statement_timeout, Duration::from_millis) + ON_THE_WAY
}

/// A statement with a limit of this side. One that runs it out has an error of the connection, which the pool closes
/// when it comes back; whether the statement had its effect is not known.
pub async fn within<T>(limit: Duration, statement: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let silence = || std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer from the database");
    tokio::time::timeout(limit, statement).await.unwrap_or_else(|_| Err(silence().into()))
}

/// Is this error the database's state rather than the caller's fault? Then the same work may be tried again, and an
/// update is answered with 503 so that Telegram repeats it.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(e) => e.code().is_some_and(|code| {
            // Classes: 08 connection, 40 rollback (deadlock, serialization), 53 resources, 57 operator (shutdown,
            // statement timeout), 55P03 lock timeout, 25P03 idle in transaction, 25006 read-only (a failover).
            matches!(&code[..code.len().min(2)], "08" | "40" | "53" | "57" | "58")
                || matches!(code.as_ref(), "55P03" | "25P03" | "25006")
        }),
        _ => false,
    }
}

/// [`is_transient`] anywhere in a chain of causes.
pub fn is_transient_chain(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<sqlx::Error>()).any(is_transient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_url_is_named_without_repeating_its_password() {
        let error = pool(&DatabaseSettings::new("postgres://u:hunter2@[bad/")).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("allowed: postgres://") && !error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn patience_is_longer_than_the_servers_limit() {
        let settings = DatabaseSettings {
            statement_timeout: Duration::from_millis(1500),
            ..DatabaseSettings::new("postgres://u@h/d")
        };
        assert_eq!(patience(&pool(&settings).unwrap()), Duration::from_millis(3500));
    }

    #[test]
    fn an_exhausted_pool_is_the_databases_state_and_a_missing_row_is_not() {
        assert!(is_transient(&sqlx::Error::PoolTimedOut));
        assert!(!is_transient(&sqlx::Error::RowNotFound));
        assert!(is_transient_chain(&anyhow::Error::from(sqlx::Error::PoolTimedOut).context("while answering")));
    }
}
