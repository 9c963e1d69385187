//! Habits through everything: `vitte up`, its front door, and the contract on it.

use serde_json::{Value, json};
use vitte_tests::process::Vitte;

use crate::up::Up;

const MANIFEST: &str = include_str!("../../../crds/examples/habits.yaml");
const BOTH: &str = include_str!("../../../crds/examples/companion-habits.yaml");

async fn token(up: &Up, key: &str) -> (u16, Value) {
    let request = up.http.post(format!("{}/api/v1/auth/token", up.url)).header("X-BOT-API-KEY", key);
    let answer = request.json(&json!({"telegram_id": 1001, "timezone": "Europe/Moscow"})).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Breaks when the front door does not know `/healthcheck`, when `up` has no keys, or when the key that signs is
/// another after a restart.
#[tokio::test]
async fn up_serves_the_contract_with_the_key_that_it_says_and_a_token_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::with(folder.path(), MANIFEST, &[]).await;
    let (status, health) = up.get("/healthcheck").await;
    assert_eq!((status, health.as_str()), (200, r#"{"api_status":"ok","dependencies":{"database":"ok"}}"#));
    assert!(up.vitte.output().contains("X-BOT-API-KEY: simulated"), "{}", up.vitte.output());
    assert_eq!(token(&up, "guessed").await.0, 403);
    let (status, body) = token(&up, "simulated").await;
    assert_eq!(status, 200, "{body}");
    let bearer = format!("Bearer {}", body["access_token"].as_str().unwrap());
    let make = json!({"name": "Read ten pages", "time_to_remind": "09:00"});
    let habits = |up: &Up| format!("{}/api/v1/habits/", up.url);
    let made = up.http.post(habits(&up)).header("authorization", &bearer).json(&make).send().await.unwrap();
    assert_eq!(made.status().as_u16(), 201);
    assert_eq!(up.vitte.stop().await, Some(0));
    let output = up.vitte.output();
    assert!(!output.contains("Read ten pages") && !output.contains(&bearer[7..]), "{output}");

    let mut up = Up::with(folder.path(), MANIFEST, &[]).await;
    let list = up.http.get(habits(&up)).header("authorization", &bearer).send().await.unwrap();
    assert_eq!(list.status().as_u16(), 200);
    assert_eq!(list.json::<Value>().await.unwrap()[0]["name"], "Read ten pages");
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// Breaks when the word that stands in for a key still opens beside the key itself, or when that is printed.
#[tokio::test]
async fn a_shared_key_that_is_given_takes_the_place_of_the_simulated_one() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("VITTE_SECRET_HABITS_BOT_KEY", "our-programs-own-key")];
    let mut up = Up::knowing(folder.path(), MANIFEST, &[], &env).await;
    assert_eq!(token(&up, "simulated").await.0, 403);
    let (status, body) = token(&up, "our-programs-own-key").await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(up.vitte.stop().await, Some(0));
    let output = up.vitte.output();
    assert!(!output.contains("X-BOT-API-KEY") && !output.contains("our-programs-own-key"), "{output}");
}

/// Breaks when nothing follows the greeting of a bot that has no persona.
#[tokio::test]
async fn a_bot_of_habits_alone_says_at_start_what_it_is_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::with(folder.path(), MANIFEST, &[]).await;
    let (anna, ivan) = (up.person(1001), up.person(1002).speaking("ru"));
    anna.say("/start").await;
    anna.hears_of("I help you to keep habits").await;
    ivan.say("/start").await;
    ivan.hears_of("Я помогаю завести привычку").await;
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// A message's button, by a part of its label.
fn button(message: &Value, label: &str) -> (i64, String) {
    let rows = message["buttons"].as_array().unwrap();
    let mut all = rows.iter().flat_map(|row| row.as_array().unwrap());
    let found = all.find(|button| button["text"].as_str().unwrap().contains(label)).unwrap();
    (message["message_id"].as_i64().unwrap(), found["data"].as_str().unwrap().to_owned())
}

/// Breaks when two modules want the same words, when a dialogue's answer goes to the persona or her chat to a habit, or
/// when one's greeting or menu hides the other's.
#[tokio::test]
async fn a_companion_and_habits_live_in_one_bot() {
    let folder = tempfile::tempdir().unwrap();
    let mut up = Up::with(folder.path(), BOTH, &[]).await;
    let anna = up.person(1001);
    anna.say("/start").await;
    let hello = anna.hears_of("Just write to me").await;
    anna.hears_of("I'm Luna").await;
    assert_eq!(anna.read().await.len(), 2, "the bot greets, the persona greets, and the habits have their buttons");
    anna.say("/help").await;
    let help = anna.hears_of("/newhabit – A new habit").await;
    assert!(help["text"].as_str().unwrap().contains("Everything else you write"), "{help}");
    let bot: Value = serde_json::from_str(&up.get("/sim/bot").await.1).unwrap();
    let menu: Vec<&str> =
        bot["commands"]["en"].as_array().unwrap().iter().filter_map(|command| command["command"].as_str()).collect();
    assert!(["start", "habits", "newhabit", "profile"].iter().all(|name| menu.contains(name)), "{bot}");

    let (message, new) = button(&hello, "New habit");
    anna.press(message, &new).await;
    anna.hears_of("What habit would you like").await;
    for (said, heard) in [
        ("Read", "Read, good choice"),
        ("Ten pages", "How many days"),
        ("21", "When shall I"),
        ("at nine", "Ten pages"),
    ] {
        anna.say(said).await;
        anna.hears_of(heard).await;
    }
    let count = anna.read().await.len();
    assert_eq!(count, 9, "three greetings and helps, four questions, done, the card; nothing of the persona");
    anna.say("Hello there").await;
    let heard = anna.hears(count + 1).await;
    assert!(!heard[count].contains("habit"), "{heard:?}");
    anna.say("/habits").await;
    let list = anna.hears_of("Done 0 of 1").await;
    let (message, tap) = button(&list, "Read");
    anna.press(message, &tap).await;
    anna.hears_of("All done for today").await;
    anna.say("How was your day?").await;
    let heard = anna.hears(count + 3).await;
    assert!(!heard[count + 2].contains("habit"), "{heard:?}");
    assert_eq!(token(&up, "simulated").await.0, 200);
    assert_eq!(up.vitte.stop().await, Some(0));
}

/// Breaks when the length of a key is not looked at before it signs.
#[tokio::test]
async fn a_key_too_short_to_sign_is_refused_at_start_without_being_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bot.yaml"), MANIFEST).unwrap();
    let env = [("VITTE_SECRET_HABITS_JWT", "hunter2")];
    let mut vitte = Vitte::start(folder.path(), &["up", "bot.yaml", "--listen", "127.0.0.1:0"], &env);
    assert_eq!(vitte.ended().await.code(), Some(2));
    let output = vitte.output();
    assert!(output.contains("spec.api") && output.contains("at least 32"), "{output}");
    assert!(!output.contains("hunter2"), "{output}");
}
