//! A person's days: their zone, when their day ends, when they rest.

use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use vitte_platform::clock::Timestamp;
use vitte_platform::people::{self, Follow};

use super::HabitError;
use super::renew::{self, Changed};
use crate::domain::day::plus;
use crate::domain::{Quiet, skipped, today};
use crate::model::{HabitId, Person};
use crate::settings::HabitsSettings;

#[derive(FromRow)]
pub(super) struct Row {
    person_id: i64,
    timezone: String,
    end_of_day: Option<NaiveTime>,
    quiet_from: Option<NaiveTime>,
    quiet_until: Option<NaiveTime>,
    first_days: Option<Vec<NaiveDate>>,
    last_days: Option<Vec<NaiveDate>>,
}

/// For [`Row`]: the person joined as `u`, their settings as `p`.
pub(super) const COLUMNS: &str = "u.id AS person_id, u.timezone, p.end_of_day, p.quiet_from, p.quiet_until,
    (SELECT array_agg(first_day ORDER BY id) FROM habits_days_off WHERE user_id = u.id) AS first_days,
    (SELECT array_agg(last_day ORDER BY id) FROM habits_days_off WHERE user_id = u.id) AS last_days";

#[derive(FromRow)]
struct Counted {
    #[sqlx(flatten)]
    person: Row,
    habits: i64,
}

impl Row {
    pub(super) fn person(self, usual_end_of_day: NaiveTime) -> Person {
        Person {
            user_id: self.person_id,
            zone: self.timezone.parse().unwrap_or(chrono_tz::UTC),
            end_of_day: self.end_of_day.unwrap_or(usual_end_of_day),
            usual_end_of_day,
            quiet: self.quiet_from.zip(self.quiet_until).map(|(from, until)| Quiet { from, until }),
            off: self.first_days.unwrap_or_default().into_iter().zip(self.last_days.unwrap_or_default()).collect(),
        }
    }
}

/// A person by our id. `None`: not known (any more).
pub async fn person(c: &mut PgConnection, settings: &HabitsSettings, user_id: i64) -> sqlx::Result<Option<Person>> {
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM users u LEFT JOIN habits_people p ON p.user_id = u.id WHERE u.id = $1"
    )))
    .bind(user_id)
    .fetch_optional(c)
    .await?;
    Ok(row.map(|row| row.person(settings.end_of_day)))
}

/// As [`person`], and how many habits they have.
pub(super) async fn with_count(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
) -> sqlx::Result<Option<(Person, i64)>> {
    let row: Option<Counted> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM habits WHERE user_id = u.id) AS habits
         FROM users u LEFT JOIN habits_people p ON p.user_id = u.id WHERE u.id = $1"
    )))
    .bind(user_id)
    .fetch_optional(c)
    .await?;
    Ok(row.map(|row| (row.person.person(settings.end_of_day), row.habits)))
}

/// Locks a habit until the end of the transaction, and says whose it is. `None`: there is no such habit. What the lock
/// waited for is seen by the next statement only.
pub(super) async fn owner_locked(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    habit: HabitId,
) -> sqlx::Result<Option<Person>> {
    let row: Option<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM habits h JOIN users u ON u.id = h.user_id LEFT JOIN habits_people p ON p.user_id = u.id
         WHERE h.id = $1 FOR NO KEY UPDATE OF h"
    )))
    .bind(habit)
    .fetch_optional(c)
    .await?;
    Ok(row.map(|row| row.person(settings.end_of_day)))
}

/// Locks a person until the end of the transaction: before any of their habits, as everybody does who locks both. Who
/// makes a habit and who changes what it is planned by wait for each other here.
pub(super) async fn lock(c: &mut PgConnection, user_id: i64) -> sqlx::Result<()> {
    sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(user_id).execute(c).await.map(|_| ())
}

/// When the person's day ends; `None`: as the bot says. At most 06:00.
pub async fn set_end_of_day(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    end_of_day: Option<NaiveTime>,
    now: Timestamp,
) -> Result<(), HabitError> {
    lock(c, user_id).await?;
    sqlx::query(
        "INSERT INTO habits_people (user_id, end_of_day, updated_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET end_of_day = excluded.end_of_day, updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(end_of_day)
    .bind(now)
    .execute(&mut *c)
    .await?;
    renew::all(c, settings, user_id, Changed::Hours, now).await
}

/// When the person is not to be disturbed; `None`: never quiet.
pub async fn set_quiet(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    quiet: Option<Quiet>,
    now: Timestamp,
) -> Result<(), HabitError> {
    lock(c, user_id).await?;
    sqlx::query(
        "INSERT INTO habits_people (user_id, quiet_from, quiet_until, updated_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE SET quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
            updated_at = excluded.updated_at",
    )
    .bind(user_id)
    .bind(quiet.map(|q| q.from))
    .bind(quiet.map(|q| q.until))
    .bind(now)
    .execute(&mut *c)
    .await?;
    renew::all(c, settings, user_id, Changed::Hours, now).await
}

/// Days after today.
const LONGEST_VACATION: u64 = 366;

/// A vacation from today until the date, which belongs to it (a year at most); `None` ends the one that is on, yesterday. Past
/// vacations stay, since streaks stand on them.
pub async fn set_vacation(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    until: Option<NaiveDate>,
    now: Timestamp,
) -> Result<(), HabitError> {
    lock(c, user_id).await?;
    let person = person(c, settings, user_id).await?.ok_or(HabitError::NoPerson)?;
    let today = person.today(now);
    // What began before today ended yesterday; what was to come is forgotten.
    sqlx::query("DELETE FROM habits_days_off WHERE user_id = $1 AND reason = 'vacation' AND first_day >= $2")
        .bind(user_id)
        .bind(today)
        .execute(&mut *c)
        .await?;
    sqlx::query(
        "UPDATE habits_days_off SET last_day = $2::date - 1
         WHERE user_id = $1 AND reason = 'vacation' AND last_day >= $2",
    )
    .bind(user_id)
    .bind(today)
    .execute(&mut *c)
    .await?;
    if let Some(until) = until.filter(|until| *until >= today) {
        let longest = plus(today, LONGEST_VACATION);
        add_days_off(c, user_id, (today, until.min(longest)), "vacation").await?;
    }
    renew::all(c, settings, user_id, Changed::Dates, now).await
}

async fn add_days_off(
    c: &mut PgConnection,
    user_id: i64,
    (first, last): (NaiveDate, NaiveDate),
    reason: &str,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO habits_days_off (user_id, first_day, last_day, reason) VALUES ($1, $2, $3, $4)")
        .bind(user_id)
        .bind(first)
        .bind(last)
        .bind(reason)
        .execute(c)
        .await
        .map(|_| ())
}

/// The person's zone has just become another, in this transaction: dates that they never had are not missed, and
/// reminders are planned anew.
pub async fn zone_changed(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    changed: &people::Changed<'_>,
) -> Result<(), HabitError> {
    let (user_id, now) = (changed.after.id, changed.now);
    let Some(person) = person(c, settings, user_id).await? else { return Ok(()) };
    let from = today(now, changed.before.zone(), person.end_of_day);
    // Back and forth over the date line, the same date is skipped again and again.
    if let Some(range) = skipped(from, person.today(now)).filter(|range| !person.is_off(*range)) {
        add_days_off(c, user_id, range, "zone").await?;
    }
    renew::all(c, settings, user_id, Changed::Zone, now).await
}

/// Habits follow a person into another zone.
pub fn follow(settings: HabitsSettings) -> Follow {
    Arc::new(move |c, changed| {
        let settings = settings.clone();
        Box::pin(async move {
            if changed.before.timezone != changed.after.timezone {
                zone_changed(c, &settings, &changed).await?;
            }
            Ok(())
        })
    })
}
