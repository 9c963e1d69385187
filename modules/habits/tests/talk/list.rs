//! The list: pages, taps, and what old buttons do.

use serde_json::json;

use crate::world::{World, buttons, text};

/// Breaks when a tap sends a message, or when a second tap on the same button takes the first one back.
#[tokio::test(flavor = "multi_thread")]
async fn one_tap_marks_in_place_and_a_double_tap_marks_once() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    ann.says("/habits").await;
    ann.sees("Done 0 of 1").await;
    let messages = ann.screen().await.len();
    let (message, data) = ann.button("⏳ Read").await;
    ann.person.press(message, &data).await;
    ann.sees("🔥 1").await;
    ann.presses_again(800_001, message, &data).await;
    ann.says("/status").await;
    ann.sees("We speak English").await;
    let shown = ann.screen().await;
    assert_eq!(shown.len(), messages + 1, "the answer to /status, and no other message");
    assert!(text(&shown[messages - 1]).contains("✅ Read 🔥 1"), "{shown:?}");
    assert_eq!(world.count("SELECT count(*) FROM habits_executions WHERE status = 'done'").await, 1);
}

/// Breaks when a tap marks another date than the one that was shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_tap_on_yesterdays_list_marks_nothing_and_shows_today() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    ann.says("/habits").await;
    ann.sees("Wednesday, 11 March").await;
    world.hours(24);
    ann.taps("⏳ Read").await;
    ann.sees("Thursday, 12 March").await;
    ann.toast("A new day has begun").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
}

/// Breaks when the button of yesterday marks today, or outlives the day after.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_forgotten_yesterday_is_marked_and_taken_back_on_the_card_until_today_is_over() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    let labels = async || ann.screen().await.iter().rev().flat_map(buttons).map(|b| b.0).collect::<Vec<_>>();
    assert!(!labels().await.iter().any(|label| label.contains("esterday")), "it began today");
    world.hours(24);
    ann.says("/habits").await;
    ann.sees("Thursday, 12 March").await;
    ann.taps("🔎 1").await;
    ann.sees("Still to do today").await;
    ann.taps("Done yesterday").await;
    ann.sees("Streak: 1 day, best: 1 day").await;
    let days = "SELECT count(*) FROM habits_executions WHERE status = 'done' AND execution_date = '2026-03-11'";
    assert_eq!(world.count(days).await, 1);
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 1, "and nothing of today");
    ann.taps("Yesterday ✅: take it back").await;
    let (message, data) = ann.button("Done yesterday").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
    world.hours(24);
    ann.person.press(message, &data).await;
    ann.toast("A new day has begun").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
}

/// Breaks when "done" of yesterday takes the amount of today.
#[tokio::test(flavor = "multi_thread")]
async fn yesterday_of_a_measured_habit_is_done_in_full_and_today_keeps_its_amount() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.makes_measured("Вода", "8 стаканов").await;
    ann.sees("0 / 8 стаканов").await;
    world.hours(24);
    ann.says("/habits").await;
    ann.taps("⏳ Вода").await;
    ann.sees("1 / 8 стаканов").await;
    ann.taps("🔎 1").await;
    ann.sees("Сегодня: 1 / 8 стаканов").await;
    ann.taps("Вчера сделано").await;
    ann.button("Вчера ✅: отменить").await;
    ann.sees("Сегодня: 1 / 8 стаканов").await;
    let amount = "SELECT amount::bigint FROM habits_executions WHERE execution_date = '2026-03-11'";
    assert_eq!(world.count(amount).await, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn habits_come_five_a_page_and_the_pages_go_round() {
    let world = World::new().await;
    let ann = world.ann("ru");
    for n in 1..=7 {
        ann.makes(&format!("Дело {n}"), "9 утра").await;
    }
    ann.says("/habits").await;
    let first = ann.sees("Сделано 0 из 7").await;
    assert!(text(&first).contains("5. ⏳ Дело 5") && !text(&first).contains("Дело 6"), "{first}");
    assert!(buttons(&first).iter().any(|(label, _)| label == "1 из 2"), "{first}");
    ann.taps("›").await;
    let second = ann.sees("7. ⏳ Дело 7").await;
    assert!(!text(&second).contains("Дело 5"), "{second}");
    ann.taps("⏳ Дело 6").await;
    ann.sees("6. ✅ Дело 6").await;
    ann.taps("›").await;
    ann.sees("1. ⏳ Дело 1").await;
}

/// Breaks when a tap on a day that is done takes back what was counted.
#[tokio::test(flavor = "multi_thread")]
async fn a_measured_habit_grows_by_a_tap_and_a_large_one_asks_how_much() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes_measured("Water", "2 glasses").await;
    ann.sees("0 / 2 glasses").await;
    ann.says("/habits").await;
    ann.sees("Water · 0 / 2 glasses").await;
    ann.taps("⏳ Water").await;
    ann.sees("⏳ Water · 1 / 2 glasses").await;
    ann.taps("⏳ Water").await;
    ann.sees("✅ Water 🔥 1 · 2 / 2 glasses").await;
    ann.taps("✅ Water").await;
    ann.sees("✅ Water 🔥 1 · 3 / 2 glasses").await;
    ann.taps("🔎 1").await;
    ann.taps("Edit").await;
    ann.taps("Amount a day").await;
    ann.sees("makes a day").await;
    ann.says("10 000 steps").await;
    // What was enough is not, any more.
    ann.sees("⏳ Water").await;
    ann.sees("Today: 3 / 10000 steps").await;
    ann.taps("How much today").await;
    ann.sees("how much is it today").await;
    ann.says("0").await;
    ann.sees("Today: 0 / 10000 steps").await;
    ann.says("/habits").await;
    ann.sees("Done 0 of 1").await;
    ann.taps("⏳ Water").await;
    ann.sees("how much is it today").await;
    ann.says("12000").await;
    ann.sees("Today: 12000 / 10000 steps").await;
    ann.says("/habits").await;
    ann.sees("All done for today").await;
    ann.taps("✅ Water").await;
    ann.sees("how much is it today").await;
    ann.says("2.5").await;
    ann.sees("a whole number from 0 to 1000000").await;
    ann.says("12500").await;
    ann.sees("Today: 12500 / 10000 steps").await;
}

/// Breaks when the amount is written to the day of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_amount_asked_before_midnight_and_answered_after_it_counts_for_the_day_of_the_question() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes_measured("Water", "8 glasses").await;
    ann.sees("0 / 8 glasses").await;
    world.minutes(14 * 60 + 49);
    ann.taps("How much today").await;
    ann.sees("how much is it today").await;
    world.minutes(2);
    ann.says("9").await;
    ann.finds("counted that for 11 March").await;
    ann.sees("Today: 0 / 8 glasses").await;
    let of = "SELECT amount::bigint FROM habits_executions WHERE execution_date = '2026-03-11' AND status = 'done'";
    assert_eq!(world.count(of).await, 9);
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 1, "and nothing of the new day");
}

/// Breaks when a button is believed that names somebody else's habit.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_or_changes_the_habit_of_another() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Secret", "9").await;
    let id = world.count("SELECT id FROM habits").await;
    let eve = json!({"id": 6, "is_bot": false, "first_name": "Eve", "language_code": "en"});
    let shown = json!({"message_id": 1, "date": 1, "chat": {"id": 6, "type": "private"}, "text": "."});
    let all = [
        "open:ID:0",
        "mark:ID:0:2026-03-11:done",
        "mark:ID:0:2026-03-10:done-late",
        "tap:ID:0:2026-03-11:done",
        "archive:ID:0",
        "deleted:ID:0",
        "mark:ID:0:2026-03-11:take-back",
        "remind:undo:ID:2026-03-11",
        "edit:ID:0",
        "ask:ID:name",
        "days:ID:0:w2",
        "month:ID:2026-03",
        "keep:ID:a0",
        "delete:ID:0",
        "remind:done:ID:2026-03-11",
    ];
    for (n, data) in (0..).zip(all) {
        let data = format!("habits:{}", data.replace("ID", &id.to_string()));
        let press = json!({"id": n.to_string(), "chat_instance": "1", "data": data, "from": eve, "message": shown});
        world.telegram.update(&json!({"update_id": 700_000 + n, "callback_query": press})).await;
    }
    vitte_tests::until("every press answered", async || {
        let calls = world.telegram.calls("answerCallbackQuery").await;
        let refused = calls.iter().filter(|c| c["text"].as_str().is_some_and(|t| t.contains("not there"))).count();
        (refused == all.len()).then_some(())
    })
    .await;
    let eve = world.telegram.person(6);
    assert!(!eve.read().await.iter().any(|text| text.contains("Secret")), "{:?}", eve.read().await);
    assert_eq!(
        world.count("SELECT count(*) FROM habits WHERE is_active AND name = 'Secret' AND times_a_week IS NULL").await,
        1
    );
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM dead_updates").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_day_of_the_goal_is_congratulated_and_the_habit_rests_or_goes_on() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.says("/newhabit").await;
    ann.sees("Какую привычку").await;
    for (said, seen) in
        [("Чтение", "хороший выбор"), ("/skip", "Сколько дней"), ("2", "Когда напоминать"), ("9", "0 из 2")]
    {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    ann.says("/habits").await;
    ann.taps("⏳ Чтение").await;
    ann.sees("🔥 1").await;
    world.hours(24);
    ann.says("/habits").await;
    ann.sees("Четверг, 12 марта").await;
    ann.taps("⏳ Чтение").await;
    let congratulated = ann.sees("Получилось: 2 дня подряд").await;
    assert_eq!(buttons(&congratulated).len(), 3);
    ann.finds("Все привычки отдыхают в архиве").await;
    ann.taps("Продолжим").await;
    ann.sees("Серия: 2 дня, лучшая: 2 дня").await;
    assert_eq!(world.count("SELECT count(*) FROM habits WHERE is_active").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_button_of_a_question_that_is_answered_says_so_and_a_half_made_habit_outlives_a_look_at_the_list() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Read", "9").await;
    ann.says("/habits").await;
    ann.sees("Done 0 of 1").await;
    let (list, tap) = ann.button("⏳ Read").await;
    ann.says("/newhabit").await;
    ann.sees("What habit").await;
    ann.says("Swim").await;
    ann.sees("Swim, good choice").await;
    let (question, skip) = ann.button("Skip").await;
    ann.person.press(list, &tap).await;
    ann.finds("All done for today").await;
    ann.person.press(question, &skip).await;
    ann.sees("How many days").await;
    ann.presses_again(800_003, question, &skip).await;
    ann.toast("not open any more").await;
    ann.says("14").await;
    ann.sees("When shall I remind").await;
}

/// Breaks when the undo under a congratulation is missing, or outlives the day after.
#[tokio::test(flavor = "multi_thread")]
async fn a_slip_that_completes_a_habit_is_taken_back_under_the_congratulation_until_tomorrow_is_over() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/newhabit").await;
    for (said, seen) in
        [("Read", "good choice"), ("/skip", "How many days"), ("1", "When shall I remind"), ("9", "0 of 1 in a row")]
    {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    ann.taps("✅ Done").await;
    ann.sees("You did it: 1 day in a row").await;
    world.hours(24);
    let (message, data) = ann.button("Take it back").await;
    ann.person.press(message, &data).await;
    ann.sees("Still to do today").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM habits WHERE is_active AND completed_on IS NULL").await, 1);
    ann.taps("Done yesterday").await;
    ann.sees("You did it: 1 day in a row").await;
    world.hours(24);
    ann.presses_again(800_004, message, &data).await;
    ann.toast("A new day has begun").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 1, "it stays");
}
