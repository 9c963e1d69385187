//! Reminders against brute force: every minute of two years, looked at on the wall.

use chrono::{
    DateTime, Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc, Weekday,
};
use chrono_tz::Tz;
use vitte_habits::domain::{Clockwork, Quiet, next_fire};

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

/// The first minute at which a wall clock shows a date's time or a later one, and that date, for each date that the wall
/// clock ever shows: by looking at every minute.
fn by_looking(
    zone: Tz,
    begin: DateTime<Utc>,
    end: DateTime<Utc>,
    times: &[NaiveTime],
) -> Vec<Vec<(DateTime<Utc>, NaiveDate)>> {
    let wall = |at: &DateTime<Utc>| -> NaiveDateTime {
        at.naive_utc()
            + TimeDelta::seconds(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into())
    };
    let shown = wall(&begin);
    // What each time waits for: its next date.
    let mut next: Vec<NaiveDate> =
        times.iter().map(|t| if *t > shown.time() { shown.date() } else { shown.date() + Days::new(1) }).collect();
    let mut fires = vec![Vec::new(); times.len()];
    let mut at = begin - TimeDelta::minutes(1);
    let mut soonest = NaiveDateTime::MIN;
    while at < end {
        at += TimeDelta::minutes(1);
        let now = wall(&at);
        if now < soonest {
            continue;
        }
        for (n, time) in times.iter().enumerate() {
            // A date that has gone by unseen is one that this place never had.
            while now.date() > next[n] && !seen(&zone, next[n]) {
                next[n] = next[n] + Days::new(1);
            }
            if now >= next[n].and_time(*time) {
                fires[n].push((at, next[n]));
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
    ($($name:ident: $zone:literal from $year:literal;)*) => { $(
        #[test]
        fn $name() {
            agrees($zone, $year);
        }
    )* };
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
