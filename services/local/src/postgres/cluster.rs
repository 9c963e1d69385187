//! Makes a cluster, and readies an existing one for its next start.
//!
//! A new cluster is made in `cluster.new` with its role and database and renamed when all is on
//! disk. So `cluster` is complete by its name, and `cluster.new` never is.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::PostgresOptions;
use super::config::Places;
use crate::account::Account;
use crate::error::LocalError;
use crate::log::Tail;
use crate::process::{Owned, Step};
use crate::programs::Programs;
use crate::{files, leftovers};

/// `initdb` takes a second; a slow disk gets a hundred.
const TOOL_LIMIT: Duration = Duration::from_secs(100);
/// A leftover server may have much to write before it ends.
const LEFTOVER: [Step; 3] = [
    (Signal::SIGINT, Duration::from_secs(10)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];
const KILL: [Step; 1] = [(Signal::SIGKILL, Duration::from_secs(5))];

/// The tools of one cluster and all they need to run.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) places: Places,
    pub(super) programs: Programs,
    pub(super) account: Account,
    pub(super) tail: Tail,
}

/// The major version of a complete cluster, `None` where there is none yet.
pub(super) fn version(cluster: &Path) -> Result<Option<u32>, LocalError> {
    let path = cluster.join("PG_VERSION");
    if !cluster.exists() {
        return Ok(None);
    }
    let text = files::read(&path)?.unwrap_or_default();
    // Without it this is no cluster, and deleting what may be one is not ours to decide.
    text.trim().parse().map(Some).map_err(|_| {
        let source = std::io::Error::other("it is not the version file of a cluster");
        LocalError::io("understand", &path)(source)
    })
}

impl Tools {
    /// Ends what an earlier run left on the cluster.
    pub(super) fn end_leftovers(&self) -> Result<(), LocalError> {
        let Places { cluster, unfinished, .. } = &self.places;
        leftovers::end("initdb", unfinished, &["initdb", "postgres"], &KILL)?;
        leftovers::end("PostgreSQL", cluster, &["postgres"], &LEFTOVER)?;
        drop_strangers_pid(cluster)
    }

    /// Ends the children of a postmaster that died.
    pub(super) fn end_orphans(&self) -> Result<(), LocalError> {
        leftovers::end("PostgreSQL", &self.places.cluster, &["postgres"], &KILL)
    }

    /// Makes the cluster unless there is one.
    pub(super) fn ensure(&self, options: &PostgresOptions) -> Result<(), LocalError> {
        let Places { root, cluster, unfinished, .. } = &self.places;
        files::remove_tree(unfinished)?;
        if cluster.exists() {
            return Ok(());
        }
        // A new role has no password yet, whatever a cluster before it had.
        files::remove(&self.places.password)?;
        files::directory(unfinished, 0o700)?;
        self.account.give(unfinished)?;
        let mut initdb = self.account.command(&self.programs.initdb(), unfinished)?;
        initdb
            .arg("-D")
            .arg(unfinished)
            .args(["--username=postgres", "--auth=reject", "--encoding=UTF8"])
            .args(["--locale=C.UTF-8", "--no-instructions"])
            .stdin(Stdio::null());
        if !options.fsync {
            initdb.arg("--no-sync");
        }
        self.run("initdb", initdb)?;
        self.single_user(
            unfinished,
            "CREATE ROLE vitte LOGIN CREATEDB\nCREATE DATABASE vitte OWNER vitte\n",
            options.fsync,
        )?;
        fs::rename(unfinished, cluster).map_err(LocalError::io("move into place", unfinished))?;
        files::sync_directory(root)
    }

    /// Sets the role's password while no server runs.
    pub(super) fn set_password(&self, password: &str) -> Result<(), LocalError> {
        let sql = format!("ALTER ROLE vitte PASSWORD '{password}'\n");
        self.single_user(&self.places.cluster, &sql, true)
    }

    /// Runs statements, a line each, without a server; the first that fails ends it.
    fn single_user(&self, cluster: &Path, sql: &str, fsync: bool) -> Result<(), LocalError> {
        let script = self.places.root.join("statements.sql");
        files::write_private(&script, sql)?;
        let input = fs::File::open(&script).map_err(LocalError::io("open", &script))?;
        files::remove(&script)?;
        let mut command = self.account.command(&self.programs.postgres(), cluster)?;
        command
            .args(["--single", "-c", "exit_on_error=on", "-c"])
            .arg(if fsync { "fsync=on" } else { "fsync=off" })
            .args(["-c", "log_checkpoints=off", "-c", "log_min_error_statement=panic"])
            .arg("-D")
            .arg(cluster)
            .arg("postgres")
            .stdin(input);
        self.run("postgres --single", command)
    }

    fn run(&self, what: &'static str, command: Command) -> Result<(), LocalError> {
        let tail = Tail::new(self.tail.path().to_owned());
        let place = self.places.root.as_path();
        // A dropped initdb takes what it started with it: its children end with its pipe.
        let owned = Owned::spawn(command, tail.clone(), Signal::SIGTERM).map_err(LocalError::io(what, place))?;
        let how = match owned.process.wait(TOOL_LIMIT) {
            Some(status) if status.success() => return Ok(()),
            Some(status) => format!("failed ({status})"),
            None => format!("was not done after {} s", TOOL_LIMIT.as_secs()),
        };
        drop(owned);
        Err(LocalError::Failed {
            what,
            how,
            log: Some(tail.path().to_owned()),
            tail: tail.lines(Duration::from_secs(1)),
        })
    }
}

/// PostgreSQL refuses to start when the pid in `postmaster.pid` is alive, though after a reboot it
/// may be anybody. All processes of the cluster are ended by now, so a living one is a stranger. A
/// dead one PostgreSQL judges itself, with a look at its shared memory.
fn drop_strangers_pid(cluster: &Path) -> Result<(), LocalError> {
    let path = cluster.join("postmaster.pid");
    let Some(text) = files::read(&path)? else {
        return Ok(());
    };
    let alive = text
        .lines()
        .next()
        .and_then(|pid| pid.trim().parse::<u32>().ok())
        .is_some_and(|pid| Path::new("/proc").join(pid.to_string()).exists());
    if alive {
        files::remove(&path)?;
    }
    Ok(())
}
