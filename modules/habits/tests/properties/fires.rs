//! Reminders against brute force: every minute of two years, looked at on the wall.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use vitte_habits::domain::{Clockwork, next_fire};

/// Times at which clocks are changed somewhere, and some at which they never are.
const TIMES: [(u32, u32); 12] =
    [(0, 0), (0, 1), (0, 30), (1, 0), (1, 59), (2, 0), (2, 15), (2, 30), (3, 0), (9, 0), (23, 30), (23, 59)];

fn times() -> Vec<NaiveTime> {
    TIMES.iter().map(|(h, m)| NaiveTime::from_hms_opt(*h, *m, 0).unwrap()).collect()
}

/// The first minute at which a wall clock shows a date's time or a later one, for each date that the wall clock ever
/// shows: by looking at every minute.
fn by_looking(zone: Tz, begin: DateTime<Utc>, end: DateTime<Utc>) -> Vec<Vec<DateTime<Utc>>> {
    let times = times();
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
                fires[n].push(at);
                next[n] = next[n] + Days::new(1);
            }
        }
        soonest = next.iter().zip(&times).map(|(date, time)| date.and_time(*time)).min().unwrap();
    }
    fires
}

/// Does any minute of the world show this date here?
fn seen(zone: &Tz, date: NaiveDate) -> bool {
    let begin = date.and_time(NaiveTime::MIN).and_utc() - TimeDelta::hours(26);
    (0..76 * 60).any(|minute| (begin + TimeDelta::minutes(minute)).with_timezone(zone).date_naive() == date)
}

/// Breaks when a gap fires twice or not at all, an overlap twice, or a missing date at all.
fn agrees(zone: &str, year: i32) {
    let zone: Tz = zone.parse().unwrap();
    let begin = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).unwrap();
    let end = Utc.with_ymd_and_hms(year + 2, 1, 1, 0, 0, 0).unwrap();
    let looked = by_looking(zone, begin, end);
    for (time, expected) in times().into_iter().zip(looked) {
        let times = [time];
        let mut clockwork = Clockwork { zone, end_of_day: NaiveTime::MIN, quiet: None, times: &times, fired: None };
        let mut since = begin;
        let mut fires = Vec::new();
        loop {
            let (at, local) = next_fire(&clockwork, |_| true, since).unwrap();
            if at > end {
                break;
            }
            fires.push(at);
            (since, clockwork.fired) = (at, Some(local));
        }
        let differs = fires.iter().zip(&expected).find(|(a, b)| a != b);
        assert!(fires == expected, "{zone} at {time}: {} and {} fires, first {differs:?}", fires.len(), expected.len());
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
