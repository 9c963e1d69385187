//! What the bot's owner sees.

use std::sync::Arc;

use vitte_habits::Habits;
use vitte_habits::domain::Status;
use vitte_habits::model::NewHabit;
use vitte_habits::store::Mark;
use vitte_platform::http::admin::Ask;
use vitte_platform::module::Module;

use crate::world::{World, at, time};

fn habits(world: &World) -> Arc<Habits> {
    Arc::new(Habits::new(world.settings().clone(), vec!["en".to_owned()], world.people.clone()).unwrap())
}

/// Breaks when the figures are counted in another transaction than the messages, or lateness is not looked at.
#[tokio::test]
async fn the_page_counts_what_is_due_late_and_was_sent() {
    let world = World::new().await;
    let made = "2026-03-10T12:00:00Z";
    for n in 1..=3 {
        let user = world.user(n, "UTC").await;
        world.habit(user, "09:00:00", made).await;
    }
    let page = habits(&world).admin().remove(0);
    let draw = async |now: &str| (page.draw)(Ask { pool: world.pool.clone(), now: at(now) }).await.unwrap();
    let card = |html: &str, number: i64, what: &str| html.contains(&format!("<b>{number}</b><span>{what}</span>"));
    let html = draw("2026-03-11T08:30:00Z").await;
    assert!(card(&html, 3, "people with habits") && card(&html, 3, "reminders in the next hour"), "{html}");
    assert!(html.contains("No reminder has been due yet"), "{html}");
    let html = draw("2026-03-11T09:06:00Z").await;
    assert!(card(&html, 3, "reminders due now") && card(&html, 3, "reminders late"), "{html}");
    world.look("2026-03-11T09:06:00Z").await;
    world.look("2026-03-12T09:00:00Z").await;
    let html = draw("2026-03-12T10:00:00Z").await;
    assert!(card(&html, 0, "reminders late"), "{html}");
    let late =
        r#"2026-03-11</td><td data-label="On time" class="number">0</td><td data-label="Late" class="number">3</td>"#;
    let sent =
        r#"2026-03-12</td><td data-label="On time" class="number">3</td><td data-label="Late" class="number">0</td>"#;
    assert!(html.contains(late) && html.contains(sent), "{html}");
    assert!(card(&html, 3, "people whose message waits for the rate"), "{html}");
    assert!(card(&html, 0, "messages that never arrived, 7 days"), "{html}");
    world.telegram_has_all().await;
    let refuse = "UPDATE outbox SET sent_at = NULL, dead_at = '2026-03-12T09:01:00Z' WHERE chat_id = 1";
    sqlx::query(refuse).execute(&world.pool).await.unwrap();
    let html = draw("2026-03-12T10:00:00Z").await;
    assert!(card(&html, 0, "people whose message waits for the rate"), "{html}");
    assert!(card(&html, 2, "messages that never arrived, 7 days"), "{html}");
    assert!(card(&draw("2026-03-20T10:00:00Z").await, 0, "messages that never arrived, 7 days"));
}

/// Breaks when a habit's name is not escaped.
#[tokio::test]
async fn a_persons_page_shows_their_habits_and_next_reminders_as_text() {
    let world = World::new().await;
    let (ann, bob) = (world.user(5, "UTC").await, world.user(6, "UTC").await);
    let now = "2026-03-10T12:00:00Z";
    let habit = world.make(ann, NewHabit::daily("<script>alert(1)</script>", time("09:00:00")), now).await;
    world.mark(ann, habit.id, Mark::Status(Status::Done), now).await;
    let page = habits(&world).admin().remove(0);
    let draw = page.person.unwrap();
    let ask = || Ask { pool: world.pool.clone(), now: at(now) };
    let html = draw(ask(), ann).await.unwrap();
    assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    for part in ["daily, 09:00", ">done<", "2026-03-11 09:00 UTC", "Today is 2026-03-10"] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!(draw(ask(), bob).await.unwrap(), "", "nothing to say of who has none");
}
