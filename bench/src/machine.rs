//! What the figures were measured on, and how busy the machine was with other things.

use std::time::Duration;

use anyhow::Context;

use crate::process::kib;

pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub memory_mib: u64,
    pub kernel: String,
}

impl Machine {
    pub fn read() -> anyhow::Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let cpus = read("/proc/cpuinfo")?;
        let model =
            cpus.lines().find_map(|l| l.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim()));
        Ok(Self {
            cpu: model.unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib(&read("/proc/meminfo")?, "MemTotal:").unwrap_or(0) / 1024,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }
}

/// CPU time spent by the whole machine, all cores together.
pub fn busy() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
    busy_in(&text).context("/proc/stat has another form")
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal. Idle and iowait are nobody's.
fn busy_in(stat: &str) -> Option<Duration> {
    let fields: Vec<u64> =
        stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map_while(|f| f.parse().ok()).collect();
    let busy = fields.get(..8)?.iter().enumerate().filter(|(n, _)| *n != 3 && *n != 4).map(|(_, f)| f).sum::<u64>();
    Some(Duration::from_millis(busy * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_not_being_busy() {
        assert_eq!(busy_in("cpu  1 2 3 4000 5000 6 7 8 0 0\ncpu0 1"), Some(Duration::from_millis(270)));
        assert_eq!(busy_in("cpu 1 2"), None);
    }

    #[test]
    fn this_machine_is_known() {
        let machine = Machine::read().unwrap();
        assert!(machine.cores > 0 && machine.memory_mib > 0 && !machine.kernel.is_empty());
    }
}
