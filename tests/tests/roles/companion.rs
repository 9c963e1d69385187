//! A real conversation, through everything: simulated Telegram, bot, PostgreSQL, worker, simulated model and back.

use serde_json::json;
use vitte_tests::until;

use crate::up::Up;

/// Breaks when a person's language is not looked at, or without typing or drafts on the way.
#[tokio::test]
async fn people_are_greeted_in_their_language_and_answered_by_the_persona_while_they_watch() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(folder.path()).await;
    let (anna, ivan) = (up.person(1001), up.person(1002).speaking("ru"));
    anna.say("/start").await;
    ivan.say("/start").await;
    assert!(anna.hears(2).await[1].contains("I'm Luna"));
    assert!(ivan.hears(2).await[1].contains("Я Луна"));
    ivan.say("Привет! Меня зовут Иван, я люблю чай").await;
    let answer = ivan.hears(3).await[2].clone();
    assert!(answer.chars().any(|c| ('а'..='я').contains(&c)), "{answer}");
    let calls = |method: &'static str| {
        let (http, url) = (up.http.clone(), up.url.clone());
        async move {
            let address = format!("{url}/sim/calls?method={method}&chat_id=1002");
            let answer: serde_json::Value = http.get(address).send().await.unwrap().json().await.unwrap();
            answer["calls"].as_array().unwrap().len()
        }
    };
    assert!(calls("sendChatAction").await >= 1, "typing was shown");
    assert!(calls("sendMessageDraft").await >= 1, "the answer was seen growing");
    anna.say("/status").await;
    anna.hears(3).await;
    assert_eq!(anna.read().await.len(), 3, "nothing of Ivan's came to Anna");
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// Breaks without the owed messages: each would be answered on its own, or one forgotten. Breaks when the kind word
/// does not ask whether it was said.
#[tokio::test]
async fn with_the_model_down_people_are_told_kindly_once_and_answered_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(folder.path()).await;
    let fault = json!({"method": "chat/completions", "status": 503, "times": 2});
    let faults = format!("{}/sim/faults", up.url);
    assert!(up.http.post(&faults).json(&fault).send().await.unwrap().status().is_success());
    let anna = up.person(1001);
    anna.say("Hello there").await;
    let kind_word = anna.hears(1).await.remove(0);
    anna.say("Are you there?").await;
    let heard = anna.hears(2).await;
    assert_eq!(heard.len(), 2, "a kind word, then one answer: {heard:?}");
    assert_ne!(heard[1], kind_word);
    let pool = up.http.get(format!("{}/metrics", up.url)).send().await.unwrap().text().await.unwrap();
    assert!(pool.contains("vitte_jobs_total{name=\"companion.answer\",result=\"retry\"} 2"), "{pool}");
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// Breaks without the erasure, or when any word confirms it.
#[tokio::test]
async fn a_person_who_asks_to_be_forgotten_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::start(folder.path()).await;
    let anna = up.person(1001);
    anna.say("My name is Anna").await;
    anna.hears(1).await;
    anna.say("/forgetme").await;
    assert!(anna.hears(2).await[1].contains("type the word forget"));
    anna.say("no").await;
    anna.hears(3).await;
    anna.say("forget").await;
    anna.hears(4).await;
    let stored = until("the row to be gone", async || {
        let text = up.get("/metrics").await.1;
        text.lines().find(|l| l.starts_with("vitte_stored{what=\"users\"}")).map(str::to_owned)
    })
    .await;
    assert!(stored.ends_with(" 0"), "{stored}");
    anna.say("What is my name?").await;
    let heard = anna.hears(5).await;
    assert!(!heard[4].contains("Anna,") && !heard[4].contains("name is Anna"), "{heard:?}");
    assert_eq!(up.vitte.stop().await, Some(0));
}
