//! Reminders: every minute all that is due is taken by query, in batches, and written to the outbox as bulk.
//!
//! A batch is one transaction: the habits are locked (another worker passes them by), their messages are written, and
//! they are planned anew. So a reminder has exactly one row in the outbox, however many workers there are and wherever
//! one of them dies. When it leaves, is the outbox's business: 25 a second, 429 delays it, 403 marks the person as
//! having blocked the bot. What a late one is still good for is decided here: so no more are written than leave within
//! seconds, and the others stay due. Who marks a habit while thousands wait at nine, or while Telegram is away for an
//! hour, is not reminded of it.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::time::Instant;
use vitte_platform::clock::Timestamp;
use vitte_platform::jobs::{Class, Job, JobContext, JobError, Schedule};
use vitte_platform::outbox::{self, Entry, Priority};
use vitte_platform::texts::Texts;
use vitte_platform::users::spoken;

use crate::TEXTS;
use crate::bot::reminder;
use crate::metrics::metrics;
use crate::settings::HabitsSettings;
use crate::store::{self, Due};

/// Habits of one transaction: some milliseconds of locks.
const BATCH: i64 = 200;
/// A run is over before the next begins, which goes on with what is left.
const RUN: Duration = Duration::from_secs(50);
/// Reminders that wait in the outbox: four seconds' worth.
const AHEAD: i64 = 100;
/// How soon there is room for some more.
const PAUSE: Duration = Duration::from_millis(300);
/// A reminder that leaves within this is on time; one that leaves later says so.
const ON_TIME: TimeDelta = TimeDelta::minutes(5);

/// Take what is due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Remind;

/// What the job needs.
pub struct Reminding {
    pub settings: HabitsSettings,
    /// The bot's, in the manifest's order.
    pub languages: Vec<String>,
    /// Chats in which bulk messages may wait for the rate; no more reminders are written then.
    pub ahead: i64,
}

impl Reminding {
    /// `languages`: the bot's, in the manifest's order.
    pub fn new(settings: HabitsSettings, languages: Vec<String>) -> Self {
        Self { settings, languages, ahead: AHEAD }
    }
}

impl Job for Remind {
    type State = Reminding;
    const NAME: &'static str = "habits.remind";
    const CLASS: Class = Class::Bulk;
    const ATTEMPTS: u16 = 3;

    async fn run(self, state: &Reminding, job: &mut JobContext) -> Result<(), JobError> {
        let mut all = Told::default();
        let end = Instant::now() + RUN;
        while Instant::now() < end {
            let told = due_in(&job.pool, state, job.clock.now(), Some(&job.trace_id)).await?;
            if told.full {
                tokio::time::sleep(PAUSE).await;
            } else if told.taken() == 0 {
                break;
            }
            all.add(told);
        }
        if all.taken() > 0 {
            let Told { sent, late, needless, expired, unreachable, put_off, full: _ } = all;
            let trace_id = job.trace_id.as_str();
            tracing::info!(trace_id, sent, late, needless, expired, unreachable, put_off, "reminders");
        }
        Ok(())
    }
}

/// Each minute. A minute missed is the same work as the next.
pub fn schedule() -> serde_json::Result<Schedule> {
    Schedule::new("habits.remind", "* * * * *", Duration::from_secs(60), &Remind)
}

/// What became of what was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// On time.
    pub sent: usize,
    /// Later than it should have been; it says so.
    pub late: usize,
    /// Done already, skipped, on vacation.
    pub needless: usize,
    /// Too late to be of use.
    pub expired: usize,
    /// The person has blocked the bot, or is switched off.
    pub unreachable: usize,
    /// The person is not to be disturbed now: it comes due again when that is over, and what becomes of it counts then.
    pub put_off: usize,
    /// As much waits in the outbox as may: nothing was looked at.
    pub full: bool,
}

impl Told {
    pub fn taken(&self) -> usize {
        self.sent + self.late + self.needless + self.expired + self.unreachable + self.put_off
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.late += other.late;
        self.needless += other.needless;
        self.expired += other.expired;
        self.unreachable += other.unreachable;
        self.put_off += other.put_off;
    }
}

/// What to do about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Send,
    SendLate,
    Needless,
    Expired,
    Unreachable,
    PutOff(Timestamp),
}

/// The habit is asked about the date of its moment. What is made up for within the catch-up time may so be yesterday's,
/// and its message says that.
fn decide(due: &Due, catch_up: Duration, now: Timestamp) -> Verdict {
    let person = &due.person;
    let late = now - due.at;
    // A planned moment lies outside of quiet hours; one that was put off, or comes late, may not.
    let disturbs = person.is_quiet(now) && (late > ON_TIME || person.is_quiet(due.at));
    if !due.reachable {
        Verdict::Unreachable
    } else if !due.habit.is_due_today(person) {
        Verdict::Needless
    } else if late.to_std().is_ok_and(|late| late > catch_up) {
        Verdict::Expired
    } else if disturbs {
        let end = person.undisturbed(now).filter(|end| person.today(*end) == due.habit.today);
        end.map_or(Verdict::Expired, Verdict::PutOff)
    } else if late > ON_TIME {
        Verdict::SendLate
    } else {
        Verdict::Send
    }
}

/// Takes one batch of what is due; nothing taken: nothing is due, or others have it, or there is no room for it.
pub async fn due_in(pool: &PgPool, state: &Reminding, now: Timestamp, trace_id: Option<&str>) -> sqlx::Result<Told> {
    let mut tx = pool.begin().await?;
    let room = state.ahead - outbox::bulk_waiting(&mut tx, state.ahead).await?;
    if room <= 0 {
        return Ok(Told { full: true, ..Told::default() });
    }
    let mut all = store::due(&mut tx, &state.settings, now, room.min(BATCH)).await?;
    let mut told = Told::default();
    let (mut entries, mut delays) = (Vec::new(), Vec::new());
    for due in &mut all {
        let verdict = decide(due, state.settings.catch_up, now);
        let count = match verdict {
            Verdict::Send => &mut told.sent,
            Verdict::SendLate => &mut told.late,
            Verdict::Needless => &mut told.needless,
            Verdict::Expired => &mut told.expired,
            Verdict::Unreachable => &mut told.unreachable,
            Verdict::PutOff(until) => {
                due.habit.snoozed_until = Some(until);
                &mut told.put_off
            }
        };
        *count += 1;
        if matches!(verdict, Verdict::Send | Verdict::SendLate) {
            let [chosen, client] = &due.languages;
            let texts = Texts::new(&TEXTS, spoken(chosen.as_deref(), client.as_deref(), &state.languages));
            let late = verdict == Verdict::SendLate;
            let message = reminder::message(&texts, &due.habit, &due.person, late, now);
            delays.push((now - due.at).to_std().unwrap_or_default().as_secs_f64());
            entries.extend(Entry::message(due.chat_id, Priority::Bulk, message));
        }
    }
    store::fired(&mut tx, &all, now).await?;
    // Bulk takes no lease: the sweep of some process sends.
    let _ = outbox::enqueue(&mut tx, entries, None, trace_id).await?;
    if told.taken() > 0 {
        store::figures::count(&mut tx, told, now).await?;
    }
    tx.commit().await?;
    metrics().count(told);
    for delay in delays {
        metrics().delay.observe(delay);
    }
    Ok(told)
}
