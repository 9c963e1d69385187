//! Streaks, computed from what was done.
//!
//! By days: each date that was done adds one; a date that was due and is past, with nothing done on it, ends the
//! streak, and so does one marked as not done. Dates that were skipped, excused or not due neither add nor end.
//!
//! By weeks: each week with enough done adds one. One with too little ends the streak, unless dates that were skipped,
//! excused or before the habit's first make up for what is missing: then it neither adds nor ends. The week that is
//! not over can only add.
//!
//! A [`Summary`] is all that the past comes to. It is renewed by the transaction that changes an execution, and says
//! with a look at the calendar what the streak is on any later date, so that a list of habits reads no executions.

use chrono::NaiveDate;

use super::day::{Calendar, after, plus};
use super::schedule::{Schedule, bit, week_of};

/// What became of a habit on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Begun or taken back: as if nothing were said.
    Pending,
    Done,
    NotDone,
    /// Neither done nor missed, by the person's own word.
    Skipped,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::NotDone => "not_done",
            Self::Skipped => "skipped",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Done, Self::NotDone, Self::Skipped].into_iter().find(|s| s.as_str() == text)
    }
}

/// A streak as a person sees it: days, or weeks for a habit that is due so many times a week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Streak {
    pub current: i32,
    pub max: i32,
    /// Dates done in the current streak: what the target counts.
    pub in_row: i32,
}

/// What a habit's executions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The streak as of `on`; by weeks, without `on`'s week.
    pub run: i32,
    /// Dates done in that streak.
    pub in_row: i32,
    /// The last date that was marked.
    pub on: Option<NaiveDate>,
    pub best: i32,
    /// By weeks: the dates done, and those skipped, in `on`'s week; bit 0 is Monday.
    pub week_done: u8,
    pub week_skipped: u8,
}

/// A habit's rules, by which its history is read.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    pub schedule: Schedule,
    pub calendar: Calendar<'a>,
    /// Nothing was due before this.
    pub first_day: NaiveDate,
}

impl Rules<'_> {
    /// Is something due on this date at all? By weeks: unless the week is full, which is not asked here.
    pub fn due(&self, date: NaiveDate) -> bool {
        self.schedule.falls_on(date) && !self.calendar.excused(date)
    }

    /// Was a date strictly between the two missed?
    fn missed_between(&self, from: NaiveDate, to: NaiveDate) -> bool {
        let mut date = after(from);
        while date < to {
            if self.due(date) {
                return true;
            }
            date = after(date);
        }
        false
    }

    /// Dates of a week that ask nothing, of those that were not done.
    fn excused_in(&self, week: NaiveDate, done: u8, skipped: u8) -> u32 {
        let open = (0..7).map(|n| plus(week, n)).filter(|date| done & bit(*date) == 0);
        let excused =
            open.filter(|date| skipped & bit(*date) != 0 || *date < self.first_day || self.calendar.excused(*date));
        u32::try_from(excused.count()).unwrap_or(7)
    }
}

impl Summary {
    /// From all executions, by date, oldest first.
    pub fn of(rules: &Rules, history: impl IntoIterator<Item = (NaiveDate, Status)>) -> Self {
        Self::default().and(rules, history)
    }

    /// With executions of later dates than it was made of ([`Self::comes_before`]), by the same rules, oldest first.
    pub fn and(self, rules: &Rules, later: impl IntoIterator<Item = (NaiveDate, Status)>) -> Self {
        let marked = later.into_iter().filter(|(_, status)| *status != Status::Pending);
        match rules.schedule {
            Schedule::Days(_) => self.by_days(rules, marked),
            Schedule::Weekly(times) => self.by_weeks(rules, times, marked),
        }
    }

    /// Is a mark of this date one that only adds to it? Otherwise what it changes shows in the whole history alone.
    pub fn comes_before(&self, date: NaiveDate) -> bool {
        self.on.is_none_or(|on| on < date)
    }

    fn by_days(self, rules: &Rules, marked: impl Iterator<Item = (NaiveDate, Status)>) -> Self {
        let mut all = self;
        for (date, status) in marked {
            if all.run > 0 && all.on.is_some_and(|last| rules.missed_between(last, date)) {
                all.run = 0;
            }
            match status {
                Status::Done => {
                    all.run += 1;
                    all.best = all.best.max(all.run);
                }
                Status::NotDone if rules.due(date) => all.run = 0,
                Status::NotDone | Status::Skipped | Status::Pending => {}
            }
            all.on = Some(date);
        }
        all.in_row = all.run;
        all
    }

    fn by_weeks(self, rules: &Rules, times: u8, marked: impl Iterator<Item = (NaiveDate, Status)>) -> Self {
        let mut all = self;
        for (date, status) in marked {
            all.close_until(rules, times, week_of(date));
            match status {
                Status::Done => all.week_done |= bit(date),
                Status::Skipped => all.week_skipped |= bit(date),
                Status::NotDone | Status::Pending => {}
            }
            all.on = Some(date);
            all.best = all.best.max(all.run + i32::from(all.is_full(times)));
        }
        all
    }

    fn is_full(&self, times: u8) -> bool {
        self.week_done.count_ones() >= u32::from(times)
    }

    /// Ends every week before `week`, beginning with that of `on`.
    fn close_until(&mut self, rules: &Rules, times: u8, week: NaiveDate) {
        let Some(mut open) = self.on.map(week_of) else { return };
        while open < week {
            let done = self.week_done.count_ones();
            let excused = rules.excused_in(open, self.week_done, self.week_skipped);
            if done + excused < u32::from(times) {
                self.run = 0;
                self.in_row = 0;
            } else {
                self.run += i32::from(self.is_full(times));
                self.in_row += i32::try_from(done).unwrap_or(0);
            }
            self.week_done = 0;
            self.week_skipped = 0;
            self.on = Some(plus(open, 7));
            // Nothing is left that further empty weeks could end.
            if self.run == 0 && self.in_row == 0 {
                return;
            }
            open = plus(open, 7);
        }
    }

    /// The streak on a date: of the person's today. A date before the last mark (a flight over the date line) sees
    /// what that mark came to.
    pub fn at(&self, rules: &Rules, today: NaiveDate) -> Streak {
        let Some(on) = self.on else { return Streak::default() };
        let (current, in_row) = match rules.schedule {
            Schedule::Days(_) => {
                let stands = self.run == 0 || today <= on || !rules.missed_between(on, today);
                if stands { (self.run, self.in_row) } else { (0, 0) }
            }
            Schedule::Weekly(times) => {
                let mut then = *self;
                then.close_until(rules, times, week_of(today));
                let done = i32::try_from(then.week_done.count_ones()).unwrap_or(0);
                (then.run + i32::from(then.is_full(times)), then.in_row + done)
            }
        };
        Streak { current, max: self.best.max(current), in_row }
    }

    /// Dates done in the week of `today`, but for `today` itself.
    pub fn done_this_week(&self, today: NaiveDate) -> u32 {
        match self.on {
            Some(on) if week_of(on) == week_of(today) => (self.week_done & !bit(today)).count_ones(),
            _ => 0,
        }
    }
}

/// The first date whose mark made the streak reach a target, whatever became of it since. The history is read oldest
/// first.
pub fn reached_on(
    rules: &Rules,
    target: i32,
    history: impl IntoIterator<Item = (NaiveDate, Status)>,
) -> Option<NaiveDate> {
    let mut so_far = Summary::default();
    history.into_iter().find_map(|(date, status)| {
        so_far = so_far.and(rules, [(date, status)]);
        (status == Status::Done && so_far.at(rules, date).in_row >= target).then_some(date)
    })
}
