//! A day in fast motion: two schedulers look at each minute of it, are killed in the middle of things, and now and
//! then nobody looks for a while. What they write leaves by the real worker: at first at the bot's rate, then as fast as
//! it goes, while it is killed too.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use sqlx::PgPool;
use vitte_platform::clock::{Clock, SystemClock, Timestamp};

use super::crowd::{self, PEOPLE, Reminder};
use super::scheduler::Scheduler;
use crate::api::FakeApi;
use crate::ledger::{Ledger, Shared};
use crate::load::Chance;
use crate::process::{self, Memory};
use crate::say;
use crate::settings::{Load, Mode, Settings, Stage};
use crate::world::World;

/// The least that is seen of the bot's rate.
const PACED: Duration = Duration::from_secs(20);
/// For all that is left then.
const DELIVERY: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(20);
/// The worker is killed so often while it sends as fast as it goes.
const WORKERS_KILLED: u64 = 3;

/// What came of it.
#[derive(Clone, Copy)]
pub struct Day {
    pub name: &'static str,
    /// Reminders that were to be: by the clock on the wall of each zone.
    pub expected: usize,
    /// People who have other rows in the outbox: another habit, another date, one twice.
    pub wrong: usize,
    pub schedulers_killed: u64,
    pub away: u64,
    /// The day's 1,440 minutes took so long.
    pub took: Duration,
    /// Of all schedulers, and of PostgreSQL meanwhile, with what the worker asked it.
    pub scheduler_cpu: Duration,
    pub postgres_cpu: Duration,
    /// The most that one of them had.
    pub scheduler_memory: Memory,
    /// Under the rate: which, for how long, how many came, and how many in the fullest second.
    pub rate: u32,
    pub paced: Duration,
    pub paced_count: usize,
    pub fullest: usize,
    /// Without it: how many, and in what time, the ends of leases of killed workers included.
    pub drained: Duration,
    pub drained_count: usize,
    pub workers_killed: u64,
    pub worker_memory: Memory,
    pub missing: u64,
    /// Sent again, because a worker was killed before it could note them.
    pub repeated: u64,
}

impl Day {
    /// Each has its one row and was delivered, none faster than the bot may; a kill may repeat what is in flight.
    pub fn accounted_for(&self) -> bool {
        let rate = f64::from(self.rate);
        // What has gathered in the gate's bucket (`vitte_platform::outbox`) leaves at once.
        let bucket = (rate / 5.0).max(1.0);
        let within = |count: usize, seconds: f64| count as f64 <= rate * seconds + bucket;
        let paced = within(self.paced_count, self.paced.as_secs_f64()) && within(self.fullest, 1.0);
        self.expected > 0 && self.wrong == 0 && self.missing == 0 && paced
    }
}

/// Two schedulers and their deaths.
struct Schedulers {
    program: PathBuf,
    url: String,
    alive: Vec<Scheduler>,
    chance: Chance,
    killed: u64,
    cpu: Duration,
    memory: Memory,
}

impl Schedulers {
    async fn start(url: &str) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?;
        let alive = vec![Scheduler::start(&program, url).await?, Scheduler::start(&program, url).await?];
        let (killed, cpu, memory) = (0, Duration::ZERO, Memory::default());
        Ok(Self { program, url: url.to_owned(), alive, chance: Chance(1), killed, cpu, memory })
    }

    /// All look at once; some do not live to see the end of it.
    async fn minute(&mut self, now: Timestamp, deadly: bool) -> anyhow::Result<()> {
        for scheduler in &mut self.alive {
            scheduler.look(now).await?;
        }
        if deadly && self.chance.next().is_multiple_of(8) {
            // Somewhere between its first statement and after its commit.
            tokio::time::sleep(Duration::from_micros(self.chance.next() % 8_000)).await;
            let victim = self.alive.swap_remove(0);
            self.bury(victim).await?;
            self.killed += 1;
        }
        for scheduler in &mut self.alive {
            scheduler.took().await?;
        }
        while self.alive.len() < 2 {
            self.alive.push(Scheduler::start(&self.program, &self.url).await?);
        }
        Ok(())
    }

    async fn bury(&mut self, scheduler: Scheduler) -> anyhow::Result<()> {
        let (cpu, memory) = scheduler.kill().await?;
        self.cpu += cpu;
        if memory.highest > self.memory.highest {
            self.memory = memory;
        }
        Ok(())
    }
}

pub async fn run(settings: &Settings, stage: &Stage) -> anyhow::Result<(Day, String)> {
    let Load::PerSecond(rate) = stage.load else { anyhow::bail!("{} has no rate", stage.name) };
    let ledger = Ledger::shared(u32::try_from(PEOPLE)?);
    let api = FakeApi::start(ledger.clone()).await?;
    let world = World::bare(settings, &api, super::MANIFEST).await?;
    let pool = super::database(world.postgres.url()).await?;
    let (begin, end) = crowd::day_after(SystemClock.now())?;
    say(&format!("{}: {PEOPLE} people from {begin} to {end}", stage.name));
    crowd::write(&pool, |person| ledger.lock().chat(person), begin).await?;
    let expected = crowd::expected(begin, end)?;

    let (worker, _) = world.role("worker", Mode::Webhook, rate).await?;
    let start = await_all(&ledger, &expected);
    let mut schedulers = Schedulers::start(world.postgres.url()).await?;
    let postgres = || process::cpu_with_children(world.postgres.pid());
    let (before, begun) = (postgres()?, Instant::now());
    let away = minutes(&mut schedulers, begin, end).await?;
    last_look(&mut schedulers, &pool, end).await?;
    let (took, postgres_cpu) = (begun.elapsed(), postgres()?.saturating_sub(before));
    say(&format!("the day took {:.1} s", took.as_secs_f64()));
    for scheduler in std::mem::take(&mut schedulers.alive) {
        schedulers.bury(scheduler).await?;
    }
    let wrong = wrong(&pool, &ledger, &expected).await?;

    let count = || ledger.lock().received_so_far();
    tokio::time::sleep_until((start + PACED).max(Instant::now()).into()).await;
    let (paced, paced_count) = (start.elapsed(), count());
    let mut worker_memory = process::memory(worker.pid()?)?;
    worker.stop().await;

    say("the rest as fast as it goes");
    let begun = Instant::now();
    let at_rate = count();
    let mut chance = Chance(2);
    for _ in 0..WORKERS_KILLED {
        let (worker, _) = world.role("worker", Mode::Webhook, 0).await?;
        tokio::time::sleep(Duration::from_millis(300 + chance.next() % 600)).await;
        // By SIGKILL.
        drop(worker);
    }
    let (worker, _) = world.role("worker", Mode::Webhook, 0).await?;
    while ledger.lock().outstanding() > 0 && begun.elapsed() < DELIVERY {
        tokio::time::sleep(LOOK).await;
    }
    let (drained, drained_count) = (begun.elapsed(), count() - at_rate);
    let now = process::memory(worker.pid()?)?;
    if now.highest > worker_memory.highest {
        worker_memory = now;
    }
    worker.stop().await;
    pool.close().await;
    let tally = ledger.lock().close();
    let version = world.postgres_version.clone();
    world.stop().await;
    let day = Day {
        name: stage.name,
        expected: expected.iter().map(Vec::len).sum(),
        wrong,
        schedulers_killed: schedulers.killed,
        away,
        took,
        scheduler_cpu: schedulers.cpu,
        postgres_cpu,
        scheduler_memory: schedulers.memory,
        rate,
        paced,
        paced_count,
        fullest: fullest_second(tally.sent_after.get(..paced_count).unwrap_or_default()),
        drained,
        drained_count,
        workers_killed: WORKERS_KILLED,
        worker_memory,
        missing: tally.missing,
        repeated: tally.surplus,
    };
    Ok((day, version))
}

/// Every reminder that is to be is waited for from now on.
fn await_all(ledger: &Shared, expected: &[Vec<Reminder>]) -> Instant {
    let start = Instant::now();
    let mut ledger = ledger.lock();
    ledger.open(start, start + Duration::from_secs(24 * 3600));
    for (person, reminders) in (0..).zip(expected) {
        let chat = ledger.chat(person);
        for _ in reminders {
            ledger.posted(chat, start, None);
        }
    }
    start
}

/// Each minute of the day but the last; how many of them nobody looked at.
async fn minutes(schedulers: &mut Schedulers, begin: Timestamp, end: Timestamp) -> anyhow::Result<u64> {
    let (mut now, mut away, mut until) = (begin, 0, begin);
    while now + TimeDelta::minutes(1) < end {
        now += TimeDelta::minutes(1);
        if until <= now && schedulers.chance.next().is_multiple_of(50) {
            // Far within the time in which a reminder is made up for, also over midnight.
            until = now + TimeDelta::minutes(1 + i64::try_from(schedulers.chance.next() % 30)?);
        }
        if now < until {
            away += 1;
            continue;
        }
        schedulers.minute(now, true).await?;
    }
    Ok(away)
}

/// What the killed held is free again when the server has noticed their end.
async fn last_look(schedulers: &mut Schedulers, pool: &PgPool, end: Timestamp) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        schedulers.minute(end, false).await?;
        let due: i64 =
            sqlx::query_scalar("SELECT count(*) FROM habits WHERE next_at <= $1").bind(end).fetch_one(pool).await?;
        if due == 0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "{due} habits are due and nobody takes them");
    }
}

/// People whose rows in the outbox are not the reminders that were to be. A row's buttons name its habit and its date.
async fn wrong(pool: &PgPool, ledger: &Shared, expected: &[Vec<Reminder>]) -> anyhow::Result<usize> {
    let rows: Vec<(i64, NaiveTime, NaiveDate)> = sqlx::query_as(
        "SELECT o.chat_id, h.remind_at[1], split_part(o.data, ':', 5)::date
         FROM (SELECT chat_id, payload #>> '{reply_markup,inline_keyboard,0,0,callback_data}' AS data FROM outbox) AS o
         JOIN habits h ON h.id = split_part(o.data, ':', 4)::bigint
         ORDER BY 1, 2, 3",
    )
    .fetch_all(pool)
    .await?;
    let written: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(pool).await?;
    anyhow::ensure!(usize::try_from(written)? == rows.len(), "{written} rows, {} of them reminders", rows.len());
    let mut have: HashMap<i64, Vec<Reminder>> = HashMap::new();
    for (chat, time, date) in rows {
        have.entry(chat).or_default().push((time, date));
    }
    let mut wrong = 0;
    for (person, reminders) in (0..).zip(expected) {
        let written = have.remove(&ledger.lock().chat(person)).unwrap_or_default();
        wrong += usize::from(written != *reminders);
    }
    Ok(wrong + have.len())
}

/// The most that came within one second, of moments in their order.
fn fullest_second(moments: &[Duration]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, moment) in moments.iter().enumerate() {
        while moments[first] + Duration::from_secs(1) <= *moment {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_is_any_second_and_not_one_of_the_clocks() {
        let moments = [0, 900, 950, 1000, 1899, 1900, 5000].map(Duration::from_millis);
        assert_eq!(fullest_second(&moments), 4);
        assert_eq!(fullest_second(&[]), 0);
    }

    #[test]
    fn a_missing_row_and_a_rate_that_is_passed_are_both_found() {
        let good = Day {
            name: "a day",
            expected: 30,
            wrong: 0,
            schedulers_killed: 0,
            away: 0,
            took: Duration::ZERO,
            scheduler_cpu: Duration::ZERO,
            postgres_cpu: Duration::ZERO,
            scheduler_memory: Memory::default(),
            rate: 25,
            paced: Duration::from_secs(20),
            paced_count: 505,
            fullest: 30,
            drained: Duration::ZERO,
            drained_count: 0,
            workers_killed: 0,
            worker_memory: Memory::default(),
            missing: 0,
            repeated: 7,
        };
        assert!(good.accounted_for());
        assert!(!Day { wrong: 1, ..good }.accounted_for());
        assert!(!Day { missing: 1, ..good }.accounted_for());
        assert!(!Day { paced_count: 506, ..good }.accounted_for());
        assert!(!Day { fullest: 31, ..good }.accounted_for(), "at once, within what the whole time allows");
    }
}
