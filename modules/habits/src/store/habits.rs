//! Habits: made, read, changed, deleted, and renewed when what they stand on has changed.

use chrono::{NaiveDate, NaiveTime};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, FromRow, PgConnection, Postgres, SqlSafeStr};
use vitte_platform::clock::Timestamp;
use vitte_platform::http::api::Patch;

use super::history::History;
use super::{COLUMNS, HabitError, marks, people};
use crate::domain::{Schedule, Summary, reached_on};
use crate::model::{Execution, ExecutionRow, Habit, HabitId, HabitRow, Measure, NewHabit, Person};
use crate::settings::HabitsSettings;

/// Which habits of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub skip: i64,
    pub limit: i64,
    /// Without the archived ones.
    pub active_only: bool,
}

/// What to change of a habit; what is not named stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub name: Option<String>,
    pub description: Patch<String>,
    /// The first reminder.
    pub time_to_remind: Option<NaiveTime>,
    /// All reminders.
    pub remind_at: Option<Vec<NaiveTime>>,
    pub target_days: Option<i32>,
    /// Archived or reopened.
    pub is_active: Option<bool>,
    pub schedule: Option<Schedule>,
    pub measure: Patch<Measure>,
}

/// Makes a habit of a person's. It begins today.
pub async fn create(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    new: NewHabit,
    now: Timestamp,
) -> Result<(Habit, Person), HabitError> {
    // One after the other for one person: the limit holds, and who changes the person's days finds this habit.
    people::lock(c, user_id).await?;
    let (person, count) = people::with_count(c, settings, user_id).await?.ok_or(HabitError::NoPerson)?;
    if count >= settings.habits_per_person {
        return Err(HabitError::TooMany(settings.habits_per_person));
    }
    let mut habit = Habit::begun(new, &person, now);
    let (weekdays, times_a_week) = habit.schedule.columns();
    habit.id = sqlx::query_scalar(
        "INSERT INTO habits (user_id, name, description, weekdays, times_a_week, remind_at, target_days, target_amount,
            unit, first_day, next_at, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) RETURNING id",
    )
    .bind(user_id)
    .bind(&habit.name)
    .bind(&habit.description)
    .bind(weekdays)
    .bind(times_a_week)
    .bind(&habit.remind_at)
    .bind(habit.target_days)
    .bind(habit.measure.as_ref().map(|m| m.target))
    .bind(habit.measure.as_ref().and_then(|m| m.unit.as_deref()))
    .bind(habit.first_day)
    .bind(habit.next_at)
    .bind(now)
    .fetch_one(c)
    .await?;
    Ok((habit, person))
}

/// A person's habits, oldest first.
pub async fn list(c: &mut PgConnection, person: &Person, page: Page, now: Timestamp) -> sqlx::Result<Vec<Habit>> {
    let today = person.today(now);
    let rows: Vec<HabitRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM habits h
         LEFT JOIN habits_executions e ON e.habit_id = h.id AND e.execution_date = $2
         WHERE h.user_id = $1 AND (h.is_active OR NOT $3) ORDER BY h.id LIMIT $4 OFFSET $5"
    )))
    .bind(person.user_id)
    .bind(today)
    .bind(page.active_only)
    .bind(page.limit)
    .bind(page.skip)
    .fetch_all(c)
    .await?;
    Ok(rows.into_iter().map(|row| row.habit(today)).collect())
}

/// One habit of the person's.
pub async fn get(c: &mut PgConnection, person: &Person, id: HabitId, now: Timestamp) -> Result<Habit, HabitError> {
    own(c, person, id, person.today(now)).await
}

/// A habit to be changed, locked until the end of the transaction, and its person as they are now: who changed their
/// zone or their quiet hours while we waited for the lock has had this habit's reminders planned by them, and so must we.
pub(super) async fn locked(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
) -> Result<(Habit, Person), HabitError> {
    // A statement of its own: what it waited for is seen by those that follow.
    sqlx::query("SELECT 1 FROM habits WHERE id = $1 FOR NO KEY UPDATE").bind(id).execute(&mut *c).await?;
    waited_for(c, person, id, date).await
}

/// As [`locked`], as of the person's today.
pub(super) async fn locked_today(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    now: Timestamp,
) -> Result<(Habit, Person), HabitError> {
    let (habit, person) = locked(c, person, id, person.today(now)).await?;
    as_of_today(c, habit, person, now).await
}

/// As [`locked_today`], for who knows no more than the person's id: the habit's lock finds them, too.
pub(super) async fn locked_of(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    id: HabitId,
    now: Timestamp,
) -> Result<(Habit, Person), HabitError> {
    let owner = people::owner_locked(c, settings, id).await?;
    let person = match owner {
        Some(owner) if owner.user_id == user_id => owner,
        // A person who is not known (any more) is told so, whatever they ask for.
        _ if people::person(c, settings, user_id).await?.is_none() => return Err(HabitError::NoPerson),
        Some(_) => return Err(HabitError::Foreign),
        None => return Err(HabitError::Missing),
    };
    let (habit, person) = waited_for(c, &person, id, person.today(now)).await?;
    as_of_today(c, habit, person, now).await
}

/// What the lock of a habit waited for: the habit as of that date, and its person.
async fn waited_for(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
) -> Result<(Habit, Person), HabitError> {
    let row: Option<Locked> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS}, {} FROM habits h
         JOIN users u ON u.id = h.user_id LEFT JOIN habits_people p ON p.user_id = u.id
         LEFT JOIN habits_executions e ON e.habit_id = h.id AND e.execution_date = $2 WHERE h.id = $1",
        people::COLUMNS
    )))
    .bind(id)
    .bind(date)
    .fetch_optional(&mut *c)
    .await?;
    let Locked { habit, person: now } = row.ok_or(HabitError::Missing)?;
    let habit = owned(habit.habit(date), person)?;
    Ok((habit, now.person(person.usual_end_of_day)))
}

/// The person's today may have become another while the lock was waited for.
async fn as_of_today(
    c: &mut PgConnection,
    habit: Habit,
    person: Person,
    now: Timestamp,
) -> Result<(Habit, Person), HabitError> {
    let today = person.today(now);
    let habit = if habit.today == today { habit } else { own(c, &person, habit.id, today).await? };
    Ok((habit, person))
}

/// A habit as of a date, that person's and no one else's.
pub(super) async fn own(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
) -> Result<Habit, HabitError> {
    let row: Option<HabitRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM habits h
         LEFT JOIN habits_executions e ON e.habit_id = h.id AND e.execution_date = $2 WHERE h.id = $1"
    )))
    .bind(id)
    .bind(date)
    .fetch_optional(c)
    .await?;
    owned(row.ok_or(HabitError::Missing)?.habit(date), person)
}

fn owned(habit: Habit, person: &Person) -> Result<Habit, HabitError> {
    if habit.user_id == person.user_id { Ok(habit) } else { Err(HabitError::Foreign) }
}

#[derive(FromRow)]
struct Locked {
    #[sqlx(flatten)]
    habit: HabitRow,
    #[sqlx(flatten)]
    person: people::Row,
}

/// What became of a habit, newest first; the caller has asked whose it is.
pub async fn executions(c: &mut PgConnection, id: HabitId, limit: i64) -> sqlx::Result<Vec<Execution>> {
    let rows: Vec<ExecutionRow> = sqlx::query_as(
        "SELECT id, habit_id, execution_date, status, amount, amount_before, created_at, updated_at
         FROM habits_executions WHERE habit_id = $1 ORDER BY execution_date DESC LIMIT $2",
    )
    .bind(id)
    .bind(limit)
    .fetch_all(c)
    .await?;
    Ok(rows.into_iter().map(Execution::from).collect())
}

/// Changes a habit.
pub async fn update(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    changes: Changes,
    now: Timestamp,
) -> Result<Habit, HabitError> {
    let (mut habit, person) = locked_today(c, person, id, now).await?;
    let before = habit.clone();
    let Changes { name, description, time_to_remind, remind_at, target_days, is_active, schedule, measure } = changes;
    habit.name = name.unwrap_or(habit.name);
    habit.description = description.apply(habit.description);
    habit.remind_at = remind_at.unwrap_or(habit.remind_at);
    if let Some(first) = time_to_remind {
        // It stays the first, which is the contract's, also where it is not the earliest.
        let others = habit.remind_at.iter().skip(1).copied().filter(|at| *at != first);
        habit.remind_at = [first].into_iter().chain(others).collect();
    }
    if habit.remind_at != before.remind_at {
        // A time that is chosen anew counts today, whatever has fired; one that is gone does not.
        habit.fired_through = None;
        habit.forget_moment();
    }
    habit.target_days = target_days.unwrap_or(habit.target_days);
    habit.measure = measure.apply(habit.measure);
    habit.schedule = schedule.unwrap_or(habit.schedule);
    habit.is_active = is_active.unwrap_or(habit.is_active);
    habit.updated_at = now;
    let (weekdays, times_a_week) = habit.schedule.columns();
    sqlx::query(
        "UPDATE habits SET name = $2, description = $3, weekdays = $4, times_a_week = $5, remind_at = $6,
            target_days = $7, target_amount = $8, unit = $9
         WHERE id = $1",
    )
    .bind(id)
    .bind(&habit.name)
    .bind(&habit.description)
    .bind(weekdays)
    .bind(times_a_week)
    .bind(&habit.remind_at)
    .bind(habit.target_days)
    .bind(habit.measure.as_ref().map(|m| m.target))
    .bind(habit.measure.as_ref().and_then(|m| m.unit.as_deref()))
    .execute(&mut *c)
    .await?;
    if habit.schedule != before.schedule {
        habit.summary = summary(c, &person, &habit).await?;
    }
    if before.is_active || habit.is_active {
        habit.expect_target(&person);
    }
    write(c, &person, &mut habit, now).await?;
    marks::remeasured(c, &person, habit, &before, now).await
}

/// Keeps a habit from being deleted until the end of the transaction. False: it is gone.
pub async fn hold(c: &mut PgConnection, id: HabitId) -> sqlx::Result<bool> {
    let held = sqlx::query("SELECT 1 FROM habits WHERE id = $1 FOR KEY SHARE").bind(id).execute(c).await?;
    Ok(held.rows_affected() > 0)
}

/// Deletes a habit with all that became of it.
pub async fn delete(c: &mut PgConnection, person: &Person, id: HabitId, now: Timestamp) -> Result<(), HabitError> {
    locked_today(c, person, id, now).await?;
    sqlx::query("DELETE FROM habits WHERE id = $1").bind(id).execute(c).await?;
    Ok(())
}

/// What a habit has come to, for [`state`]'s values.
pub(super) const WRITE: &str = "UPDATE habits SET run = $2, in_row = $3, run_on = $4, best = $5, week_done = $6,
    week_skipped = $7, is_active = $8, completed_on = $9, next_at = $10, snoozed_until = $11, fired_through = $12,
    updated_at = $13 WHERE id = $1";

/// A statement with [`WRITE`] in it, and its first thirteen values.
pub(super) fn state<'q>(statement: impl SqlSafeStr, habit: &Habit) -> Query<'q, Postgres, PgArguments> {
    let Summary { run, in_row, on, best, week_done, week_skipped } = habit.summary;
    sqlx::query(statement)
        .bind(habit.id)
        .bind(run)
        .bind(in_row)
        .bind(on)
        .bind(best)
        .bind(i16::from(week_done))
        .bind(i16::from(week_skipped))
        .bind(habit.is_active)
        .bind(habit.completed_on)
        .bind(habit.next_at)
        .bind(habit.snoozed_until)
        .bind(habit.fired_through)
        .bind(habit.updated_at)
}

/// Plans the next reminder and writes what the habit has come to.
pub(super) async fn write(
    c: &mut PgConnection,
    person: &Person,
    habit: &mut Habit,
    now: Timestamp,
) -> sqlx::Result<()> {
    habit.plan(person, now);
    state(WRITE, habit).execute(c).await.map(|_| ())
}

/// What the executions come to.
pub(super) async fn summary(c: &mut PgConnection, person: &Person, habit: &Habit) -> sqlx::Result<Summary> {
    let history = History::of(c, &[habit.id]).await?;
    Ok(Summary::of(&habit.rules(person), history.of_habit(habit.id)))
}

/// The date on which each of some habits reached its target, if it ever has: also one that has lost its streak since.
pub async fn reached(c: &mut PgConnection, person: &Person, habits: &[Habit]) -> sqlx::Result<Vec<Option<NaiveDate>>> {
    let history = History::of(c, &habits.iter().map(|habit| habit.id).collect::<Vec<_>>()).await?;
    let reached = |habit: &Habit| {
        let first = || reached_on(&habit.rules(person), habit.target_days, history.of_habit(habit.id));
        habit.completed_on.or_else(first)
    };
    Ok(habits.iter().map(reached).collect())
}
