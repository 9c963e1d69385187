//! A reminder as a person gets it: through the outbox, with buttons that work.

use std::sync::Arc;

use serde_json::json;
use vitte_habits::Habits;
use vitte_platform::clock::ManualClock;
use vitte_platform::module::Module;
use vitte_tests::database::migrated;
use vitte_tests::person::Person;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::Telegram;

use crate::world::{World, at};

struct Talk {
    telegram: Telegram,
    _replica: Replica,
    world: World,
    ann: Person,
}

impl Talk {
    async fn new() -> Self {
        let telegram = Telegram::start().await;
        let database = migrated().await;
        let clock = Arc::new(ManualClock::at(at("2026-03-11T09:10:00Z")));
        let pool = vitte_platform::database::pool(&vitte_platform::database::DatabaseSettings::new(&database)).unwrap();
        let world = World::on(pool);
        let habits = Habits::new(world.settings().clone(), vec!["en".to_owned()], world.people.clone()).unwrap();
        let modules: Vec<Arc<dyn Module>> = vec![Arc::new(habits)];
        let setup = Setup { clock, ..Setup::default() };
        let replica = Replica::of(&telegram, &database, setup, modules).await;
        replica.register(&telegram).await;
        let ann = telegram.person(5);
        Self { telegram, _replica: replica, world, ann }
    }

    /// The reminder's message and its buttons' data.
    async fn reminded(&self) -> (i64, Vec<String>) {
        let message = self.ann.hears_of("Run").await;
        let rows = message["buttons"].as_array().unwrap();
        let buttons = rows.iter().flat_map(|row| row.as_array().unwrap());
        let data = buttons.map(|button| button["data"].as_str().unwrap().to_owned()).collect();
        (message["message_id"].as_i64().unwrap(), data)
    }
}

/// Breaks when 429 drops a reminder or sends it twice, or when a button does nothing.
#[tokio::test]
async fn a_reminder_outlives_429_and_its_button_marks_the_day_in_place() {
    let talk = Talk::new().await;
    let user = talk.world.user(5, "UTC").await;
    let habit = talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    let fault = json!({"method": "sendMessage", "status": 429, "retry_after": 1, "times": 1});
    talk.telegram.fault(fault).await;
    assert_eq!(talk.world.look("2026-03-11T09:00:00Z").await.sent, 1);
    let (message, buttons) = talk.reminded().await;
    assert_eq!(buttons.len(), 3, "{buttons:?}");
    assert_eq!(talk.telegram.calls("sendMessage").await.len(), 2, "refused once, sent once");
    talk.ann.press(message, &buttons[0]).await;
    talk.ann.hears_of("Done. 1 day in a row").await;
    assert_eq!(talk.ann.read().await.len(), 1, "the reminder itself has changed");
    assert!(talk.world.read(user, habit.id, "2026-03-11T10:00:00Z").await.is_done_today());
}

/// Breaks when a button acts for whoever presses it.
#[tokio::test]
async fn a_button_of_somebody_elses_habit_does_nothing() {
    let talk = Talk::new().await;
    let bob = talk.world.user(6, "UTC").await;
    let habit = talk.world.habit(bob, "09:00:00", "2026-03-10T12:00:00Z").await;
    let user = talk.world.user(5, "UTC").await;
    talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    talk.world.look("2026-03-11T09:00:00Z").await;
    let (message, _) = talk.reminded().await;
    let data = format!("habits:remind:done:{}:2026-03-11", habit.id);
    let person = json!({"id": 5, "is_bot": false, "first_name": "Ann"});
    let message = json!({"message_id": message, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "Run"});
    let press = json!({"id": "1", "chat_instance": "1", "data": data, "from": person, "message": message});
    talk.telegram.update(&json!({"update_id": 900_001, "callback_query": press})).await;
    vitte_tests::until("an answer to the press", async || {
        (!talk.telegram.calls("answerCallbackQuery").await.is_empty()).then_some(())
    })
    .await;
    assert!(!talk.world.read(bob, habit.id, "2026-03-11T10:00:00Z").await.is_done_today());
}
