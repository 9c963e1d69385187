//! What is stored of a habit is what its executions come to, whatever happened in whatever order.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use vitte_habits::domain::{Quiet, Schedule, Status};
use vitte_habits::model::{Measure, NewHabit};
use vitte_habits::store::{self, HabitError, Mark};
use vitte_platform::http::api::Patch;

use crate::paper::{Paper, later};
use crate::world::{World, at, time};

#[derive(Debug, Clone)]
enum Does {
    Marks(i64, Status),
    Undoes(i64),
    MovesTo(&'static str),
    Rests(i64),
    Changes(Schedule),
    Hushes(bool),
    Waits(i64),
}

fn does() -> impl Strategy<Value = Does> {
    let status =
        prop::sample::select(vec![Status::Done, Status::Done, Status::NotDone, Status::Skipped, Status::Pending]);
    let zones = vec!["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"];
    prop_oneof![
        8 => (-5i64..1, status).prop_map(|(day, status)| Does::Marks(day, status)),
        2 => (-5i64..1).prop_map(Does::Undoes),
        1 => prop::sample::select(zones).prop_map(Does::MovesTo),
        1 => (0i64..4).prop_map(Does::Rests),
        1 => prop::sample::select(vec![Schedule::DAILY, Schedule::Weekly(3)]).prop_map(Does::Changes),
        1 => any::<bool>().prop_map(Does::Hushes),
        4 => (1i64..30).prop_map(Does::Waits),
    ]
}

/// Breaks when any way of changing the past forgets to sum it up again.
#[tokio::test]
async fn what_is_stored_is_always_what_the_executions_come_to() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let new = NewHabit { target_days: 1_000, ..NewHabit::daily("Run", time("09:00:00")) };
    let id = world.make(user, new, "2026-03-10T12:00:00Z").await.id;
    let mut now = at("2026-03-10T12:00:00Z");
    let mut runner = TestRunner::deterministic();
    for step in 0..150 {
        let what = does().new_tree(&mut runner).unwrap().current();
        let person = world.person(user).await;
        let day = |n: i64| person.today(now) + chrono::TimeDelta::days(n);
        world
            .done(async |c| -> Result<(), HabitError> {
                match &what {
                    Does::Marks(n, status) => {
                        store::mark(c, &person, id, day(*n), Mark::Status(*status), now).await.map(|_| ())
                    }
                    Does::Undoes(n) => store::undo(c, &person, id, day(*n), now).await.map(|_| ()),
                    Does::Rests(n) => store::set_vacation(c, world.settings(), user, Some(day(*n)), now).await,
                    Does::Changes(schedule) => {
                        let changes = store::Changes { schedule: Some(*schedule), ..store::Changes::default() };
                        store::update(c, &person, id, changes, now).await.map(|_| ())
                    }
                    Does::Hushes(yes) => {
                        let quiet = yes.then(|| Quiet { from: time("08:00:00"), until: time("10:00:00") });
                        store::set_quiet(c, world.settings(), user, quiet, now).await
                    }
                    Does::MovesTo(_) | Does::Waits(_) => Ok(()),
                }
            })
            .await
            .unwrap();
        match &what {
            Does::MovesTo(zone) => world.move_to(user, zone, &now.to_rfc3339()).await,
            Does::Waits(hours) => now += chrono::TimeDelta::hours(*hours),
            _ => {}
        }
        let person = world.person(user).await;
        let mut c = world.connection().await;
        let habit = store::get(&mut c, &person, id, now).await.unwrap();
        let past = store::executions(&mut c, id, 10_000).await.unwrap();
        let paper = Paper {
            schedule: habit.schedule,
            first: habit.first_day,
            // None of these zones lacks a date in that year.
            free: person
                .off
                .iter()
                .flat_map(|(from, until)| from.iter_days().take_while(|date| date <= until))
                .collect(),
            history: past.iter().map(|execution| (execution.date, execution.status)).collect(),
        };
        for days in 0..10 {
            let date = later(habit.today, days);
            let streak = habit.summary.at(&habit.rules(&person), date);
            assert_eq!(streak, paper.streak(date), "step {step}: {what:?}, {days} days later");
        }
        assert!(habit.next_at.is_some(), "step {step}: {what:?}");
    }
}

/// Breaks without the lock of the habit: two marks at once each sum up a past without the other.
#[tokio::test]
async fn marks_of_many_days_at_once_are_all_in_the_streak() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let new = NewHabit { target_days: 1_000, ..NewHabit::daily("Run", time("09:00:00")) };
    let now = at("2026-03-10T12:00:00Z");
    let person = world.person(user).await;
    for round in 0..5 {
        let id = world.make(user, new.clone(), "2026-03-10T12:00:00Z").await.id;
        let mark = async |day: i64| {
            let date = person.today(now) - chrono::TimeDelta::days(day);
            let done = Mark::Status(Status::Done);
            world.done(async |c| store::mark(c, &person, id, date, done, now).await).await.unwrap();
        };
        futures::future::join_all((0..8).map(mark)).await;
        let habit = store::get(&mut *world.connection().await, &person, id, now).await.unwrap();
        assert_eq!(habit.streak(&person).current, 8, "round {round}");
    }
}

#[tokio::test]
async fn a_measured_habit_is_done_when_its_amount_is_reached() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let measure = Some(Measure { target: 8, unit: Some("glasses".to_owned()) });
    let new = NewHabit { measure, ..NewHabit::daily("Water", time("09:00:00")) };
    let id = world.make(user, new, "2026-03-10T12:00:00Z").await.id;
    let now = "2026-03-10T13:00:00Z";
    assert_eq!(world.mark(user, id, Mark::Add(5), now).await.execution.unwrap().status, Status::Pending);
    let marked = world.mark(user, id, Mark::Add(3), now).await;
    assert_eq!((marked.habit.is_done_today(), marked.habit.amount_today), (true, Some(8)));
    let marked = world.mark(user, id, Mark::Amount(7), now).await;
    assert_eq!((marked.habit.is_done_today(), marked.habit.amount_today), (false, Some(7)));
}

/// Breaks when taking back the last mark leaves the habit in the archive.
#[tokio::test]
async fn the_mark_that_completes_a_habit_can_be_taken_back() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let new = NewHabit { target_days: 1, ..NewHabit::daily("Run", time("09:00:00")) };
    let id = world.make(user, new, "2026-03-10T12:00:00Z").await.id;
    let now = at("2026-03-10T13:00:00Z");
    let person = world.person(user).await;
    let toggle = async || world.done(async |c| store::toggle_today(c, &person, id, now).await).await.unwrap();
    let done = toggle().await;
    assert!(done.completed && !done.habit.is_active && done.habit.next_at.is_none());
    let undone = toggle().await;
    assert!(!undone.completed && undone.habit.is_active && undone.habit.next_at.is_some());
    assert_eq!(undone.habit.streak(&person).current, 0);
}

/// Breaks when only the mark that crosses the target completes a habit, or when each that stands at it does.
#[tokio::test]
async fn a_target_that_was_lowered_is_reached_by_the_next_done_day_and_one_gone_beyond_is_not_reached_again() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "09:00:00", "2026-03-01T12:00:00Z").await;
    let done = async |day: u32| {
        world.mark(user, habit.id, Mark::Status(Status::Done), &format!("2026-03-{day:02}T12:00:00Z")).await.completed
    };
    let change = async |day: u32, changes: store::Changes| {
        let person = world.person(user).await;
        let now = at(&format!("2026-03-{day:02}T13:00:00Z"));
        world.done(async |c| store::update(c, &person, habit.id, changes, now).await).await.unwrap()
    };
    let target = |days| store::Changes { target_days: Some(days), ..store::Changes::default() };
    let reopened = || store::Changes { is_active: Some(true), ..store::Changes::default() };
    for day in 1..=4 {
        assert!(!done(day).await);
    }
    assert!(change(4, target(3)).await.is_active, "it is the person who says that a day is done");
    world.mark(user, habit.id, Mark::Status(Status::Skipped), "2026-03-05T12:00:00Z").await;
    assert!(done(5).await, "five of three");
    assert!(change(5, reopened()).await.is_active);
    assert!(!done(6).await && !done(7).await, "it goes on");
    change(7, target(8)).await;
    assert!(done(8).await, "another target");
    change(8, reopened()).await;
    assert!(!done(9).await);
    // Nothing on the 10th: the streak begins anew, and so does the way to the target.
    change(9, target(2)).await;
    assert!(!done(11).await);
    assert!(done(12).await);
}

/// Breaks when a day keeps what an amount that is not asked for any more has decided.
#[tokio::test]
async fn another_amount_a_day_decides_about_today_again_unless_a_word_has() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let now = "2026-03-10T13:00:00Z";
    let make = async || {
        let measure = Some(Measure { target: 8, unit: None });
        let new = NewHabit { measure, ..NewHabit::daily("Water", time("15:00:00")) };
        world.make(user, new, "2026-03-10T12:00:00Z").await.id
    };
    let (water, tea) = (make().await, make().await);
    let person = world.person(user).await;
    let measure = async |id: i64, target: i32| {
        let to = Patch::To(Measure { target, unit: None });
        let changes = store::Changes { measure: to, ..store::Changes::default() };
        let habit = world.done(async |c| store::update(c, &person, id, changes, at(now)).await).await.unwrap();
        (habit.status_today.unwrap(), habit.amount_today, habit.streak(&person).current)
    };
    world.mark(user, water, Mark::Add(6), now).await;
    assert_eq!(measure(water, 5).await, (Status::Done, Some(6), 1));
    assert_eq!(world.look("2026-03-10T15:00:00Z").await.sent, 1, "the tea's alone");
    assert_eq!(measure(water, 7).await, (Status::Pending, Some(6), 0));
    world.mark(user, tea, Mark::Add(3), now).await;
    world.mark(user, tea, Mark::Status(Status::Skipped), now).await;
    assert_eq!(measure(tea, 3).await.0, Status::Skipped);
}
