//! `vitte` as a process, as a person or a kubelet starts it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::until;

/// The executable that `make test` has built beside the tests.
pub fn executable() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join("vitte");
    assert!(path.exists(), "{} is not built; run `make test` or `cargo build -p vitte`", path.display());
    path
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running `vitte`; killed when dropped.
pub struct Vitte {
    child: Child,
    out: PathBuf,
}

impl Vitte {
    /// Starts it in `folder`, where its output is kept, with these variables and no other `VITTE_` ones.
    pub fn start(folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Self {
        let name = format!("{}-{}", args.first().unwrap_or(&"vitte"), uuid::Uuid::new_v4().simple());
        let out = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&out).unwrap();
        let mut command = Command::new(executable());
        command.args(args).current_dir(folder).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        command.envs(env.iter().copied());
        Self { child: command.spawn().unwrap(), out }
    }

    /// What it has printed so far, logs included.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.out).unwrap_or_default()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        until("the process to end", async || child.try_wait().unwrap()).await
    }

    /// SIGTERM, then its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal(Signal::SIGTERM);
        self.ended().await.code()
    }

    /// Waits until `http://127.0.0.1:port/health/ready` says so.
    pub async fn ready(&mut self, http: &reqwest::Client, port: u16) {
        let address = format!("http://127.0.0.1:{port}/health/ready");
        let (child, out) = (&mut self.child, &self.out);
        until("the process to be ready", async || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("it ended with {status}: {}", std::fs::read_to_string(out).unwrap_or_default());
            }
            let answer = http.get(&address).send().await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }
}

impl Drop for Vitte {
    fn drop(&mut self) {
        // Asked first, so that a test that fails leaves no server of `vitte up` behind. It may have ended by itself.
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        }
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
