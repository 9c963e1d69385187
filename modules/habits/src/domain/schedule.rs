//! When a habit is due: on some weekdays, or so many times a week. A week begins on Monday.

use chrono::{Datelike, Days, NaiveDate};

/// A set of weekdays, never empty; bit 0 is Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

impl Weekdays {
    pub const ALL: Self = Self(0b111_1111);

    /// `None` for the empty set and for bits that are no weekday.
    pub fn new(bits: u8) -> Option<Self> {
        (1..=0b111_1111).contains(&bits).then_some(Self(bits))
    }

    pub fn bits(self) -> u8 {
        self.0
    }

    pub fn contains(self, date: NaiveDate) -> bool {
        self.0 & bit(date) != 0
    }
}

/// The bit of a date's weekday.
pub fn bit(date: NaiveDate) -> u8 {
    1 << date.weekday().num_days_from_monday()
}

/// The Monday of a date's week.
pub fn week_of(date: NaiveDate) -> NaiveDate {
    date.checked_sub_days(Days::new(u64::from(date.weekday().num_days_from_monday()))).unwrap_or(date)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Due on each of these days; the streak counts days.
    Days(Weekdays),
    /// Due so many times a week (1 to 7), on whichever days; the streak counts full weeks.
    Weekly(u8),
}

impl Schedule {
    pub const DAILY: Self = Self::Days(Weekdays::ALL);

    /// As stored. Values that the database's own checks refuse read as the nearest that is allowed.
    pub fn stored(weekdays: i16, times_a_week: Option<i16>) -> Self {
        match times_a_week {
            Some(times) => Self::Weekly(u8::try_from(times.clamp(1, 7)).unwrap_or(7)),
            None => Self::Days(u8::try_from(weekdays).ok().and_then(Weekdays::new).unwrap_or(Weekdays::ALL)),
        }
    }

    /// As stored: the weekdays' bits, and how many times a week.
    pub fn columns(self) -> (i16, Option<i16>) {
        match self {
            Self::Days(days) => (i16::from(days.bits()), None),
            Self::Weekly(times) => (i16::from(Weekdays::ALL.bits()), Some(i16::from(times))),
        }
    }

    /// May it be due on this date, by its weekday alone?
    pub fn falls_on(self, date: NaiveDate) -> bool {
        match self {
            Self::Days(days) => days.contains(date),
            Self::Weekly(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_begins_on_monday_and_a_schedule_is_stored_and_read_back() {
        let sunday: NaiveDate = "2026-11-22".parse().unwrap();
        assert_eq!(week_of(sunday), "2026-11-16".parse().unwrap());
        assert_eq!(week_of(week_of(sunday)), week_of(sunday));
        assert_eq!((bit(week_of(sunday)), bit(sunday)), (1, 64));
        let weekend = Weekdays::new(0b110_0000).unwrap();
        assert!(weekend.contains(sunday) && !weekend.contains(week_of(sunday)));
        assert!(Weekdays::new(0).is_none() && Weekdays::new(128).is_none());
        for schedule in [Schedule::DAILY, Schedule::Days(weekend), Schedule::Weekly(3)] {
            let (weekdays, times) = schedule.columns();
            assert_eq!(Schedule::stored(weekdays, times), schedule);
        }
    }
}
