//! What a reminder's buttons do, as the person sees it.

use vitte_habits::due_in;
use vitte_platform::clock::Clock;

use crate::world::{World, buttons, text};

/// Breaks when a button of a reminder sends a message instead of changing it, or when "in an hour" is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_is_put_off_for_an_hour_then_done_and_the_goal_is_congratulated() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/newhabit").await;
    ann.sees("Какую привычку").await;
    for (said, seen) in [
        ("Чтение", "хороший выбор"),
        ("/skip", "Сколько дней"),
        ("1", "Когда напоминать"),
        ("в десять", "Напоминание: 10:00"),
    ] {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    let look = async || due_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap().taken();
    assert_eq!(look().await, 0, "it is ten past nine");
    world.minutes(50);
    assert_eq!(look().await, 1);
    let reminded = ann.sees("Сегодня хороший день, чтобы начать").await;
    let labels: Vec<String> = buttons(&reminded).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["✅ Сделано", "🕐 Через час", "Пропустить сегодня"]);
    ann.taps("Через час").await;
    let put_off = ann.sees("Напомню через час").await;
    assert_eq!(put_off["message_id"], reminded["message_id"]);
    assert_eq!(look().await, 0);
    world.hours(1);
    assert_eq!(look().await, 1);
    let again = ann.sees("Сегодня хороший день, чтобы начать").await;
    assert_ne!(again["message_id"], reminded["message_id"]);
    ann.taps("✅ Сделано").await;
    ann.finds("Сделано. Подряд уже 1").await;
    ann.sees("Получилось: 1 день подряд").await;
    ann.taps("Пусть отдыхает").await;
    assert!(text(&ann.sees("Что дальше?").await).contains("🏆"));
    world.hours(24);
    assert_eq!(look().await, 0, "it rests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_is_skipped_and_the_streak_stays() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "10").await;
    ann.says("/habits").await;
    ann.taps("⏳ Read").await;
    ann.sees("🔥 1").await;
    let look = async || due_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap();
    world.minutes(50);
    assert_eq!(look().await.needless, 1, "it is done");
    world.hours(24);
    assert_eq!(look().await.sent, 1);
    ann.sees("1 in a row").await;
    ann.taps("Skip today").await;
    ann.sees("Your streak stays").await;
    world.hours(23);
    ann.says("/habits").await;
    ann.sees("⏳ Read 🔥 1").await;
}
