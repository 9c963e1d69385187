//! Streaks as somebody counts them on paper: date by date and week by week, backwards, with nothing of the code under
//! test but the names of things.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate, TimeDelta};
use vitte_habits::domain::{Schedule, Status, Streak};

/// What is on the paper.
#[derive(Debug, Clone)]
pub struct Paper {
    pub schedule: Schedule,
    /// Nothing was due before this.
    pub first: NaiveDate,
    /// Dates that ask for nothing: vacations, and those that the person never had.
    pub free: BTreeSet<NaiveDate>,
    pub history: BTreeMap<NaiveDate, Status>,
}

pub fn later(date: NaiveDate, days: i64) -> NaiveDate {
    date + TimeDelta::days(days)
}

fn monday(date: NaiveDate) -> NaiveDate {
    later(date, -i64::from(date.weekday().num_days_from_monday()))
}

impl Paper {
    /// Who flies back over the date line sees what the last mark came to, although its date is yet to come again.
    pub fn streak(&self, today: NaiveDate) -> Streak {
        let said = self.history.iter().filter(|(_, status)| **status != Status::Pending);
        let today = said.map(|(date, _)| *date).max().map_or(today, |last| last.max(today));
        let (current, in_row) = self.counted(today);
        Streak { current, max: self.best(today), in_row }
    }

    /// What a person has seen at best on any day until today: with what was known on that day of the past.
    fn best(&self, today: NaiveDate) -> i32 {
        let days = self.earliest().iter_days().take_while(|date| *date <= today);
        let seen = days.map(|day| {
            let known = self.history.range(..=day).map(|(date, status)| (*date, *status)).collect();
            Self { history: known, ..self.clone() }.counted(day).0
        });
        seen.max().unwrap_or_default()
    }

    /// The streak on `day`, and the dates done in it.
    fn counted(&self, day: NaiveDate) -> (i32, i32) {
        match self.schedule {
            Schedule::Days(days) => {
                let streak = self.in_days(day, |date| days.bits() & (1 << date.weekday().num_days_from_monday()) != 0);
                (streak, streak)
            }
            Schedule::Weekly(times) => self.in_weeks(day, usize::from(times)),
        }
    }

    fn in_days(&self, day: NaiveDate, falls_on: impl Fn(NaiveDate) -> bool) -> i32 {
        let (mut streak, mut date) = (0, day);
        while date >= self.earliest() {
            let due = falls_on(date) && !self.free.contains(&date);
            match self.history.get(&date) {
                Some(Status::Done) => streak += 1,
                Some(Status::Skipped) => {}
                Some(Status::NotDone) if due => break,
                None | Some(Status::Pending) if due && date != day => break,
                _ => {}
            }
            date = later(date, -1);
        }
        streak
    }

    fn in_weeks(&self, day: NaiveDate, times: usize) -> (i32, i32) {
        let (mut streak, mut row, mut week) = (0, 0, monday(day));
        while week >= monday(self.earliest()) {
            let said = |date: &NaiveDate| self.history.get(date).copied();
            let dates = (0..7).map(|n| later(week, n));
            let (done, open): (Vec<_>, Vec<_>) = dates.partition(|date| said(date) == Some(Status::Done));
            let excused = open
                .iter()
                .filter(|date| said(date) == Some(Status::Skipped) || **date < self.first || self.free.contains(*date));
            let full = done.len() >= times;
            if !full && week != monday(day) && done.len() + excused.count() < times {
                break;
            }
            streak += i32::from(full);
            row += i32::try_from(done.len()).unwrap();
            week = later(week, -7);
        }
        (streak, row)
    }

    fn earliest(&self) -> NaiveDate {
        self.history.keys().next().map_or(self.first, |date| self.first.min(*date))
    }
}
