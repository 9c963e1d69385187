//! A person's days: zones, the end of day, quiet hours, vacations.

use vitte_habits::domain::{Quiet, Status};
use vitte_habits::model::NewHabit;
use vitte_habits::store::{self, Mark};

use crate::world::{World, at, time};

/// Breaks when a change of zone does not reach the reminders in its own transaction.
#[tokio::test]
async fn reminders_follow_a_person_into_another_zone_at_once() {
    let world = World::new().await;
    let user = world.user(5, "Europe/Berlin").await;
    let made = "2026-03-10T12:00:00Z";
    let habit = world.habit(user, "09:00:00", made).await;
    assert_eq!(habit.next_at, Some(at("2026-03-11T08:00:00Z")));
    world.move_to(user, "Asia/Tokyo", "2026-03-10T13:00:00Z").await;
    assert_eq!(world.read(user, habit.id, made).await.next_at, Some(at("2026-03-11T00:00:00Z")));
    assert_eq!(world.look("2026-03-11T00:00:00Z").await.sent, 1);
    // Back west on the same morning: nine o'clock comes again, and was had already.
    world.move_to(user, "Europe/Berlin", "2026-03-11T01:00:00Z").await;
    assert_eq!(world.read(user, habit.id, made).await.next_at, Some(at("2026-03-12T08:00:00Z")));
}

/// Breaks when a mark plans by the zone that was read before the habit was locked.
#[tokio::test]
async fn a_mark_by_somebody_who_has_just_moved_plans_by_the_new_zone() {
    let world = World::new().await;
    let user = world.user(5, "Europe/Berlin").await;
    let now = "2026-03-10T12:00:00Z";
    let habit = world.habit(user, "09:00:00", now).await;
    let stale = world.person(user).await;
    world.move_to(user, "Asia/Tokyo", now).await;
    let today = stale.today(at(now));
    let mark = Mark::Status(Status::Done);
    world.done(async |c| store::mark(c, &stale, habit.id, today, mark, at(now)).await).await.unwrap();
    assert_eq!(world.read(user, habit.id, now).await.next_at, Some(at("2026-03-11T00:00:00Z")));
}

/// Breaks when anything but the zone is as it was read before the lock.
#[tokio::test]
async fn whoever_has_just_set_quiet_hours_is_planned_by_them_in_a_mark_and_in_a_new_habit() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let now = "2026-03-10T12:00:00Z";
    let habit = world.habit(user, "07:00:00", now).await;
    let stale = world.person(user).await;
    let quiet = Some(Quiet { from: time("22:00:00"), until: time("08:30:00") });
    world.done(async |c| store::set_quiet(c, world.settings(), user, quiet, at(now)).await).await.unwrap();
    let mark = Mark::Status(Status::Done);
    let marked =
        world.done(async |c| store::mark(c, &stale, habit.id, stale.today(at(now)), mark, at(now)).await).await;
    let new = NewHabit::daily("Swim", time("07:00:00"));
    let made = world.done(async |c| store::create(c, world.settings(), user, new.clone(), at(now)).await).await;
    let end = Some(at("2026-03-11T08:30:00Z"));
    assert_eq!((marked.unwrap().habit.next_at, made.unwrap().0.next_at), (end, end));
}

/// Breaks when a habit begins on the date that it was where the person has just left.
#[tokio::test]
async fn a_habit_made_by_somebody_who_has_just_moved_begins_on_the_new_date() {
    let world = World::new().await;
    let user = world.user(5, "Pacific/Pago_Pago").await;
    let now = "2026-03-10T12:00:00Z";
    world.move_to(user, "Pacific/Kiritimati", now).await;
    let new = NewHabit::daily("Swim", time("07:00:00"));
    let make = async |c: &mut _| store::create(c, world.settings(), user, new.clone(), at(now)).await;
    let (made, _) = world.done(make).await.unwrap();
    assert_eq!(made.first_day, "2026-03-11".parse().unwrap());
    assert_eq!(made.next_at, Some(at("2026-03-10T17:00:00Z")));
}

/// Breaks when a date that is skipped already is written again.
#[tokio::test]
async fn flying_back_and_forth_over_the_date_line_excuses_a_date_once() {
    let world = World::new().await;
    let user = world.user(5, "Pacific/Pago_Pago").await;
    // 23:30 of the 10th here, 00:30 of the 12th there.
    let now = "2026-03-11T10:30:00Z";
    for _ in 0..5 {
        for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago"] {
            world.move_to(user, zone, now).await;
        }
    }
    let skipped: Vec<String> =
        sqlx::query_scalar("SELECT first_day::text FROM habits_days_off").fetch_all(&world.pool).await.unwrap();
    assert_eq!(skipped, ["2026-03-11"]);
}

/// Breaks when what has fired in the east keeps a time chosen in the west from firing.
#[tokio::test]
async fn a_time_chosen_anew_counts_today_though_a_later_one_has_fired_further_east() {
    let world = World::new().await;
    let user = world.user(5, "Europe/Berlin").await;
    let habit = world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    assert_eq!(world.look("2026-03-11T08:00:00Z").await.sent, 1);
    world.move_to(user, "America/New_York", "2026-03-11T10:00:00Z").await;
    let person = world.person(user).await;
    let changes = store::Changes { time_to_remind: Some(time("08:00:00")), ..store::Changes::default() };
    world.done(async |c| store::update(c, &person, habit.id, changes, at("2026-03-11T10:00:00Z")).await).await.unwrap();
    assert_eq!(world.look("2026-03-11T12:00:00Z").await.sent, 1);
}

#[tokio::test]
async fn for_who_goes_to_bed_at_three_half_past_two_is_yesterday() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "21:00:00", "2026-03-10T12:00:00Z").await;
    let three = Some(time("03:00:00"));
    world
        .done(async |c| store::set_end_of_day(c, world.settings(), user, three, at("2026-03-10T12:00:00Z")).await)
        .await
        .unwrap();
    let marked = world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-11T02:30:00Z").await;
    assert_eq!(marked.execution.unwrap().date, "2026-03-10".parse().unwrap());
    let marked = world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-11T03:00:00Z").await;
    assert_eq!(marked.execution.unwrap().date, "2026-03-11".parse().unwrap());
    assert_eq!(marked.habit.streak(&world.person(user).await).current, 2);
}

#[tokio::test]
async fn quiet_hours_put_a_reminder_off_to_their_end() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let made = "2026-03-10T12:00:00Z";
    let habit = world.habit(user, "07:00:00", made).await;
    let quiet = Some(Quiet { from: time("22:00:00"), until: time("08:30:00") });
    world.done(async |c| store::set_quiet(c, world.settings(), user, quiet, at(made)).await).await.unwrap();
    assert_eq!(world.read(user, habit.id, made).await.next_at, Some(at("2026-03-11T08:30:00Z")));
    world.done(async |c| store::set_quiet(c, world.settings(), user, None, at(made)).await).await.unwrap();
    assert_eq!(world.read(user, habit.id, made).await.next_at, Some(at("2026-03-11T07:00:00Z")));
}

/// Breaks when ending a vacation early forgets the days that were had.
#[tokio::test]
async fn a_streak_survives_a_vacation_also_one_that_ends_early() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "21:00:00", "2026-03-09T12:00:00Z").await;
    world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-09T12:00:00Z").await;
    let vacation = async |until: Option<&str>, now: &str| {
        let until = until.map(|date| date.parse().unwrap());
        world.done(async |c| store::set_vacation(c, world.settings(), user, until, at(now)).await).await.unwrap();
    };
    vacation(Some("2026-03-20"), "2026-03-10T08:00:00Z").await;
    let streak = async |now: &str| world.read(user, habit.id, now).await.streak(&world.person(user).await).current;
    assert_eq!(streak("2026-03-21T08:00:00Z").await, 1);
    vacation(None, "2026-03-13T08:00:00Z").await;
    assert_eq!(streak("2026-03-13T08:00:00Z").await, 1);
    assert_eq!(streak("2026-03-14T08:00:00Z").await, 0, "the 13th was no vacation any more, and nothing was done");
}
