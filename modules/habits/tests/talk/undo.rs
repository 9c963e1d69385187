//! A measured day taken back: what had been counted before it was done is there again.

use vitte_habits::due_in;
use vitte_platform::clock::Clock;

use crate::world::{World, text};

/// Breaks when "take it back" throws away what had been counted, or when a second press of it does.
#[tokio::test(flavor = "multi_thread")]
async fn done_or_skipped_and_taken_back_on_the_card_leaves_what_was_counted() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes_measured("Water", "8 glasses").await;
    ann.taps("How much today").await;
    ann.sees("The goal is 8 glasses").await;
    ann.says("3").await;
    ann.sees("Today: 3 / 8 glasses").await;
    let marks = [("✅ Done", "Today: 8 / 8 glasses"), ("➖ Skip", "Skipped for today")];
    for (update, (mark, marked)) in (820_000..).zip(marks) {
        ann.taps(mark).await;
        ann.sees(marked).await;
        let (card, undo) = ann.button("Take it back").await;
        ann.person.press(card, &undo).await;
        assert!(text(&ann.sees("Still to do today").await).contains("Today: 3 / 8 glasses"));
        ann.presses_again(update, card, &undo).await;
    }
    let kept = "SELECT count(*) FROM habits_executions WHERE status = 'pending' AND amount = 3";
    assert_eq!(world.count(kept).await, 1);
    // What is counted in full is done; more of it is no other mark.
    ann.says("/habits").await;
    for (glass, shown) in (4..=9).zip(["⏳", "⏳", "⏳", "⏳", "✅", "✅"]) {
        ann.taps("Water").await;
        ann.sees(&format!("{glass} / 8 glasses")).await;
        ann.sees(&format!("1. {shown}")).await;
    }
    ann.taps("🔎 1").await;
    ann.taps("Take it back").await;
    assert!(text(&ann.sees("Today: 7 / 8 glasses").await).contains("Still to do today"));
    ann.taps("How much today").await;
    ann.sees("how much is it today").await;
    ann.says("0").await;
    ann.sees("Today: 0 / 8 glasses").await;
    ann.taps("✅ Done").await;
    ann.sees("Today: 8 / 8 glasses").await;
    ann.taps("Take it back").await;
    ann.sees("Today: 0 / 8 glasses").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0, "as if nothing had been said");
}

/// Breaks when the reminder's way back differs from the card's.
#[tokio::test(flavor = "multi_thread")]
async fn done_and_taken_back_under_a_reminder_leaves_what_was_counted_today_and_yesterday() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.makes_measured("Вода", "8 стаканов").await;
    ann.says("/habits").await;
    ann.taps("⏳ Вода").await;
    ann.sees("1 / 8 стаканов").await;
    world.hours(24);
    let look = async || due_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap().taken();
    assert_eq!(look().await, 1);
    ann.sees("Сегодня ещё есть время").await;
    ann.says("/habits").await;
    ann.sees("Четверг, 12 марта").await;
    for glasses in 1..=5 {
        ann.taps("⏳ Вода").await;
        ann.sees(&format!("{glasses} / 8 стаканов")).await;
    }
    ann.taps("✅ Сделано").await;
    ann.finds("Сделано. Уже 1 день подряд").await;
    ann.taps("Отменить отметку").await;
    ann.finds("Отметка снята").await;
    let of = "SELECT amount::bigint FROM habits_executions WHERE execution_date = '2026-03-12' AND status = 'pending'";
    assert_eq!(world.count(of).await, 5);
    ann.taps("🔎 1").await;
    ann.sees("Сегодня: 5 / 8 стаканов").await;
    ann.taps("Вчера сделано").await;
    ann.sees("Серия: 1 день").await;
    ann.taps("Вчера ✅: отменить").await;
    ann.button("Вчера сделано").await;
    let of = "SELECT amount::bigint FROM habits_executions WHERE execution_date = '2026-03-11' AND status = 'pending'";
    assert_eq!(world.count(of).await, 1);
    ann.sees("Сегодня: 5 / 8 стаканов").await;
}
