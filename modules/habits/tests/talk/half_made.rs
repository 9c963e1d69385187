//! A habit half made, and what a person looks at before it is ready.

use crate::world::{Ann, World, text};

/// A new habit, as far as the question of its time.
async fn makes_swim(ann: &Ann<'_>) {
    for (said, seen) in [
        ("/newhabit", "What habit would you like"),
        ("Swim", "Swim, good choice"),
        ("/skip", "How many days in a row"),
        ("30", "It is 09:10 for you"),
    ] {
        ann.says(said).await;
        ann.sees(seen).await;
    }
}

/// Breaks when the question of the city ends that of the time, or when the time is then not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn whose_clock_is_wrong_sets_the_city_in_between_and_is_asked_for_the_time_again() {
    let mut world = World::new().await;
    let ann = world.ann("en");
    makes_swim(&ann).await;
    ann.taps("Tell my city").await;
    assert!(text(&ann.sees("Where do you live").await).contains("/skip to leave it"));
    ann.says("/skip").await;
    ann.sees("It is 09:10 for you").await;
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    ann.says("Novosibirks").await;
    ann.sees("Did you mean").await;
    ann.taps("Novosibirsk · 16:10").await;
    ann.finds("Time zone: Novosibirsk, 16:10 now").await;
    ann.sees("It is 16:10 for you").await;
    world.restart().await;
    let ann = world.ann("en");
    ann.says("9").await;
    ann.sees("Reminder: 09:00").await;
    let at = "SELECT count(*) FROM habits WHERE next_at = '2026-03-12T02:00:00Z' AND target_days = 30";
    assert_eq!(world.count(at).await, 1, "09:00 in Novosibirsk");
}

/// Breaks when a location answers the question of the profile alone.
#[tokio::test(flavor = "multi_thread")]
async fn where_one_is_may_be_shared_in_between_as_well() {
    let world = World::new().await;
    let ann = world.ann("en");
    makes_swim(&ann).await;
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    ann.shares(35.0, 135.7).await;
    ann.sees("the time of Tokyo: 18:10 now").await;
    ann.taps("No, I will write it").await;
    assert!(text(&ann.sees("Where do you live").await).contains("/skip to leave it"));
    ann.taps("Yes").await;
    ann.finds("Time zone: Tokyo, 18:10 now").await;
    ann.sees("It is 18:10 for you").await;
    ann.taps("21:00").await;
    ann.sees("Reminder: 21:00").await;
}

/// Breaks when the question of the city is the end of those of the time: its buttons still stand above.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_may_still_be_tapped_when_the_city_has_been_asked_for() {
    let world = World::new().await;
    let ann = world.ann("en");
    makes_swim(&ann).await;
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    ann.taps("13:00").await;
    ann.sees("Reminder: 13:00").await;
    ann.says("hello").await;
    ann.sees("echo: hello").await;
}

/// Breaks when a command loses what is half made, or leaves the person without its question.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_by_a_command_comes_back_to_the_question() {
    let world = World::new().await;
    let ann = world.ann("en");
    makes_swim(&ann).await;
    for (command, screen) in [("/habits", "no habits yet"), ("/profile", "Quiet hours: off")] {
        ann.says(command).await;
        ann.finds(screen).await;
        ann.finds("Back to Swim").await;
        ann.sees("It is 09:10 for you").await;
    }
    ann.taps("🌍 City").await;
    ann.sees("Where do you live").await;
    ann.says("+3").await;
    ann.sees("It is 12:10 for you").await;
    ann.says("9").await;
    ann.sees("Reminder: 09:00").await;
    ann.says("/newhabit").await;
    ann.sees("What habit would you like").await;
    ann.says("/habits").await;
    ann.sees("Done 0 of 1").await;
    ann.says("hello").await;
    ann.sees("echo: hello").await;
}

/// Breaks when a question is opened over that of the new habit, or when setting something ends it.
#[tokio::test(flavor = "multi_thread")]
async fn no_other_question_is_opened_over_a_habit_half_made() {
    let world = World::new().await;
    let ann = world.ann("en");
    ann.makes_measured("Steps", "10 000").await;
    let card = ann.sees("Today: 0 / 10000").await["message_id"].as_i64().unwrap();
    let id = world.count("SELECT id FROM habits").await;
    makes_swim(&ann).await;
    let messages = ann.screen().await.len();
    let all = ["quiet", "rest", "ask:ID:name", "ask:ID:amount", "tap:ID:0:2026-03-11:done", "rest:2026-03-10"];
    for (n, data) in (0..).zip(all) {
        ann.presses_again(820_000 + n, card, &format!("habits:{}", data.replace("ID", &id.to_string()))).await;
    }
    vitte_tests::until("every press refused", async || {
        let calls = world.telegram.calls("answerCallbackQuery").await;
        let told = calls.iter().filter(|c| c["text"].as_str().is_some_and(|t| t.contains("answer its question first")));
        (told.count() == all.len()).then_some(())
    })
    .await;
    assert_eq!(ann.screen().await.len(), messages, "nothing was asked");
    ann.presses_again(820_100, card, "habits:quiet:2200-0800").await;
    ann.toast("I am silent 22:00–08:00").await;
    ann.says("noon").await;
    ann.sees("Reminder: 12:00").await;
}

/// Breaks when another /newhabit drops the one that is half made without a word.
#[tokio::test(flavor = "multi_thread")]
async fn another_new_habit_in_the_middle_goes_on_with_the_first_or_begins_anew_as_one_likes() {
    let mut world = World::new().await;
    let ann = world.ann("en");
    makes_swim(&ann).await;
    ann.says("/newhabit").await;
    ann.finds("Back to Swim, which is not ready yet").await;
    ann.sees("It is 09:10 for you").await;
    let (message, anew) = ann.button("Start another instead").await;
    // The city, in between, is no other question.
    ann.taps("Tell my city").await;
    ann.sees("Where do you live").await;
    ann.says("/habits").await;
    ann.sees("It is 09:10 for you").await;
    ann.taps("New habit").await;
    ann.sees("It is 09:10 for you").await;
    world.restart().await;
    let ann = world.ann("en");
    ann.person.press(message, &anew).await;
    ann.sees("What habit would you like").await;
    ann.says("Read").await;
    ann.sees("Read, good choice").await;
    for (said, seen) in [("/skip", "How many days"), ("3 weeks", "When shall I"), ("noon", "Goal: 0 of 21 in a row")] {
        ann.says(said).await;
        ann.sees(seen).await;
    }
    assert_eq!(world.count("SELECT count(*) FROM habits WHERE name = 'Read'").await, 1);
    ann.taps("Start another instead").await;
    ann.toast("not open any more").await;
    ann.says("hello").await;
    ann.sees("echo: hello").await;
    assert_eq!(world.count("SELECT count(*) FROM habits").await, 1);
}
