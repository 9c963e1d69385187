//! A reminder as a person gets it: through the outbox, with buttons that work.

use std::sync::Arc;

use serde_json::json;
use vitte_habits::domain::{Quiet, Status};
use vitte_habits::store::{self, Mark};
use vitte_habits::{Calendar, Habits, Remind};
use vitte_platform::clock::{Clock, ManualClock};
use vitte_platform::module::Module;
use vitte_platform::users;
use vitte_tests::database::migrated;
use vitte_tests::person::Person;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::Telegram;

use crate::world::{World, at, time};

struct Talk {
    telegram: Telegram,
    replica: Replica,
    clock: Arc<ManualClock>,
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
        let setup = Setup { clock: clock.clone(), ..Setup::default() };
        let replica = Replica::of(&telegram, &database, setup, modules).await;
        replica.register(&telegram).await;
        let ann = telegram.person(5);
        Self { telegram, replica, clock, world, ann }
    }

    /// A press of Ann's on a message of hers, with whatever data a client may send.
    async fn presses(&self, update: i64, message: i64, data: &str) {
        let person = json!({"id": 5, "is_bot": false, "first_name": "Ann"});
        let message = json!({"message_id": message, "date": 1, "chat": {"id": 5, "type": "private"}, "text": "Run"});
        let press = json!({"id": "1", "chat_instance": "1", "data": data, "from": person, "message": message});
        let answered = self.telegram.calls("answerCallbackQuery").await.len();
        self.telegram.update(&json!({"update_id": update, "callback_query": press})).await;
        vitte_tests::until("an answer to the press", async || {
            (self.telegram.calls("answerCallbackQuery").await.len() > answered).then_some(())
        })
        .await;
    }

    fn clock_is(&self, now: &str) {
        let ahead = at(now) - self.clock.now();
        self.clock.advance(ahead.to_std().unwrap());
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
    talk.presses(900_001, message, &format!("habits:remind:done:{}:2026-03-11", habit.id)).await;
    assert!(!talk.world.read(bob, habit.id, "2026-03-11T10:00:00Z").await.is_done_today());
}

/// Breaks when whatever date a button names is marked: a streak that never ends, or one of the year before.
#[tokio::test]
async fn a_button_with_a_date_that_was_never_shown_does_nothing() {
    let talk = Talk::new().await;
    let user = talk.world.user(5, "UTC").await;
    let habit = talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    talk.world.look("2026-03-11T09:00:00Z").await;
    let (message, _) = talk.reminded().await;
    let dates = ["2026-03-12", "2126-03-11", "2026-03-08", "+262142-12-31"];
    for (update, date) in (900_001..).zip(dates) {
        talk.presses(update, message, &format!("habits:remind:done:{}:{date}", habit.id)).await;
    }
    let marked = store::executions(&mut *talk.world.connection().await, habit.id, 10).await.unwrap();
    assert_eq!(marked, []);
    assert!(talk.ann.read().await.iter().all(|text| !text.contains("Done")));
}

/// Breaks when "in an hour" promises a reminder of another day, of a habit that is done, or in quiet hours.
#[tokio::test]
async fn in_an_hour_is_promised_only_where_it_is_kept() {
    let talk = Talk::new().await;
    let user = talk.world.user(5, "UTC").await;
    let habit = talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    talk.world.look("2026-03-11T09:00:00Z").await;
    let (message, buttons) = talk.reminded().await;
    let later = &buttons[1];
    let planned = async || talk.world.read(user, habit.id, "2026-03-11T09:00:00Z").await.snoozed_until;
    talk.presses(900_001, message, later).await;
    talk.ann.hears_of("I will remind you in an hour").await;
    assert_eq!(planned().await, Some(at("2026-03-11T10:10:00Z")));
    let quiet = Quiet { from: time("10:00:00"), until: time("12:00:00") };
    let set = async |c: &mut sqlx::PgConnection| {
        store::set_quiet(c, talk.world.settings(), user, Some(quiet), at("2026-03-11T09:10:00Z")).await
    };
    talk.world.done(set).await.unwrap();
    talk.presses(900_002, message, later).await;
    talk.ann.hears_of("I will remind you at 12:00").await;
    assert_eq!(planned().await, Some(at("2026-03-11T12:00:00Z")));
    talk.clock_is("2026-03-11T23:10:00Z");
    talk.presses(900_003, message, later).await;
    talk.ann.hears_of("too late for 11 March").await;
    let (_, answers) = talk.reminded().await;
    let expected = ["done", "skip"].map(|what| format!("habits:remind:{what}:{}:2026-03-11", habit.id));
    assert_eq!(answers, expected);
    // Tomorrow it is still about that day.
    talk.clock_is("2026-03-12T08:00:00Z");
    talk.presses(900_004, message, later).await;
    talk.ann.hears_of("too late for 11 March").await;
    assert_eq!(planned().await, Some(at("2026-03-11T12:00:00Z")), "nothing new");
    talk.world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-12T08:00:00Z").await;
    talk.presses(900_005, message, &later.replace("2026-03-11", "2026-03-12")).await;
    talk.ann.hears_of("nothing more today").await;
}

/// Breaks when the document is made in the turn, or when what is made of a person outlives them.
#[tokio::test]
async fn who_is_forgotten_takes_along_what_was_asked_for_and_every_file() {
    let talk = Talk::new().await;
    let user = talk.world.user(5, "UTC").await;
    let habit = talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    talk.world.mark(user, habit.id, Mark::Status(Status::Done), "2026-03-11T09:00:00Z").await;
    talk.world.look("2026-03-11T09:00:00Z").await;
    let bob = talk.telegram.person(6);
    talk.ann.say("/profile").await;
    let profile = talk.ann.hears_of("Profile").await["message_id"].as_i64().unwrap();
    bob.say("/profile").await;
    bob.hears_of("Profile").await;
    let count = async |sql: &'static str| -> i64 { sqlx::query_scalar(sql).fetch_one(&talk.world.pool).await.unwrap() };
    for _ in 0..2 {
        talk.ann.press(profile, "habits:export").await;
    }
    vitte_tests::until("both presses answered", async || {
        (talk.telegram.calls("answerCallbackQuery").await.len() == 2).then_some(())
    })
    .await;
    assert_eq!(count("SELECT count(*) FROM jobs").await, 1);
    assert_eq!(count("SELECT count(*) FROM outbox_files").await, 0);
    let _worker = talk.replica.worker();
    talk.ann.hears_of("All your marks: 1").await;
    let month =
        Calendar { habit: habit.id, user, chat: 5, month: "2026-03-01".parse().unwrap(), language: "en".to_owned() };
    let enqueue = async || {
        talk.world.done(async |c| vitte_platform::jobs::enqueue(c, &month, None).await).await.unwrap();
    };
    enqueue().await;
    talk.ann.hears_of("1 day done").await;
    // A file that Bob was sent, too, is not hers alone.
    let share = "INSERT INTO outbox (chat_id, priority, method, payload, sent_at)
                 SELECT 6, priority, method, payload, now() FROM outbox WHERE method = 'sendPhoto'";
    sqlx::query(share).execute(&talk.world.pool).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM outbox_files").await, 2);
    let mut c = talk.world.connection().await;
    let ann = users::find(&mut c, user).await.unwrap().unwrap();
    talk.world.done(async |c| users::erase(c, &ann).await).await.unwrap();
    assert_eq!(count("SELECT count(*) FROM outbox_files WHERE mime = 'text/csv'").await, 0);
    assert_eq!(count("SELECT count(*) FROM outbox_files WHERE mime = 'image/png'").await, 1);
    let before = talk.ann.read().await.len();
    enqueue().await;
    vitte_tests::until("the job to end", async || (count("SELECT count(*) FROM jobs").await == 0).then_some(())).await;
    assert_eq!(count("SELECT count(*) FROM dead_jobs").await, 0);
    assert_eq!(
        (talk.ann.read().await.len(), count("SELECT count(*) FROM outbox WHERE chat_id = 5").await),
        (before, 0)
    );
}

/// Breaks when a run ends with the first hundred, and when it waits for the next minute to write more.
#[tokio::test]
async fn one_run_of_the_job_reminds_everybody_as_room_comes_in_the_outbox() {
    let talk = Talk::new().await;
    let people = 130;
    for n in 1..=people {
        talk.telegram.meet(1000 + n).await;
        let user = talk.world.user(1000 + n, "UTC").await;
        talk.world.habit(user, "09:00:00", "2026-03-10T12:00:00Z").await;
    }
    talk.world.done(async |c| vitte_platform::jobs::enqueue(c, &Remind, None).await).await.unwrap();
    let _worker = talk.replica.worker();
    let count = async |statement: &'static str| -> i64 {
        sqlx::query_scalar(statement).fetch_one(&talk.world.pool).await.unwrap()
    };
    vitte_tests::until("the run to end", async || (count("SELECT count(*) FROM jobs").await == 0).then_some(())).await;
    assert_eq!(count("SELECT count(*) FROM outbox").await, people);
    vitte_tests::until("everybody to be told", async || {
        (talk.telegram.calls("sendMessage").await.len() as i64 == people).then_some(())
    })
    .await;
}
