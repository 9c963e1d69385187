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
    assert_eq!(buttons(&put_off).len(), 1, "who does it sooner says so");
    assert_eq!(look().await, 0);
    world.hours(1);
    assert_eq!(look().await, 1);
    let again = ann.sees("Сегодня хороший день, чтобы начать").await;
    assert_ne!(again["message_id"], reminded["message_id"]);
    ann.taps("✅ Сделано").await;
    ann.finds("Сделано. Уже 1 день подряд").await;
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
    ann.sees("1 day in a row. Shall we go on?").await;
    ann.taps("Skip today").await;
    ann.sees("Your streak stays").await;
    world.hours(23);
    ann.says("/habits").await;
    ann.sees("⏳ Read 🔥 1").await;
}

/// Breaks when an answer to a reminder has no way back, or one that outlives tomorrow.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_a_reminder_is_taken_back_until_tomorrow_is_over() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/newhabit").await;
    for (said, seen) in
        [("Read", "good choice"), ("/skip", "How many days"), ("1", "When shall I remind"), ("10", "0 of 1 in a row")]
    {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    let look = async || due_in(world.pool(), &world.reminding(), world.clock.now(), None).await.unwrap().taken();
    world.minutes(50);
    assert_eq!(look().await, 1);
    let reminded = ann.sees("Today is a good day").await["message_id"].as_i64().unwrap();
    ann.taps("In an hour").await;
    ann.sees("remind you in an hour").await;
    ann.taps("✅ Done").await;
    ann.finds("Done. 1 day in a row").await;
    ann.sees("You did it").await;
    let shown = ann.screen().await;
    let answered = shown.iter().find(|message| message["message_id"] == reminded).unwrap();
    let (_, undo) = buttons(answered).pop().unwrap();
    ann.person.press(reminded, &undo).await;
    ann.finds("Taken back").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 0);
    ann.taps("Let it rest").await;
    ann.sees("Still to do today").await;
    let shown = ann.screen().await;
    let answered = shown.iter().find(|message| message["message_id"] == reminded).unwrap();
    let labels: Vec<String> = buttons(answered).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["✅ Done", "🕐 In an hour", "Skip today"]);
    world.hours(24);
    ann.person.press(reminded, &buttons(answered)[0].1).await;
    ann.sees("You did it").await;
    ann.person.press(reminded, &undo).await;
    let late = ann.finds("Taken back").await;
    assert_eq!(buttons(&late).len(), 1, "yesterday is not put off");
    ann.taps("Let it rest").await;
    ann.sees("Still to do today").await;
    ann.person.press(reminded, &buttons(&late)[0].1).await;
    ann.sees("You did it").await;
    world.hours(24);
    ann.person.press(reminded, &undo).await;
    ann.toast("That day is over").await;
    assert_eq!(world.count("SELECT count(*) FROM habits_executions").await, 1, "it stays");
}

/// Breaks when a habit of so many times a week is told of as one by days, or a streak that is none is named.
#[tokio::test(flavor = "multi_thread")]
async fn a_habit_of_so_many_times_a_week_is_reminded_of_by_weeks() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes("Swim", "10").await;
    ann.taps("Edit").await;
    ann.taps("Days").await;
    ann.taps("2× a week").await;
    ann.sees("twice a week").await;
    let reminded = async |expected: &str, answer: &str| {
        let now = world.clock.now();
        assert_eq!(due_in(world.pool(), &world.reminding(), now, None).await.unwrap().sent, 1, "{expected}");
        ann.sees(expected).await;
        ann.taps("✅ Done").await;
        ann.sees(answer).await;
    };
    // Wednesday and Thursday; with them the week is full.
    world.minutes(50);
    reminded("Today is a good day to begin", "Done. 1 of 2 this week 👏").await;
    world.hours(24);
    reminded("1 of 2 this week. Shall we go on?", "Done. 2 of 2 this week, 1 week in a row 👏").await;
    // Monday.
    world.hours(4 * 24);
    reminded("1 week in a row. Shall we go on?", "Done. 1 of 2 this week, 1 week in a row 👏").await;
}

/// Breaks when "0 in a row" is said of a streak that another day has ended.
#[tokio::test(flavor = "multi_thread")]
async fn what_sunday_asked_for_and_monday_answers_is_thanked_for_without_a_count() {
    let world = World::new().await;
    let ann = world.ann("ru");
    ann.makes("Бег", "10").await;
    ann.taps("Изменить").await;
    ann.taps("Дни").await;
    ann.taps("4× в неделю").await;
    ann.sees("4 раза в неделю").await;
    world.minutes(4 * 24 * 60 + 50);
    let now = world.clock.now();
    assert_eq!(due_in(world.pool(), &world.reminding(), now, None).await.unwrap().taken(), 1);
    ann.sees("хороший день").await;
    world.hours(20);
    ann.taps("✅ Сделано").await;
    let answered = ann.sees("Сделано 👏").await;
    assert_eq!(buttons(&answered).len(), 1, "yesterday is taken back");
}
