//! The figures of habits as tables, with what they are held against.

use std::fmt::Write as _;
use std::time::Duration;

use super::crowd::{self, ZONES};
use super::{Day, Figures, Row};
use crate::report::{mib, micros, millis};

/// Measured on this kind of machine: FastAPI with SQLAlchemy, one process, the same calls.
const HELD_AGAINST: &str = "\
| FastAPI with SQLAlchemy, list of 20 | 345 | | 138 ms | 2,859 µs | | | | | | 120 MB | | |
| FastAPI with SQLAlchemy, mark | 414 | | 46 ms | 2,384 µs | | | | | | 120 MB | | |
| aim | | | | a tenth: 286 and 238 µs | | | | | | | | |
";

const LEGEND: &str = "\
5,000 people, 100,000 habits, 500,000 marks of the five days before; each call by somebody picked by chance, with their
token, over kept connections. Times are from when a request was due to its whole answer. CPU: user and system time per
request, of each process in the measured window. Wrong: answers that were not what was asked for. Lost: what was
answered and is not in the database afterwards.
";

/// A section's part; empty if nothing was measured.
pub fn text(figures: &Figures, cores: usize) -> String {
    let mut text = String::new();
    if !figures.rows.is_empty() {
        text.push_str(
            "| REST | requests/s | p50 | p99 | api CPU | PostgreSQL | Redis | harness | late | others | api resident \
             | wrong | lost |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for row in &figures.rows {
            text.push_str(&line(row, cores));
        }
        text.push_str(HELD_AGAINST);
        if let Some(row) = figures.rows.first() {
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "\nThe api at rest: {} resident, {} its own.",
                mib(row.idle.resident),
                mib(row.idle.own)
            );
        }
        text.push_str(LEGEND);
    }
    if let Some(day) = &figures.day {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&of_day(day));
    }
    text
}

fn line(row: &Row, cores: usize) -> String {
    let each = |spent: Duration| micros(u32::try_from(row.answered).ok().filter(|n| *n > 0).map(|n| spent / n));
    let all = row.window * u32::try_from(cores).unwrap_or(1);
    let cells = [
        per_second(row.answered, row.window),
        millis(row.p50),
        millis(row.p99),
        each(row.spent.bot),
        each(row.spent.postgres),
        each(row.spent.redis),
        each(row.spent.harness),
        millis(row.late),
        format!("{:.0} %", 100.0 * row.spent.strangers().as_secs_f64() / all.as_secs_f64()),
        mib(row.memory.resident),
        row.wrong.to_string(),
        row.lost.to_string(),
    ];
    format!("| {} | {} |\n", row.name, cells.join(" | "))
}

#[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
fn per_second(count: u64, window: Duration) -> String {
    format!("{:.0}", count as f64 / window.as_secs_f64())
}

fn of_day(day: &Day) -> String {
    let seconds = |d: Duration| format!("{:.1} s", d.as_secs_f64());
    let rows = [
        ("reminders that should fire", day.expected.to_string()),
        ("people with another number of rows in the outbox", day.wrong.to_string()),
        ("messages that were not delivered", day.missing.to_string()),
        ("delivered again, by a worker killed in between", day.repeated.to_string()),
        ("schedulers killed", day.schedulers_killed.to_string()),
        ("minutes that nobody looked at", day.away.to_string()),
        ("the day took", seconds(day.took)),
        ("CPU of the schedulers, their starts included", seconds(day.scheduler_cpu)),
        ("CPU of PostgreSQL meanwhile", seconds(day.postgres_cpu)),
        ("memory of a scheduler, the highest", mib(day.scheduler_memory.highest)),
        (
            "delivered under the bot's rate",
            format!(
                "{} in {}: {}/s of {} allowed, {} in the fullest second",
                day.paced_count,
                seconds(day.paced),
                per_second(day.paced_count as u64, day.paced),
                day.rate,
                day.fullest
            ),
        ),
        (
            "the rest without it",
            format!(
                "{} in {}: {}/s, with {} workers killed",
                day.drained_count,
                seconds(day.drained),
                per_second(day.drained_count as u64, day.drained),
                day.workers_killed
            ),
        ),
        ("memory of a worker, the highest", mib(day.worker_memory.highest)),
    ];
    let mut text = format!(
        "{}: {} people in {} zones with {} habits each, Europe changing its clocks.\n\n| what | figure |\n|---|--:|\n",
        day.name,
        crowd::PEOPLE,
        ZONES.len(),
        crowd::HABITS_EACH
    );
    for (what, figure) in rows {
        let _ = writeln!(text, "| {what} | {figure} |");
    }
    text
}
