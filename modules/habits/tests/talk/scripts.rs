//! Whole conversations as scripts: what a person does, and what they then see. Each runs twice: as it is, and with the
//! service restarted before every step.

use crate::world::World;

#[derive(Clone, Copy, Debug)]
enum Does {
    Says(&'static str),
    Taps(&'static str),
}
use Does::{Says, Taps};

/// What is done, and what the last message of the bot then has in it.
type Script = &'static [(Does, &'static str)];

const ENGLISH: Script = &[
    (Says("/start"), "I help you to keep habits"),
    (Taps("New habit"), "What habit would you like"),
    (Says("   "), "answer in words"),
    (Says("Morning   run"), "Morning run, good choice"),
    (Says("Round the <pond>"), "How many days in a row"),
    (Says("many"), "from 1 to 1000"),
    (Taps("30 days"), "It is 09:10 for you"),
    (Says("at dawn"), "did not understand that time"),
    (Says("half past seven"), "Reminder: 07:30"),
    (Says("/habits"), "Done 0 of 1"),
    (Taps("⏳ Morning run"), "All done for today"),
    (Taps("🔎 1"), "Round the <pond>"),
    (Taps("Take it back"), "Still to do today"),
    (Taps("➖ Skip"), "Skipped for today"),
    (Taps("Take it back"), "Still to do today"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Name"), "A new name for Morning run"),
    (Says("Evening run"), "Evening run"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Description"), "A new description"),
    (Says("/skip"), "⏳ Evening run\n\nStill"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Goal"), "the goal is 30 days"),
    (Says("66"), "0 of 66 in a row"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Reminder"), "I remind you at 07:30"),
    (Says("9, 9 pm and noon"), "Reminder: 09:00, 12:00, 21:00"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Amount a day"), "makes a day"),
    (Says("2.5 km"), "a whole number from 1 to 1000000"),
    (Says("8 glasses"), "Today: 0 / 8 glasses"),
    (Taps("How much today"), "The goal is 8 glasses"),
    (Says("3"), "Today: 3 / 8 glasses"),
    (Taps("Edit"), "What shall we change"),
    (Taps("Days"), "every day"),
    (Taps("Mo–Fr"), "Evening run: Mo–Fr"),
    (Taps("✓We"), "Mo, Tu, Th, Fr"),
    (Taps("3× a week"), "3 times a week"),
    (Taps("Back"), "When: 3 times a week"),
    (Taps("📦 Archive"), "It rests in the archive"),
    (Taps("Back"), "All your habits rest"),
    (Taps("Archive (1)"), "These habits rest"),
    (Taps("Evening run"), "It rests in the archive"),
    (Taps("Reopen"), "Still to do today"),
    (Taps("Delete"), "with its whole history"),
    (Taps("Keep it"), "Still to do today"),
    (Taps("Delete"), "with its whole history"),
    (Taps("🗑 Delete"), "have no habits yet"),
    (Taps("Profile"), "Quiet hours: off"),
    (Taps("City"), "Where do you live"),
    (Says("Atlantis-on-the-Moon"), "do not know that place"),
    (Says("UTC 3"), "not sure where that is"),
    (Taps("UTC+3 · 12:10"), "Time zone: UTC+3, 12:10 now"),
    (Taps("City"), "Where do you live"),
    (Says("Berlni"), "not sure where that is"),
    (Taps("Berlin"), "Time zone: Berlin, 10:10 now"),
    (Taps("Quiet hours"), "When shall I be silent"),
    (Says("at night"), "I need two times"),
    (Says("10 to 7"), "Quiet hours: 22:00–07:00"),
    (Taps("Quiet hours"), "When shall I be silent"),
    (Taps("Never"), "Quiet hours: off"),
    (Taps("Vacation"), "Until when is your vacation"),
    (Says("yesterday"), "I need a date"),
    (Says("until Sunday"), "Vacation: until 15 March"),
    (Taps("Vacation"), "Until when is your vacation"),
    (Taps("I am back"), "Vacation: off"),
    (Taps("End of day"), "When does your day end"),
    (Taps("02:00"), "My day ends at 02:00"),
    (Taps("Summary"), "When shall I sum up"),
    (Taps("never"), "Summary of the week: never"),
    (Taps("Language"), "Which language"),
    (Taps("Русский"), "Итоги недели: никогда"),
];

const RUSSIAN: Script = &[
    (Says("/newhabit"), "Какую привычку"),
    (Says("Утренняя пробежка"), "Утренняя пробежка, хороший выбор"),
    (Taps("Пропустить"), "Сколько дней подряд"),
    (Says("сколько-нибудь"), "от 1 до 1000"),
    (Says("/skip"), "Сейчас у вас 09:10"),
    (Says("/skip"), "Без этого никак"),
    (Says("когда-нибудь"), "Не понимаю это время"),
    (Says("полвосьмого вечера"), "Напоминание: 19:30"),
    (Taps("Указать город"), "Где вы живёте"),
    (Says("Тридевятое царство"), "Не знаю такого места"),
    (Says("Казнь"), "Может быть"),
    (Taps("Казань · 12:10"), "Часовой пояс: Москва, сейчас 12:10"),
    (Taps("Город"), "Где вы живёте"),
    (Says("Екатеринбрг"), "Может быть"),
    (Taps("Екатеринбург"), "Часовой пояс: Екатеринбург, сейчас 14:10"),
    (Taps("Мои привычки"), "Среда, 11 марта"),
    (Taps("⏳ Утренняя пробежка"), "На сегодня всё сделано"),
    (Taps("✅ Утренняя пробежка"), "Сделано 0 из 1"),
    (Taps("🔎 1"), "Цель: 0 из 21 подряд"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Цель"), "сейчас цель 21 день подряд"),
    (Says("0"), "от 1 до 1000"),
    (Says("33 дня"), "0 из 33 подряд"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Название"), "Как теперь назовём Утренняя пробежка"),
    (Says("Вечерняя прогулка"), "⏳ Вечерняя прогулка"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Описание"), "Новое описание"),
    (Says("Вокруг <пруда>"), "Вокруг <пруда>"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Описание"), "Новое описание"),
    (Says("/skip"), "⏳ Вечерняя прогулка\n\nСегодня"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Напоминание"), "сейчас напоминаю в 19:30"),
    (Says("9 21"), "Не понимаю это время"),
    (Says("9, полдень и 9 вечера"), "Напоминание: 09:00, 12:00, 21:00"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Сколько в день"), "Сколько нужно в день"),
    (Says("много"), "Нужно целое число от 1 до 1000000"),
    (Says("30 мин"), "Сегодня: 0 / 30 мин"),
    (Taps("Сколько сегодня"), "Цель: 30 мин"),
    (Says("полчаса"), "Нужно целое число от 0 до 1000000"),
    (Says("20"), "Сегодня: 20 / 30 мин"),
    (Taps("✅ Сделано"), "Сегодня: 30 / 30 мин"),
    (Taps("Отменить отметку"), "Сегодня: 20 / 30 мин"),
    (Taps("➖ Пропустить"), "Сегодня пропускаем"),
    (Taps("Отменить отметку"), "Сегодня: 20 / 30 мин"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Сколько в день"), "Сколько нужно в день"),
    (Says("/skip"), "0 из 33 подряд"),
    (Taps("Изменить"), "Что изменим"),
    (Taps("Дни"), "ежедневно"),
    (Taps("2× в неделю"), "2 раза в неделю"),
    (Taps("Назад"), "Когда: 2 раза в неделю"),
    (Taps("В архив"), "Отдыхает в архиве"),
    (Taps("Назад"), "Все привычки отдыхают в архиве"),
    (Taps("Архив (1)"), "Эти привычки отдыхают"),
    (Taps("Вечерняя прогулка"), "Отдыхает в архиве"),
    (Taps("Вернуть"), "Сегодня ещё предстоит"),
    (Taps("Удалить"), "вместе со всей историей"),
    (Taps("Оставить"), "Сегодня ещё предстоит"),
    (Says("/profile"), "Тихие часы: нет"),
    (Taps("Тихие часы"), "Когда мне молчать"),
    (Says("когда сплю"), "Нужны два времени"),
    (Says("с 22 до 7 утра"), "Тихие часы: 22:00–07:00"),
    (Taps("Отпуск"), "До какого дня"),
    (Says("вчера"), "Нужна дата"),
    (Says("через неделю"), "Отпуск: до 18 марта"),
    (Taps("Отпуск"), "До какого дня"),
    (Taps("Отпуск окончен"), "Отпуск: нет"),
    (Taps("Конец дня"), "Когда кончается ваш день"),
    (Taps("03:00"), "Конец дня: 03:00"),
    (Taps("Итоги"), "Когда подводить"),
    (Taps("понедельник"), "понедельник, утро"),
    (Taps("Язык"), "На каком языке"),
    (Taps("English"), "Summary of the week: Monday morning"),
    (Taps("My habits"), "Wednesday, 11 March"),
];

/// `restarts`: before every step, so that between any two of them nothing lives on but what is stored.
async fn run(script: Script, language: &'static str, restarts: bool) {
    let mut world = World::new().await;
    for (does, sees) in script {
        if restarts {
            world.restart().await;
        }
        let ann = world.ann(language);
        match does {
            // Telegram refuses to send nothing: a sticker is as wordless.
            Says(text) if text.trim().is_empty() => wordless(&world, language).await,
            Says(text) => ann.says(text).await,
            Taps(label) => ann.taps(label).await,
        }
        ann.sees(sees).await;
    }
    assert_eq!(world.count("SELECT count(*) FROM dead_updates").await, 0);
}

async fn wordless(world: &World, language: &'static str) {
    let from = serde_json::json!({"id": 5, "is_bot": false, "first_name": "P5", "language_code": language});
    let message = serde_json::json!({"message_id": 900_000, "date": 1, "chat": {"id": 5, "type": "private"}, "from": from,
        "sticker": {"file_id": "x"}});
    world.telegram.update(&serde_json::json!({"update_id": 900_000, "message": message})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_habits_life_in_english() {
    run(ENGLISH, "en", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_habits_life_in_russian() {
    run(RUSSIAN, "ru", false).await;
}

/// Breaks when a step lives in the process: `converse` without its row, or a handler that remembers.
#[tokio::test(flavor = "multi_thread")]
async fn in_english_a_restart_between_any_two_steps_loses_nothing() {
    run(ENGLISH, "en", true).await;
}

/// As in English.
#[tokio::test(flavor = "multi_thread")]
async fn in_russian_a_restart_between_any_two_steps_loses_nothing() {
    run(RUSSIAN, "ru", true).await;
}

/// Breaks when a question stays open after /cancel, or when an open one is not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn every_question_can_be_left_by_cancel_and_then_free_text_is_nobodys_answer() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.says("/newhabit").await;
    let answers = ["Read", "A page", "21"];
    for asked in 0..=answers.len() {
        ann.says("/newhabit").await;
        ann.sees("What habit would you like").await;
        for (answer, seen) in answers.iter().zip(["good choice", "How many days", "When shall I remind"]).take(asked) {
            ann.says(answer).await;
            ann.sees(seen).await;
        }
        ann.says("/cancel").await;
        ann.sees("Cancelled").await;
        ann.says("hello").await;
        ann.sees("echo: hello").await;
    }
    ann.makes("Read", "9").await;
    for field in ["Name", "Description", "Goal", "Reminder", "Amount a day"] {
        ann.taps("Edit").await;
        ann.sees("What shall we change").await;
        ann.taps(field).await;
        ann.sees("/cancel").await;
        ann.says("/cancel").await;
        ann.sees("Cancelled").await;
        ann.says(field).await;
        ann.sees(&format!("echo: {field}")).await;
        ann.says("/habits").await;
        ann.taps("🔎 1").await;
        ann.sees("Goal: 0 of 21").await;
    }
}
