//! The week, summed up.

use vitte_habits::summary_in;
use vitte_platform::clock::Clock;

use crate::world::{World, text};

/// Breaks when two workers both tell somebody, when a week is told twice, or when the zone is not the person's.
#[tokio::test(flavor = "multi_thread")]
async fn a_week_is_summed_up_once_in_the_persons_zone_however_many_workers_look() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.makes("Чтение", "9").await;
    ann.taps("Указать город").await;
    ann.sees("Где вы живёте").await;
    ann.says("Новосибирск").await;
    ann.sees("Новосибирск, сейчас 16:10").await;
    for day in 0..3 {
        ann.says("/habits").await;
        ann.taps("⏳ Чтение").await;
        ann.sees(&format!("🔥 {}", day + 1)).await;
        world.hours(24);
    }
    // Saturday 14 March, 16:10 there; Sunday at 18:10 is too early, at 19:10 it is time.
    world.hours(26);
    let look = async || summary_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap();
    assert_eq!(look().await, 0, "not yet");
    world.hours(1);
    let (first, second) = tokio::join!(look(), look());
    assert_eq!(first + second + look().await, 1);
    let told = ann.sees("Ваша неделя, 9–15 марта").await;
    // The Sunday is not over.
    assert!(text(&told).contains("Сделано 3 из 4"), "{told}");
    assert!(text(&told).contains("⬜⬜🟩🟩🟩🟥⬜ 3/4"), "{told}");
    world.hours(24);
    assert_eq!(look().await, 0, "Monday evening");
    world.hours(24 * 6);
    assert_eq!(look().await, 1, "the next Sunday");
    assert!(text(&ann.sees("16–22 марта").await).contains("Тихая неделя"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_no_summary_gets_none_and_quiet_hours_put_it_off() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    ann.says("/profile").await;
    ann.taps("Quiet hours").await;
    ann.sees("When shall I be silent").await;
    ann.says("19:00 to 7:00").await;
    ann.sees("Quiet hours: 19:00–07:00").await;
    let look = async || summary_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap();
    // Sunday 15 March, 19:10.
    world.hours(4 * 24 + 10);
    assert_eq!(look().await, 0, "it is quiet");
    world.hours(12);
    assert_eq!(look().await, 1, "in the morning after");
    ann.sees("Your week, 9–15 March").await;
    ann.says("/profile").await;
    ann.sees("Summary of the week: Sunday evening").await;
    ann.taps("Summary").await;
    ann.sees("When shall I sum up").await;
    ann.taps("never").await;
    ann.sees("Summary of the week: never").await;
    world.hours(7 * 24);
    assert_eq!(look().await, 0);
}
