//! What the tables hold, as the rest of the module sees it.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use sqlx::FromRow;
use vitte_platform::clock::Timestamp;

use crate::domain::day::after;
use crate::domain::fire::Clockwork;
use crate::domain::{
    Calendar, Quiet, Range, Rules, Schedule, Status, Streak, Summary, instant_after, next_fire, today,
};

/// Our id of a habit.
pub type HabitId = i64;

/// Reminders of one habit a day.
pub const REMINDERS: usize = 8;

/// Whose habits they are, and what "today" means to them.
#[derive(Debug, Clone)]
pub struct Person {
    pub user_id: i64,
    pub zone: Tz,
    pub end_of_day: NaiveTime,
    /// The bot's, where the person set none.
    pub usual_end_of_day: NaiveTime,
    pub quiet: Option<Quiet>,
    /// Vacations, and dates that a change of zone skipped.
    pub off: Vec<Range>,
}

impl Person {
    pub fn today(&self, now: Timestamp) -> NaiveDate {
        today(now, self.zone, self.end_of_day)
    }

    pub fn calendar(&self) -> Calendar<'_> {
        Calendar { zone: self.zone, off: &self.off }
    }

    /// Is each of these dates excused already?
    pub fn is_off(&self, (first, last): Range) -> bool {
        let mut dates = first.iter_days().take_while(|date| *date <= last);
        dates.all(|date| self.off.iter().any(|(from, until)| (*from..=*until).contains(&date)))
    }

    pub fn is_quiet(&self, at: Timestamp) -> bool {
        self.quiet.is_some_and(|quiet| quiet.contains(at.with_timezone(&self.zone).time()))
    }

    /// The first moment from `at` on, within that date of the person's, at which they may be disturbed.
    pub fn undisturbed(&self, at: Timestamp) -> Option<Timestamp> {
        let Some(quiet) = self.quiet.filter(|_| self.is_quiet(at)) else { return Some(at) };
        let date = at.with_timezone(&self.zone).date_naive();
        let ends = [date, after(date)].map(|date| instant_after(at, date.and_time(quiet.until), self.zone));
        ends.into_iter().flatten().min().filter(|end| self.today(*end) == self.today(at))
    }
}

/// A habit with what is known of today.
#[derive(Debug, Clone, PartialEq)]
pub struct Habit {
    pub id: HabitId,
    pub user_id: i64,
    pub name: String,
    pub description: Option<String>,
    pub schedule: Schedule,
    /// Local times of its reminders, at least one; the first is the contract's `time_to_remind`.
    pub remind_at: Vec<NaiveTime>,
    pub target_days: i32,
    pub measure: Option<Measure>,
    pub is_active: bool,
    /// The date whose mark reached the target, while the streak stands at it: a habit reopened after that goes on for
    /// as long as one likes.
    pub completed_on: Option<NaiveDate>,
    pub first_day: NaiveDate,
    pub summary: Summary,
    pub next_at: Option<Timestamp>,
    pub snoozed_until: Option<Timestamp>,
    pub fired_through: Option<NaiveDateTime>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The date that it is looked at for: the person's when this was read, of a reminder that of its moment.
    pub today: NaiveDate,
    /// What was said of that date.
    pub status_today: Option<Status>,
    /// By a measured habit.
    pub amount_today: Option<i32>,
    /// What had been measured of that date before it was done.
    pub amount_before: Option<i32>,
}

/// A habit of so much a day: eight glasses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The day is done when its amount reaches this.
    pub target: i32,
    /// "glasses"; 1 to 32 characters.
    pub unit: Option<String>,
}

impl Habit {
    /// One that begins today, with its first reminder; it has no id yet.
    pub fn begun(new: NewHabit, person: &Person, now: Timestamp) -> Self {
        let NewHabit { name, description, remind_at, target_days, schedule, measure } = new;
        let today = person.today(now);
        let mut habit = Self {
            id: 0,
            user_id: person.user_id,
            name,
            description,
            schedule,
            remind_at,
            target_days,
            measure,
            is_active: true,
            completed_on: None,
            first_day: today,
            summary: Summary::default(),
            next_at: None,
            snoozed_until: None,
            fired_through: None,
            created_at: now,
            updated_at: now,
            today,
            status_today: None,
            amount_today: None,
            amount_before: None,
        };
        habit.plan(person, now);
        habit
    }

    pub fn rules<'a>(&self, person: &'a Person) -> Rules<'a> {
        Rules { schedule: self.schedule, calendar: person.calendar(), first_day: self.first_day }
    }

    pub fn streak(&self, person: &Person) -> Streak {
        self.summary.at(&self.rules(person), self.today)
    }

    pub fn is_done_today(&self) -> bool {
        self.status_today == Some(Status::Done)
    }

    /// Does the day still ask for it? Due, not excused, neither done nor skipped nor given up.
    pub fn is_due_today(&self, person: &Person) -> bool {
        let open = matches!(self.status_today, None | Some(Status::Pending));
        let room = match self.schedule {
            Schedule::Days(_) => true,
            Schedule::Weekly(times) => self.summary.done_this_week(self.today) < u32::from(times),
        };
        self.is_active && open && room && self.rules(person).due(self.today)
    }

    /// Plans the next look of the worker: the next reminder, or what was put off for an hour. A moment that has come and
    /// that no worker has taken yet stays: what it is still good for is decided when it is taken.
    pub fn plan(&mut self, person: &Person, now: Timestamp) {
        if !self.is_active {
            self.next_at = None;
            self.snoozed_until = None;
            return;
        }
        let waiting = self.next_at.filter(|at| *at <= now);
        self.next_at = waiting.or_else(|| self.regular(person, now)).into_iter().chain(self.snoozed_until).min();
    }

    /// The moment that has come is dealt with, or not meant any more: the next is planned without it.
    pub fn forget_moment(&mut self) {
        self.next_at = None;
    }

    /// In another zone a moment that waits for a worker is not meant any more if one is yet to come today by the clock
    /// there: nine o'clock, which was a while ago, comes again.
    pub fn moved(&mut self, person: &Person, now: Timestamp) {
        if self.regular(person, now).is_some_and(|at| person.today(at) == person.today(now)) {
            self.forget_moment();
        }
    }

    /// A target that the streak falls short of, because it ended or the target was raised, can be reached (again).
    pub fn expect_target(&mut self, person: &Person) {
        if self.streak(person).in_row < self.target_days {
            self.completed_on = None;
        }
    }

    /// The first of its times after a moment.
    fn regular(&self, person: &Person, since: Timestamp) -> Option<Timestamp> {
        let clockwork = Clockwork {
            zone: person.zone,
            end_of_day: person.end_of_day,
            quiet: person.quiet,
            times: &self.remind_at,
            fired: self.fired_through,
        };
        next_fire(&clockwork, |date| self.schedule.falls_on(date), since).map(|(at, _)| at)
    }

    /// Of its moments from `first`, which has come, to now: the last. After an outage it alone may still be of use.
    pub fn last_moment(&self, person: &Person, first: Timestamp, now: Timestamp) -> Timestamp {
        // Those of the last day are the only ones that anybody is told of.
        let mut last = first.max(now - TimeDelta::hours(25));
        let mut found = first;
        while let Some(next) = self.regular(person, last).filter(|next| *next <= now) {
            (last, found) = (next, next);
        }
        self.snoozed_until.filter(|at| *at <= now).map_or(found, |at| at.max(found))
    }
}

/// What became of a habit on one date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub id: i64,
    pub habit_id: HabitId,
    pub date: NaiveDate,
    pub status: Status,
    pub amount: Option<i32>,
    /// As [`Habit::amount_before`].
    pub amount_before: Option<i32>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A habit to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHabit {
    /// 1 to 255 characters.
    pub name: String,
    pub description: Option<String>,
    /// 1 to [`REMINDERS`].
    pub remind_at: Vec<NaiveTime>,
    /// Above zero.
    pub target_days: i32,
    pub schedule: Schedule,
    pub measure: Option<Measure>,
}

impl NewHabit {
    /// Daily, one reminder, for three weeks.
    pub fn daily(name: impl Into<String>, at: NaiveTime) -> Self {
        Self {
            name: name.into(),
            description: None,
            remind_at: vec![at],
            target_days: TARGET_DAYS,
            schedule: Schedule::DAILY,
            measure: None,
        }
    }
}

/// Where nobody says how long.
pub const TARGET_DAYS: i32 = 21;

/// A habit's row.
#[derive(Debug, FromRow)]
pub(crate) struct HabitRow {
    id: i64,
    user_id: i64,
    name: String,
    description: Option<String>,
    weekdays: i16,
    times_a_week: Option<i16>,
    remind_at: Vec<NaiveTime>,
    target_days: i32,
    target_amount: Option<i32>,
    unit: Option<String>,
    is_active: bool,
    completed_on: Option<NaiveDate>,
    first_day: NaiveDate,
    run: i32,
    in_row: i32,
    run_on: Option<NaiveDate>,
    best: i32,
    week_done: i16,
    week_skipped: i16,
    next_at: Option<Timestamp>,
    snoozed_until: Option<Timestamp>,
    fired_through: Option<NaiveDateTime>,
    created_at: Timestamp,
    updated_at: Timestamp,
    status: Option<String>,
    amount: Option<i32>,
    amount_before: Option<i32>,
}

impl HabitRow {
    pub(crate) fn habit(self, today: NaiveDate) -> Habit {
        let bits = |n: i16| u8::try_from(n).unwrap_or(0);
        Habit {
            id: self.id,
            user_id: self.user_id,
            name: self.name,
            description: self.description,
            schedule: Schedule::stored(self.weekdays, self.times_a_week),
            remind_at: self.remind_at,
            target_days: self.target_days,
            measure: self.target_amount.map(|target| Measure { target, unit: self.unit }),
            is_active: self.is_active,
            completed_on: self.completed_on,
            first_day: self.first_day,
            summary: Summary {
                run: self.run,
                in_row: self.in_row,
                on: self.run_on,
                best: self.best,
                week_done: bits(self.week_done),
                week_skipped: bits(self.week_skipped),
            },
            next_at: self.next_at,
            snoozed_until: self.snoozed_until,
            fired_through: self.fired_through,
            created_at: self.created_at,
            updated_at: self.updated_at,
            today,
            status_today: self.status.as_deref().and_then(Status::parse),
            amount_today: self.amount,
            amount_before: self.amount_before,
        }
    }
}

#[derive(FromRow)]
pub(crate) struct ExecutionRow {
    id: i64,
    habit_id: i64,
    execution_date: NaiveDate,
    status: String,
    amount: Option<i32>,
    amount_before: Option<i32>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<ExecutionRow> for Execution {
    fn from(row: ExecutionRow) -> Self {
        Self {
            id: row.id,
            habit_id: row.habit_id,
            date: row.execution_date,
            status: Status::parse(&row.status).unwrap_or(Status::Pending),
            amount: row.amount,
            amount_before: row.amount_before,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
