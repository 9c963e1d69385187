//! 10,000 people in 40 zones with three daily habits each, and what they are to be reminded of on a day, found without
//! any of the arithmetic that is measured.

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::Tz;
use sqlx::PgPool;
use vitte_habits::domain::{Clockwork, next_fire, today};
use vitte_platform::clock::Timestamp;

pub const PEOPLE: usize = 10_000;
pub const HABITS_EACH: usize = 3;
/// Quarters of an hour in a day: the times that habits have.
const SLOTS: usize = 96;

/// Whole, half and quarter hours, on both sides of the date line; some change their clocks in the last days of March.
pub const ZONES: [&str; 40] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Moscow",
    "Europe/Lisbon",
    "Europe/Chisinau",
    "Europe/Istanbul",
    "Atlantic/Azores",
    "Atlantic/Reykjavik",
    "America/Nuuk",
    "America/St_Johns",
    "America/Halifax",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/Havana",
    "America/Asuncion",
    "Pacific/Marquesas",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
    "Pacific/Kiritimati",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Auckland",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Australia/Eucla",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Yangon",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tehran",
    "Asia/Beirut",
    "Asia/Jerusalem",
    "Africa/Casablanca",
    "Africa/Cairo",
];

pub fn zone_of(person: usize) -> &'static str {
    ZONES[person % ZONES.len()]
}

fn slot(person: usize, habit: usize) -> usize {
    (person * 37 + habit * 31) % SLOTS
}

fn time(slot: usize) -> NaiveTime {
    let minutes = TimeDelta::minutes(15) * i32::try_from(slot).unwrap_or(0);
    NaiveTime::MIN.overflowing_add_signed(minutes).0
}

fn zones() -> anyhow::Result<Vec<Tz>> {
    ZONES.iter().map(|name| name.parse().with_context(|| format!("no zone {name}"))).collect()
}

/// A reminder: the time that its habit has, and the date that its buttons name.
pub type Reminder = (NaiveTime, NaiveDate);

/// The reminders that each person is to get after `begin` until `end`, in order, by a look at each minute on the wall.
pub fn expected(begin: Timestamp, end: Timestamp) -> anyhow::Result<Vec<Vec<Reminder>>> {
    let mut fires = Vec::new();
    for zone in zones()? {
        let wall = |at: Timestamp| zone.from_utc_datetime(&at.naive_utc()).naive_local();
        let minutes: Vec<NaiveDateTime> = std::iter::successors(Some(begin), |at| Some(*at + TimeDelta::minutes(1)))
            .take_while(|at| *at <= end)
            .map(wall)
            .collect();
        fires.push((0..SLOTS).map(|slot| on_the_wall(&minutes, time(slot))).collect::<Vec<_>>());
    }
    let of = |person: usize| {
        let slots = (0..HABITS_EACH).map(|habit| slot(person, habit));
        let dates = |slot: usize| fires[person % ZONES.len()][slot].iter().map(move |date| (time(slot), *date));
        let mut all: Vec<Reminder> = slots.flat_map(dates).collect();
        all.sort_unstable();
        all
    };
    Ok((0..PEOPLE).map(of).collect())
}

/// The dates on which a clock on the wall comes to a time, or passes it: Greenland's leaves out the last hour of a date,
/// and what was to be then is on the next.
fn on_the_wall(minutes: &[NaiveDateTime], time: NaiveTime) -> Vec<NaiveDate> {
    let mut dates: Vec<_> = minutes
        .windows(2)
        .filter(|pair| {
            let comes =
                |date: NaiveDate| (pair[0]..=pair[1]).contains(&date.and_time(time)) && date.and_time(time) > pair[0];
            comes(pair[0].date()) || comes(pair[1].date())
        })
        .map(|pair| pair[1].date())
        .collect();
    // Where clocks go back a time comes twice, and one date fires once.
    dates.dedup();
    dates
}

/// Writes the people, `chat` being each one's, and their habits as of a moment.
pub async fn write(pool: &PgPool, chat: impl Fn(u64) -> i64, begin: Timestamp) -> anyhow::Result<()> {
    let zones = zones()?;
    let chats: Vec<i64> = (0..PEOPLE as u64).map(chat).collect();
    let names: Vec<&str> = (0..PEOPLE).map(zone_of).collect();
    sqlx::query(
        "INSERT INTO users (telegram_id, timezone, created_at, updated_at)
         SELECT chat, zone, now(), now() FROM unnest($1::bigint[], $2::text[]) AS t (chat, zone)",
    )
    .bind(&chats)
    .bind(&names)
    .execute(pool)
    .await?;
    let (mut owners, mut times, mut first_days, mut next) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (person, chat) in chats.iter().enumerate() {
        for habit in 0..HABITS_EACH {
            let (zone, at) = (zones[person % zones.len()], time(slot(person, habit)));
            let clockwork = Clockwork { zone, end_of_day: NaiveTime::MIN, quiet: None, times: &[at], fired: None };
            owners.push(*chat);
            times.push(at);
            first_days.push(today(begin, zone, NaiveTime::MIN));
            next.push(next_fire(&clockwork, |_| true, begin).map(|(at, _)| at));
        }
    }
    sqlx::query(
        "INSERT INTO habits (user_id, name, remind_at, target_days, first_day, next_at, created_at, updated_at)
         SELECT u.id, 'Read ten pages', ARRAY[t.at], 21, t.first_day, t.next_at, now(), now()
         FROM unnest($1::bigint[], $2::time[], $3::date[], $4::timestamptz[]) AS t (chat, at, first_day, next_at)
         JOIN users u ON u.telegram_id = t.chat",
    )
    .bind(&owners)
    .bind(&times)
    .bind(&first_days)
    .bind(&next)
    .execute(pool)
    .await?;
    sqlx::query("VACUUM ANALYZE").execute(pool).await?;
    Ok(())
}

/// 18:00 UTC before, and on, the last Sunday of March after `now`'s year: Europe's clocks change in between, and nothing
/// of that day is due to a worker that looks at the real clock.
pub fn day_after(now: Timestamp) -> anyhow::Result<(Timestamp, Timestamp)> {
    use chrono::Datelike;
    let last = chrono::NaiveDate::from_ymd_opt(now.year() + 1, 3, 31).context("the years have run out")?;
    let sunday = last - TimeDelta::days(i64::from(last.weekday().num_days_from_sunday()));
    let evening = NaiveTime::MIN.with_hour(18).context("no 18:00")?;
    let end = DateTime::from_naive_utc_and_offset(sunday.and_time(evening), chrono::Utc);
    Ok((end - TimeDelta::days(1), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_one_of_changed_clocks_and_the_wall_counts_what_it_removes_once() {
        let (begin, end) = day_after("2026-11-21T10:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(
            (begin.to_rfc3339(), end.to_rfc3339()),
            ("2027-03-27T18:00:00+00:00".to_owned(), "2027-03-28T18:00:00+00:00".to_owned())
        );
        let in_zone = |zone: &str| -> Vec<_> {
            let zone: Tz = zone.parse().unwrap();
            (0..=24 * 60).map(|n| (begin + TimeDelta::minutes(n)).with_timezone(&zone).naive_local()).collect()
        };
        let berlin = in_zone("Europe/Berlin");
        let count = |text: &str| on_the_wall(&berlin, text.parse().unwrap()).len();
        // Removed; twice, since the day on the wall is an hour longer than the day; and as usual.
        assert_eq!([count("02:30:00"), count("19:30:00"), count("09:00:00")], [1, 2, 1]);
        let next = on_the_wall(&in_zone("America/Nuuk"), "23:15:00".parse().unwrap());
        assert_eq!(next, [end.date_naive()], "removed with the hour before midnight");
    }

    #[test]
    fn everybody_has_three_habits_at_times_of_their_own_and_every_zone_is_real() {
        let (begin, end) = day_after("2026-11-21T10:00:00Z".parse().unwrap()).unwrap();
        let all = expected(begin, end).unwrap();
        assert!(all.iter().all(|person| (2..=5).contains(&person.len())), "{:?}", all.iter().map(Vec::len).max());
        let times: std::collections::HashSet<usize> = (0..HABITS_EACH).map(|habit| slot(4711, habit)).collect();
        assert_eq!(times.len(), HABITS_EACH);
    }
}
