//! A person who changes their days while a worker takes what is due.

use std::collections::BTreeSet;

use vitte_habits::due_in;
use vitte_habits::store;

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
