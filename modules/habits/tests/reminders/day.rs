//! A day in fast motion: many people all over the world, workers that die in the middle of things.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use vitte_habits::{due_in, store};
use vitte_platform::clock::Timestamp;

use crate::world::{World, at};

const PEOPLE: i64 = 400;
/// Three habits each; the last time is looked at on the next date.
const TIMES: [&str; 3] = ["02:30:00", "09:00:00", "23:59:30"];
/// Zones with whole, half and quarter hours, some of which change their clocks on this day.
const ZONES: [&str; 12] = [
    "Europe/Berlin",
    "Europe/London",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Pago_Pago",
    "Africa/Casablanca",
    "America/St_Johns",
    "UTC",
];

/// Their habits: the zone, the time, our id.
async fn people(world: &World, now: &str) -> Vec<(&'static str, &'static str, i64)> {
    let mut habits = Vec::new();
    for n in 1..=PEOPLE {
        let zone = ZONES[usize::try_from(n).unwrap() % ZONES.len()];
        let user = world.user(n, zone).await;
        for time in TIMES {
            habits.push((zone, time, world.habit(user, time, now).await.id));
        }
    }
    habits
}

/// The dates that are to be reminded of in each zone at each time: by looking at every minute of the day on the wall, as
/// someone without any arithmetic would.
fn expected(begin: Timestamp, end: Timestamp) -> BTreeMap<(&'static str, &'static str), Vec<String>> {
    let mut dates: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for zone in ZONES {
        let tz: Tz = zone.parse().unwrap();
        for name in TIMES {
            let time: NaiveTime = name.parse().unwrap();
            let mut last = wall(tz, begin);
            let mut fired = None;
            let mut at = begin;
            while at < end {
                at += TimeDelta::minutes(1);
                let now = wall(tz, at);
                for date in [last.date(), now.date()] {
                    let target = date.and_time(time);
                    if now >= target && last < target && fired < Some(date) {
                        fired = Some(date);
                        dates.entry((zone, name)).or_default().push(date.to_string());
                    }
                }
                last = now;
            }
        }
    }
    dates
}

fn wall(zone: Tz, at: DateTime<Utc>) -> chrono::NaiveDateTime {
    zone.from_utc_datetime(&at.naive_utc()).naive_local()
}

/// Breaks when a batch is more than one transaction, or when a reminder is planned by anything but the wall clock.
#[tokio::test]
async fn on_the_day_on_which_clocks_change_everybody_gets_each_reminder_once_though_workers_die() {
    let world = World::new().await;
    // Europe goes to summer time at 01:00 UTC on the 29th; Casablanca is on its own.
    let (begin, end) = ("2026-03-28T18:00:00Z", "2026-03-29T18:00:00Z");
    let habits = people(&world, begin).await;
    let mut now = at(begin);
    let mut minute = 0_u64;
    while now < at(end) {
        now += TimeDelta::minutes(1);
        minute += 1;
        // A worker that takes a batch and dies before its end; two that look at once; now and then nobody for a while.
        if minute.is_multiple_of(7) {
            let mut tx = world.pool.begin().await.unwrap();
            let due = store::due(&mut tx, world.settings(), now, 50).await.unwrap();
            store::fired(&mut tx, &due, now).await.unwrap();
            tx.rollback().await.unwrap();
        }
        if minute % 11 > 2 || now == at(end) {
            let look = || due_in(&world.pool, &world.reminding, now, None);
            while look().await.unwrap().taken() > 0 {
                let (one, two) = futures::future::join(look(), look()).await;
                one.and(two).unwrap();
            }
        }
    }
    let dates = expected(at(begin), at(end));
    let all = habits.iter().flat_map(|(zone, time, id)| {
        let dates = dates.get(&(*zone, *time)).into_iter().flatten();
        dates.map(|date| (*id, date.clone()))
    });
    let (mut all, mut got) = (all.collect::<Vec<_>>(), world.reminded().await);
    all.sort_unstable();
    got.sort_unstable();
    let differs = all.iter().zip(&got).find(|(a, b)| a != b);
    assert!(all == got, "{} were to be and {} are, first {differs:?}", all.len(), got.len());
}
