//! Connections that stay in hand between transactions, and transactions that cost two round trips.
//!
//! A pool asks a connection whether it lives each time it is given back: one round trip more for every transaction.
//! So what is busy stays here: a transaction that ends leaves its connection warm for the next, and one that has
//! rested for a second goes back to the pool, which checks it and ages it. Lanes are fewer than the pool has
//! connections; when all are stuck (in slow turns, or waiting for locks of other replicas), the pool's rest is used too,
//! but for one connection: however many turns are stuck, what was sent is marked and the process says that it lives.
//!
//! ```text
//!  begin:  BEGIN; the caller's statements          one message, one answer
//!  commit: the caller's statements; COMMIT         one message, one answer
//! ```
//!
//! What must never happen here: a connection reused with a transaction open in it. A [`Tx`] that is dropped closes its
//! connection, and the server rolls back; only a commit or rollback that the server has confirmed gives it back.

use std::fmt::Write;
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Postgres};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{patience, within};

/// A connection that rested this long goes back to the pool.
const REST: Duration = Duration::from_secs(1);
/// Even a busy one goes back now and then, so that the pool can retire it by age.
const TERM: Duration = Duration::from_secs(10 * 60);
/// When no lane came free for this long, they are stuck rather than busy.
const STUCK: Duration = Duration::from_millis(50);
/// The end of a transaction that is given up; longer, its connection is closed instead.
const ROLLBACK: Duration = Duration::from_secs(2);
/// Connections of the pool that transactions leave to everything else.
const KEPT_BACK: usize = 1;

/// A statement prepared once a connection, run by [`super::literal::Execute`].
#[derive(Debug, Clone, Copy)]
pub struct Prepared {
    /// Letters, digits and underscores.
    pub name: &'static str,
    /// The parameters' types: `bigint, text`.
    pub parameters: &'static str,
    pub sql: &'static str,
}

/// A process's warm connections. Cheap to clone.
#[derive(Clone)]
pub struct Lanes(Arc<Inner>);

struct Inner {
    pool: PgPool,
    /// Prepares what is not yet prepared; a statement of its own, ends with a semicolon.
    prepare: String,
    /// As many transactions as there are lanes.
    permits: Arc<Semaphore>,
    /// As many as may be beyond the lanes.
    beyond: Arc<Semaphore>,
    lanes: usize,
    /// One message and its answer.
    patience: Duration,
    warm: Mutex<Vec<Warm>>,
    /// Does the task run that gives rested ones back?
    keeper: AtomicBool,
    /// Transactions ended in a lane: tells busy from stuck.
    ended: AtomicU64,
}

struct Warm {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    rested: Instant,
}

struct Lane {
    connection: PoolConnection<Postgres>,
    /// From the pool.
    taken: Instant,
    /// Straight from the pool: what is prepared in it is not known, and it may have gone stale there.
    new: bool,
    place: Place,
}

/// Held for as long as the connection is.
enum Place {
    Lane(OwnedSemaphorePermit),
    /// Beyond the lanes: the connection goes back to the pool when the transaction ends.
    Beyond(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit),
}

impl Lanes {
    /// Three in five of the pool's connections, none of a pool too small to share; beyond them, what [`KEPT_BACK`] leaves.
    pub fn new(pool: PgPool, prepared: &[Prepared]) -> Self {
        let size = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
        let lanes = if size < 3 { 0 } else { (size / 5 * 3 + size % 5 * 3 / 5).max(1) };
        Self(Arc::new(Inner {
            patience: patience(&pool),
            pool,
            prepare: prepare(prepared),
            permits: Arc::new(Semaphore::new(lanes)),
            beyond: Arc::new(Semaphore::new(size.saturating_sub(lanes + KEPT_BACK).max(1))),
            lanes,
            warm: Mutex::default(),
            keeper: AtomicBool::new(false),
            ended: AtomicU64::new(0),
        }))
    }

    /// Begins a transaction and runs `statements` (SQL without parameters) in it, in one round trip. Returns all their
    /// rows. Nothing is done when it fails.
    pub async fn begin(&self, statements: &str) -> sqlx::Result<(Tx, Vec<PgRow>)> {
        let lane = self.acquire().await?;
        let reused = !lane.new;
        match self.begin_in(lane, statements).await {
            // A connection may have died while it was warm, and most likely not alone.
            Err(error) if reused && is_gone(&error) => {
                self.0.warm().clear();
                let lane = self.acquire().await?;
                self.begin_in(lane, statements).await
            }
            result => result,
        }
    }

    async fn begin_in(&self, lane: Lane, statements: &str) -> sqlx::Result<(Tx, Vec<PgRow>)> {
        let prepare = if lane.new { self.0.prepare.as_str() } else { "" };
        let sql = format!("{prepare}BEGIN;{statements}");
        let mut tx = Tx { lane: Some(lane), home: self.clone() };
        match within(self.0.patience, run(&mut tx, sql)).await {
            Ok(rows) => Ok((tx, rows)),
            Err(error @ sqlx::Error::Database(_)) => {
                // What went wrong is told by the first error; a rollback that fails closes the connection.
                let _ = tx.rollback().await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn acquire(&self) -> sqlx::Result<Lane> {
        let inner = &self.0;
        if let Ok(permit) = inner.permits.clone().try_acquire_owned() {
            return inner.lane(permit).await;
        }
        let limit = inner.pool.options().get_acquire_timeout();
        let wait = async { if inner.lanes == 0 { inner.beyond().await } else { self.wait().await } };
        tokio::time::timeout(limit, wait).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// In line for a lane; while none comes free at all, for another of the pool's connections too.
    async fn wait(&self) -> sqlx::Result<Lane> {
        let inner = &self.0;
        let mut permit = pin!(inner.permits.clone().acquire_owned());
        loop {
            let before = inner.ended.load(Ordering::Relaxed);
            tokio::select! {
                permit = &mut permit => return inner.lane(permit.map_err(|_| sqlx::Error::PoolClosed)?).await,
                () = tokio::time::sleep(STUCK) => {}
            }
            if inner.ended.load(Ordering::Relaxed) == before {
                return tokio::select! {
                    biased;
                    permit = &mut permit => inner.lane(permit.map_err(|_| sqlx::Error::PoolClosed)?).await,
                    lane = inner.beyond() => lane,
                };
            }
        }
    }

    fn give_back(&self, lane: Lane) {
        let inner = &self.0;
        let Lane { connection, taken, place: Place::Lane(_permit), .. } = lane else { return };
        inner.ended.fetch_add(1, Ordering::Relaxed);
        if taken.elapsed() > TERM || inner.pool.is_closed() {
            return;
        }
        // The permit goes after this: whoever gets it finds the connection.
        inner.warm().push(Warm { connection, taken, rested: Instant::now() });
        if !inner.keeper.swap(true, Ordering::Relaxed) {
            tokio::spawn(keep(inner.clone()));
        }
    }
}

impl Inner {
    fn warm(&self) -> std::sync::MutexGuard<'_, Vec<Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn lane(&self, permit: OwnedSemaphorePermit) -> sqlx::Result<Lane> {
        // The last one used is the warmest; the others may rest and go.
        let warm = self.warm().pop();
        match warm {
            Some(Warm { connection, taken, .. }) => {
                Ok(Lane { connection, taken, new: false, place: Place::Lane(permit) })
            }
            None => self.fresh(Place::Lane(permit)).await,
        }
    }

    async fn beyond(&self) -> sqlx::Result<Lane> {
        let permit = self.beyond.clone().acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
        self.fresh(Place::Beyond(permit)).await
    }

    async fn fresh(&self, place: Place) -> sqlx::Result<Lane> {
        let connection = self.pool.acquire().await?;
        Ok(Lane { connection, taken: Instant::now(), new: true, place })
    }
}

/// Gives rested connections back to the pool; ends when none is warm.
async fn keep(inner: Arc<Inner>) {
    loop {
        tokio::select! {
            () = inner.pool.close_event() => {}
            () = tokio::time::sleep(REST) => {}
        }
        let closed = inner.pool.is_closed();
        let mut warm = inner.warm();
        warm.retain(|w| !closed && w.rested.elapsed() < REST);
        if warm.is_empty() {
            // Under the lock: whoever adds one next starts the next keeper.
            inner.keeper.store(false, Ordering::Relaxed);
            return;
        }
    }
}

/// One transaction; dropped without commit, nothing happened.
pub struct Tx {
    /// Taken only by what consumes the transaction.
    lane: Option<Lane>,
    home: Lanes,
}

impl Tx {
    /// Runs `statements` (SQL without parameters, or nothing) and commits, in one round trip. Returns all their rows.
    /// An error says that nothing was done, but for one of the connection: then it is not known.
    pub async fn commit_with(mut self, statements: &str) -> sqlx::Result<Vec<PgRow>> {
        // `COMMIT` of a transaction that has failed, or that somebody has ended before, is no error to PostgreSQL. A
        // savepoint is, in both; released at once, it costs nothing.
        let sql = format!("SAVEPOINT whole;RELEASE whole;{statements};COMMIT");
        let limit = self.home.0.patience;
        match within(limit, run(&mut self, sql)).await {
            Ok(rows) => {
                self.leave();
                Ok(rows)
            }
            Err(error @ sqlx::Error::Database(_)) => {
                let _ = self.rollback().await;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    pub async fn commit(self) -> sqlx::Result<()> {
        self.commit_with("").await.map(|_| ())
    }

    /// Takes everything back. An error, or no answer in time: the connection is closed, which comes to the same.
    pub async fn rollback(mut self) -> sqlx::Result<()> {
        within(ROLLBACK, run(&mut self, "ROLLBACK".to_owned())).await?;
        self.leave();
        Ok(())
    }

    fn leave(&mut self) {
        if let Some(lane) = self.lane.take() {
            self.home.give_back(lane);
        }
    }
}

/// Does the error say that the connection is no more? The server's last word to it is one of class 57 (its end) or 08.
fn is_gone(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(e) => e.code().is_some_and(|code| code.starts_with("57P") || code.starts_with("08")),
        _ => true,
    }
}

async fn run(connection: &mut PgConnection, sql: String) -> sqlx::Result<Vec<PgRow>> {
    // Made of the code's own text and of `literal`'s.
    sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await
}

impl Deref for Tx {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "only what consumes the transaction takes its lane")]
    fn deref(&self) -> &PgConnection {
        &self.lane.as_ref().expect("a transaction has its connection").connection
    }
}

impl DerefMut for Tx {
    #[expect(clippy::expect_used, reason = "only what consumes the transaction takes its lane")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.lane.as_mut().expect("a transaction has its connection").connection
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(mut lane) = self.lane.take() {
            lane.connection.close_on_drop();
        }
    }
}

/// Prepares each statement that this connection does not have: it may have been here before.
fn prepare(statements: &[Prepared]) -> String {
    if statements.is_empty() {
        return String::new();
    }
    let mut sql = "DO $vitte_do$ BEGIN".to_owned();
    for Prepared { name, parameters, sql: statement } in statements {
        // Writing into a string cannot fail.
        let _ = write!(
            sql,
            " IF NOT EXISTS (SELECT FROM pg_prepared_statements WHERE name = '{name}') THEN
                EXECUTE $vitte_sql$PREPARE {name} ({parameters}) AS {statement}$vitte_sql$; END IF;"
        );
    }
    sql.push_str(" END $vitte_do$;");
    sql
}
