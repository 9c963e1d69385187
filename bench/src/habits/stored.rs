//! 5,000 people with 20 habits each, which they have done on each of the last five days.

use anyhow::Context;
use chrono::NaiveDate;
use hyper::header::HeaderValue;
use sqlx::PgPool;
use vitte_platform::clock::{Clock, SystemClock};
use vitte_platform::http::api::{ApiSettings, Auth};

use crate::world::SIGNING_KEY;

pub const PEOPLE: usize = 5_000;
pub const HABITS_EACH: usize = 20;
pub const DAYS: i32 = 5;

/// Somebody who asks.
pub struct Person {
    /// `Bearer` and a token of theirs.
    pub credential: HeaderValue,
    pub habits: Vec<i64>,
}

/// What is stored before anything is measured.
pub struct Stored {
    pub people: Vec<Person>,
    /// The database's date then: marks of before are the stored ones.
    pub today: NaiveDate,
}

impl Stored {
    pub async fn write(pool: &PgPool) -> anyhow::Result<Self> {
        let mut c = pool.acquire().await?;
        let people = i64::try_from(PEOPLE)?;
        let each = i64::try_from(HABITS_EACH)?;
        sqlx::query(
            "INSERT INTO users (telegram_id, timezone, created_at, updated_at)
             SELECT 1000000000 + n, 'UTC', now(), now() FROM generate_series(1, $1) AS n",
        )
        .bind(people)
        .execute(&mut *c)
        .await?;
        // As the store writes them: done on every day until yesterday, the target of 21 still to come.
        sqlx::query(
            "INSERT INTO habits (user_id, name, remind_at, target_days, first_day, run, in_row, run_on, best, next_at,
                created_at, updated_at)
             SELECT u.id, 'Habit ' || n, ARRAY['09:00'::time], 21, current_date - $1, $1, $1, current_date - 1, $1,
                current_date + 1 + time '09:00', now(), now()
             FROM users u, generate_series(1, $2) AS n ORDER BY u.id, n",
        )
        .bind(DAYS)
        .bind(each)
        .execute(&mut *c)
        .await?;
        sqlx::query(
            "INSERT INTO habits_executions (habit_id, execution_date, status, created_at, updated_at)
             SELECT id, current_date - n, 'done', now(), now() FROM habits, generate_series($1, 1, -1) AS n
             ORDER BY n DESC, id",
        )
        .bind(DAYS)
        .execute(&mut *c)
        .await?;
        // Nothing of this is to be tidied up while something is measured.
        for statement in ["VACUUM ANALYZE"] {
            sqlx::query(statement).execute(&mut *c).await?;
        }
        let today = sqlx::query_scalar("SELECT current_date").fetch_one(&mut *c).await?;
        let owned: Vec<(i64, Vec<i64>)> =
            sqlx::query_as("SELECT user_id, array_agg(id ORDER BY id) FROM habits GROUP BY user_id ORDER BY user_id")
                .fetch_all(&mut *c)
                .await?;
        let keys = ApiSettings { signing_keys: vec![SIGNING_KEY.to_owned().into()], ..ApiSettings::default() };
        let (auth, now) = (Auth::new(&keys)?, SystemClock.now());
        let person = |(user_id, habits): (i64, Vec<i64>)| {
            let token = auth.token(user_id, now).context("no key signs tokens")?;
            Ok(Person { credential: HeaderValue::from_str(&format!("Bearer {token}"))?, habits })
        };
        Ok(Self { people: owned.into_iter().map(person).collect::<anyhow::Result<_>>()?, today })
    }

    /// Habits with a mark of today or later.
    pub async fn marked(&self, pool: &PgPool) -> anyhow::Result<u64> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(DISTINCT habit_id) FROM habits_executions WHERE execution_date >= $1 AND status = 'done'",
        )
        .bind(self.today)
        .fetch_one(pool)
        .await?;
        Ok(u64::try_from(count)?)
    }

    /// Habits that were made since.
    pub async fn created(&self, pool: &PgPool) -> anyhow::Result<u64> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM habits").fetch_one(pool).await?;
        Ok(u64::try_from(count)?.saturating_sub(u64::try_from(PEOPLE * HABITS_EACH)?))
    }
}
