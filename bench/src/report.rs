//! The figures as tables, good and bad ones alike, with what they were measured on and what they are held against.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::habits::{self, Figures};
use crate::ledger::quantile;
use crate::machine::Machine;
use crate::settings::Settings;
use crate::stage::Row;
use crate::world::RoleMemory;

pub struct Report<'a> {
    pub settings: &'a Settings,
    pub machine: &'a Machine,
    pub postgres: &'a str,
    pub rows: &'a [Row],
    pub memory: &'a [RoleMemory],
    pub habits: &'a Figures,
}

/// Measured on this kind of machine with the same transaction; it sends straight after its commit and forgets the
/// message when it dies.
const HELD_AGAINST: &str = "\
| held against | updates/s | ack p50 | ack p99 | sent p50 | sent p99 | bot CPU | resident |
|---|--:|--:|--:|--:|--:|--:|--:|
| aiogram 3 with asyncpg, 200/s | 200 | 1.3 ms | 2.1 ms | 1.4 ms | 2.3 ms | 918 to 1,186 µs | 182 MB |
| aiogram 3 with asyncpg, at most | 966 | | | | | | |
| aim | 1,900 | | | 3 ms | 10 ms | 200 µs | 15 MiB a role at rest |
";

const LEGEND: &str = "\
Ack: from when the update was due to its acknowledgement, after the commit. Sent: to the fake Bot API's receipt of its
message. CPU: user and system time per update, of each process in the measured window. Late: how much after its time
the generator began with an update (p99). Others: what everything else used of the machine's cores meanwhile. Refused:
posts not answered with 200, repeated. Missing, twice: updates without a message, messages without an update.
";

pub fn millis(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "–".to_owned(), |d| format!("{:.2} ms", d.as_secs_f64() * 1e3))
}

pub fn micros(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "–".to_owned(), |d| format!("{} µs", d.as_micros()))
}

#[expect(clippy::cast_precision_loss, reason = "memory in MiB with one digit")]
pub fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

impl Report<'_> {
    pub fn print(&self) -> anyhow::Result<()> {
        std::io::stdout().write_all(self.text().as_bytes()).context("cannot write the table")
    }

    /// A section more at the file's end.
    pub fn append_to(&self, path: &Path) -> anyhow::Result<()> {
        let file = std::fs::File::options().append(true).create(true).open(path);
        let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(format!("\n{}", self.text()).as_bytes())?;
        crate::say(&format!("appended to {}", path.display()));
        Ok(())
    }

    fn text(&self) -> String {
        let Settings { chats, warm_up, seconds, commit, date, .. } = self.settings;
        let Machine { cpu, cores, memory_mib, kernel } = self.machine;
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        let postgres = if self.postgres.is_empty() { "no PostgreSQL" } else { self.postgres };
        let mut text = format!(
            "## {date}, {commit}\n\n{cpu}, {cores} cores for everything (bot, PostgreSQL, Redis, load), {memory_mib} MiB, \
             Linux {kernel}.\n{postgres}, fsync on, over TCP; {build} build; one process a role.\n"
        );
        if self.rows.is_empty() {
            let _ = writeln!(text, "{warm_up} s warm-up and {seconds} s measured a stage.\n");
        } else {
            let _ = writeln!(
                text,
                "{chats} chats, /help; {warm_up} s warm-up and {seconds} s measured a stage; no send rates, limits of \
                 messages at their highest.\n"
            );
            self.updates(&mut text);
        }
        if !self.habits.is_empty() {
            if !self.rows.is_empty() {
                text.push_str("\n### Habits\n\n");
            }
            text.push_str(&habits::text(self.habits, *cores));
        }
        text
    }

    /// What became of updates, and the memory of the roles.
    fn updates(&self, text: &mut String) {
        text.push_str(
            "| stage | updates/s | ack p50 | ack p99 | sent p50 | sent p99 | bot CPU | PostgreSQL | Redis | harness | \
             late | others | bot resident | refused | missing | twice |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for row in self.rows {
            text.push_str(&self.line(row));
        }
        if !self.memory.is_empty() {
            text.push_str(
                "\n| role | at rest | of it its own | highest so far | under load | of it its own | highest |\n",
            );
            text.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
        }
        for role in self.memory {
            let (idle, loaded) = (role.idle, role.loaded.unwrap_or_default());
            let cells = [idle.resident, idle.own, idle.highest, loaded.resident, loaded.own, loaded.highest].map(mib);
            // Writing into a string cannot fail.
            let _ = writeln!(text, "| {} | {} |", role.role, cells.join(" | "));
        }
        let _ = write!(text, "\n{HELD_AGAINST}\n{LEGEND}");
    }

    fn line(&self, row: &Row) -> String {
        let (tally, spent) = (&row.tally, row.spent);
        let cores = row.window * u32::try_from(self.machine.cores).unwrap_or(1);
        let cells = [
            format!("{:.0}", row.per_second()),
            millis(quantile(&tally.acknowledged_after, 0.5)),
            millis(quantile(&tally.acknowledged_after, 0.99)),
            millis(quantile(&tally.sent_after, 0.5)),
            millis(quantile(&tally.sent_after, 0.99)),
            micros(row.per_update(spent.bot)),
            micros(row.per_update(spent.postgres)),
            micros(row.per_update(spent.redis)),
            micros(row.per_update(spent.harness)),
            millis(quantile(&tally.late, 0.99)),
            format!("{:.0} %", 100.0 * spent.strangers().as_secs_f64() / cores.as_secs_f64()),
            mib(row.memory.resident),
            tally.refused.to_string(),
            tally.missing.to_string(),
            tally.surplus.to_string(),
        ];
        format!("| {} | {} |\n", row.name, cells.join(" | "))
    }
}
