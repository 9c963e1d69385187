//! Streaks against a reference that looks at the wall and counts on paper, over random journeys: marks at any moment, days
//! that end after midnight, clocks that are changed on the way, and other zones, the date line between them included.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use vitte_habits::domain::{Calendar, Range, Rules, Schedule, Status, Streak, Summary, Weekdays, skipped, today};

use crate::paper::{Paper, later};
use crate::wall;

type History = BTreeMap<NaiveDate, Status>;

#[derive(Debug, Clone)]
enum Event {
    /// Of a date so many days ago.
    Marks(i64, Status),
    MovesTo(Tz),
}

/// What a person does, and when.
#[derive(Debug, Clone)]
struct Journey {
    begin: DateTime<Utc>,
    zone: Tz,
    end_of_day: NaiveTime,
    schedule: Schedule,
    /// From so many days after the first, for so many days more.
    vacations: Vec<(i64, i64)>,
    /// Each some minutes after the one before.
    events: Vec<(i64, Event)>,
    /// After the last of them.
    rest: i64,
}

impl Journey {
    fn moments(&self) -> impl Iterator<Item = (DateTime<Utc>, &Event)> {
        self.events.iter().scan(self.begin, |at, (minutes, event)| {
            *at += TimeDelta::minutes(*minutes);
            Some((*at, event))
        })
    }

    fn end(&self) -> DateTime<Utc> {
        let minutes = self.events.iter().map(|(minutes, _)| *minutes).sum::<i64>();
        self.begin + TimeDelta::minutes(minutes + self.rest)
    }

    /// As the code under test says.
    fn reckoned(&self) -> Life {
        let (mut zone, mut history, mut off) = (self.zone, History::new(), Vec::new());
        let day = |at: DateTime<Utc>, zone: Tz| today(at, zone, self.end_of_day);
        for (at, event) in self.moments() {
            match event {
                Event::Marks(ago, status) => {
                    history.insert(later(day(at, zone), -ago), *status);
                }
                Event::MovesTo(to) => {
                    off.extend(skipped(day(at, zone), day(at, *to)));
                    zone = *to;
                }
            }
        }
        let first = day(self.begin, self.zone);
        off.extend(self.vacations.iter().map(|(from, days)| (later(first, *from), later(first, from + days))));
        Life { zone, off, schedule: self.schedule, first, history, today: day(self.end(), zone) }
    }

    /// The same by looking at the clock and the calendar on the wall, and what today is.
    fn looked_at(&self) -> (Paper, NaiveDate) {
        let day = |at: DateTime<Utc>, zone: Tz| {
            let shown = wall(zone, at);
            later(shown.date(), -i64::from(shown.time() < self.end_of_day))
        };
        let between = |from: NaiveDate, to: NaiveDate| (1..(to - from).num_days()).map(move |n| later(from, n));
        let first = day(self.begin, self.zone);
        let vacations = self.vacations.iter().flat_map(|(from, days)| (*from..=from + days).map(|n| later(first, n)));
        let (mut free, mut history): (BTreeSet<_>, _) = (vacations.collect(), History::new());
        // Marks of the past lie before the beginning, too.
        let (mut zone, mut at) = (self.zone, self.begin - TimeDelta::days(6));
        let mut calendar = wall(zone, at).date();
        let moments = self.moments().map(|(at, event)| (at, Some(event))).chain([(self.end(), None)]);
        for (moment, event) in moments {
            // Each date that there is shows for a quarter of an hour at least.
            while at < moment {
                at = moment.min(at + TimeDelta::minutes(15));
                let shown = wall(zone, at).date();
                free.extend(between(calendar, shown));
                calendar = shown;
            }
            match event {
                Some(Event::Marks(ago, status)) => {
                    history.insert(later(day(at, zone), -ago), *status);
                }
                Some(Event::MovesTo(to)) => {
                    free.extend(between(day(at, zone), day(at, *to)));
                    (zone, calendar) = (*to, wall(*to, at).date());
                }
                None => {}
            }
        }
        (Paper { schedule: self.schedule, first, free, history }, day(at, zone))
    }
}

/// What is known of a habit in the end.
#[derive(Debug, Clone)]
struct Life {
    zone: Tz,
    off: Vec<Range>,
    schedule: Schedule,
    first: NaiveDate,
    history: History,
    today: NaiveDate,
}

impl Life {
    fn rules(&self) -> Rules<'_> {
        let calendar = Calendar { zone: self.zone, off: &self.off };
        Rules { schedule: self.schedule, calendar, first_day: self.first }
    }

    fn summary(&self) -> Summary {
        Summary::of(&self.rules(), self.history.iter().map(|(d, s)| (*d, *s)))
    }

    fn streak(&self) -> Streak {
        self.summary().at(&self.rules(), self.today)
    }
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![8 => Just(Status::Done), 1 => Just(Status::NotDone), 1 => Just(Status::Skipped), 1 => Just(Status::Pending)]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        2 => Just(Schedule::DAILY),
        2 => (1u8..128).prop_map(|bits| Schedule::Days(Weekdays::new(bits).unwrap())),
        3 => (1u8..=7).prop_map(Schedule::Weekly),
    ]
}

/// Some days after these dates clocks or calendars are changed.
const PLACES: [(&str, i32, u32, u32); 12] = [
    ("Australia/Lord_Howe", 2026, 3, 25),
    ("Australia/Lord_Howe", 2026, 9, 24),
    ("Pacific/Chatham", 2026, 3, 25),
    ("Pacific/Chatham", 2026, 9, 17),
    ("Europe/Berlin", 2026, 3, 20),
    ("America/Sao_Paulo", 2018, 10, 28),
    ("America/Havana", 2026, 10, 24),
    ("America/St_Johns", 2010, 10, 30),
    ("Africa/Casablanca", 2025, 2, 15),
    ("Pacific/Pago_Pago", 2024, 2, 20),
    ("Pacific/Kiritimati", 2024, 2, 20),
    ("UTC", 2024, 2, 20),
];
/// The same, of dates that there never were.
const LACKING: [(&str, i32, u32, u32); 2] = [("Pacific/Apia", 2011, 12, 22), ("Pacific/Kwajalein", 1993, 8, 13)];

/// A date that their zone lacks is known by the zone alone: who lives through one stays there.
fn beginning() -> impl Strategy<Value = (Tz, DateTime<Utc>, bool)> {
    let midnight = |(zone, y, m, d): (&str, i32, u32, u32)| {
        (zone.parse::<Tz>().unwrap(), Utc.with_ymd_and_hms(y, m, d, 0, 0, 0).unwrap())
    };
    let moves = prop_oneof![
        6 => prop::sample::select(&PLACES[..]).prop_map(|place| (place, true)),
        1 => prop::sample::select(&LACKING[..]).prop_map(|place| (place, false)),
    ];
    (moves, 0i64..8 * 1440).prop_map(move |((place, moves), minutes)| {
        let (zone, at) = midnight(place);
        (zone, at + TimeDelta::minutes(minutes), moves)
    })
}

fn event() -> impl Strategy<Value = Event> {
    let anywhere = prop::sample::select(&PLACES[..]).prop_map(|(zone, ..)| zone);
    let over_the_date_line = prop::sample::select(vec!["Pacific/Pago_Pago", "Pacific/Kiritimati"]);
    let place = prop_oneof![anywhere, over_the_date_line].prop_map(|zone| Event::MovesTo(zone.parse().unwrap()));
    prop_oneof![
        10 => status().prop_map(|status| Event::Marks(0, status)),
        2 => (0i64..5, status()).prop_map(|(ago, status)| Event::Marks(ago, status)),
        2 => place,
    ]
}

prop_compose! {
    fn journey()(
        (zone, begin, moves) in beginning(),
        end_of_day in prop::sample::select(vec![(0, 0), (0, 0), (0, 30), (2, 15), (3, 0), (6, 0)]),
        schedule in schedule(),
        vacations in prop::collection::vec((0i64..50, 0i64..9), 0..3),
        events in prop::collection::vec((prop_oneof![5 => 20i64 * 60..28 * 60, 1 => 0..180i64, 1 => 0..4 * 1440i64], event()), 0..35),
        rest in prop_oneof![2 => 0i64..1440, 1 => 0i64..12 * 1440],
    ) -> Journey {
        let stays = |event: &Event| moves || matches!(event, Event::Marks(..));
        let events = events.into_iter().filter(|(_, event)| stays(event)).collect();
        let end_of_day = NaiveTime::from_hms_opt(end_of_day.0, end_of_day.1, 0).unwrap();
        Journey { begin, zone, end_of_day, schedule, vacations, events, rest }
    }
}

fn life() -> impl Strategy<Value = Life> {
    journey().prop_map(|journey| journey.reckoned())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Breaks with any other rule about missed, excused, skipped or undue dates, in either counting; with a day that is
    /// the server's, or does not end when it should; and when a zone's dates, or those that a flight leaves out, are missed.
    #[test]
    fn a_streak_is_what_somebody_counts_on_paper_with_an_eye_on_the_wall(journey in journey()) {
        let (paper, today) = journey.looked_at();
        let life = journey.reckoned();
        prop_assert_eq!((life.first, life.today, &life.history), (paper.first, today, &paper.history));
        prop_assert_eq!(life.streak(), paper.streak(today));
    }

    /// The order in which marks were made does not matter: history is a set of dates. A mark that is taken back leaves
    /// nothing behind.
    #[test]
    fn a_mark_that_is_taken_back_leaves_no_trace(life in life(), day in 0u64..50) {
        let mut marked = life.clone();
        let date = life.first + Days::new(day);
        let before = marked.history.insert(date, Status::Done);
        match before {
            Some(status) => marked.history.insert(date, status),
            None => marked.history.remove(&date),
        };
        prop_assert_eq!(marked.summary(), life.summary());
        // Said and taken back as pending is the same to the streak.
        if before.is_none() {
            marked.history.insert(date, Status::Pending);
            prop_assert_eq!(marked.summary(), life.summary());
        }
    }

    /// What a mark adds to a summary is what reading the whole history again would say. Breaks when the summary forgets
    /// anything of the past that a later mark asks for.
    #[test]
    fn the_past_in_a_summary_goes_on_like_the_past_itself(life in life(), days in 0u64..50) {
        let rules = life.rules();
        let until = life.first + Days::new(days);
        let mut summary = Summary::of(&rules, life.history.range(..until).map(|(d, s)| (*d, *s)));
        for (date, status) in life.history.range(until..) {
            prop_assert!(summary.comes_before(*date));
            summary = summary.and(&rules, [(*date, *status)]);
        }
        prop_assert_eq!(summary, life.summary());
    }

    /// Doing more never shortens a streak, and today's mark adds one to a streak of days.
    #[test]
    fn doing_it_today_adds_one_day(mut life in life()) {
        // After a flight over the date line there may be marks of tomorrow.
        life.history.split_off(&life.today);
        if let Schedule::Weekly(_) = life.schedule {
            life.schedule = Schedule::DAILY;
        }
        let mut marked = life.clone();
        marked.history.insert(life.today, Status::Done);
        let (before, after) = (life.streak(), marked.streak());
        prop_assert_eq!(after.current, before.current + 1);
        prop_assert!(after.max >= before.max);
    }
}

#[test]
fn what_a_week_counts_by_example() {
    let monday = NaiveDate::from_ymd_opt(2026, 3, 2).unwrap();
    assert_eq!(monday.weekday(), chrono::Weekday::Mon);
    let done = |days: &[u64]| days.iter().map(|n| (monday + Days::new(*n), Status::Done)).collect::<History>();
    let life = |history: History, today: u64| Life {
        zone: chrono_tz::UTC,
        off: Vec::new(),
        schedule: Schedule::Weekly(3),
        first: monday,
        history,
        today: monday + Days::new(today),
    };
    let streak = |life: Life| life.streak();
    // Three in the first week, three in the second.
    let full = done(&[0, 2, 4, 7, 8, 13]);
    assert_eq!(streak(life(full.clone(), 13)), Streak { current: 2, max: 2, in_row: 6 });
    assert_eq!(streak(life(full.clone(), 20)), Streak { current: 2, max: 2, in_row: 6 }, "the third can still be full");
    assert_eq!(streak(life(full, 21)), Streak { current: 0, max: 2, in_row: 0 }, "it was not");
    // One of the three was skipped: the week neither adds nor ends.
    let mut skipped = done(&[0, 2, 4, 7, 8, 14, 15, 16]);
    skipped.insert(monday + Days::new(9), Status::Skipped);
    assert_eq!(streak(life(skipped, 16)), Streak { current: 2, max: 2, in_row: 8 });
}
