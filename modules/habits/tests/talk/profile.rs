//! The profile: where somebody is, and what they take away.

use crate::world::{World, buttons};

/// Breaks when a location is taken without asking, or when reminders do not follow the zone.
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_location_becomes_a_zone_when_the_person_says_yes_and_reminders_follow() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "21:00").await;
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    ann.shares(35.0, 135.7).await;
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

/// Breaks when a date that is over ends the vacation that is on.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_button_of_a_vacation_leaves_the_one_that_is_on_as_it_is() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/profile").await;
    ann.taps("Vacation").await;
    ann.sees("Until when is your vacation").await;
    let (message, data) = ann.button("3 days").await;
    ann.says("30 March").await;
    ann.sees("Vacation: until 30 March").await;
    world.hours(9 * 24);
    ann.person.press(message, &data).await;
    ann.toast("That day is over").await;
    ann.finds("Until when is your vacation").await;
    ann.says("/profile").await;
    ann.sees("Vacation: until 30 March").await;
}

/// Breaks when the button and the words for the same time end on different days.
#[tokio::test(flavor = "multi_thread")]
async fn three_days_of_vacation_are_as_long_typed_as_tapped() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/profile").await;
    for answer in ["3 дня", "до пятницы"] {
        ann.taps("Отпуск").await;
        ann.sees("До какого дня").await;
        ann.taps("3 дня").await;
        ann.sees("Отпуск: до 13 марта").await;
        ann.taps("Отпуск").await;
        ann.sees("До какого дня").await;
        ann.taps("Отпуск окончен").await;
        ann.sees("Отпуск: нет").await;
        ann.taps("Отпуск").await;
        ann.sees("До какого дня").await;
        ann.says(answer).await;
        ann.sees("Отпуск: до 13 марта").await;
    }
}

/// Breaks when a question of the profile outlives the way back, or the way to a screen that asks nothing.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_back_from_a_question_has_left_it() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/profile").await;
    for (question, seen) in [("Quiet hours", "When shall I be silent"), ("Vacation", "Until when is your vacation")] {
        ann.taps(question).await;
        ann.sees(seen).await;
        ann.taps("Back").await;
        ann.sees("Quiet hours: off").await;
    }
    ann.says("22-8").await;
    ann.sees("echo: 22-8").await;
    ann.says("/profile").await;
    let screens = [("Summary", "sum up your week"), ("End of day", "your day end"), ("Language", "Which language")];
    for (n, (screen, seen)) in (0..).zip(screens) {
        let message = ann.sees("Quiet hours: off").await["message_id"].as_i64().unwrap();
        let (_, elsewhere) = ann.button(screen).await;
        ann.taps("Quiet hours").await;
        ann.sees("When shall I be silent").await;
        ann.presses_again(800_100 + n, message, &elsewhere).await;
        ann.sees(seen).await;
        ann.says("22-8").await;
        ann.sees("echo: 22-8").await;
        ann.says("/profile").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_taken_away_as_a_csv_document() {
    let world = World::new().await;
    let _worker = world.work();
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
    assert_eq!(content, "привычка;дата;отметка;количество;единица\r\n\"Бег, плавание\";2026-03-11;сделано;;\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_greeting_offers_the_ways_in_and_help_lists_no_skip() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/start").await;
    let greeting = ann.finds("Хорошо, что вы здесь").await;
    ann.sees("Я помогаю завести привычку").await;
    let labels: Vec<String> = buttons(&greeting).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels[..3], ["📋 Мои привычки", "➕ Новая привычка", "👤 Профиль"]);
    ann.says("/help").await;
    let help = ann.sees("/newhabit – Новая привычка").await;
    assert!(!crate::world::text(&help).contains("/skip"), "{help}");
    ann.says("/skip").await;
    ann.sees("пропускать нечего").await;
}

/// Breaks when a reminder comes at another time than its card says.
#[tokio::test(flavor = "multi_thread")]
async fn a_card_says_that_its_reminder_waits_for_the_end_of_quiet_hours() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.makes("Сон", "23:30").await;
    ann.says("/profile").await;
    ann.taps("Тихие часы").await;
    ann.sees("Когда мне молчать").await;
    ann.says("с 23 до 7").await;
    ann.sees("Тихие часы: 23:00–07:00").await;
    ann.taps("Мои привычки").await;
    ann.taps("🔎 1").await;
    ann.sees("Напоминание: 23:30\n🔕 В тихие часы подождёт до 07:00").await;
    let at = "SELECT count(*) FROM habits WHERE next_at = '2026-03-12T07:00:00Z'";
    assert_eq!(world.count(at).await, 1);
}
