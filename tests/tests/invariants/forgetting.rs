//! What forgetting a person and pruning read: not the tables of all the others.

use sqlx::{PgConnection, PgPool};
use vitte_platform::outbox::{self, Retention};
use vitte_tests::database::migrated_pool;

/// Pages that the connection's statements have looked at in a table and its indexes, since the database was made.
async fn pages(c: &mut PgConnection, table: &str) -> i64 {
    sqlx::query_scalar("SELECT pg_stat_force_next_flush()::text").fetch_one(&mut *c).await.map(|_: String| ()).unwrap();
    sqlx::query_scalar(
        "SELECT heap_blks_read + heap_blks_hit + idx_blks_read + idx_blks_hit FROM pg_statio_user_tables WHERE relname = $1",
    )
    .bind(table)
    .fetch_one(c)
    .await
    .unwrap()
}

async fn run(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.unwrap();
}

/// Breaks without the indexes by chat and by file.
#[tokio::test]
async fn forgetting_a_person_reads_next_to_nothing_of_other_peoples_messages() {
    let (_, pool) = migrated_pool().await;
    run(
        &pool,
        r#"INSERT INTO outbox_files (file_name, mime) SELECT 'f', 'm' FROM generate_series(1, 3);
        INSERT INTO outbox (chat_id, priority, method, payload, sent_at)
            SELECT n % 5000 + 100, 0, 'sendMessage', json_build_object('text', repeat('x', 200)), now()
            FROM generate_series(1, 20000) AS n;
        INSERT INTO outbox (chat_id, priority, method, payload, sent_at, dead_at) VALUES
            (5, 0, 'sendPhoto', '{"photo": {"outbox_file": 1}}', now(), NULL),
            (5, 0, 'sendPhoto', '{"photo":{"outbox_file":2}, "caption": "\"outbox_file\":3"}', NULL, now()),
            (5, 0, 'sendMessage', '{"text": "{\"outbox_file\": 3}"}', NULL, NULL),
            (6, 0, 'sendPhoto', '{"photo": {"outbox_file": 2}}', now(), NULL)"#,
    )
    .await;
    run(&pool, "VACUUM ANALYZE outbox").await;
    let mut connection = pool.acquire().await.unwrap();
    let before = pages(&mut connection, "outbox").await;
    outbox::erase(&mut connection, 5).await.unwrap();
    let read = pages(&mut connection, "outbox").await - before;
    assert!(read < 100, "{read} pages");
    let files: Vec<i64> = sqlx::query_scalar("SELECT id FROM outbox_files").fetch_all(&pool).await.unwrap();
    assert_eq!(files, [2, 3], "the other's and one that was never sent");
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox WHERE chat_id = 5").fetch_one(&pool).await.unwrap();
    assert_eq!(left, 0);
}

/// Breaks without the index by person: a foreign key is looked up in each row.
#[tokio::test]
async fn a_person_leaves_the_bill_without_reading_all_of_it() {
    let (_, pool) = migrated_pool().await;
    run(
        &pool,
        "INSERT INTO users (telegram_id, created_at, updated_at) SELECT n, now(), now() FROM generate_series(1, 100) AS n;
        INSERT INTO companion_usage (user_id, model, prompt_tokens, completion_tokens, estimated, created_at)
            SELECT n % 100 + 1, 'm', 1, 1, false, now() FROM generate_series(1, 20000) AS n;
        DELETE FROM companion_usage WHERE user_id = 5",
    )
    .await;
    run(&pool, "VACUUM ANALYZE companion_usage").await;
    let mut connection = pool.acquire().await.unwrap();
    let before = pages(&mut connection, "companion_usage").await;
    sqlx::query("DELETE FROM users WHERE id = 5").execute(&mut *connection).await.unwrap();
    let read = pages(&mut connection, "companion_usage").await - before;
    assert!(read < 20, "{read} pages");
}

/// Breaks when pruning asks the BRIN indexes: pages that were freed and filled again say for ever that they hold
/// something old, so that each batch would read much of the table.
#[tokio::test]
async fn pruning_takes_all_that_is_over_and_does_not_ask_which_pages_were_once_old() {
    let (_, pool) = migrated_pool().await;
    run(
        &pool,
        "INSERT INTO updates (bot_id, update_id, kind, received_at)
            SELECT 1, n, 'message', CASE WHEN n <= 200000 THEN now() - interval '8 days' ELSE now() END
            FROM generate_series(1, 210000) AS n;
        INSERT INTO outbox (chat_id, priority, method, payload, created_at, sent_at, dead_at)
            SELECT n, 0, 'sendMessage', '{}', at, CASE WHEN n % 10 > 1 THEN at END, CASE WHEN n % 10 = 1 THEN at END FROM (
                SELECT n, CASE WHEN n <= 12000 THEN now() - interval '31 days' ELSE now() END AS at
                FROM generate_series(1, 20000) AS n) AS rows",
    )
    .await;
    // Of the old messages every tenth is still owed.
    assert_eq!(outbox::prune(&pool, Retention::default()).await.unwrap(), 200_000 + 10_800);
    assert_eq!(outbox::prune(&pool, Retention::default()).await.unwrap(), 0);
    pool.close().await;
    // The statistics of a connection are there once it has ended.
    let pool = PgPool::connect_with((*pool.connect_options()).clone()).await.unwrap();
    let asked = "SELECT sum(idx_scan)::bigint FROM pg_stat_user_indexes WHERE indexrelname LIKE '%brin'";
    assert_eq!(sqlx::query_scalar::<_, i64>(asked).fetch_one(&pool).await.unwrap(), 0);
}

/// Breaks when the first table that cannot be pruned ends the night.
#[tokio::test]
async fn a_table_that_cannot_be_pruned_stops_no_other() {
    let (_, pool) = migrated_pool().await;
    run(
        &pool,
        "INSERT INTO updates (bot_id, update_id, kind, received_at) VALUES (1, 1, 'm', now() - interval '8 days');
        INSERT INTO dead_jobs (id, name, class, payload, attempts, max_attempts, error, created_at, died_at)
            VALUES (1, 'j', 'bulk', '{}', 1, 1, 'e', now(), now() - interval '31 days');
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
        CREATE TRIGGER refuse BEFORE DELETE ON updates FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    .await;
    let error = outbox::prune(&pool, Retention::default()).await.unwrap_err().to_string();
    assert!(error.contains("never"), "{error}");
    let left = "SELECT count(*) FROM updates UNION ALL SELECT count(*) FROM dead_jobs";
    assert_eq!(sqlx::query_scalar::<_, i64>(left).fetch_all(&pool).await.unwrap(), [1, 0]);
}
