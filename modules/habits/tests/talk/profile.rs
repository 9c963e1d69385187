//! The profile: where somebody is, and what they take away.

use serde_json::json;

use crate::world::{World, buttons};

/// Breaks when a location is taken without asking, or when reminders do not follow the zone.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_location_becomes_a_zone_when_the_person_says_yes_and_reminders_follow() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "21:00").await;
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    let from = json!({"id": 5, "is_bot": false, "first_name": "P5", "language_code": "en"});
    let message = json!({"message_id": 900_001, "date": 1, "chat": {"id": 5, "type": "private"}, "from": from,
        "location": {"latitude": 35.0, "longitude": 135.7}});
    world.telegram.update(&json!({"update_id": 900_001, "message": message})).await;
    ann.sees("the time of Tokyo: 18:10 now").await;
    assert_eq!(world.count("SELECT count(*) FROM users WHERE timezone = 'UTC'").await, 1, "not before the yes");
    ann.taps("Yes").await;
    ann.sees("Time zone: Tokyo, 18:10 now").await;
    ann.toast("All reminders follow").await;
    let at = "SELECT count(*) FROM habits WHERE next_at = '2026-03-11T12:00:00Z'";
    assert_eq!(world.count(at).await, 1, "21:00 in Tokyo");
    ann.says("hello").await;
    ann.sees("echo: hello").await;
}

/// Breaks when a question of the profile outlives the way back.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_back_from_a_question_has_left_it() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/profile").await;
    for (question, seen) in [("Quiet hours", "When shall I be silent"), ("Vacation", "Until when do you rest")] {
        ann.taps(question).await;
        ann.sees(seen).await;
        ann.taps("Back").await;
        ann.sees("Quiet hours: off").await;
    }
    ann.says("22-8").await;
    ann.sees("echo: 22-8").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_taken_away_as_a_csv_document() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/profile").await;
    ann.taps("Скачать всё").await;
    ann.toast("Скачивать пока нечего").await;
    ann.makes("Бег, плавание", "9").await;
    ann.says("/habits").await;
    ann.taps("⏳ Бег").await;
    ann.sees("всё сделано").await;
    ann.says("/profile").await;
    ann.taps("Скачать всё").await;
    let document = ann.sees("Все ваши отметки: 1").await;
    assert_eq!(document["file"]["name"], "habits-2026-03-11.csv");
    let url = format!("{}{}", world.telegram.url(), document["file_url"].as_str().unwrap());
    let content = world.telegram.http.get(url).send().await.unwrap().text().await.unwrap();
    let content = content.trim_start_matches('\u{feff}');
    assert_eq!(content, "привычка,дата,отметка,количество,единица\r\n\"Бег, плавание\",2026-03-11,сделано,,\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_offers_the_ways_in_and_help_lists_no_skip() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/start").await;
    let greeting = ann.sees("Хорошо, что вы здесь").await;
    let labels: Vec<String> = buttons(&greeting).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels[..3], ["📋 Мои привычки", "➕ Новая привычка", "👤 Профиль"]);
    ann.says("/help").await;
    let help = ann.sees("/newhabit – Новая привычка").await;
    assert!(!crate::world::text(&help).contains("/skip"), "{help}");
    ann.says("/skip").await;
    ann.sees("пропускать нечего").await;
}
