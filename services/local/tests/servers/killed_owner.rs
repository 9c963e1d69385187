//! An owner that is killed by SIGKILL: a second process of this test's program is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use vitte_local::{DataDir, LocalError, Postgres, Redis, RedisOptions};

use crate::world::{Home, Stranger, alive, quick, run, text, until, working_in};

/// Its presence in the working directory is the order to be an owner.
const ORDER: &str = "be an owner";
const READY: &str = "ready";

/// The owner. By itself it does nothing.
#[tokio::test]
#[ignore = "the other tests of this file start it"]
async fn owner() {
    if !Path::new(ORDER).exists() {
        return;
    }
    let data = DataDir::open(".vitte").unwrap();
    let postgres = Postgres::start(quick(data.postgres())).await.unwrap();
    let redis = Redis::start(RedisOptions::new(data.redis())).await.unwrap();
    run(postgres.url(), "CREATE TABLE t AS SELECT 'acknowledged' AS word").await;
    let pids = format!("{} {}", postgres.pid(), redis.pid());
    fs::write("ready.new", pids).unwrap();
    fs::rename("ready.new", READY).unwrap();
    std::future::pending::<()>().await;
}

fn spawn_owner(home: &Home) -> Stranger {
    fs::write(home.path.join(ORDER), "").unwrap();
    let mut owner = Command::new(std::env::current_exe().unwrap());
    owner.args(["--ignored", "--exact", "killed_owner::owner"]).current_dir(&home.path);
    Stranger::spawn(owner)
}

#[tokio::test]
async fn the_next_owner_ends_what_a_killed_one_left_and_finds_its_data() {
    let home = Home::closed();
    let owner = spawn_owner(&home);
    let ready: PathBuf = home.path.join(READY);
    until("the owner is ready", || ready.exists()).await;
    let pids: Vec<u32> = fs::read_to_string(&ready).unwrap().split(' ').map(|pid| pid.parse().unwrap()).collect();
    let directory = home.path.join(".vitte");

    let refused = DataDir::open(&directory).unwrap_err();
    assert!(matches!(refused, LocalError::Held { pid: Some(pid), .. } if pid == owner.id()));

    drop(owner);
    assert!(pids.iter().all(|pid| alive(*pid)), "its servers live on");

    let data = DataDir::open(&directory).unwrap();
    let postgres = Postgres::start(quick(data.postgres())).await.unwrap();
    let redis = Redis::start(RedisOptions::new(data.redis())).await.unwrap();
    assert!(!pids.iter().any(|pid| alive(*pid)), "they were ended");
    assert_eq!(text(postgres.url(), "SELECT word FROM t").await, "acknowledged");
    postgres.stop().await;
    redis.stop().await;
    assert_eq!(working_in(&directory), Vec::<String>::new());
}

#[tokio::test]
async fn an_owner_killed_while_it_makes_the_cluster_leaves_nothing_in_the_way() {
    let home = Home::closed();
    let owner = spawn_owner(&home);
    let unfinished = home.path.join(".vitte/postgres/cluster.new");
    until("initdb works", || unfinished.join("PG_VERSION").exists()).await;
    drop(owner);
    let data = DataDir::open(home.path.join(".vitte")).unwrap();
    let postgres = Postgres::start(quick(data.postgres())).await.unwrap();
    assert_eq!(text(postgres.url(), "SELECT 'anew'").await, "anew");
    assert!(!unfinished.exists());
    postgres.stop().await;
}
