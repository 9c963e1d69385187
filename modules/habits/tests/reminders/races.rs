//! A person who changes their days while a worker takes what is due.

use std::collections::BTreeSet;

use vitte_habits::domain::Status;
use vitte_habits::due_in;
use vitte_habits::store::{self, Mark};
use vitte_platform::people::Change;
use vitte_tests::until;

use crate::world::{World, at};

/// Breaks when either writes what the other has not seen: a reminder told twice, or planned by the zone that was.
#[tokio::test]
async fn whoever_flies_while_reminders_are_taken_gets_each_once_and_the_next_by_the_new_clock() {
    let world = World::new().await;
    let mut people = Vec::new();
    for n in 1..=40 {
        let user = world.user(n, "Europe/Berlin").await;
        let habit = world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
        people.push((user, habit.id));
    }
    let now = at("2026-03-11T08:00:00Z");
    let fly = async |(n, (user, _)): (usize, &(i64, i64))| {
        // East it is past nine, west it is yet to come.
        let zone = ["Asia/Tokyo", "Europe/London"][n % 2];
        world.move_to(*user, zone, "2026-03-11T08:00:00Z").await;
    };
    let look = async || while due_in(&world.pool, &world.reminding, now, None).await.unwrap().taken() > 0 {};
    let flights = futures::future::join_all(people.iter().enumerate().map(fly));
    futures::join!(look(), flights, look());
    look().await;
    for (n, (user, habit)) in people.iter().enumerate() {
        let habit = store::get(&mut *world.connection().await, &world.person(*user).await, *habit, now).await.unwrap();
        let told = world.reminded().await.iter().filter(|(id, _)| *id == habit.id).count();
        // In London who flew first hears of it at nine there, and who was told first does not hear of it again.
        let next = match (n % 2, told) {
            (0, 1) => "2026-03-12T00:00:00Z",
            (1, 0) => "2026-03-11T09:00:00Z",
            (1, 1) => "2026-03-12T09:00:00Z",
            _ => panic!("{told} reminders of habit {}", habit.id),
        };
        assert_eq!(habit.next_at, Some(at(next)), "{told} reminders, {n}");
    }
    world.look("2026-03-11T09:00:00Z").await;
    let reminded = world.reminded().await;
    let each: BTreeSet<_> = reminded.iter().collect();
    assert_eq!((reminded.len(), each.len()), (people.len(), people.len()), "each once, in whichever zone");
}

/// Breaks when a mark is of the day, or plans by the clock, that was read before it waited for the habit.
#[tokio::test]
async fn a_mark_that_waited_for_a_flight_is_of_the_day_where_the_person_is_now() {
    let world = World::new().await;
    let user = world.user(5, "Pacific/Pago_Pago").await;
    // Half past eleven in the evening of the 10th here, half past midnight of the 12th there.
    let now = "2026-03-11T10:30:00Z";
    let habit = world.habit(user, "09:00:00", now).await.id;
    let mut flight = world.pool.begin().await.unwrap();
    let change = Change { timezone: Some("Pacific/Kiritimati".to_owned()), ..Change::default() };
    world.people.change(&mut flight, user, &change, at(now)).await.unwrap().unwrap();
    let mark = async |status: Status| {
        let mark = Mark::Status(status);
        world.done(async |c| store::mark_today(c, world.settings(), user, habit, mark, at(now)).await).await.unwrap()
    };
    let land = async {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock')";
        until("the mark to wait", async || {
            sqlx::query_scalar::<_, bool>(waits).fetch_one(&world.pool).await.unwrap().then_some(())
        })
        .await;
        flight.commit().await.unwrap();
    };
    let (marked, ()) = futures::join!(mark(Status::Done), land);
    assert_eq!(marked.execution.unwrap().date, "2026-03-12".parse().unwrap());
    assert_eq!(marked.habit.next_at, Some(at("2026-03-11T19:00:00Z")), "nine in the morning of the 12th");
    let stored = world.read(user, habit, now).await;
    assert_eq!((stored.next_at, stored.is_done_today()), (marked.habit.next_at, true));
}
