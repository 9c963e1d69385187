use sqlx::{Connection, Executor, PgConnection};
use vitte_platform::database::DatabaseSettings;
use vitte_platform::database::migrations::{Migration, MigrationError, Migrator, Phase, check, embedded};
use vitte_platform::database::preflight;
use vitte_tests::database::empty;
use vitte_tests::{LIMIT, until};

async fn tables(url: &str) -> Vec<String> {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

/// Breaks when a way down leaves anything of its way up.
#[tokio::test]
async fn migrations_go_up_down_and_up_again_on_data() {
    let url = empty().await;
    let settings = DatabaseSettings::new(url.clone());
    let mut migrator = Migrator::connect(&settings).await.unwrap();
    let all = embedded().unwrap().len();
    assert_eq!(migrator.up(None).await.unwrap().len(), all);
    let full = tables(&url).await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let rows = "INSERT INTO users (telegram_id, created_at, updated_at) VALUES (5, now(), now());
        INSERT INTO companion_messages (chat_id, user_id, persona, role, content, created_at)
            SELECT 5, id, 'luna', 'user', 'hi', now() FROM users;
        INSERT INTO outbox (chat_id, priority, method, payload) VALUES (5, 0, 'sendMessage', '{}');
        INSERT INTO jobs (name, class, payload, max_attempts) VALUES ('x', 'bulk', '{}', 1)";
    connection.execute(sqlx::raw_sql(rows)).await.unwrap();
    assert_eq!(migrator.down(0).await.unwrap().len(), all);
    assert_eq!(tables(&url).await, ["schema_migrations"]);
    assert_eq!(migrator.up(None).await.unwrap().len(), all);
    assert_eq!(tables(&url).await, full);
    assert!(migrator.status().await.unwrap().iter().all(|s| s.applied));
}

/// Breaks when a refused message of an earlier version is forgotten on the way up, or owed again on the way down.
#[tokio::test]
async fn a_message_refused_by_an_earlier_version_stays_refused_both_ways() {
    let url = empty().await;
    let mut migrator = Migrator::connect(&DatabaseSettings::new(url.clone())).await.unwrap();
    migrator.up(None).await.unwrap();
    migrator.down(2).await.unwrap();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let rows = "INSERT INTO users (telegram_id, created_at, updated_at) VALUES (5, now(), now());
        INSERT INTO companion_messages (chat_id, user_id, persona, role, content, created_at, answered_at)
            SELECT 5, id, 'luna', 'user', said, now(), at FROM users,
                (VALUES ('refused', timestamptz 'epoch'), ('answered', now()), ('owed', NULL), ('refused later', NULL))
                AS messages (said, at)";
    connection.execute(sqlx::raw_sql(rows)).await.unwrap();
    let mut said = async |condition: &'static str| -> Vec<String> {
        let sql = format!("SELECT content FROM companion_messages WHERE {condition} ORDER BY content");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap()
    };
    migrator.up(None).await.unwrap();
    assert_eq!(said("refused_at IS NOT NULL").await, ["refused"]);
    // As this version does it.
    let mut worker = PgConnection::connect(&url).await.unwrap();
    let refuse = "UPDATE companion_messages SET refused_at = now() WHERE content = 'refused later'";
    worker.execute(refuse).await.unwrap();
    migrator.down(2).await.unwrap();
    assert_eq!(said("answered_at = 'epoch'").await, ["refused", "refused later"]);
    assert_eq!(said("answered_at IS NULL").await, ["owed"]);
}

/// Breaks without the advisory lock.
#[tokio::test]
async fn ten_migrators_at_once_apply_each_migration_once() {
    let url = empty().await;
    let run = || async {
        let settings = DatabaseSettings::new(url.clone());
        Migrator::connect(&settings).await.unwrap().up(None).await.unwrap().len()
    };
    let applied = futures::future::join_all((0..10).map(|_| run())).await;
    assert_eq!(applied.iter().sum::<usize>(), embedded().unwrap().len(), "{applied:?}");
}

fn slow() -> Vec<Migration> {
    let up = "CREATE TABLE half (x int); SELECT pg_sleep(60)".to_owned();
    let down = "DROP TABLE half".to_owned();
    vec![Migration { version: 1, name: "0001_slow".into(), phase: Phase::Expand, up, down, checksum: "a".into() }]
}

/// Breaks when the lock outlives its session.
#[tokio::test]
async fn a_killed_migrator_leaves_nothing_half_done_and_the_next_goes_on() {
    let url = empty().await;
    let settings = DatabaseSettings::new(url.clone());
    let mut migrator = Migrator::with(&settings, slow()).await.unwrap();
    let task = tokio::spawn(async move { migrator.up(None).await });
    let mut admin = PgConnection::connect(&url).await.unwrap();
    let pid: i32 = until("the migration to be in its middle", async || {
        sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep(60)%'
             AND pid <> pg_backend_pid()",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap()
    })
    .await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut admin).await.unwrap();
    assert!(matches!(task.await.unwrap(), Err(MigrationError::Failed(..))));
    assert_eq!(tables(&url).await, ["schema_migrations"]);
    // A lock that outlived its session would be waited for without end.
    let next = tokio::time::timeout(LIMIT, Migrator::connect(&settings)).await.unwrap();
    assert_eq!(next.unwrap().up(None).await.unwrap().len(), embedded().unwrap().len());
}

/// Breaks when a file and its record are not one transaction.
#[tokio::test]
async fn a_migrator_killed_between_a_file_and_its_record_leaves_neither() {
    let url = empty().await;
    let settings = DatabaseSettings::new(url.clone());
    let mut migrator = Migrator::connect(&settings).await.unwrap();
    let (mut holder, mut admin) =
        (PgConnection::connect(&url).await.unwrap(), PgConnection::connect(&url).await.unwrap());
    let mut record = holder.begin().await.unwrap();
    record.execute("LOCK TABLE schema_migrations IN SHARE MODE").await.unwrap();
    let task = tokio::spawn(async move { migrator.up(None).await });
    let pid: i32 = until("the file to be run and its record to wait", async || {
        sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
             AND query LIKE 'INSERT INTO schema_migrations%'",
        )
        .fetch_optional(&mut admin)
        .await
        .unwrap()
    })
    .await;
    sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut admin).await.unwrap();
    assert!(matches!(task.await.unwrap(), Err(MigrationError::Failed(..))));
    record.rollback().await.unwrap();
    assert_eq!(tables(&url).await, ["schema_migrations"]);
}

/// Breaks without the checksum.
#[tokio::test]
async fn a_migration_changed_after_it_was_applied_is_refused_by_name() {
    let url = empty().await;
    let settings = DatabaseSettings::new(url.clone());
    Migrator::connect(&settings).await.unwrap().up(None).await.unwrap();
    let mut changed = embedded().unwrap();
    changed[0].checksum = "other".to_owned();
    let error = Migrator::with(&settings, changed).await.unwrap().up(None).await.unwrap_err().to_string();
    assert!(error.contains("0001_platform was changed"), "{error}");
    let older = embedded().unwrap()[..1].to_vec();
    let error = Migrator::with(&settings, older).await.unwrap().up(None).await.unwrap_err().to_string();
    assert!(error.contains("run a newer version"), "{error}");
}

/// Breaks without `check`.
#[tokio::test]
async fn a_role_says_what_it_misses_in_a_database_without_the_schema() {
    let url = empty().await;
    let pool = vitte_platform::database::pool(&DatabaseSettings::new(url.clone())).unwrap();
    let error = check(&pool).await.unwrap_err().to_string();
    assert!(error.contains("first 0001_platform") && error.contains("vitte migrate up"), "{error}");
    Migrator::connect(&DatabaseSettings::new(url)).await.unwrap().up(None).await.unwrap();
    check(&pool).await.unwrap();
}

fn file(version: i32, name: &str, phase: Phase) -> Migration {
    let table = format!("t{version}");
    Migration {
        version,
        name: name.to_owned(),
        phase,
        up: format!("CREATE TABLE {table} (x int)"),
        down: format!("DROP TABLE {table}"),
        checksum: name.to_owned(),
    }
}

/// Breaks when an older version is held up by what a newer one added, or let pass over what it removed.
#[tokio::test]
async fn an_older_version_takes_over_a_schema_that_was_extended_and_not_one_that_was_contracted() {
    let settings = DatabaseSettings::new(empty().await);
    let all = [
        file(1, "0001_first", Phase::Expand),
        file(2, "0002_more", Phase::Expand),
        file(3, "0003_less", Phase::Contract),
    ];
    let found = preflight::with(&settings, None, &all).await.unwrap();
    assert_eq!((found.knows_all, found.pending), (true, 3), "an empty database");
    let newer = || async { Migrator::with(&settings, all.to_vec()).await.unwrap() };
    let older = || async { Migrator::with(&settings, all[..1].to_vec()).await.unwrap() };
    assert_eq!(newer().await.up(Some(Phase::Expand)).await.unwrap(), ["0001_first", "0002_more"]);
    assert!(!preflight::with(&settings, None, &all[..1]).await.unwrap().knows_all);
    assert_eq!(older().await.up(Some(Phase::Expand)).await.unwrap(), Vec::<String>::new());
    let found = preflight::with(&settings, None, &all).await.unwrap();
    assert_eq!((found.knows_all, found.pending), (true, 1));

    assert_eq!(newer().await.up(Some(Phase::Contract)).await.unwrap(), ["0003_less"]);
    let refused = preflight::with(&settings, None, &all[..1]).await.unwrap_err().to_string();
    assert!(refused.contains("0003_less"), "{refused}");
    assert!(matches!(older().await.up(Some(Phase::Expand)).await, Err(MigrationError::TooOld(_))));
    let mut changed = all.clone();
    changed[0].checksum = "other".to_owned();
    assert!(matches!(preflight::with(&settings, None, &changed).await, Err(MigrationError::Changed(_))));
}

/// Breaks when pods may ask for more connections than the server, the role or the database gives.
#[tokio::test]
async fn more_connections_than_the_database_gives_are_refused_before_anything_changes() {
    let url = empty().await;
    let settings = DatabaseSettings::new(url.clone());
    assert!(preflight::preflight(&settings, Some(1)).await.is_ok());
    let refused = preflight::preflight(&settings, Some(1_000_000)).await.unwrap_err().to_string();
    assert!(refused.starts_with("1000000 connections are asked for"), "{refused}");
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut connection).await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(format!("ALTER DATABASE \"{name}\" CONNECTION LIMIT 7"))).await.unwrap();
    assert!(preflight::preflight(&settings, Some(7)).await.is_ok());
    let refused = preflight::preflight(&settings, Some(8)).await.unwrap_err().to_string();
    assert!(refused.contains("the database gives 7"), "{refused}");
    assert_eq!(tables(&url).await, Vec::<String>::new());
}
