//! A reminder whose moment has come while no worker looked: what is written meanwhile does not lose it, and when it is
//! taken at last, it is of the day that it was meant for.

use chrono::NaiveTime;
use vitte_habits::Told;
use vitte_habits::domain::{Quiet, Schedule, Status, Weekdays};
use vitte_habits::model::{Habit, Measure, NewHabit};
use vitte_habits::store::{self, Changes, Mark};
use vitte_platform::http::api::Patch;

use crate::world::{World, at, time};

const MADE: &str = "2026-03-10T12:00:00Z";
const SENT: Told = Told { sent: 1, late: 0, needless: 0, expired: 0, unreachable: 0, put_off: 0, full: false };
const LATE: Told = Told { sent: 0, late: 1, ..SENT };
const EXPIRED: Told = Told { sent: 0, expired: 1, ..SENT };
const PUT_OFF: Told = Told { sent: 0, put_off: 1, ..SENT };
const NOTHING: Told = Told { sent: 0, ..SENT };

async fn change(world: &World, user: i64, habit: &Habit, changes: Changes, now: &str) {
    let person = world.person(user).await;
    world.done(async |c| store::update(c, &person, habit.id, changes, at(now)).await).await.unwrap();
}

async fn quiet(world: &World, user: i64, hours: Option<(&str, &str)>, now: &str) {
    let quiet = hours.map(|(from, until)| Quiet { from: time(from), until: time(until) });
    world.done(async |c| store::set_quiet(c, world.settings(), user, quiet, at(now)).await).await.unwrap();
}

/// Breaks when any write plans strictly after now: the moment that waits is planned away.
#[tokio::test]
async fn nothing_that_is_written_while_it_waits_loses_a_reminder() {
    let world = World::new().await;
    let now = "2026-03-11T09:20:00Z";
    let cases = [
        "renamed",
        "same time",
        "a glass",
        "undone",
        "another schedule",
        "quiet",
        "end of day",
        "back from vacation",
        "moved east",
    ];
    for (n, case) in (1..).zip(cases) {
        let user = world.user(n, "UTC").await;
        let measure = Some(Measure { target: 8, unit: None });
        let habit = world.make(user, NewHabit { measure, ..NewHabit::daily("Water", time("09:00:00")) }, MADE).await;
        let none = Changes::default();
        match case {
            "renamed" => {
                change(&world, user, &habit, Changes { name: Some("Tea".to_owned()), ..none }, now).await;
            }
            "same time" => {
                let again = Changes { time_to_remind: Some(time("09:00:00")), ..none };
                change(&world, user, &habit, again, now).await;
            }
            "a glass" => {
                world.mark(user, habit.id, Mark::Add(1), now).await;
            }
            "undone" => {
                world.mark(user, habit.id, Mark::Status(Status::Done), now).await;
                let person = world.person(user).await;
                let date = person.today(at(now));
                world.done(async |c| store::undo(c, &person, habit.id, date, at(now)).await).await.unwrap();
            }
            "another schedule" => {
                change(&world, user, &habit, Changes { schedule: Some(Schedule::Weekly(3)), ..none }, now).await;
            }
            "quiet" => quiet(&world, user, Some(("22:00:00", "08:00:00")), now).await,
            "end of day" => {
                let three = Some(time("03:00:00"));
                world
                    .done(async |c| store::set_end_of_day(c, world.settings(), user, three, at(now)).await)
                    .await
                    .unwrap();
            }
            "back from vacation" => {
                for until in [Some("2026-03-20".parse().unwrap()), None] {
                    world
                        .done(async |c| store::set_vacation(c, world.settings(), user, until, at(now)).await)
                        .await
                        .unwrap();
                }
            }
            _ => world.move_to(user, "Asia/Tokyo", now).await,
        }
        assert_eq!(world.look("2026-03-11T09:30:00Z").await, LATE, "{case}");
        assert_eq!(world.look("2026-03-11T09:31:00Z").await, NOTHING, "{case}: once");
    }
}

/// Breaks when a time that is gone still reminds, or when nine o'clock is told on both sides of the Atlantic.
#[tokio::test]
async fn a_moment_that_is_not_meant_any_more_is_not_told() {
    let world = World::new().await;
    let (ann, bob) = (world.user(5, "UTC").await, world.user(6, "Europe/Berlin").await);
    let anns = world.habit(ann, "09:00:00", MADE).await;
    let ten = Changes { remind_at: Some(vec![time("10:00:00")]), ..Changes::default() };
    change(&world, ann, &anns, ten, "2026-03-11T09:20:00Z").await;
    world.habit(bob, "10:00:00", MADE).await;
    world.move_to(bob, "America/New_York", "2026-03-11T09:20:00Z").await;
    assert_eq!(world.look("2026-03-11T09:30:00Z").await, NOTHING);
    assert_eq!(world.look("2026-03-11T10:00:00Z").await, SENT, "Ann's");
    assert_eq!(world.look("2026-03-11T14:00:00Z").await, SENT, "Bob's, by the clock in New York");
}

/// Breaks when what is due is judged as of the minute in which it is taken: just before midnight nothing ever came.
#[tokio::test]
async fn a_reminder_just_before_the_end_of_the_day_comes_and_is_of_that_day() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let tuesdays = Schedule::Days(Weekdays::new(0b10).unwrap());
    let new = NewHabit { schedule: tuesdays, ..NewHabit::daily("Run", time("23:59:30")) };
    let habit = world.make(user, new, MADE).await;
    assert_eq!(world.look("2026-03-11T00:00:00Z").await, SENT);
    let (_, text) = world.written().await.remove(0);
    assert!(text.contains("still for 10 March"), "{text}");
    assert_eq!(world.reminded().await, [(habit.id, "2026-03-10".to_owned())], "its buttons mark that day");
    // The next Tuesday it is done in time.
    world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-17T20:00:00Z").await;
    assert_eq!(world.look("2026-03-18T00:00:00Z").await, Told { sent: 0, needless: 1, ..SENT });
}

/// Breaks when the time in which a reminder is made up for ends at midnight, or never.
#[tokio::test]
async fn a_late_reminder_of_yesterday_says_so_and_is_made_up_for_as_long_as_any_other() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    world.habit(user, "23:45:00", MADE).await;
    assert_eq!(world.look("2026-03-11T00:05:00Z").await, LATE);
    let (_, text) = world.written().await.remove(0);
    assert!(text.contains("still for 10 March"), "{text}");
    assert_eq!(world.look("2026-03-12T01:46:00Z").await, EXPIRED, "two hours and a minute");
}

/// Breaks when only planned reminders keep quiet hours.
#[tokio::test]
async fn a_late_reminder_does_not_disturb_and_waits_only_within_its_day() {
    let world = World::new().await;
    let (ann, bob, cay) = (world.user(5, "UTC").await, world.user(6, "UTC").await, world.user(7, "UTC").await);
    quiet(&world, ann, Some(("13:00:00", "14:30:00")), MADE).await;
    world.habit(ann, "12:50:00", MADE).await;
    assert_eq!(world.look("2026-03-11T13:05:00Z").await, PUT_OFF);
    assert_eq!(world.look("2026-03-11T14:29:00Z").await, NOTHING);
    assert_eq!(world.look("2026-03-11T14:30:00Z").await, SENT, "after her nap");
    quiet(&world, bob, Some(("22:00:00", "08:00:00")), MADE).await;
    world.habit(bob, "21:30:00", MADE).await;
    assert_eq!(world.look("2026-03-11T22:10:00Z").await, EXPIRED, "in the morning it would be of yesterday");
    // A moment before they begin: the worker looks a moment later.
    quiet(&world, cay, Some(("22:00:00", "08:00:00")), MADE).await;
    world.habit(cay, "21:59:30", "2026-03-11T21:50:00Z").await;
    assert_eq!(world.look("2026-03-11T22:00:00Z").await, SENT);
}

/// Breaks when a moment that was asked for is sent into quiet hours that were set since.
#[tokio::test]
async fn what_was_put_off_for_an_hour_keeps_quiet_hours_too() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "12:00:00", MADE).await;
    assert_eq!(world.look("2026-03-11T12:00:00Z").await, SENT);
    let person = world.person(user).await;
    let (now, one) = (at("2026-03-11T12:05:00Z"), at("2026-03-11T13:05:00Z"));
    let today = person.today(now);
    world.done(async |c| store::snooze(c, &person, habit.id, today, one, now).await).await.unwrap();
    quiet(&world, user, Some(("13:00:00", "14:00:00")), "2026-03-11T12:10:00Z").await;
    assert_eq!(world.look("2026-03-11T13:05:00Z").await, PUT_OFF);
    assert_eq!(world.look("2026-03-11T14:00:00Z").await, SENT);
}

/// Breaks when the first time, which the contract knows, moves away by being sorted, or is there twice.
#[tokio::test]
async fn the_time_that_the_contract_changes_stays_the_first_and_is_there_once() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let times = |all: &[&str]| -> Vec<NaiveTime> { all.iter().map(|at| time(at)).collect() };
    let three = times(&["09:00:00", "14:00:00", "21:00:00"]);
    let habit = world.make(user, NewHabit { remind_at: three, ..NewHabit::daily("Run", NaiveTime::MIN) }, MADE).await;
    for (first, left) in [("21:00:00", &["21:00:00", "14:00:00"][..]), ("08:00:00", &["08:00:00", "14:00:00"])] {
        let changes = Changes { time_to_remind: Some(time(first)), ..Changes::default() };
        change(&world, user, &habit, changes, MADE).await;
        assert_eq!(world.read(user, habit.id, MADE).await.remind_at, times(left));
    }
    let about = Changes { description: Patch::To("Far".to_owned()), ..Changes::default() };
    change(&world, user, &habit, about, MADE).await;
    assert_eq!(world.read(user, habit.id, MADE).await.remind_at, times(&["08:00:00", "14:00:00"]));
}
