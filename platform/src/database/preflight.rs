//! Whether this version could take over a database: looked at before anything changes, and nothing is changed.
//!
//! The history must be readable and unchanged; a newer version may have extended the schema, but must not have removed
//! what this one needs; and the connections that all pods together may open must be within what the server gives.

use sqlx::{Connection, PgConnection};

use super::migrations::{Migration, MigrationError, beside_others, embedded, history};
use super::{DatabaseSettings, options};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preflight {
    /// Whether this version knows all that the database went through. If not, a newer one has extended it.
    pub knows_all: bool,
    /// Migrations that this version has yet to apply.
    pub pending: usize,
}

/// Looks at the database. `connections`: what all pods together may open; `None`: not to be looked at.
///
/// # Errors
/// The database is away, its history is another one, it went through what this version cannot work with, or it gives too
/// few connections.
pub async fn preflight(settings: &DatabaseSettings, connections: Option<i64>) -> Result<Preflight, MigrationError> {
    with(settings, connections, &embedded()?).await
}

/// With other files than the embedded ones: for tests.
///
/// # Errors
/// See [`preflight`].
pub async fn with(
    settings: &DatabaseSettings,
    connections: Option<i64>,
    migrations: &[Migration],
) -> Result<Preflight, MigrationError> {
    let mut connection = PgConnection::connect_with(&options(settings)?).await?;
    let (applied, knows_all) = beside_others(&history(&mut connection).await?, migrations)?;
    if let Some(needed) = connections {
        let given = given(&mut connection).await?;
        if needed > given {
            return Err(MigrationError::Connections { needed, given });
        }
    }
    connection.close().await?;
    let pending = migrations.iter().filter(|m| !applied.contains(&m.version)).count();
    Ok(Preflight { knows_all, pending })
}

/// The connections that this role can have to this database at most. What others use of them nobody can know.
async fn given(connection: &mut PgConnection) -> Result<i64, MigrationError> {
    // `reserved_connections` is of PostgreSQL 16 and later; -1 is no limit.
    let query = "SELECT LEAST(
            current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint
                - COALESCE(current_setting('reserved_connections', true), '0')::bigint,
            (SELECT NULLIF(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
            (SELECT NULLIF(datconnlimit, -1) FROM pg_database WHERE datname = current_database()))";
    Ok(sqlx::query_scalar(query).fetch_one(connection).await?)
}
