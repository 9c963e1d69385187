//! A migrated database for one test, copied from a template that the first test makes.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, PgPool};
use vitte_platform::database::migrations::{Migrator, embedded};
use vitte_platform::database::{DatabaseSettings, pool};

/// The server that `tools/with-services` started.
#[expect(clippy::disallowed_methods, reason = "how tests learn of their server")]
pub fn server_url() -> String {
    std::env::var("VITTE_TEST_DATABASE_URL").expect("run the tests by `make test` or tools/with-services")
}

#[expect(clippy::disallowed_methods, reason = "how tests learn of their server")]
pub fn redis_url() -> String {
    std::env::var("VITTE_TEST_REDIS_URL").expect("run the tests by `make test` or tools/with-services")
}

/// The server's URL with another database's name.
pub fn url_of(server: &str, database: &str) -> String {
    let (base, _) = server.rsplit_once('/').unwrap();
    format!("{base}/{database}")
}

/// An empty database.
pub async fn empty() -> String {
    let server = server_url();
    let name = format!("t_{}", uuid::Uuid::new_v4().simple());
    let mut admin = PgConnection::connect(&server).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    url_of(&server, &name)
}

/// A migrated database.
pub async fn migrated() -> String {
    let server = server_url();
    let mut admin = PgConnection::connect(&server).await.unwrap();
    // One template for each state of the migrations; whoever comes first makes it, the others wait.
    let state: String = embedded().unwrap().iter().map(|m| m.checksum.as_str()).collect();
    let template = format!("template_{}", &uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, state.as_bytes()).simple());
    admin.execute("SELECT pg_advisory_lock(1, 1)").await.unwrap();
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
        .bind(&template)
        .fetch_one(&mut admin)
        .await
        .unwrap();
    if !known {
        let draft = format!("draft_{}", uuid::Uuid::new_v4().simple());
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {draft}"))).await.unwrap();
        let settings = DatabaseSettings::new(url_of(&server, &draft));
        Migrator::connect(&settings).await.unwrap().up(None).await.unwrap();
        let rename = format!("ALTER DATABASE {draft} RENAME TO {template}");
        // The migrator's connection may take a moment to go.
        crate::until("the draft to be free", async || admin.execute(AssertSqlSafe(rename.clone())).await.ok()).await;
    }
    let name = format!("t_{}", uuid::Uuid::new_v4().simple());
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE {template}"))).await.unwrap();
    admin.execute("SELECT pg_advisory_unlock(1, 1)").await.unwrap();
    url_of(&server, &name)
}

/// A migrated database and a pool on it.
pub async fn migrated_pool() -> (String, PgPool) {
    let url = migrated().await;
    let pool = pool(&DatabaseSettings::new(url.clone())).unwrap();
    (url, pool)
}
