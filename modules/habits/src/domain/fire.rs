//! When a reminder fires, in UTC.
//!
//! A local time of a date happens once: in a minute that daylight saving doubles, the first time, or the second for who
//! asks in the second pass of the hour, before the clock shows it; in one that it removes, at the moment it was removed.
//! A date that the zone does not have has no reminders.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::day::{after, before, day_of, exists};

/// A stretch of the day in which nobody is disturbed, from the first to before the second; it may pass midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    pub from: NaiveTime,
    pub until: NaiveTime,
}

impl Quiet {
    pub fn contains(self, time: NaiveTime) -> bool {
        if self.from <= self.until {
            (self.from..self.until).contains(&time)
        } else {
            time >= self.from || time < self.until
        }
    }

    /// A reminder in it waits for its end.
    fn put_off(self, time: NaiveTime) -> NaiveTime {
        if self.contains(time) { self.until } else { time }
    }
}

/// The moment of a local time. `None`: the zone does not have the date.
fn instant(date: NaiveDate, time: NaiveTime, zone: Tz) -> Option<DateTime<Utc>> {
    let mut local = date.and_time(time);
    if let Some(at) = zone.from_local_datetime(&local).earliest() {
        return Some(at.to_utc());
    }
    if !exists(date, zone) {
        return None;
    }
    // A gap ends on a whole minute; it is as long as the offset changed, some hours at most.
    local = local.with_second(0)?;
    for _ in 0..24 * 60 {
        local += TimeDelta::minutes(1);
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return Some(at.to_utc());
        }
    }
    None
}

/// The moment after `since` of a local time that a wall clock has yet to show then. `None`: it was shown, or the zone does
/// not have the date.
pub fn instant_after(since: DateTime<Utc>, local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let first = instant(local.date(), local.time(), zone)?;
    if first > since {
        return Some(first);
    }
    // At ten past two, in the second pass of an hour, half past two is yet to come, although it was before, too.
    let second = zone.from_local_datetime(&local).latest()?.to_utc();
    (since.with_timezone(&zone).naive_local() < local && second > since).then_some(second)
}

/// A person's times and days, by which a habit's reminders fire.
#[derive(Debug, Clone, Copy)]
pub struct Clockwork<'a> {
    pub zone: Tz,
    pub end_of_day: NaiveTime,
    pub quiet: Option<Quiet>,
    /// Local times of day.
    pub times: &'a [NaiveTime],
    /// The local moment of the last reminder that fired: it, and earlier ones, do not fire again.
    pub fired: Option<NaiveDateTime>,
}

/// The first reminder after a moment: when it fires, and the local moment that it stands for. `falls_on` says on which
/// of the person's dates there are any; at least one in a row of seven.
pub fn next_fire(
    clockwork: &Clockwork,
    falls_on: impl Fn(NaiveDate) -> bool,
    since: DateTime<Utc>,
) -> Option<(DateTime<Utc>, NaiveDateTime)> {
    let Clockwork { zone, end_of_day, quiet, times, fired } = *clockwork;
    let first = before(since.with_timezone(&zone).date_naive());
    let mut date = first;
    // A week, one date before today (its last time may be yet to come where clocks go back over midnight), the date
    // whose end of day lies on the next, and another week where the zone lacks the one date that was to be.
    for _ in 0..17 {
        let fires = times
            .iter()
            .map(|time| quiet.map_or(*time, |quiet| quiet.put_off(*time)))
            .map(|time| date.and_time(time))
            .filter(|local| fired.is_none_or(|fired| *local > fired) && falls_on(day_of(*local, end_of_day)))
            .filter_map(|local| instant_after(since, local, zone).map(|at| (at, local)))
            .min();
        if fires.is_some() {
            return fires;
        }
        date = after(date);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn time(text: &str) -> NaiveTime {
        text.parse().unwrap()
    }

    /// The next three.
    fn fires(zone: Tz, times: &[NaiveTime], since: &str) -> Vec<String> {
        let mut clockwork = Clockwork { zone, end_of_day: NaiveTime::MIN, quiet: None, times, fired: None };
        let mut since = at(since);
        let mut all = Vec::new();
        for _ in 0..3 {
            let (next, local) = next_fire(&clockwork, |_| true, since).unwrap();
            all.push(next.format("%m-%dT%H:%M").to_string());
            (since, clockwork.fired) = (next, Some(local));
        }
        all
    }

    #[test]
    fn a_minute_that_is_removed_or_doubled_reminds_once() {
        use chrono_tz::{Australia, Europe};
        // 02:30 is removed on 29 March 2026 and doubled on 25 October.
        let half_past_two = [time("02:30:00")];
        let spring = fires(Europe::Berlin, &half_past_two, "2026-03-28T00:00:00Z");
        assert_eq!(spring, ["03-28T01:30", "03-29T01:00", "03-30T00:30"]);
        let autumn = fires(Europe::Berlin, &half_past_two, "2026-10-24T00:00:00Z");
        assert_eq!(autumn, ["10-24T00:30", "10-25T00:30", "10-26T01:30"]);
        // Half an hour, on 4 October 2026.
        let lord_howe = fires(Australia::Lord_Howe, &[time("02:15:30")], "2026-10-02T18:00:00Z");
        assert_eq!(lord_howe, ["10-03T15:30", "10-04T15:15", "10-05T15:15"]);
    }

    #[test]
    fn a_date_that_the_zone_does_not_have_has_no_reminder() {
        let fires = fires(chrono_tz::Pacific::Apia, &[time("09:00:00")], "2011-12-28T20:00:00Z");
        assert_eq!(fires, ["12-29T19:00", "12-30T19:00", "12-31T19:00"]);
    }

    #[test]
    fn a_reminder_in_quiet_hours_waits_for_their_end_and_two_that_wait_are_one() {
        let quiet = Some(Quiet { from: time("22:00:00"), until: time("08:00:00") });
        let times = [time("07:00:00"), time("23:00:00"), time("12:00:00")];
        let clockwork =
            Clockwork { zone: chrono_tz::UTC, end_of_day: NaiveTime::MIN, quiet, times: &times, fired: None };
        let (first, local) = next_fire(&clockwork, |_| true, at("2026-01-01T00:00:00Z")).unwrap();
        assert_eq!(first, at("2026-01-01T08:00:00Z"));
        let clockwork = Clockwork { fired: Some(local), ..clockwork };
        assert_eq!(next_fire(&clockwork, |_| true, first).unwrap().0, at("2026-01-01T12:00:00Z"));
        let noon = Quiet { from: time("12:00:00"), until: time("13:00:00") };
        assert!(noon.contains(time("12:00:00")) && !noon.contains(time("13:00:00")));
    }

    #[test]
    fn a_reminder_after_midnight_belongs_to_the_day_that_has_not_ended() {
        let times = [time("01:00:00")];
        let clockwork =
            Clockwork { zone: chrono_tz::UTC, end_of_day: time("03:00:00"), quiet: None, times: &times, fired: None };
        let monday: NaiveDate = "2026-11-16".parse().unwrap();
        let next = next_fire(&clockwork, |date| date == monday, at("2026-11-14T00:00:00Z")).unwrap();
        assert_eq!(next.0, at("2026-11-17T01:00:00Z"));
    }

    #[test]
    fn going_west_a_person_is_not_reminded_of_the_same_morning_again() {
        let times = [time("09:00:00")];
        let mut clockwork = Clockwork {
            zone: chrono_tz::Europe::Berlin,
            end_of_day: NaiveTime::MIN,
            quiet: None,
            times: &times,
            fired: None,
        };
        let (morning, local) = next_fire(&clockwork, |_| true, at("2026-01-05T00:00:00Z")).unwrap();
        clockwork = Clockwork { zone: chrono_tz::America::New_York, fired: Some(local), ..clockwork };
        assert_eq!(next_fire(&clockwork, |_| true, morning).unwrap().0, at("2026-01-06T14:00:00Z"));
    }
}
