//! The picture of a month.

use crate::world::{World, buttons};

/// Breaks when a picture that Telegram has is drawn and uploaded again, or when one that has changed is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_drawn_once_and_again_when_it_looks_different() {
    let world = World::new().await;
    let _worker = world.work();
    let ann = world.ann("ru");
    ann.makes("Чтение", "9").await;
    for n in 1..=3 {
        if n == 3 {
            ann.taps("Сделано").await;
            ann.sees("Сегодня сделано").await;
        }
        ann.taps("Месяц").await;
        vitte_tests::until("the picture", async || (world.telegram.calls("sendPhoto").await.len() == n).then_some(()))
            .await;
        let rests = "SELECT count(*) FROM outbox WHERE sent_at IS NULL";
        vitte_tests::until("the mark of the send", async || (world.count(rests).await == 0).then_some(())).await;
        if n < 3 {
            // A card under the picture, for the next press.
            ann.says("/habits").await;
            ann.taps("🔎 1").await;
            ann.sees("Цель").await;
        }
    }
    ann.finds("Сделано 1 раз · серия 1 день · лучшая 1 день").await;
    assert_eq!(world.count("SELECT count(*) FROM outbox_files").await, 2, "one for each look");
    let pictures: Vec<_> = ann.screen().await.into_iter().filter(|m| m["kind"] == "photo").collect();
    assert_eq!(pictures.len(), 3);
    assert_eq!(pictures[0]["photo_url"], pictures[1]["photo_url"]);
    assert_ne!(pictures[0]["photo_url"], pictures[2]["photo_url"]);
    assert_eq!(pictures[0]["file"]["width"], 1088);
    assert!(buttons(&pictures[0]).is_empty(), "nothing came before the first month");
}

/// Breaks when the date in a button's data is believed.
#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_the_habit_has_not_seen_is_not_drawn() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    let (card, seen) = ann.button("Month").await;
    let id = world.count("SELECT id FROM habits").await;
    let others = ["2026-02", "2026-04", "+262142-12", "-262143-01", "0000-01", "", "2026-13"];
    for (n, month) in (0..).zip(others) {
        ann.presses_again(810_000 + n, card, &format!("habits:month:{id}:{month}")).await;
    }
    ann.presses_again(810_100, card, &seen).await;
    vitte_tests::until("every press answered", async || {
        (world.telegram.calls("answerCallbackQuery").await.len() == others.len() + 1).then_some(())
    })
    .await;
    assert_eq!(world.count("SELECT count(*) FROM jobs WHERE name = 'habits.calendar'").await, 1, "this month alone");
    assert_eq!(world.count("SELECT count(*) FROM dead_updates").await, 0);
}
