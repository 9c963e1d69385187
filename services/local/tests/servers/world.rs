//! What the tests share: directories, connections, conditions.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use vitte_local::{Postgres, PostgresOptions};

pub struct Home {
    _temp: TempDir,
    pub path: PathBuf,
}

impl Home {
    /// Closed to every account but the one that runs the test, as a home often is.
    pub fn closed() -> Self {
        let temp = tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        let path = temp.path().canonicalize().unwrap();
        Self { _temp: temp, path }
    }

    pub fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    pub fn redis(&self) -> PathBuf {
        self.path.join("redis")
    }
}

/// Without fsync: these tests kill processes, not the machine.
pub fn quick(directory: PathBuf) -> PostgresOptions {
    let mut options = PostgresOptions::new(directory);
    options.fsync = false;
    options.max_connections = 20;
    options
}

pub async fn start(home: &Home) -> Postgres {
    Postgres::start(quick(home.postgres())).await.unwrap()
}

/// A process that is none of our servers'; its drop is a SIGKILL.
pub struct Stranger(Child);

impl Stranger {
    pub fn spawn(mut command: Command) -> Self {
        Self(command.spawn().unwrap())
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // It may be over already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn run(url: &str, sql: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

pub async fn text(url: &str, sql: &'static str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

/// An ended process that its parent has not asked for yet (state Z) is not alive.
pub fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(')')?.1.trim_start().to_owned()))
        .is_some_and(|after| !after.starts_with('Z'))
}

/// All processes of any name that work in `directory`.
pub fn working_in(directory: &Path) -> Vec<String> {
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory)))
        .map(|entry| std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default())
        .collect()
}

pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
