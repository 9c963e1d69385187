//! The operator as a process of its own, and what can be seen of it from outside.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

const LIMIT: Duration = Duration::from_secs(300);

pub struct Operator {
    child: Child,
    address: String,
    http: reqwest::Client,
}

/// Kibibytes, from `/proc/PID/status`.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub resident_kib: u64,
    pub own_kib: u64,
    pub highest_kib: u64,
}

/// What the operator's own metrics count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    pub writes: f64,
    pub reconciles: f64,
    pub calls: f64,
    pub cpu_seconds: f64,
}

impl Operator {
    /// Starts it and waits until it has read all that there is. No namespace: the whole cluster.
    pub async fn start(program: &Path, kubeconfig: &Path, namespaces: &[&str]) -> anyhow::Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(program);
        command.args(["run", "--no-lease", "--listen", &format!("127.0.0.1:{port}")]);
        if !namespaces.is_empty() {
            command.args(["--namespaces", &namespaces.join(",")]);
        }
        command.env("KUBECONFIG", kubeconfig).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} does not start", program.display()))?;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        let operator = Self { child, address: format!("http://127.0.0.1:{port}"), http };
        operator.until("it is ready", async || Ok(operator.is_ready().await.unwrap_or(false))).await?;
        Ok(operator)
    }

    async fn is_ready(&self) -> anyhow::Result<bool> {
        Ok(self.http.get(format!("{}/readyz", self.address)).send().await?.status().is_success())
    }

    async fn until(&self, what: &str, mut check: impl AsyncFnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let waiting = async {
            while !check().await? {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(LIMIT, waiting).await.with_context(|| format!("waited {LIMIT:?} until {what}"))?
    }

    async fn metrics(&self) -> anyhow::Result<String> {
        Ok(self.http.get(format!("{}/metrics", self.address)).send().await?.text().await?)
    }

    pub async fn activity(&self) -> anyhow::Result<Activity> {
        let text = self.metrics().await?;
        Ok(Activity {
            writes: sum(&text, "vitte_operator_writes_total"),
            reconciles: sum(&text, "vitte_operator_reconciles_total"),
            calls: sum(&text, "vitte_operator_api_calls_total"),
            cpu_seconds: sum(&text, "process_cpu_seconds_total"),
        })
    }

    /// Waits until each bot was looked at once.
    pub async fn reconciled(&self, bots: usize) -> anyhow::Result<()> {
        let bots = f64::from(u32::try_from(bots)?);
        self.until("every bot was looked at", async || Ok(self.activity().await?.reconciles >= bots)).await
    }

    /// Waits until nothing is left to do and nothing is being written.
    pub async fn quiet(&self) -> anyhow::Result<()> {
        let (mut last, mut same) = (f64::NAN, 0);
        self.until("the operator has nothing to do", async || {
            let text = self.metrics().await?;
            let busy = sum(&text, "vitte_operator_queued") + sum(&text, "vitte_operator_running");
            let writes = sum(&text, "vitte_operator_writes_total");
            same = if busy == 0.0 && writes == last { same + 1 } else { 0 };
            last = writes;
            Ok(same >= 50)
        })
        .await
    }

    pub fn memory(&self) -> anyhow::Result<Memory> {
        let pid = self.child.id().context("the operator has ended")?;
        let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let kib = |key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let read = |key: &str| kib(key).with_context(|| format!("no {key} in /proc/{pid}/status"));
        Ok(Memory { resident_kib: read("VmRSS:")?, own_kib: read("RssAnon:")?, highest_kib: read("VmHWM:")? })
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().context("the operator has ended")?;
        kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGTERM)?;
        let ended = tokio::time::timeout(LIMIT, self.child.wait()).await.context("the operator does not stop")??;
        if !ended.success() {
            bail!("the operator ended with {ended}");
        }
        Ok(())
    }
}

fn sum(text: &str, name: &str) -> f64 {
    let ours = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
    text.lines().filter(ours).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

#[test]
fn a_metric_is_summed_over_its_labels_and_not_over_its_namesakes() {
    let text = "a_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_more 7\n# a_total 9\n";
    assert!((sum(text, "a_total") - 5.0).abs() < 1e-9);
}
