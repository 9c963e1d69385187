//! Reminders that have to wait for the bot's rate, or for Telegram, are decided when there is room for them.

use vitte_habits::domain::Status;
use vitte_habits::store::Mark;
use vitte_habits::{Reminding, due_in};

use crate::world::{World, at};

const NINE: &str = "2026-03-11T09:00:00Z";

/// Breaks when all that is due is written at once: what waits in the outbox leaves as it was written.
#[tokio::test]
async fn whoever_is_done_before_there_was_room_for_the_reminder_is_not_reminded() {
    let world = World::new().await;
    let mut habits = Vec::new();
    for n in 1..=4 {
        let user = world.user(n, "UTC").await;
        habits.push((user, world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await.id));
    }
    let reminding = Reminding { ahead: 2, ..Reminding::new(world.settings().clone(), vec!["en".to_owned()]) };
    let look = async |now: &str| due_in(&world.pool, &reminding, at(now), None).await.unwrap();
    assert_eq!(look(NINE).await.sent, 2);
    let full = look("2026-03-11T09:01:00Z").await;
    assert!(full.full && full.taken() == 0, "{full:?}");

    let (user, habit) = habits[2];
    world.mark(user, habit, Mark::Status(Status::Done), "2026-03-11T09:04:00Z").await;
    world.telegram_has_all().await;
    let last = look("2026-03-11T09:30:00Z").await;
    assert_eq!((last.needless, last.late, last.sent), (1, 1, 0), "one is done, one comes late and says so");
    assert_eq!(world.reminded().await.len(), 3);
    assert_eq!(look("2026-03-11T09:31:00Z").await.taken(), 0, "nothing is due any more");
}
