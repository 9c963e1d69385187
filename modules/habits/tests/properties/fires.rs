//! Reminders against brute force: every minute of two years, looked at on the wall.

use std::sync::LazyLock;

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday,
};
use chrono_tz::Tz;
use proptest::prelude::*;
use vitte_habits::domain::{Clockwork, Quiet, next_fire};
use vitte_habits::model::Person;

use crate::wall;

/// Times at which clocks are changed somewhere, and some at which they never are.
const TIMES: [(u32, u32); 14] = [
    (0, 0),
    (0, 1),
    (0, 30),
    (1, 0),
    (1, 59),
    (2, 0),
    (2, 15),
    (2, 30),
    (2, 45),
    (3, 0),
    (8, 0),
    (12, 0),
    (23, 30),
    (23, 59),
];

fn clock((hour, minute): (u32, u32)) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, minute, 0).unwrap()
}

/// The first moment at which a wall clock shows a date's time or a later one, and that date, for each date that the wall
/// clock ever shows: by looking at every minute. Clocks are changed at the beginning of one.
fn by_looking(
    zone: Tz,
    begin: DateTime<Utc>,
    end: DateTime<Utc>,
    times: &[NaiveTime],
) -> Vec<Vec<(DateTime<Utc>, NaiveDate)>> {
    let shown = wall(zone, begin);
    // What each time waits for: its next date.
    let mut next: Vec<NaiveDate> =
        times.iter().map(|t| if *t > shown.time() { shown.date() } else { shown.date() + Days::new(1) }).collect();
    let mut fires = vec![Vec::new(); times.len()];
    let mut at = begin - TimeDelta::seconds(60 + i64::from(begin.second()));
    let mut soonest = NaiveDateTime::MIN;
    while at < end {
        at += TimeDelta::minutes(1);
        let now = wall(zone, at);
        let last = now + TimeDelta::seconds(59);
        if last < soonest {
            continue;
        }
        for (n, time) in times.iter().enumerate() {
            // A date that has gone by unseen is one that this place never had.
            while now.date() > next[n] && !seen(&zone, next[n]) {
                next[n] = next[n] + Days::new(1);
            }
            let local = next[n].and_time(*time);
            if last >= local {
                fires[n].push((at + (local - now).max(TimeDelta::zero()), next[n]));
                next[n] = next[n] + Days::new(1);
            }
        }
        soonest = next.iter().zip(times).map(|(date, time)| date.and_time(*time)).min().unwrap();
    }
    fires
}

/// Does any minute of the world show this date here?
fn seen(zone: &Tz, date: NaiveDate) -> bool {
    let begin = date.and_time(NaiveTime::MIN).and_utc() - TimeDelta::hours(26);
    (0..76 * 60).any(|minute| (begin + TimeDelta::minutes(minute)).with_timezone(zone).date_naive() == date)
}

/// What fires one after the other.
fn by_reckoning(
    clockwork: Clockwork,
    falls_on: impl Fn(NaiveDate) -> bool,
    begin: DateTime<Utc>,
    end: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    let (mut clockwork, mut since, mut fires) = (clockwork, begin, Vec::new());
    loop {
        let (at, local) = next_fire(&clockwork, &falls_on, since).unwrap();
        if at > end {
            return fires;
        }
        fires.push(at);
        (since, clockwork.fired) = (at, Some(local));
    }
}

/// Several times, some weekdays, an end of day, and quiet hours at whose end a time may be removed or doubled.
struct Habit {
    times: &'static [(u32, u32)],
    weekdays: &'static [Weekday],
    end_of_day: (u32, u32),
    quiet: Option<[(u32, u32); 2]>,
}

const HABITS: [Habit; 4] = [
    Habit {
        times: &[(1, 59), (2, 15), (23, 30)],
        weekdays: &[Weekday::Mon, Weekday::Wed, Weekday::Sun],
        end_of_day: (3, 0),
        quiet: None,
    },
    Habit {
        times: &[(0, 30), (7, 0), (12, 0), (22, 30)],
        weekdays: &[Weekday::Sat, Weekday::Sun],
        end_of_day: (2, 0),
        quiet: Some([(22, 0), (8, 0)]),
    },
    Habit {
        times: &[(1, 0), (2, 0), (2, 45), (23, 59)],
        weekdays: &[Weekday::Sun],
        end_of_day: (0, 0),
        quiet: Some([(1, 59), (2, 30)]),
    },
    Habit { times: &[(0, 1), (23, 0)], weekdays: &[Weekday::Thu], end_of_day: (6, 0), quiet: Some([(23, 0), (0, 0)]) },
];

/// Breaks when a gap fires twice or not at all, an overlap twice, or a missing date at all; when a reminder after
/// midnight is of another day than the evening before it, or one in quiet hours comes in them or not at all.
fn agrees(zone: &str, year: i32) {
    let zone: Tz = zone.parse().unwrap();
    let begin = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    let end = Utc.with_ymd_and_hms(year + 2, 1, 1, 0, 0, 0).unwrap();
    let same = |fires: Vec<DateTime<Utc>>, expected: Vec<DateTime<Utc>>, what: String| {
        let differs = fires.iter().zip(&expected).find(|(a, b)| a != b);
        assert!(fires == expected, "{zone} {what}: {} and {} fires, first {differs:?}", fires.len(), expected.len());
    };
    // The ends of quiet hours are among them.
    let times = TIMES.map(clock);
    let looked = by_looking(zone, begin, end, &times);
    let looked_at = |time: NaiveTime| &looked[times.iter().position(|at| *at == time).unwrap()];
    for time in times {
        let clockwork = Clockwork { zone, end_of_day: NaiveTime::MIN, quiet: None, times: &[time], fired: None };
        let expected = looked_at(time).iter().map(|(at, _)| *at).collect();
        same(by_reckoning(clockwork, |_| true, begin, end), expected, format!("at {time}"));
    }
    for (n, habit) in HABITS.iter().enumerate() {
        let end_of_day = clock(habit.end_of_day);
        let quiet = habit.quiet.map(|[from, until]| Quiet { from: clock(from), until: clock(until) });
        let times: Vec<NaiveTime> = habit.times.iter().copied().map(clock).collect();
        let heard = |time: NaiveTime| match quiet {
            Some(Quiet { from, until }) if from < until && from <= time && time < until => until,
            Some(Quiet { from, until }) if from > until && (from <= time || time < until) => until,
            _ => time,
        };
        let falls_on = |date: NaiveDate| habit.weekdays.contains(&date.weekday());
        let mut expected = Vec::new();
        for time in times.iter().copied().map(heard) {
            let day = |date: NaiveDate| if time < end_of_day { date - Days::new(1) } else { date };
            expected.extend(looked_at(time).iter().filter(|(_, date)| falls_on(day(*date))).map(|(at, _)| at));
        }
        // Two that have come to the same moment are one.
        expected.sort_unstable();
        expected.dedup();
        let clockwork = Clockwork { zone, end_of_day, quiet, times: &times, fired: None };
        same(by_reckoning(clockwork, falls_on, begin, end), expected, format!("habit {n}"));
    }
}

macro_rules! zones {
    ($($name:ident: $zone:literal from $year:literal;)*) => {
        const ZONES: &[(&str, i32)] = &[$(($zone, $year)),*];
        $(
        #[test]
        fn $name() {
            agrees($zone, $year);
        }
        )*
    };
}

zones! {
    half_an_hour_in_lord_howe: "Australia/Lord_Howe" from 2025;
    quarters_in_chatham: "Pacific/Chatham" from 2025;
    a_missing_date_in_apia: "Pacific/Apia" from 2011;
    a_month_of_another_time_in_casablanca: "Africa/Casablanca" from 2025;
    two_hours_in_troll: "Antarctica/Troll" from 2025;
    midnight_itself_in_sao_paulo: "America/Sao_Paulo" from 2017;
    midnight_twice_in_havana: "America/Havana" from 2025;
    one_minute_past_midnight_in_st_johns: "America/St_Johns" from 2010;
    the_evening_before_in_nuuk: "America/Nuuk" from 2023;
    around_ramadan_in_gaza: "Asia/Gaza" from 2025;
}

/// Breaks when quiet hours that end in the second pass of an hour are taken to have ended in the first.
#[test]
fn quiet_hours_end_when_the_clock_is_yet_to_show_their_end() {
    let quiet = Some(Quiet { from: clock((1, 0)), until: clock((2, 30)) });
    let (zone, end_of_day) = (chrono_tz::Europe::Berlin, NaiveTime::MIN);
    let person = Person { user_id: 1, zone, end_of_day, usual_end_of_day: end_of_day, quiet, off: Vec::new() };
    let at = |hour, minute| Utc.with_ymd_and_hms(2026, 10, 25, hour, minute, 0).unwrap();
    assert_eq!(person.undisturbed(at(0, 10)), Some(at(0, 30)));
    assert_eq!(person.undisturbed(at(1, 10)), Some(at(1, 30)));
}

/// The hours, on those two years' clocks, in which they are changed.
static CHANGES: LazyLock<Vec<(Tz, DateTime<Utc>)>> = LazyLock::new(|| {
    let mut all = Vec::new();
    for (zone, year) in ZONES {
        let zone: Tz = zone.parse().unwrap();
        let begin = Utc.with_ymd_and_hms(*year, 1, 1, 0, 0, 0).unwrap();
        let shift = |at: DateTime<Utc>| wall(zone, at) - at.naive_utc();
        let hours = (0..2 * 365 * 24).map(|hour| begin + TimeDelta::hours(hour));
        all.extend(hours.filter(|at| shift(*at) != shift(*at + TimeDelta::hours(1))).map(|at| (zone, at)));
    }
    all
});

/// A time of day, many of them at a beginning or within the hour that is removed or doubled somewhere.
fn time() -> impl Strategy<Value = NaiveTime> {
    let seconds = prop_oneof![Just(0), Just(59), 0u32..60];
    let times = prop_oneof![
        4 => prop::sample::select(TIMES.to_vec()),
        3 => (0u32..4, 0u32..60),
        1 => (0u32..24, 0u32..60),
    ];
    (times, seconds).prop_map(|(time, second)| clock(time).with_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever asks in the second pass of a doubled hour means what the clock is yet to show. Breaks with seconds that
    /// are rounded, with a `fired` of another zone that is not compared by the clock, or when the second pass is nothing.
    #[test]
    fn the_next_reminder_is_when_the_clock_on_the_wall_next_comes_to_it(
        (zone, hour) in (0..CHANGES.len()).prop_map(|n| CHANGES[n]),
        since in -3 * 3600i64..6 * 3600,
        times in prop::collection::vec(time(), 1..4),
        fired in prop::option::of((prop::sample::select(ZONES), -40i64..20)),
    ) {
        let since = hour + TimeDelta::seconds(since);
        // Where they were, an hour or a day ago: its clock may have shown more than any shows here.
        let fired = fired.map(|((zone, _), hours)| wall(zone.parse().unwrap(), since + TimeDelta::hours(hours)));
        let looked = by_looking(zone, since, since + TimeDelta::days(4), &times);
        let all = times.iter().zip(&looked).flat_map(|(time, fires)| fires.iter().map(|(at, date)| (*at, date.and_time(*time))));
        let first = all.filter(|(_, local)| fired.is_none_or(|fired| *local > fired)).min();
        let clockwork = Clockwork { zone, end_of_day: NaiveTime::MIN, quiet: None, times: &times, fired };
        prop_assert_eq!(next_fire(&clockwork, |_| true, since), first, "{} since {}", zone, wall(zone, since));
    }
}
