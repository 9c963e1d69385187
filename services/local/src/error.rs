//! What can go wrong, in words for the person at the terminal: what, where, and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why a private server or its directory cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A server is not installed.
    #[error(
        "{what} is not installed (looked for {programs} in {places}): \
         run `{install}`, or use your own with {instead}"
    )]
    Missing {
        what: &'static str,
        programs: &'static str,
        places: &'static str,
        install: &'static str,
        instead: &'static str,
    },

    /// Somebody else, alive, has the directory.
    #[error(
        "{} is in use by {}: stop that one first, or choose another data directory",
        path.display(),
        holder(*pid)
    )]
    Held { path: PathBuf, pid: Option<u32> },

    /// The directory belongs to another user, and we are not root.
    #[error(
        "{} belongs to {owner}, so PostgreSQL and Redis cannot run on it as {us}: \
         run as the user who made it, or choose another data directory",
        path.display()
    )]
    NotOurs { path: PathBuf, owner: String, us: String },

    /// The data was written by a major version that is not installed.
    #[error(
        "{} holds data of PostgreSQL {data}, but only {} is installed: \
         run `apt-get install postgresql-{data}`, or move the directory away to begin anew",
        path.display(),
        versions(installed)
    )]
    OtherVersion { path: PathBuf, data: u32, installed: Vec<u32> },

    /// We are root, and there is no account to run a server as.
    #[error(
        "{what} must not run as root, and this machine has no account {accounts}: \
         run Vitte as an ordinary user, or use your own with {instead}"
    )]
    NoAccount { what: &'static str, accounts: String, instead: &'static str },

    /// The account may not pass a parent directory, and cannot be helped to.
    #[error("the account {account} may not enter {}, and {why}: choose a data directory that everybody may pass, or run Vitte as an ordinary user", path.display())]
    Closed { path: PathBuf, account: String, why: &'static str },

    /// A server or one of its tools ended, or did not get ready in time.
    #[error("{what} {how}{}", last_words(log.as_deref(), tail))]
    Failed { what: &'static str, how: String, log: Option<PathBuf>, tail: Vec<String> },

    /// What an earlier run left could not be ended.
    #[error("{what} of an earlier run (processes {pids:?}) works on {} and cannot be stopped: end it by hand", path.display())]
    Leftover { what: &'static str, path: PathBuf, pids: Vec<i32> },

    /// The system refused something.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },

    /// The work was cut short, by a shutdown of the runtime or a bug.
    #[error("interrupted: {why}")]
    Interrupted { why: String },
}

impl LocalError {
    /// For `map_err`: gives an I/O error its place.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another Vitte".to_owned(), |pid| format!("another Vitte (process {pid})"))
}

fn versions(installed: &[u32]) -> String {
    let names: Vec<String> = installed.iter().map(u32::to_string).collect();
    names.join(", ")
}

fn last_words(log: Option<&Path>, tail: &[String]) -> String {
    let place = log.map_or_else(String::new, |log| format!(" (log: {})", log.display()));
    if tail.is_empty() {
        return format!("{place}; it said nothing");
    }
    format!("{place}; its last lines:\n  {}", tail.join("\n  "))
}
