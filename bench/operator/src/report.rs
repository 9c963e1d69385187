//! The figures, good and bad ones alike, with what they were measured on and what they are held against.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::process::{Activity, Memory};

const AIMS: &str = "\
Aims: 1,000 bots in 128 MiB, no write in a steady minute, spec to child p99 under 1 s at 500 bots, every bot looked at
within 60 s of a restart, 10,000 foreign Secrets at most 5 MiB. Memory is VmRSS, RssAnon and VmHWM of /proc/PID/status.
Spec to child: from the answer to the change of the bot until its Deployment was seen changed. Steady: by the operator's
own counters, leases and watches among the calls. The measuring program and the control plane share the cores.
";

pub struct Machine(String);

impl Machine {
    pub fn read() -> anyhow::Result<Self> {
        let processor = std::fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
        let model = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = std::fs::read_to_string("/proc/meminfo").context("/proc/meminfo")?;
        let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
        let mib = total.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024;
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let model = model.map_or("unknown processor", |(_, model)| model);
        Ok(Self(format!(
            "{model}, {cores} cores for everything (operator, API server, etcd, load), {mib} MiB, Linux {}",
            kernel.trim()
        )))
    }
}

pub struct Report {
    head: String,
    rows: String,
    memory: String,
}

fn mib(kib: u64) -> String {
    format!("{}.{} MiB", kib / 1024, kib % 1024 * 10 / 1024)
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn quantile(sorted: &[Duration], per_cent: usize) -> Duration {
    let place = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

impl Report {
    pub fn new(machine: &Machine, commit: &str, date: &str, bots: usize) -> Self {
        let head = format!(
            "\n## The operator, {date}, {commit}\n\n{}.\n{bots} bots, release build, deployment controller off, no pods.\n",
            machine.0
        );
        Self { head, rows: String::new(), memory: String::new() }
    }

    fn row(&mut self, what: &str, figure: &str) {
        let _ = writeln!(self.rows, "| {what} | {figure} |");
    }

    pub fn time(&mut self, what: &str, took: Duration) {
        self.row(what, &seconds(took));
    }

    pub fn count(&mut self, what: &str, count: f64) {
        self.row(what, &format!("{:.0}", count.abs()));
    }

    pub fn latency(&mut self, what: &str, sorted: &[Duration]) {
        let figure = |per_cent| format!("{:.0} ms", quantile(sorted, per_cent).as_secs_f64() * 1e3);
        self.row(what, &format!("p50 {}, p99 {}, most {}", figure(50), figure(99), figure(100)));
    }

    pub fn steady(&mut self, seconds: u64, before: &Activity, after: &Activity) {
        self.count(&format!("writes in {seconds} steady seconds"), after.writes - before.writes);
        self.count("calls of the API server meanwhile", after.calls - before.calls);
        self.count("reconciles meanwhile", after.reconciles - before.reconciles);
        self.row("CPU meanwhile", &format!("{:.2} s", after.cpu_seconds - before.cpu_seconds));
    }

    pub fn memory(&mut self, when: &str, memory: Memory) {
        let Memory { resident_kib, own_kib, highest_kib } = memory;
        let _ = writeln!(self.memory, "| {when} | {} | {} | {} |", mib(resident_kib), mib(own_kib), mib(highest_kib));
    }

    fn text(&self) -> String {
        let Self { head, rows, memory } = self;
        format!(
            "{head}\n| what | figure |\n|---|--:|\n{rows}\n| memory of the operator | resident | of it its own | highest |\n\
             |---|--:|--:|--:|\n{memory}\n{AIMS}"
        )
    }

    pub fn print(&self) -> anyhow::Result<()> {
        std::io::stdout().write_all(self.text().as_bytes()).context("cannot write the table")
    }

    /// A section more at the file's end.
    pub fn append_to(&self, path: &Path) -> anyhow::Result<()> {
        let mut file =
            std::fs::OpenOptions::new().append(true).open(path).with_context(|| path.display().to_string())?;
        file.write_all(self.text().as_bytes()).with_context(|| path.display().to_string())
    }
}

#[test]
fn quantiles_are_those_of_the_nearest_rank() {
    let sorted: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
    assert_eq!(quantile(&sorted, 50), Duration::from_millis(50));
    assert_eq!(quantile(&sorted, 99), Duration::from_millis(99));
    assert_eq!(quantile(&[], 99), Duration::ZERO);
}
