//! A process that is measured: started, read in /proc, ended.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::http::Peer;
use hyper::StatusCode;

const READY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(20);
const STOP: Duration = Duration::from_secs(10);
/// Linux gives CPU times in this unit, whatever the kernel's own ticks are: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
const TICK: Duration = Duration::from_millis(10);

/// One role, or the echo. Ended by force when dropped.
pub struct Running {
    pub name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// What it logs goes into a file beside the data.
    pub fn start(name: &'static str, command: &mut Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", command.as_std().get_program().display()))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `path` answers 200.
    pub async fn ready(&mut self, peer: &Peer, path: &str) -> anyhow::Result<()> {
        let deadline = tokio::time::Instant::now() + READY;
        while tokio::time::Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("{} ended ({status}):\n{}", self.name, self.last_words());
            }
            if matches!(peer.get(path).await, Ok(StatusCode::OK)) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        anyhow::bail!("{} is not ready after {} s:\n{}", self.name, READY.as_secs(), self.last_words())
    }

    pub fn pid(&self) -> anyhow::Result<u32> {
        self.child.id().with_context(|| format!("{} has ended:\n{}", self.name, self.last_words()))
    }

    pub fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// As a cluster would: SIGTERM, and after a while by force.
    pub async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // It may have ended by itself just now.
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        if tokio::time::timeout(STOP, self.child.wait()).await.is_err() {
            crate::say(&format!("{} did not stop within {} s and is killed", self.name, STOP.as_secs()));
            let _ = self.child.kill().await;
        }
    }
}

/// CPU time that a process has used, its ended children's included.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    ticks(&text).with_context(|| format!("{path} has another form"))
}

/// The same with all its living children: a PostgreSQL has one for each connection.
pub fn cpu_with_children(pid: u32) -> anyhow::Result<Duration> {
    let mut sum = cpu(pid)?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    for child in children.split_whitespace().filter_map(|c| c.parse().ok()) {
        // One that ended since is counted in its parent.
        sum += cpu(child).unwrap_or_default();
    }
    Ok(sum)
}

/// utime, stime, cutime and cstime: fields 14 to 17, counted after the name, which may hold blanks.
fn ticks(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<u32> = fields.split_whitespace().skip(11).take(4).map_while(|f| f.parse().ok()).collect();
    if fields.len() == 4 { Some(TICK * fields.iter().sum()) } else { None }
}

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Now; of it the process's own, not mapped from files.
    pub resident: u64,
    pub own: u64,
    /// The most it ever was.
    pub highest: u64,
}

pub fn memory(pid: u32) -> anyhow::Result<Memory> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let field = |name| kib(&text, name).with_context(|| format!("{path} has no {name}"));
    Ok(Memory { resident: field("VmRSS:")?, own: field("RssAnon:")?, highest: field("VmHWM:")? })
}

/// A line such as `VmRSS: 5120 kB`.
pub fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_are_found_behind_a_name_with_blanks_and_parentheses() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 99 0 0 0 11 22 3 4 20 0 1 0 100";
        assert_eq!(ticks(stat), Some(TICK * 40));
        assert_eq!(ticks("7 (a) S 1 7 7 0 -1 4194560 99 0 0 0 11 22"), None);
    }

    #[test]
    fn this_process_has_memory_and_time() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.own <= memory.resident && memory.resident <= memory.highest, "{memory:?}");
        assert!(cpu(std::process::id()).is_ok());
    }
}
