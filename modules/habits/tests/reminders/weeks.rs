//! The summary of a week: once for each, and of what was asked.

use vitte_habits::domain::Status;
use vitte_habits::store::{self, Mark, Weekly};
use vitte_habits::summary_in;

use crate::world::{World, at};

/// A Sunday, at seven in the evening.
const SUNDAY: &str = "2026-03-15T19:00:00Z";

/// Breaks when whoever has read that a person is to be told tells them: another may have done it since.
#[tokio::test]
async fn of_two_workers_that_have_found_the_same_people_one_tells_them() {
    let world = World::new().await;
    let (ann, bob) = (world.user(5, "UTC").await, world.user(6, "UTC").await);
    for user in [ann, bob] {
        world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    }
    let week = "2026-03-09".parse().unwrap();
    let found = async || {
        let of = ("UTC", Weekly::Sunday, week);
        let all = world.done(async |c| store::weekly_due(c, world.settings(), of, 0, 10).await).await.unwrap();
        all.iter().map(|summed| summed.person.user_id).collect::<Vec<_>>()
    };
    let (first, second) = (found().await, found().await);
    assert_eq!((&first, &second), (&vec![ann, bob], &vec![ann, bob]));
    let claim = async |people: &[i64]| {
        let mut claimed = world.done(async |c| store::claim_week(c, people, week, at(SUNDAY)).await).await.unwrap();
        claimed.sort_unstable();
        claimed
    };
    let (one, two) = futures::future::join(claim(&first), claim(&second)).await;
    assert_eq!([one, two].concat(), [ann, bob], "each once");
    assert_eq!(summary_in(&world.pool, &world.reminding, at(SUNDAY), None).await.unwrap(), 0);
}

/// Breaks when the evening of a day that is not over counts as a day that was missed.
#[tokio::test]
async fn a_sunday_that_is_not_over_is_not_missed() {
    let world = World::new().await;
    let user = world.user(5, "UTC").await;
    let habit = world.habit(user, "21:00:00", "2026-03-09T12:00:00Z").await;
    for day in 9..=14 {
        world.mark(user, habit.id, Mark::Status(Status::Done), &format!("2026-03-{day:02}T12:00:00Z")).await;
    }
    assert_eq!(summary_in(&world.pool, &world.reminding, at(SUNDAY), None).await.unwrap(), 1);
    let (_, text) = world.written().await.remove(0);
    assert!(text.contains("Done 6 of 6") && text.contains("🟩⬜ 6/6"), "{text}");
}
