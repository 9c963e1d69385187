//! The target: what is said of it, and what the archive remembers.

use crate::world::{Ann, World, buttons};

/// A new habit with a target, its card the last that is seen.
async fn makes(ann: &Ann<'_>, name: &str, target: &str) {
    let questions = match ann.person.language {
        "ru" => ["Какую привычку", "хороший выбор", "Сколько дней", "Когда напоминать"],
        _ => ["What habit", "good choice", "How many days", "When shall I"],
    };
    for (said, seen) in ["/newhabit", name, "/skip", target].into_iter().zip(questions) {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    ann.says("9").await;
    ann.sees(name).await;
}

/// Done on as many days as it takes; the congratulation is the last that is seen.
async fn done(world: &World, ann: &Ann<'_>, name: &str, days: u32) {
    for day in 1..=days {
        ann.says("/habits").await;
        ann.taps(&format!("⏳ {name}")).await;
        if day < days {
            ann.sees(&format!("✅ {name}")).await;
            world.hours(24);
        }
    }
}

/// Breaks when a habit that is not daily is congratulated on days.
#[tokio::test(flavor = "multi_thread")]
async fn each_schedule_is_congratulated_on_what_its_target_counts() {
    // It is Wednesday: three of its workdays, then Monday and Tuesday.
    let table = [
        ("en", "Mo–Fr", 3, "the goal is 3 times in a row", "You did it: 3 times in a row!"),
        ("ru", "Пн–Пт", 2, "сейчас цель 2 раза подряд", "Получилось: 2 раза подряд!"),
        ("ru", "Пн–Пт", 1, "сейчас цель 1 раз подряд", "Получилось: 1 раз подряд!"),
        ("en", "2× a week", 2, "the goal is 2 times.", "You did it: 2 times, 1 week in a row!"),
        ("ru", "2× в неделю", 2, "сейчас цель 2 раза.", "Получилось: 2 раза, 1 неделя подряд!"),
        ("ru", "6× в неделю", 1, "сейчас цель 1 раз.", "Получилось: 1 раз! Теперь"),
    ];
    for (language, schedule, days, goal, congratulated) in table {
        let world = World::new().await;
        let ann = world.ann(language);
        let [edit, when, target] = match language {
            "ru" => ["Изменить", "Дни", "Цель"],
            _ => ["Edit", "Days", "Goal"],
        };
        makes(&ann, "Run", &days.to_string()).await;
        ann.taps(edit).await;
        ann.taps(when).await;
        ann.taps(schedule).await;
        ann.button(&format!("• {schedule} •")).await;
        ann.taps("‹").await;
        ann.taps(edit).await;
        ann.taps(target).await;
        ann.sees(goal).await;
        done(&world, &ann, "Run", days).await;
        ann.sees(congratulated).await;
    }
}

/// Breaks when a trophy stands for the archive and not for the target, or is lost with the streak.
#[tokio::test(flavor = "multi_thread")]
async fn a_trophy_is_for_the_target_and_what_was_put_away_before_it_has_a_sign_of_its_own() {
    let world = World::new().await;
    let ann = world.ann("en");
    makes(&ann, "Draw", "2").await;
    ann.taps("📦 Archive").await;
    ann.sees("It rests in the archive").await;
    makes(&ann, "Read", "2").await;
    done(&world, &ann, "Read", 2).await;
    ann.sees("You did it: 2 days in a row").await;
    let rest = ann.button("Let it rest").await;
    let shelf = async || {
        ann.says("/habits").await;
        ann.sees("All your habits rest").await;
        ann.taps("📦 Archive (2)").await;
        let all = buttons(&ann.sees("These habits rest").await);
        all.into_iter().map(|(label, _)| label).take(2).collect::<Vec<_>>()
    };
    assert_eq!(shelf().await, ["📦 Draw", "🏆 Read"]);
    // It went on, its streak ended, and it was put away by hand: it has reached its target all the same.
    ann.taps("🏆 Read").await;
    ann.sees("🏆 Completed on 12 March").await;
    ann.taps("Reopen").await;
    ann.sees("✅ Read").await;
    world.hours(3 * 24);
    ann.says("/habits").await;
    ann.sees("Sunday, 15 March").await;
    ann.taps("🔎 1").await;
    ann.sees("Streak: 0 days, best: 2 days").await;
    ann.taps("📦 Archive").await;
    ann.sees("🏆 Completed on 12 March").await;
    assert_eq!(shelf().await, ["📦 Draw", "🏆 Read"]);
    // Another target, not reached: the button under the old congratulation does not give the trophy either.
    ann.taps("🏆 Read").await;
    ann.sees("Goal: 2 of 2").await;
    ann.taps("Reopen").await;
    ann.sees("⏳ Read").await;
    ann.taps("Edit").await;
    ann.taps("Goal").await;
    ann.sees("the goal is 2 days in a row").await;
    ann.says("3").await;
    ann.sees("Goal: 0 of 3").await;
    ann.taps("📦 Archive").await;
    ann.sees("It rests in the archive").await;
    assert_eq!(shelf().await, ["📦 Draw", "📦 Read"]);
    ann.person.press(rest.0, &rest.1).await;
    ann.finds("📦 Read\nIt rests in the archive. What is next?").await;
}
