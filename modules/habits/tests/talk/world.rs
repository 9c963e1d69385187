//! A bot with habits and a module that answers free text, on a database of its own, with the clock in the test's hand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::PgPool;
use vitte_accounts::Accounts;
use vitte_habits::{Habits, HabitsSettings, Reminding};
use vitte_platform::cache::{Cache, USER};
use vitte_platform::clock::ManualClock;
use vitte_platform::jobs::Runner;
use vitte_platform::module::{Handlers, Module};
use vitte_platform::people::People;
use vitte_platform::telegram::Message;
use vitte_tests::database::migrated;
use vitte_tests::person::Person;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::Telegram;
use vitte_tests::until;

/// A Wednesday.
pub const NOW: &str = "2026-03-11T09:10:00Z";

/// Answers what nobody else takes.
struct Echo;

impl Module for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    fn handlers(&self) -> Handlers {
        Handlers::new().free_text(|turn, message| {
            let text = message.text.clone().unwrap_or_default();
            Box::pin(async move {
                turn.reply(Message::plain(&format!("echo: {text}")));
                Ok(())
            })
        })
    }
}

pub struct World {
    pub telegram: Telegram,
    pub clock: Arc<ManualClock>,
    database: String,
    replica: Replica,
}

impl World {
    pub async fn new() -> Self {
        let telegram = Telegram::start().await;
        let database = migrated().await;
        let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
        let replica = replica(&telegram, &database, clock.clone()).await;
        Self { telegram, clock, database, replica }
    }

    /// Another process in the place of this one, that knows nothing of it.
    pub async fn restart(&mut self) {
        self.replica.sender.close(Duration::from_secs(5)).await;
        // The connections of a process end with it.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.replica.pool.close()).await;
        self.replica = replica(&self.telegram, &self.database, self.clock.clone()).await;
    }

    pub fn work(&self) -> Runner {
        self.replica.worker()
    }

    pub fn pool(&self) -> &PgPool {
        &self.replica.pool
    }

    pub fn hours(&self, hours: u64) {
        self.minutes(60 * hours);
    }

    pub fn minutes(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(60 * minutes));
    }

    pub fn reminding(&self) -> Reminding {
        Reminding::new(HabitsSettings::default(), vec!["en".to_owned(), "ru".to_owned()])
    }

    pub fn ann(&self, language: &'static str) -> Ann<'_> {
        Ann { person: self.telegram.person(5).speaking(language), world: self }
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }
}

async fn replica(telegram: &Telegram, database: &str, clock: Arc<ManualClock>) -> Replica {
    let users = Cache::new(1, USER, None);
    let settings = HabitsSettings::default();
    let people = People::new(users.clone());
    let languages = vec!["en".to_owned(), "ru".to_owned()];
    let habits: Arc<dyn Module> = Arc::new(Habits::new(settings, languages, people.clone()).unwrap());
    people.followed_by(habits.follow());
    let accounts = Accounts::new(users, people, std::slice::from_ref(&habits));
    let modules: Vec<Arc<dyn Module>> = vec![Arc::new(accounts), habits, Arc::new(Echo)];
    let setup = Setup { clock, ..Setup::default() };
    let replica = Replica::of(telegram, database, setup, modules).await;
    replica.register(telegram).await;
    replica
}

/// Somebody who talks with the bot.
pub struct Ann<'w> {
    pub person: Person,
    world: &'w World,
}

impl Ann<'_> {
    pub async fn says(&self, text: &str) {
        self.person.say(text).await;
    }

    /// What the bot shows: its messages as they are now, oldest first.
    pub async fn screen(&self) -> Vec<Value> {
        let all = self.person.messages().await;
        all.into_iter().filter(|message| message["from"] == "bot").collect()
    }

    /// Waits until the bot's last message has this in it.
    pub async fn sees(&self, part: &str) -> Value {
        until(&format!("{part:?} as the last of {:?}", self.person.read().await), async || {
            self.screen().await.pop().filter(|last| text(last).contains(part))
        })
        .await
    }

    /// Waits for some message of the bot with this in it.
    pub async fn finds(&self, part: &str) -> Value {
        self.person.hears_of(part).await
    }

    /// Taps the newest button whose label has this in it.
    pub async fn taps(&self, label: &str) {
        let (message, data) = self.button(label).await;
        self.person.press(message, &data).await;
    }

    /// The newest button whose label has this in it: its message and its data.
    pub async fn button(&self, label: &str) -> (i64, String) {
        until(&format!("a button {label:?}"), async || {
            self.screen().await.iter().rev().find_map(|message| {
                let button = buttons(message).into_iter().find(|(text, _)| text.contains(label))?;
                Some((message["message_id"].as_i64()?, button.1))
            })
        })
        .await
    }

    /// A press of a button that may not be shown any more, as a second quick tap is.
    pub async fn presses_again(&self, update_id: i64, message: i64, data: &str) {
        let from = json!({"id": 5, "is_bot": false, "first_name": "P5", "language_code": self.person.language});
        let shown = json!({"message_id": message, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "."});
        let press =
            json!({"id": update_id.to_string(), "chat_instance": "1", "data": data, "from": from, "message": shown});
        self.world.telegram.update(&json!({"update_id": update_id, "callback_query": press})).await;
    }

    /// Shares a location; once a test.
    pub async fn shares(&self, latitude: f64, longitude: f64) {
        let from = json!({"id": 5, "is_bot": false, "first_name": "P5", "language_code": self.person.language});
        let message = json!({"message_id": 900_001, "date": 1, "chat": {"id": 5, "type": "private"}, "from": from,
            "location": {"latitude": latitude, "longitude": longitude}});
        self.world.telegram.update(&json!({"update_id": 900_001, "message": message})).await;
    }

    /// Waits until a press was answered with this over the chat.
    pub async fn toast(&self, part: &str) {
        until(&format!("{part:?} over the chat"), async || {
            let calls = self.world.telegram.calls("answerCallbackQuery").await;
            calls.iter().any(|call| call["text"].as_str().is_some_and(|text| text.contains(part))).then_some(())
        })
        .await;
    }

    /// A new habit of so much a day; its card is the last that is seen.
    pub async fn makes_measured(&self, name: &str, amount: &str) {
        let [edit, measure, question] = match self.person.language {
            "ru" => ["Изменить", "Сколько в день", "Сколько"],
            _ => ["Edit", "Amount a day", "makes a day"],
        };
        self.makes(name, "9").await;
        self.taps(edit).await;
        self.taps(measure).await;
        self.sees(question).await;
        self.says(amount).await;
    }

    /// A new habit, by the words alone.
    pub async fn makes(&self, name: &str, time: &str) {
        let count = self.screen().await.len();
        for said in ["/newhabit", name, "/skip", "/skip", time] {
            self.says(said).await;
        }
        // Four questions, "done" (perhaps with a hint), the card.
        self.person.hears(count + 6).await;
    }
}

pub fn text(message: &Value) -> &str {
    message["text"].as_str().unwrap_or_default()
}

/// Labels and data.
pub fn buttons(message: &Value) -> Vec<(String, String)> {
    let rows = message["buttons"].as_array().cloned().unwrap_or_default();
    let all = rows.iter().filter_map(Value::as_array).flatten();
    all.map(|b| (b["text"].as_str().unwrap_or_default().to_owned(), b["data"].as_str().unwrap_or_default().to_owned()))
        .collect()
}
