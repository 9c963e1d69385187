//! A person's days.
//!
//! A day is a local date. It begins and ends at the end of day, which may lie after midnight: who goes to bed at 3
//! counts 02:30 as yesterday. Marks are stored under the date they had when they were made, so that no later change
//! of zone moves them.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// Dates from the first to the last, both included.
pub type Range = (NaiveDate, NaiveDate);

/// The date that a local moment counts as.
pub fn day_of(local: NaiveDateTime, end_of_day: NaiveTime) -> NaiveDate {
    if local.time() < end_of_day { before(local.date()) } else { local.date() }
}

/// The person's date now.
pub fn today(now: DateTime<Utc>, zone: Tz, end_of_day: NaiveTime) -> NaiveDate {
    day_of(now.with_timezone(&zone).naive_local(), end_of_day)
}

/// Does the zone have this date? Samoa had no 30 December 2011.
pub fn exists(date: NaiveDate, zone: Tz) -> bool {
    // A gap that is no whole day is some hours at most: it does not cover both.
    [6, 18].into_iter().any(|hour| {
        let at = NaiveTime::MIN.with_hour(hour).map(|time| date.and_time(time));
        at.is_some_and(|at| zone.from_local_datetime(&at).earliest().is_some())
    })
}

/// The next date; the last that there is stays.
pub fn after(date: NaiveDate) -> NaiveDate {
    date.succ_opt().unwrap_or(date)
}

pub fn before(date: NaiveDate) -> NaiveDate {
    date.pred_opt().unwrap_or(date)
}

pub fn plus(date: NaiveDate, days: u64) -> NaiveDate {
    date.checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX)
}

/// Which of a person's dates ask nothing of them.
#[derive(Debug, Clone, Copy)]
pub struct Calendar<'a> {
    pub zone: Tz,
    /// Vacations, and dates that a change of zone skipped; in any order, they may overlap.
    pub off: &'a [Range],
}

impl Calendar<'_> {
    /// Is nothing due on this date, whatever the schedule says?
    pub fn excused(&self, date: NaiveDate) -> bool {
        self.off.iter().any(|(first, last)| (*first..=*last).contains(&date)) || !exists(date, self.zone)
    }
}

/// The dates that a person never has when their date jumps from one to the other: those between.
pub fn skipped(from: NaiveDate, to: NaiveDate) -> Option<Range> {
    let (first, last) = (after(from), before(to));
    (first <= last && from < to).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    #[test]
    fn today_is_the_persons_and_half_past_two_is_yesterday_for_who_goes_to_bed_at_three() {
        let now = utc("2026-03-10T23:30:00Z");
        let midnight = NaiveTime::MIN;
        assert_eq!(today(now, chrono_tz::UTC, midnight), date("2026-03-10"));
        assert_eq!(today(now, chrono_tz::Europe::Moscow, midnight), date("2026-03-11"));
        assert_eq!(today(now, chrono_tz::Europe::Moscow, time("03:00:00")), date("2026-03-10"));
        assert_eq!(today(utc("2026-03-11T00:00:00Z"), chrono_tz::Europe::Moscow, time("03:00:00")), date("2026-03-11"));
    }

    #[test]
    fn samoa_had_no_30_december_2011_and_a_missing_hour_is_no_missing_date() {
        assert!(!exists(date("2011-12-30"), chrono_tz::Pacific::Apia));
        assert!(exists(date("2011-12-29"), chrono_tz::Pacific::Apia));
        assert!(exists(date("2011-12-31"), chrono_tz::Pacific::Apia));
        assert!(exists(date("2026-03-29"), chrono_tz::Europe::Berlin));
        assert!(exists(date("2018-11-04"), chrono_tz::America::Sao_Paulo), "midnight itself was skipped");
    }

    #[test]
    fn a_jump_over_the_date_line_skips_the_dates_between_and_a_short_one_none() {
        let (from, to) = (date("2026-11-21"), date("2026-11-23"));
        assert_eq!(skipped(from, to), Some((date("2026-11-22"), date("2026-11-22"))));
        assert_eq!(skipped(from, date("2026-11-22")), None);
        assert_eq!(skipped(to, from), None);
        let off = [(date("2026-11-22"), date("2026-11-24"))];
        let calendar = Calendar { zone: chrono_tz::UTC, off: &off };
        let excused: Vec<bool> = (0..5).map(|n| calendar.excused(plus(from, n))).collect();
        assert_eq!(excused, [false, true, true, true, false]);
    }
}
