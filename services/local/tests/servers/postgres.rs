use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use vitte_local::{LocalError, Postgres};

use crate::world::{Home, Stranger, alive, quick, run, start, text, until, working_in};

#[tokio::test]
async fn data_survive_a_stop_and_nothing_is_left_running() {
    let home = Home::closed();
    let mut options = quick(home.postgres());
    options.fsync = true;
    let began = Instant::now();
    let first = Postgres::start(options.clone()).await.unwrap();
    let created = began.elapsed();
    run(first.url(), "CREATE TABLE t AS SELECT 'kept' AS word").await;
    let pid = first.pid();
    let began = Instant::now();
    first.stop().await;
    let stopped = began.elapsed();
    assert!(!alive(pid));
    assert_eq!(working_in(&home.path), Vec::<String>::new());
    let began = Instant::now();
    let second = Postgres::start(options).await.unwrap();
    let again = began.elapsed();
    assert_eq!(text(second.url(), "SELECT word FROM t").await, "kept");
    second.stop().await;
    assert!(stopped < Duration::from_secs(5), "{stopped:?}");
    eprintln!("first start {created:?}, later start {again:?}, stop {stopped:?}");
}

#[tokio::test]
async fn the_role_is_no_superuser_and_the_settings_are_ours() {
    let home = Home::closed();
    let server = start(&home).await;
    for (sql, expected) in [
        ("SELECT current_user::text", "vitte"),
        ("SELECT current_database()::text", "vitte"),
        ("SELECT current_setting('is_superuser')", "off"),
        ("SELECT current_setting('server_encoding')", "UTF8"),
        ("SELECT current_setting('timezone')", "UTC"),
        ("SELECT current_setting('listen_addresses')", ""),
        ("SELECT current_setting('max_connections')", "20"),
        ("SELECT datcollate::text FROM pg_database WHERE datname = 'vitte'", "C.UTF-8"),
    ] {
        assert_eq!(text(server.url(), sql).await, expected, "{sql}");
    }
    run(server.url(), "CREATE DATABASE another").await;
    server.stop().await;
}

#[tokio::test]
async fn fsync_is_on_unless_switched_off() {
    let home = Home::closed();
    let mut options = quick(home.postgres());
    for (fsync, setting) in [(false, "off"), (true, "on")] {
        options.fsync = fsync;
        let server = Postgres::start(options.clone()).await.unwrap();
        assert_eq!(text(server.url(), "SELECT current_setting('fsync')").await, setting);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_second_owner_is_refused_and_the_first_goes_on() {
    let home = Home::closed();
    let first = start(&home).await;
    let refused = Postgres::start(quick(home.postgres())).await.unwrap_err();
    assert!(matches!(refused, LocalError::Held { pid: Some(pid), .. } if pid == std::process::id()));
    assert_eq!(text(first.url(), "SELECT 'well'").await, "well");
    first.stop().await;
}

#[tokio::test]
async fn a_half_made_cluster_is_made_again_though_its_initdb_still_runs() {
    let home = Home::closed();
    let unfinished = home.postgres().join("cluster.new");
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    // Any program called initdb that works there.
    let initdb = home.path.join("initdb");
    fs::copy("/bin/sleep", &initdb).unwrap();
    let mut orphan = Command::new(&initdb);
    orphan.arg("1000").current_dir(&unfinished);
    let mut orphan = Stranger::spawn(orphan);
    let server = start(&home).await;
    assert!(!orphan.lives(), "it was ended");
    assert_eq!(text(server.url(), "SELECT 'made'").await, "made");
    assert!(!unfinished.exists());
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_and_keeps_its_data() {
    let home = Home::closed();
    start(&home).await.stop().await;
    let cluster = home.postgres().join("cluster");
    fs::write(cluster.join("global/pg_control"), "broken").unwrap();
    let refused = Postgres::start(quick(home.postgres())).await.unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("PostgreSQL did not start ("), "{said}");
    assert!(said.contains("pg_control"), "{said}");
    assert!(said.contains("postgres.log"), "{said}");
    assert!(cluster.join("PG_VERSION").exists());
    assert_eq!(working_in(&home.path), Vec::<String>::new());
}

#[tokio::test]
async fn a_cluster_of_another_version_is_named_and_kept() {
    let home = Home::closed();
    let cluster = home.postgres().join("cluster");
    fs::create_dir_all(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let refused = Postgres::start(quick(home.postgres())).await.unwrap_err();
    assert!(matches!(refused, LocalError::OtherVersion { data: 9, .. }), "{refused}");
    fs::write(cluster.join("PG_VERSION"), "precious\n").unwrap();
    let refused = Postgres::start(quick(home.postgres())).await.unwrap_err();
    assert!(refused.to_string().contains("cannot understand"), "{refused}");
    assert_eq!(fs::read_to_string(cluster.join("PG_VERSION")).unwrap(), "precious\n");
}

#[tokio::test]
async fn over_tcp_the_password_is_private_needed_and_kept() {
    let home = Home::closed();
    let mut options = quick(home.postgres());
    options.tcp = true;
    let first = Postgres::start(options.clone()).await.unwrap();
    assert!(first.url().contains("@127.0.0.1:"));
    assert_eq!(text(first.url(), "SELECT 'in'").await, "in");
    let file = home.postgres().join("password");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(&file).unwrap();
    let guess = first.url().replace(&password, "guess");
    assert!(PgConnection::connect(&guess).await.is_err());
    first.stop().await;
    let second = Postgres::start(options.clone()).await.unwrap();
    assert!(second.url().contains(&password));
    second.stop().await;
    fs::remove_file(&file).unwrap();
    let third = Postgres::start(options).await.unwrap();
    assert!(!third.url().contains(&password));
    assert_eq!(text(third.url(), "SELECT 'in'").await, "in");
    third.stop().await;
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_served_over_tcp() {
    let home = Home::closed();
    let server = Postgres::start(quick(home.path.join("x".repeat(90)))).await.unwrap();
    assert!(server.url().contains("@127.0.0.1:"));
    assert_eq!(text(server.url(), "SELECT 'far'").await, "far");
    server.stop().await;
}

#[tokio::test]
async fn a_path_with_odd_characters_is_served_over_its_socket() {
    let home = Home::closed();
    let server = Postgres::start(quick(home.path.join(r#"a, 'b" ü%&"#))).await.unwrap();
    assert!(server.url().starts_with("postgres:///vitte?host=/"));
    assert_eq!(text(server.url(), "SELECT 'odd'").await, "odd");
    server.stop().await;
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_is_no_obstacle() {
    let home = Home::closed();
    start(&home).await.stop().await;
    let cluster = home.postgres().join("cluster");
    let owner = fs::metadata(&cluster).unwrap();
    let mut stranger = Command::new("sleep");
    stranger.arg("1000");
    if owner.uid() != nix::unistd::geteuid().as_raw() {
        // Only a process of its own account stops PostgreSQL.
        stranger.uid(owner.uid()).gid(owner.gid());
    }
    stranger.current_dir("/");
    let mut stranger = Stranger::spawn(stranger);
    let text_of_pid = format!("{}\n{}\n1\n5432\n\n\n1 1\nready\n", stranger.id(), cluster.display());
    fs::write(cluster.join("postmaster.pid"), text_of_pid).unwrap();
    let server = start(&home).await;
    assert!(stranger.lives());
    server.stop().await;
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_restarts_under_the_same_url() {
    let home = Home::closed();
    for tcp in [false, true] {
        let mut options = quick(home.postgres());
        options.tcp = tcp;
        let mut server = Postgres::start(options).await.unwrap();
        run(server.url(), "CREATE TABLE IF NOT EXISTS k(n int); INSERT INTO k VALUES (1)").await;
        let url = server.url().to_owned();
        server.kill().await.unwrap();
        assert_eq!(working_in(&home.path), Vec::<String>::new());
        let status: ExitStatus = server.died().await;
        assert!(!status.success());
        assert!(PgConnection::connect(&url).await.is_err());
        server.restart().await.unwrap();
        assert_eq!(server.url(), url);
        let expected = if tcp { "2" } else { "1" };
        assert_eq!(text(&url, "SELECT count(*)::text FROM k").await, expected);
        let before = server.pid();
        server.restart().await.unwrap();
        assert_ne!(server.pid(), before);
        assert_eq!(text(&url, "SELECT count(*)::text FROM k").await, expected);
        server.stop().await;
    }
}

#[tokio::test]
async fn an_open_transaction_does_not_hold_up_a_stop() {
    let home = Home::closed();
    let server = start(&home).await;
    let mut open = PgConnection::connect(server.url()).await.unwrap();
    sqlx::raw_sql("BEGIN; CREATE TABLE half()").execute(&mut open).await.unwrap();
    let began = Instant::now();
    server.stop().await;
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_dropped_server_ends_and_its_directory_is_free() {
    let home = Home::closed();
    let server = start(&home).await;
    let pid = server.pid();
    drop(server);
    assert!(!alive(pid));
    until("children ended", || working_in(&home.path).is_empty()).await;
    start(&home).await.stop().await;
}

#[tokio::test]
async fn it_has_a_process_group_of_its_own() {
    let home = Home::closed();
    let server = start(&home).await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(server.pid()).unwrap());
    assert_eq!(nix::unistd::getpgid(Some(pid)).unwrap(), pid);
    server.stop().await;
}

#[tokio::test]
async fn what_people_write_does_not_reach_the_log() {
    let home = Home::closed();
    let server = start(&home).await;
    let mut connection = PgConnection::connect(server.url()).await.unwrap();
    let failed = sqlx::raw_sql("SELECT 1 / 0 AS \"my darkest secret\"").execute(&mut connection).await;
    assert!(failed.is_err());
    drop(connection);
    let log = server.log().to_owned();
    server.stop().await;
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("division by zero"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_server_outlives_the_runtime_that_started_it() {
    let home = Home::closed();
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let mut server = runtime().block_on(start(&home));
    let found = runtime().block_on(text(server.url(), "SELECT 'here'"));
    assert_eq!(found, "here");
    runtime().block_on(async {
        server.kill().await.unwrap();
        server.died().await;
    });
}
