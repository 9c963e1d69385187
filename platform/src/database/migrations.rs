//! The schema's history: `migrations/NNNN_name.{expand,contract}.{up,down}.sql`, embedded, run only by
//! `vitte migrate`.
//!
//! One advisory lock on one session: ten migrators at once take turns and the last nine find nothing to do; a killed
//! one's session ends and with it lock and open transaction. Each file is a transaction of its own together with its
//! row in `schema_migrations`, so nothing is ever half done. A file that changed after it was applied is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};

use super::{DatabaseError, DatabaseSettings, options};
use crate::clock::jitter;

#[derive(RustEmbed)]
#[folder = "../migrations"]
struct Files;

/// Two-integer advisory locks are a key space of their own; single-integer ones are chats.
const MIGRATION_LOCK: (i32, i32) = (7_215, 1);
/// A migration that cannot get a table's lock gives up this soon, so that it never queues the bot behind it.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
const LOCK_ATTEMPTS: u32 = 10;

/// When a migration may run: before the rollout, or after nobody needs the old shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Expand,
    Contract,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Expand => "expand",
            Phase::Contract => "contract",
        }
    }
}

/// One step of the schema.
#[derive(Debug, Clone)]
pub struct Migration {
    pub version: i32,
    pub name: String,
    pub phase: Phase,
    pub up: String,
    pub down: String,
    /// SHA-256 of `up`, hex.
    pub checksum: String,
}

/// A migration and whether this database has it.
#[derive(Debug, Clone)]
pub struct State {
    pub version: i32,
    pub name: String,
    pub phase: Phase,
    pub applied: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error(transparent)]
    Settings(#[from] DatabaseError),
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    #[error("migration {0} failed and left nothing behind: {1}")]
    Failed(String, sqlx::Error),
    #[error("migrations/{0}: {1}")]
    File(String, &'static str),
    #[error("migration {0} was changed after it had been applied; restore the file and write a new migration instead")]
    Changed(String),
    #[error("the database has migration {0}, which this version does not know; run a newer version")]
    Unknown(i32),
    #[error("{0} migrations are not applied yet, first {1}; run `vitte migrate up`")]
    Pending(usize, String),
    #[error("migration {0} has no way down that keeps the data")]
    Irreversible(String),
    #[error("the database went through {0}, which removed what this version needs; run a newer version")]
    TooOld(String),
    #[error(
        "{needed} connections are asked for, and the database gives {given}: lower spec.database.poolSize or the number of pods, or raise its limit"
    )]
    Connections { needed: i64, given: i64 },
}

/// All migrations, in order.
pub fn embedded() -> Result<Vec<Migration>, MigrationError> {
    let files = Files::iter().filter(|name| name.ends_with(".sql")).filter_map(|name| {
        let text = String::from_utf8(Files::get(&name)?.data.into_owned()).ok()?;
        Some((name.into_owned(), text))
    });
    parse(files)
}

fn parse(files: impl Iterator<Item = (String, String)>) -> Result<Vec<Migration>, MigrationError> {
    let mut found: BTreeMap<i32, Migration> = BTreeMap::new();
    for (file, text) in files {
        let form = || MigrationError::File(file.clone(), "the name is not NNNN_name.{expand,contract}.{up,down}.sql");
        let mut parts = file.trim_end_matches(".sql").split('.');
        let (Some(stem), Some(phase), Some(direction), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form());
        };
        let version: i32 = stem.split('_').next().and_then(|n| n.parse().ok()).ok_or_else(form)?;
        let phase = match phase {
            "expand" => Phase::Expand,
            "contract" => Phase::Contract,
            _ => return Err(form()),
        };
        let entry = found.entry(version).or_insert_with(|| Migration {
            version,
            name: stem.to_owned(),
            phase,
            up: String::new(),
            down: String::new(),
            checksum: String::new(),
        });
        if entry.name != stem || entry.phase != phase {
            return Err(MigrationError::File(file, "two migrations have the same number"));
        }
        match direction {
            "up" => {
                entry.checksum = hex::encode(Sha256::digest(&text));
                entry.up = text;
            }
            "down" => entry.down = text,
            _ => return Err(form()),
        }
    }
    for m in found.values() {
        if m.up.is_empty() || m.down.is_empty() {
            return Err(MigrationError::File(m.name.clone(), "both .up.sql and .down.sql are needed"));
        }
    }
    Ok(found.into_values().collect())
}

/// A session that holds the migration lock. Others wait for it (unbounded: the caller's deadline is the Job's).
pub struct Migrator {
    connection: PgConnection,
    migrations: Vec<Migration>,
}

impl Migrator {
    pub async fn connect(settings: &DatabaseSettings) -> Result<Self, MigrationError> {
        Self::with(settings, embedded()?).await
    }

    /// With other files than the embedded ones: for tests of the runner itself.
    pub async fn with(settings: &DatabaseSettings, migrations: Vec<Migration>) -> Result<Self, MigrationError> {
        let mut connection = PgConnection::connect_with(&options(settings)?).await?;
        connection.execute("SET statement_timeout = 0; SET lock_timeout = 0").await?;
        sqlx::query("SELECT pg_advisory_lock($1, $2)")
            .bind(MIGRATION_LOCK.0)
            .bind(MIGRATION_LOCK.1)
            .execute(&mut connection)
            .await?;
        connection
            .execute(
                "CREATE TABLE IF NOT EXISTS schema_migrations (
                    version integer PRIMARY KEY, name text NOT NULL, phase text NOT NULL,
                    checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
            )
            .await?;
        Ok(Self { connection, migrations })
    }

    /// Applies what is missing: of one phase, or all. Returns the names applied. Of one phase, it also runs where a newer
    /// version has extended the schema.
    pub async fn up(&mut self, phase: Option<Phase>) -> Result<Vec<String>, MigrationError> {
        let applied = match phase {
            None => verify(&mut self.connection, &self.migrations).await?,
            // One of two versions that share the database while one replaces the other, in whichever direction.
            Some(_) => beside_others(&history(&mut self.connection).await?, &self.migrations)?.0,
        };
        let mut done = Vec::new();
        for m in self.migrations.iter().filter(|m| !applied.contains(&m.version)) {
            if phase.is_some_and(|p| p != m.phase) {
                continue;
            }
            let record = "INSERT INTO schema_migrations (version, name, phase, checksum) VALUES ($1, $2, $3, $4)";
            run_file(&mut self.connection, m, &m.up, record, true).await?;
            tracing::info!(migration = %m.name, phase = m.phase.as_str(), "applied");
            done.push(m.name.clone());
        }
        Ok(done)
    }

    /// Takes back everything above `to` (0: all). Returns the names reverted.
    pub async fn down(&mut self, to: i32) -> Result<Vec<String>, MigrationError> {
        let applied = verify(&mut self.connection, &self.migrations).await?;
        let mut done = Vec::new();
        for m in self.migrations.iter().rev().filter(|m| m.version > to && applied.contains(&m.version)) {
            if m.down.trim_start().starts_with("-- irreversible") {
                return Err(MigrationError::Irreversible(m.name.clone()));
            }
            let record = "DELETE FROM schema_migrations WHERE version = $1";
            run_file(&mut self.connection, m, &m.down, record, false).await?;
            tracing::info!(migration = %m.name, "reverted");
            done.push(m.name.clone());
        }
        Ok(done)
    }

    pub async fn status(&mut self) -> Result<Vec<State>, MigrationError> {
        let applied = verify(&mut self.connection, &self.migrations).await?;
        Ok(states(&self.migrations, &applied))
    }
}

fn states(migrations: &[Migration], applied: &[i32]) -> Vec<State> {
    let state = |m: &Migration| State {
        version: m.version,
        name: m.name.clone(),
        phase: m.phase,
        applied: applied.contains(&m.version),
    };
    migrations.iter().map(state).collect()
}

/// Runs one file and its record in one transaction, again when only a lock was in the way.
async fn run_file(
    connection: &mut PgConnection,
    m: &Migration,
    sql: &str,
    record: &'static str,
    full: bool,
) -> Result<(), MigrationError> {
    let mut attempt = 1;
    loop {
        let result: Result<(), sqlx::Error> = async {
            let mut tx = connection.begin().await?;
            let limit = format!("SET LOCAL lock_timeout = {}", LOCK_TIMEOUT.as_millis());
            tx.execute(AssertSqlSafe(limit)).await?;
            tx.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
            let mut query = sqlx::query(record).bind(m.version);
            if full {
                query = query.bind(&m.name).bind(m.phase.as_str()).bind(&m.checksum);
            }
            query.execute(&mut *tx).await?;
            tx.commit().await
        }
        .await;
        match result {
            Ok(()) => return Ok(()),
            Err(sqlx::Error::Database(e)) if e.code().as_deref() == Some("55P03") && attempt < LOCK_ATTEMPTS => {
                tracing::warn!(migration = %m.name, attempt, "a table is in use; trying again");
                tokio::time::sleep(jitter(LOCK_TIMEOUT)).await;
                attempt += 1;
            }
            Err(e) => return Err(MigrationError::Failed(m.name.clone(), e)),
        }
    }
}

/// The versions applied, after checking that what is applied is what the files say.
async fn verify(connection: &mut PgConnection, migrations: &[Migration]) -> Result<Vec<i32>, MigrationError> {
    let rows: Vec<(i32, String)> = sqlx::query_as("SELECT version, checksum FROM schema_migrations ORDER BY version")
        .fetch_all(connection)
        .await?;
    for (version, checksum) in &rows {
        match migrations.iter().find(|m| m.version == *version) {
            None => return Err(MigrationError::Unknown(*version)),
            Some(m) if m.checksum != *checksum => return Err(MigrationError::Changed(m.name.clone())),
            Some(_) => {}
        }
    }
    Ok(rows.into_iter().map(|(version, _)| version).collect())
}

/// One migration that the database went through.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Applied {
    version: i32,
    name: String,
    phase: String,
    checksum: String,
}

/// All that the database went through; nothing on an empty one.
pub(super) async fn history(connection: &mut PgConnection) -> Result<Vec<Applied>, MigrationError> {
    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('schema_migrations')::text").fetch_one(&mut *connection).await?;
    if known.is_none() {
        return Ok(Vec::new());
    }
    let query = sqlx::query_as("SELECT version, name, phase, checksum FROM schema_migrations ORDER BY version");
    Ok(query.fetch_all(connection).await?)
}

/// The versions applied, and whether these files know them all. What a newer version added is in nobody's way; what it
/// removed, this one may need.
pub(super) fn beside_others(history: &[Applied], migrations: &[Migration]) -> Result<(Vec<i32>, bool), MigrationError> {
    let mut knows_all = true;
    for applied in history {
        match migrations.iter().find(|m| m.version == applied.version) {
            Some(m) if m.checksum != applied.checksum => return Err(MigrationError::Changed(m.name.clone())),
            Some(_) => {}
            None if applied.phase == Phase::Expand.as_str() => knows_all = false,
            None => return Err(MigrationError::TooOld(applied.name.clone())),
        }
    }
    Ok((history.iter().map(|applied| applied.version).collect(), knows_all))
}

/// Is the schema the one that this version needs? Every expand migration applied; contract ones may wait, and a
/// newer schema is accepted (it was expanded for our successor).
pub async fn check(pool: &PgPool) -> Result<(), MigrationError> {
    let migrations = embedded()?;
    let mut connection = pool.acquire().await?;
    let known: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('schema_migrations')::text").fetch_one(&mut *connection).await?;
    let rows: Vec<(i32, String)> = match known {
        None => Vec::new(),
        Some(_) => {
            sqlx::query_as("SELECT version, checksum FROM schema_migrations").fetch_all(&mut *connection).await?
        }
    };
    if let Some(m) = migrations.iter().find(|m| rows.iter().any(|(v, sum)| *v == m.version && *sum != m.checksum)) {
        return Err(MigrationError::Changed(m.name.clone()));
    }
    let missing: Vec<_> =
        migrations.iter().filter(|m| m.phase == Phase::Expand && !rows.iter().any(|(v, _)| *v == m.version)).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => Err(MigrationError::Pending(missing.len(), first.name.clone())),
    }
}

/// Waits until [`check`] passes: pods of a fresh install start beside the migration Job. Ends with the last reason.
pub async fn wait(pool: &PgPool, limit: Duration) -> Result<(), MigrationError> {
    let deadline = tokio::time::Instant::now() + limit;
    let mut said = false;
    loop {
        let error = match check(pool).await {
            Ok(()) => return Ok(()),
            Err(e @ (MigrationError::Changed(_) | MigrationError::File(..))) => return Err(e),
            Err(e) => e,
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(error);
        }
        if !said {
            tracing::info!(reason = %error, "waiting for the schema");
            said = true;
        }
        tokio::time::sleep(jitter(Duration::from_millis(500))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> (String, String) {
        (name.to_owned(), "SELECT 1".to_owned())
    }

    #[test]
    fn the_embedded_migrations_are_well_named_and_reversible() {
        let all = embedded().unwrap();
        assert!(all.len() >= 2);
        assert!(all.windows(2).all(|w| w[0].version < w[1].version));
    }

    #[test]
    fn a_file_without_its_way_down_or_with_another_form_of_name_is_refused() {
        let error = |files: &[(String, String)]| parse(files.iter().cloned()).unwrap_err().to_string();
        assert!(error(&[file("0001_a.expand.up.sql")]).contains("both"));
        assert!(error(&[file("0001_a.up.sql")]).contains("NNNN_name"));
        assert!(error(&[file("0001_a.expand.up.sql"), file("0001_b.expand.down.sql")]).contains("same number"));
    }
}
