//! What every message must be: markup that Telegram takes, no name of a text in the place of the text, nothing of one
//! language in the other.

use crate::world::{World, buttons, text};

/// A person walks through every screen; names are hostile on purpose.
#[tokio::test(flavor = "multi_thread")]
async fn no_screen_shows_a_texts_name_or_breaks_on_what_a_habit_is_called() {
    for language in ["en", "ru"] {
        let world = World::new().await;
        let ann = world.ann(language);
        ann.makes("<b>&amp; {x} _*[`", "9").await;
        let id = world.count("SELECT id FROM habits").await.to_string();
        ann.says("/habits").await;
        let list = ann.screen().await.len();
        ann.person.hears(list + 1).await;
        let screens = [
            "list:0",
            "shelf:0",
            "open:ID:0",
            "edit:ID:0",
            "days:ID:0",
            "days:ID:0:d85",
            "ask:ID:name",
            "ask:ID:about",
            "ask:ID:goal",
            "ask:ID:times",
            "ask:ID:measure",
            "ask:ID:amount",
            "delete:ID:0",
            "keep:ID:a0",
            "archive:ID:0",
            "shelf:0",
            "open:ID:a0",
            "reopen:ID:0",
            "profile",
            "zone",
            "lang",
            "quiet",
            "rest",
            "end",
            "weekly",
            "new",
        ];
        let (message, _) = ann.button("🔎 1").await;
        for (n, data) in (0..).zip(screens) {
            ann.presses_again(600_000 + n, message, &format!("habits:{}", data.replace("ID", &id))).await;
        }
        vitte_tests::until("every press answered", async || {
            (world.telegram.calls("answerCallbackQuery").await.len() == screens.len()).then_some(())
        })
        .await;
        let rests = "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL";
        vitte_tests::until("all sent", async || (world.count(rests).await == 0).then_some(())).await;
        assert_eq!(world.count("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL").await, 0);
        assert_eq!(world.count("SELECT count(*) FROM dead_updates").await, 0);
        let mut said: Vec<String> = Vec::new();
        for method in ["sendMessage", "editMessageText"] {
            for call in world.telegram.calls(method).await {
                said.push(call["text"].as_str().unwrap().to_owned());
                said.push(call["reply_markup"].to_string());
                let plain = call["parse_mode"] != "HTML" && call["text"].as_str().unwrap().contains(['<', '&']);
                assert!(!plain, "markup was refused: {call}");
            }
        }
        assert!(said.len() > 60, "{}", said.len());
        let keys = include_str!("../../texts/en/habits.ftl").lines().filter_map(|line| line.split_once(" = "));
        let names: Vec<&str> = keys.map(|(name, _)| name).filter(|name| name.contains('-')).collect();
        for text in &said {
            let named = names
                .iter()
                .find(|name| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|w| w == **name));
            assert!(named.is_none() && !text.contains("{ $") && !text.contains("No localization"), "{text}");
            let cyrillic = text.chars().any(|c| ('а'..='я').contains(&c)) && !text.contains("Русский");
            assert!(language == "ru" || !cyrillic, "{text}");
        }
        for message in ann.screen().await {
            assert!(!text(&message).is_empty());
            assert!(buttons(&message).iter().all(|(label, _)| label.chars().count() <= 40), "{message}");
        }
    }
}
