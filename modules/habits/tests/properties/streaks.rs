//! Streaks against a reference that walks every date, over random histories, zones and dates around clock changes.

use std::collections::BTreeMap;

use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use proptest::prelude::*;
use vitte_habits::domain::{Calendar, Range, Rules, Schedule, Status, Streak, Summary, Weekdays, exists, week_of};

type History = BTreeMap<NaiveDate, Status>;

/// A habit's life, as a test draws it.
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

    fn is_off(&self, date: NaiveDate) -> bool {
        self.off.iter().any(|(a, b)| *a <= date && date <= *b) || !exists(date, self.zone)
    }

    fn done(&self, date: NaiveDate) -> bool {
        self.history.get(&date) == Some(&Status::Done)
    }

    /// The streak on `day`, and the dates done in it, as somebody would count them on paper: backwards.
    fn counted(&self, day: NaiveDate) -> (i32, i32) {
        match self.schedule {
            Schedule::Days(days) => {
                let (mut streak, mut date) = (0, day);
                while date >= self.earliest() {
                    let due = days.contains(date) && !self.is_off(date);
                    match self.history.get(&date) {
                        Some(Status::Done) => streak += 1,
                        Some(Status::Skipped) => {}
                        Some(Status::NotDone) if due => break,
                        None | Some(Status::Pending) if due && date != day => break,
                        _ => {}
                    }
                    date = date - Days::new(1);
                }
                (streak, streak)
            }
            Schedule::Weekly(times) => {
                let (mut streak, mut row, mut week) = (0, 0, week_of(day));
                while week >= week_of(self.earliest()) {
                    let dates: Vec<NaiveDate> = (0..7).map(|n| week + Days::new(n)).collect();
                    let done = dates.iter().filter(|d| **d <= day && self.done(**d)).count();
                    let excused = dates.iter().filter(|d| {
                        !self.done(**d)
                            && (self.history.get(*d) == Some(&Status::Skipped) || **d < self.first || self.is_off(**d))
                    });
                    let full = done >= usize::from(times);
                    if !full && week != week_of(day) && done + excused.count() < usize::from(times) {
                        break;
                    }
                    streak += i32::from(full);
                    row += i32::try_from(done).unwrap();
                    week = week - Days::new(7);
                }
                (streak, row)
            }
        }
    }

    fn earliest(&self) -> NaiveDate {
        self.history.keys().next().map_or(self.first, |date| self.first.min(*date))
    }

    /// What a person has seen at best on any day until today: with what was known on that day of the past.
    fn best(&self) -> i32 {
        let mut date = self.earliest();
        let mut best = 0;
        while date <= self.today {
            let known = Life {
                history: self.history.range(..=date).map(|(d, s)| (*d, *s)).collect(),
                today: date,
                ..self.clone()
            };
            best = best.max(known.counted(date).0);
            date = date + Days::new(1);
        }
        best
    }

    fn reference(&self) -> Streak {
        let (current, in_row) = self.counted(self.today);
        Streak { current, max: self.best(), in_row }
    }

    fn summary(&self) -> Summary {
        Summary::of(&self.rules(), self.history.iter().map(|(d, s)| (*d, *s)))
    }
}

fn status() -> impl Strategy<Value = Option<Status>> {
    prop_oneof![
        8 => Just(Some(Status::Done)),
        1 => Just(Some(Status::NotDone)),
        1 => Just(Some(Status::Skipped)),
        1 => Just(Some(Status::Pending)),
        1 => Just(None),
    ]
}

fn schedule() -> impl Strategy<Value = Schedule> {
    prop_oneof![
        2 => Just(Schedule::DAILY),
        2 => (1u8..128).prop_map(|bits| Schedule::Days(Weekdays::new(bits).unwrap())),
        3 => (1u8..=7).prop_map(Schedule::Weekly),
    ]
}

/// Begins shortly before a date on which this zone's clocks or calendar did something.
fn beginning() -> impl Strategy<Value = (Tz, NaiveDate)> {
    let places = [
        ("Pacific/Apia", 2011, 12, 20),
        ("Pacific/Kwajalein", 1993, 8, 10),
        ("Europe/Berlin", 2026, 3, 20),
        ("America/Sao_Paulo", 2018, 10, 28),
        ("Africa/Casablanca", 2025, 2, 15),
        ("UTC", 2024, 2, 20),
    ];
    prop::sample::select(places.to_vec()).prop_flat_map(|(zone, y, m, d)| {
        let first = NaiveDate::from_ymd_opt(y, m, d).unwrap();
        (Just(zone.parse().unwrap()), (0u64..14).prop_map(move |n| first + Days::new(n)))
    })
}

prop_compose! {
    fn life()(
        (zone, first) in beginning(),
        schedule in schedule(),
        // A backdated mark comes before the first day.
        early in 0u64..5,
        marks in prop::collection::vec(status(), 0..45),
        later in 0u64..12,
        off in prop::collection::vec((0u64..50, 0u64..9), 0..3),
    ) -> Life {
        let start = first - Days::new(early);
        let at = |n: usize| start + Days::new(u64::try_from(n).unwrap());
        let today = at(marks.len().saturating_sub(1)).max(first) + Days::new(later);
        let history = marks.iter().enumerate().filter_map(|(n, s)| Some((at(n), (*s)?))).collect();
        let off = off.into_iter().map(|(from, days)| (first + Days::new(from), first + Days::new(from + days))).collect();
        Life { zone, off, schedule, first, history, today }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Breaks with any other rule about missed, excused, skipped or undue dates, in either counting.
    #[test]
    fn a_streak_is_what_somebody_counts_on_paper(life in life()) {
        prop_assert_eq!(life.summary().at(&life.rules(), life.today), life.reference());
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
        life.history.remove(&life.today);
        if let Schedule::Weekly(_) = life.schedule {
            life.schedule = Schedule::DAILY;
        }
        let mut marked = life.clone();
        marked.history.insert(life.today, Status::Done);
        let (before, after) =
            (life.summary().at(&life.rules(), life.today), marked.summary().at(&marked.rules(), life.today));
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
    let streak = |life: Life| life.summary().at(&life.rules(), life.today);
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
