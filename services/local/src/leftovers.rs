//! Servers that an earlier run left on a directory, because its owner was killed.
//!
//! Pid files lie after a reboot or a reuse. What does not lie is the directory in which a process
//! works: PostgreSQL and all its children work in their cluster, and we start Redis and `initdb`
//! in theirs. Device and inode are compared, not names, so a container that shows the same path is
//! no match.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::error::LocalError;
use crate::process::Step;

/// How often `/proc` is looked at while waiting.
const LOOK: Duration = Duration::from_millis(10);

/// The living processes called one of `names` that work in `directory`.
pub(crate) fn find(directory: &Path, names: &[&str]) -> Vec<Pid> {
    let Ok(wanted) = fs::metadata(directory) else {
        return Vec::new();
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let own = Path::new("/proc").join(pid.to_string());
            let named = fs::read_to_string(own.join("comm")).is_ok_and(|name| names.contains(&name.trim_end()));
            named && fs::metadata(own.join("cwd")).is_ok_and(|at| at.dev() == wanted.dev() && at.ino() == wanted.ino())
        })
        .map(Pid::from_raw)
        .collect()
}

/// Ends what [`find`] finds, one step after the other. A step goes to the heads alone (a
/// postmaster ends its own children in good order), SIGKILL to all.
pub(crate) fn end(what: &'static str, directory: &Path, names: &[&str], steps: &[Step]) -> Result<(), LocalError> {
    for (signal, limit) in steps {
        let found = find(directory, names);
        if found.is_empty() {
            return Ok(());
        }
        tracing::debug!(what, ?found, %signal, directory = %directory.display(), "ending leftovers");
        let heads = found
            .iter()
            .filter(|pid| *signal == Signal::SIGKILL || parent(**pid).is_none_or(|up| !found.contains(&up)));
        for pid in heads {
            // Gone already, or not ours to end: then it is still there below.
            let _ = signal::kill(*pid, *signal);
        }
        let deadline = Instant::now() + *limit;
        while !find(directory, names).is_empty() && Instant::now() < deadline {
            thread::sleep(LOOK);
        }
    }
    let left = find(directory, names);
    if left.is_empty() {
        return Ok(());
    }
    Err(LocalError::Leftover { what, path: directory.to_owned(), pids: left.into_iter().map(Pid::as_raw).collect() })
}

/// The fourth field of `stat`; the second is a name in brackets that may hold spaces.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    after.split_ascii_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}
