//! One child process: its log, its end, its signals.
//!
//! Threads rather than the runtime wait for it, because a server may outlive the runtime that
//! started it. A signal is sent under the same lock under which the child is reaped, so it never
//! hits a stranger that got the pid.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{self, Signal};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::sync::watch;

use crate::log::Tail;

/// A signal and how long it may take to work.
pub(crate) type Step = (Signal, Duration);

#[derive(Clone, Debug)]
pub(crate) struct Process {
    pid: Pid,
    tail: Tail,
    end: Arc<End>,
}

#[derive(Debug)]
struct End {
    /// `Some` once reaped; the pid is ours as long as it is `None`.
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
    told: watch::Sender<Option<ExitStatus>>,
}

impl End {
    fn status(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Starts `command` in its own process group, both its outputs into `tail`.
    pub(crate) fn spawn(mut command: Command, tail: Tail) -> io::Result<Self> {
        let (from, to) = io::pipe()?;
        command.process_group(0).stdout(to.try_clone()?).stderr(to);
        let end = Arc::new(End { status: Mutex::new(None), changed: Condvar::new(), told: watch::Sender::new(None) });
        // The threads come first: a child that nobody can wait for must not exist.
        let (hand_over, taken) = mpsc::channel();
        let keeper = Arc::clone(&end);
        thread::Builder::new().name("server end".to_owned()).spawn(move || {
            if let Ok(child) = taken.recv() {
                reap(child, &keeper);
            }
        })?;
        let copier = tail.clone();
        thread::Builder::new().name("server log".to_owned()).spawn(move || copier.copy(from))?;
        let child = command.spawn()?;
        let pid = pid_of(&child);
        // The receiver is gone only if its thread died, and it only waits.
        let _ = hand_over.send(child);
        // `command` holds writing ends of the pipe; its drop here lets the log end.
        Ok(Self { pid, tail, end })
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        *self.end.status()
    }

    /// Sends a signal; to an ended process, none.
    pub(crate) fn signal(&self, signal: Signal) {
        let status = self.end.status();
        if status.is_none() {
            // The only possible refusal is that there is no such process, and then all is done.
            let _ = signal::kill(self.pid, signal);
        }
    }

    /// Waits up to `limit` for the end.
    pub(crate) fn wait(&self, limit: Duration) -> Option<ExitStatus> {
        let (status, _) = self
            .end
            .changed
            .wait_timeout_while(self.end.status(), limit, |status| status.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        *status
    }

    /// Goes through the steps until one works; answers which signal it took.
    pub(crate) fn stop(&self, steps: &[Step]) -> Option<Signal> {
        for (signal, limit) in steps {
            self.signal(*signal);
            if self.wait(*limit).is_some() {
                return Some(*signal);
            }
        }
        None
    }

    /// Resolves at the end of the process, at once when it is over.
    pub(crate) async fn died(&self) -> ExitStatus {
        let mut told = self.end.told.subscribe();
        loop {
            if let Some(status) = *told.borrow_and_update() {
                return status;
            }
            if told.changed().await.is_err() {
                // The sender is a field of `self` and lives.
                std::future::pending::<()>().await;
            }
        }
    }
}

fn pid_of(child: &Child) -> Pid {
    // Linux' pids fit (the highest is 2^22).
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// Waits without reaping, then reaps under the lock.
fn reap(mut child: Child, end: &End) {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    while waitid(Id::Pid(pid_of(&child)), flags) == Err(Errno::EINTR) {}
    let mut status = end.status();
    let ended = child.wait().unwrap_or_default();
    *status = Some(ended);
    drop(status);
    end.changed.notify_all();
    end.told.send_replace(Some(ended));
}

/// A process that ends with its owner: dropped without a stop, it is ended at once.
#[derive(Debug)]
pub(crate) struct Owned {
    pub(crate) process: Process,
    /// Ends it quickly without leaving children of its own.
    quit: Signal,
}

impl Owned {
    pub(crate) fn spawn(command: Command, tail: Tail, quit: Signal) -> io::Result<Self> {
        let process = Process::spawn(command, tail)?;
        Ok(Self { process, quit })
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        const STEP: Duration = Duration::from_secs(1);
        if self.process.ended().is_none() {
            self.process.stop(&[(self.quit, STEP), (Signal::SIGKILL, STEP)]);
        }
    }
}
