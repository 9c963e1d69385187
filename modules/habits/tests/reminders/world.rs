//! A database with people and habits, and a worker's look at what is due.

use chrono::NaiveTime;
use sqlx::{PgConnection, PgPool};
use vitte_habits::model::{Habit, NewHabit, Person};
use vitte_habits::{HabitsSettings, Reminding, Told, due_in, store};
use vitte_platform::cache::{Cache, USER};
use vitte_platform::clock::Timestamp;
use vitte_platform::people::{Change, People};
use vitte_tests::database::migrated_pool;

pub struct World {
    pub pool: PgPool,
    pub people: People,
    pub reminding: Reminding,
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn time(text: &str) -> NaiveTime {
    text.parse().unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::on(migrated_pool().await.1)
    }

    pub fn on(pool: PgPool) -> Self {
        let settings = HabitsSettings::default();
        let people = People::new(Cache::new(1, USER, None));
        people.followed_by([store::follow(settings.clone())]);
        let languages = vec!["en".to_owned(), "ru".to_owned()];
        // Nobody sends: all that is due is written.
        let reminding = Reminding { ahead: i64::MAX, ..Reminding::new(settings, languages) };
        Self { pool, people, reminding }
    }

    pub fn settings(&self) -> &HabitsSettings {
        &self.reminding.settings
    }

    /// Somebody in a zone; our id of them.
    pub async fn user(&self, telegram_id: i64, zone: &str) -> i64 {
        sqlx::query_scalar(
            "INSERT INTO users (telegram_id, timezone, created_at, updated_at) VALUES ($1, $2, now(), now())
             RETURNING id",
        )
        .bind(telegram_id)
        .bind(zone)
        .fetch_one(&self.pool)
        .await
        .unwrap()
    }

    pub async fn connection(&self) -> sqlx::pool::PoolConnection<sqlx::Postgres> {
        self.pool.acquire().await.unwrap()
    }

    pub async fn person(&self, user: i64) -> Person {
        store::person(&mut *self.connection().await, self.settings(), user).await.unwrap().unwrap()
    }

    /// A daily habit with a reminder.
    pub async fn habit(&self, user: i64, at: &str, now: &str) -> Habit {
        self.make(user, NewHabit::daily("Run", time(at)), now).await
    }

    pub async fn make(&self, user: i64, new: NewHabit, now: &str) -> Habit {
        let mut tx = self.pool.begin().await.unwrap();
        let (habit, _) = store::create(&mut tx, self.settings(), user, new, at(now)).await.unwrap();
        tx.commit().await.unwrap();
        habit
    }

    pub async fn read(&self, user: i64, habit: i64, now: &str) -> Habit {
        let person = self.person(user).await;
        store::get(&mut *self.connection().await, &person, habit, at(now)).await.unwrap()
    }

    pub async fn mark(&self, user: i64, habit: i64, mark: store::Mark, now: &str) -> store::Marked {
        let person = self.person(user).await;
        let mut tx = self.pool.begin().await.unwrap();
        let today = person.today(at(now));
        let marked = store::mark(&mut tx, &person, habit, today, mark, at(now)).await.unwrap();
        tx.commit().await.unwrap();
        marked
    }

    pub async fn move_to(&self, user: i64, zone: &str, now: &str) {
        let change = Change { timezone: Some(zone.to_owned()), ..Change::default() };
        self.change(user, change, now).await;
    }

    pub async fn change(&self, user: i64, change: Change, now: &str) {
        let mut tx = self.pool.begin().await.unwrap();
        self.people.change(&mut tx, user, &change, at(now)).await.unwrap().unwrap();
        tx.commit().await.unwrap();
    }

    /// In a transaction of its own.
    pub async fn done<T>(&self, what: impl AsyncFnOnce(&mut PgConnection) -> T) -> T {
        let mut tx = self.pool.begin().await.unwrap();
        let value = what(&mut tx).await;
        tx.commit().await.unwrap();
        value
    }

    /// A worker looks, until nothing is due.
    pub async fn look(&self, now: &str) -> Told {
        let mut all = Told::default();
        loop {
            let told = due_in(&self.pool, &self.reminding, at(now), None).await.unwrap();
            if told.taken() == 0 {
                return all;
            }
            all = Told {
                sent: all.sent + told.sent,
                late: all.late + told.late,
                needless: all.needless + told.needless,
                expired: all.expired + told.expired,
                unreachable: all.unreachable + told.unreachable,
                put_off: all.put_off + told.put_off,
                full: told.full,
            };
        }
    }

    /// As if a sender had been at work.
    pub async fn telegram_has_all(&self) {
        sqlx::query("UPDATE outbox SET sent_at = now() WHERE sent_at IS NULL").execute(&self.pool).await.unwrap();
        sqlx::query("UPDATE outbox_chats SET due_at = NULL").execute(&self.pool).await.unwrap();
    }

    /// The reminders written so far: of which habit and date, by their buttons.
    pub async fn reminded(&self) -> Vec<(i64, String)> {
        sqlx::query_as(
            "SELECT split_part(data, ':', 4)::bigint, split_part(data, ':', 5)
             FROM outbox, LATERAL (SELECT payload #>> '{reply_markup,inline_keyboard,0,0,callback_data}' AS data) AS b
             WHERE priority = 1 AND data LIKE 'habits:remind:done:%' ORDER BY id",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap()
    }

    /// The reminders written so far: to whom, and their texts.
    pub async fn written(&self) -> Vec<(i64, String)> {
        sqlx::query_as("SELECT chat_id, payload->>'text' FROM outbox WHERE priority = 1 ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .unwrap()
    }
}
