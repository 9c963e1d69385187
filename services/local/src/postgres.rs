//! The private PostgreSQL.

mod cluster;
mod config;

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::datadir::Lock;
use crate::error::LocalError;
use crate::log::Tail;
use crate::process::{Owned, Process, Step};
use crate::programs::Programs;
use crate::{blocking, files, urls};
use cluster::Tools;
use config::{Places, Reach};

/// Recovery after a crash reads at most `max_wal_size`.
const READY_LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// Fast, then immediate, then by force: under 5 s together.
const STOP: [Step; 3] = [
    (Signal::SIGINT, Duration::from_secs(3)),
    (Signal::SIGQUIT, Duration::from_secs(1)),
    (Signal::SIGKILL, Duration::from_millis(500)),
];
/// Somebody else may take a port between our look and PostgreSQL's bind.
const PORT_ATTEMPTS: u32 = 3;

/// How to start [`Postgres`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// Its own directory, made where missing (for example `.vitte/postgres`).
    pub data_dir: PathBuf,
    /// Off only where losing everything when the machine fails is harmless; a killed server loses
    /// nothing either way. Default: on.
    pub fsync: bool,
    /// Default: 100, of which PostgreSQL keeps three for itself.
    pub max_connections: u32,
    /// A port of 127.0.0.1 with a password, even where a socket would do. Default: off.
    pub tcp: bool,
    /// The log. Default: `postgres.log` in `data_dir`. It and its predecessor (`.log.1`) take at
    /// most 1 MiB each.
    pub log: PathBuf,
}

impl PostgresOptions {
    /// The defaults for a directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        let data_dir = data_dir.into();
        Self { log: data_dir.join("postgres.log"), data_dir, fsync: true, max_connections: 100, tcp: false }
    }
}

/// A running PostgreSQL with the database `vitte` of the role `vitte`, which may create further
/// databases and is no superuser. Dropped without [`Postgres::stop`], it is ended at once
/// (committed data stay), which blocks for some milliseconds.
#[derive(Debug)]
pub struct Postgres {
    // The order matters: the server ends before the directory is free for another.
    owned: Owned,
    start: Start,
    url: String,
    _lock: Lock,
}

/// All that a start needs, so that a restart is the same again.
#[derive(Clone, Debug)]
struct Start {
    options: PostgresOptions,
    tools: Tools,
    reach: Reach,
}

impl Postgres {
    /// Ends what an earlier run left, makes the cluster where there is none, and answers once
    /// connections are taken.
    ///
    /// # Errors
    /// Every [`LocalError`]; see there.
    pub async fn start(options: PostgresOptions) -> Result<Self, LocalError> {
        blocking(move || Self::start_now(&options)).await
    }

    fn start_now(options: &PostgresOptions) -> Result<Self, LocalError> {
        // Passable, so that the account reaches its own directories below.
        let root = files::directory(&options.data_dir, 0o711)?;
        let places = Places::new(root);
        let account = Account::choose("PostgreSQL", &["postgres", "nobody"], "--database-url", &places.cluster)?;
        let lock = Lock::take(&places.root)?;
        let programs = Programs::find(&places.cluster, cluster::version(&places.cluster)?)?;
        tracing::debug!(major = programs.major, directory = %places.root.display(), "starting PostgreSQL");
        let log = std::path::absolute(&options.log).map_err(LocalError::io("resolve", &options.log))?;
        let tools = Tools { tail: Tail::new(log), places, programs, account };
        tools.end_leftovers()?;
        tools.ensure(options)?;
        let socket = (!options.tcp).then(|| Reach::socket(&tools.places.run)).flatten();
        let mut attempts = if socket.is_some() { 1 } else { PORT_ATTEMPTS };
        loop {
            let reach = match &socket {
                Some(socket) => socket.clone(),
                None => tcp(&tools)?,
            };
            let start = Start { options: options.clone(), tools: tools.clone(), reach };
            attempts -= 1;
            match start.run() {
                Err(error) if attempts > 0 && lost_the_port(&error) => {}
                Err(error) => return Err(error),
                Ok(owned) => {
                    return Ok(Self { owned, url: start.reach.url(), start, _lock: lock });
                }
            }
        }
    }

    /// Where clients connect: database `vitte`, role `vitte`. It is the same after a restart.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.owned.process.pid().as_raw().unsigned_abs()
    }

    /// Where its log is.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.owned.process.tail().path()
    }

    /// Fast shutdown: open transactions are rolled back, all is written. After 3 s by force, so
    /// that it is over within 5 s; committed data stay in any case.
    pub async fn stop(self) {
        let stopped = blocking(move || {
            self.end(&STOP)?;
            drop(self);
            Ok(())
        });
        if let Err(error) = stopped.await {
            tracing::warn!(%error, "PostgreSQL did not stop cleanly");
        }
    }

    /// Ends all its processes by SIGKILL, as a crash of the machine would.
    ///
    /// # Errors
    /// [`LocalError::Leftover`] when a process survives.
    pub async fn kill(&mut self) -> Result<(), LocalError> {
        let process = self.owned.process.clone();
        let tools = self.start.tools.clone();
        blocking(move || {
            process.stop(&[(Signal::SIGKILL, Duration::from_secs(5))]);
            tools.end_orphans()
        })
        .await
    }

    /// Stops it where it runs and starts it again under the same URL.
    ///
    /// # Errors
    /// As [`Postgres::start`]. It is stopped then, and may be restarted.
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        let process = self.owned.process.clone();
        let start = self.start.clone();
        self.owned = blocking(move || {
            end(&process, &start.tools, &STOP)?;
            start.run()
        })
        .await?;
        Ok(())
    }

    /// Resolves when the server ends by itself (or was killed). Cancel safe.
    pub async fn died(&mut self) -> ExitStatus {
        self.owned.process.died().await
    }

    fn end(&self, steps: &[Step]) -> Result<(), LocalError> {
        end(&self.owned.process, &self.start.tools, steps)
    }
}

fn end(process: &Process, tools: &Tools, steps: &[Step]) -> Result<(), LocalError> {
    match process.stop(steps) {
        Some(Signal::SIGINT) => Ok(()),
        by => {
            tracing::warn!(?by, "PostgreSQL did not stop in time and was ended");
            tools.end_orphans()
        }
    }
}

fn tcp(tools: &Tools) -> Result<Reach, LocalError> {
    let path = &tools.places.password;
    let known = files::read(path)?.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let password = if let Some(password) = known {
        password
    } else {
        // First the role, then the file: a kill in between only makes a new one.
        let password = urls::password();
        tools.set_password(&password)?;
        files::write_private(path, &password)?;
        password
    };
    Ok(Reach::Tcp { port: urls::free_port()?, password })
}

fn lost_the_port(error: &LocalError) -> bool {
    matches!(error, LocalError::Failed { tail, .. }
        if tail.iter().any(|line| line.contains("Address already in use")))
}

impl Start {
    /// Starts the server on a complete cluster that nobody works on.
    fn run(&self) -> Result<Owned, LocalError> {
        let Tools { places, programs, account, tail } = &self.tools;
        files::remove_tree(&places.run)?;
        files::directory(&places.run, 0o700)?;
        account.give(&places.run)?;
        let settings = config::settings(&self.options, &self.reach, &places.access);
        for (path, text) in [(&places.access, self.reach.access()), (&places.config, settings.as_str())] {
            files::write_private(path, text)?;
            account.give(path)?;
        }
        let mut command = account.command(&programs.postgres(), &places.cluster)?;
        let mut config = std::ffi::OsString::from("config_file=");
        config.push(&places.config);
        command.arg("-D").arg(&places.cluster).arg("-c").arg(config).stdin(Stdio::null());
        let tail = Tail::new(tail.path().to_owned());
        let owned = Owned::spawn(command, tail.clone(), Signal::SIGQUIT)
            .map_err(LocalError::io("start PostgreSQL in", &places.cluster))?;
        let how = match ready(&owned.process, &places.cluster) {
            Ok(()) => return Ok(owned),
            Err(how) => how,
        };
        drop(owned);
        Err(LocalError::Failed {
            what: "PostgreSQL",
            how,
            log: Some(tail.path().to_owned()),
            tail: tail.lines(Duration::from_secs(1)),
        })
    }
}

/// The postmaster writes its state into the eighth line of its pid file, the first is its pid.
fn ready(process: &Process, cluster: &Path) -> Result<(), String> {
    let path = cluster.join("postmaster.pid");
    let pid = process.pid().to_string();
    let deadline = Instant::now() + READY_LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = process.wait(LOOK) {
            return Err(format!("did not start ({status})"));
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let mut lines = text.lines();
        if lines.next() == Some(&pid) && lines.nth(6).is_some_and(|line| line.trim() == "ready") {
            return Ok(());
        }
    }
    Err(format!("did not take connections within {} s", READY_LIMIT.as_secs()))
}
