//! What became of a habit on a date: marked, taken back, put off.

use chrono::NaiveDate;
use sqlx::PgConnection;
use vitte_platform::clock::Timestamp;

use super::{HabitError, habits};
use crate::domain::{Status, before};
use crate::model::{Execution, ExecutionRow, Habit, HabitId, Person};

/// What a person says of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Status(Status),
    /// Done; of a measured habit all of the day's amount, or more where more was done.
    Whole,
    /// Of a measured habit: the day's amount, which decides whether it is done. Zero or more.
    Amount(i32),
    /// So much more.
    Add(i32),
}

/// A mark that was made.
#[derive(Debug, Clone)]
pub struct Marked {
    pub habit: Habit,
    /// `None`: what was said of the date is taken back.
    pub execution: Option<Execution>,
    /// This mark reached the target: congratulate. The habit is archived.
    pub completed: bool,
}

/// Marks a date; what was said of it before is changed. An archived habit is refused.
pub async fn mark(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
    mark: Mark,
    now: Timestamp,
) -> Result<Marked, HabitError> {
    let (before, person) = habits::locked(c, person, id, date).await?;
    if !before.is_active {
        return Err(HabitError::Inactive);
    }
    let (status, amount) = decide(&before, mark);
    let row: ExecutionRow = sqlx::query_as(
        "INSERT INTO habits_executions AS e (habit_id, execution_date, status, amount, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $5)
         ON CONFLICT (habit_id, execution_date) DO UPDATE SET status = excluded.status, amount = excluded.amount,
            updated_at = excluded.updated_at
         RETURNING id, habit_id, execution_date, status, amount, created_at, updated_at",
    )
    .bind(id)
    .bind(date)
    .bind(status.as_str())
    .bind(amount)
    .bind(now)
    .fetch_one(&mut *c)
    .await?;
    let execution = Execution::from(row);
    let (habit, completed) = renewed(c, &person, before, Some(&execution), now).await?;
    Ok(Marked { habit, execution: Some(execution), completed })
}

/// `habit` is as of the date that is marked.
fn decide(habit: &Habit, mark: Mark) -> (Status, Option<i32>) {
    let amount = match mark {
        Mark::Status(status) => return (status, habit.amount_today),
        Mark::Whole => match &habit.measure {
            Some(measure) => habit.amount_today.unwrap_or(0).max(measure.target),
            None => return (Status::Done, habit.amount_today),
        },
        Mark::Amount(amount) => amount.max(0),
        Mark::Add(more) => habit.amount_today.unwrap_or(0).saturating_add(more).max(0),
    };
    let target = habit.measure.as_ref().map_or(1, |measure| measure.target);
    (if amount >= target { Status::Done } else { Status::Pending }, Some(amount))
}

/// Takes back what was said of a date. If that mark had archived the habit, it is open again.
pub async fn undo(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
    now: Timestamp,
) -> Result<Marked, HabitError> {
    let (mut before, person) = habits::locked(c, person, id, date).await?;
    if before.completed_on == Some(date) {
        before.is_active = true;
        before.completed_on = None;
    }
    if !before.is_active {
        return Err(HabitError::Inactive);
    }
    sqlx::query("DELETE FROM habits_executions WHERE habit_id = $1 AND execution_date = $2")
        .bind(id)
        .bind(date)
        .execute(&mut *c)
        .await?;
    let (habit, _) = renewed(c, &person, before, None, now).await?;
    Ok(Marked { habit, execution: None, completed: false })
}

/// Yesterday and what was said of it, pending where nothing was; `None` if the habit asked for nothing then.
pub async fn yesterday(
    c: &mut PgConnection,
    person: &Person,
    habit: &Habit,
) -> sqlx::Result<Option<(NaiveDate, Status)>> {
    let date = before(habit.today);
    if !habit.is_active || date < habit.first_day || !habit.rules(person).due(date) {
        return Ok(None);
    }
    let said: Option<String> =
        sqlx::query_scalar("SELECT status FROM habits_executions WHERE habit_id = $1 AND execution_date = $2")
            .bind(habit.id)
            .bind(date)
            .fetch_optional(c)
            .await?;
    Ok(Some((date, said.as_deref().and_then(Status::parse).unwrap_or(Status::Pending))))
}

/// Done today, or not after all.
pub async fn toggle_today(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    now: Timestamp,
) -> Result<Marked, HabitError> {
    let today = person.today(now);
    let (habit, _) = habits::locked(c, person, id, today).await?;
    if habit.is_done_today() {
        undo(c, person, id, today, now).await
    } else {
        mark(c, person, id, today, Mark::Status(Status::Done), now).await
    }
}

/// One more reminder at that moment ("in an hour"), if the habit is still due then.
pub async fn snooze(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    at: Timestamp,
    now: Timestamp,
) -> Result<Habit, HabitError> {
    let (mut habit, person) = habits::locked(c, person, id, person.today(now)).await?;
    if !habit.is_active {
        return Err(HabitError::Inactive);
    }
    habit.snoozed_until = Some(at);
    habits::renew(c, &person, &mut habit, now).await?;
    Ok(habit)
}

/// The habit after its executions changed: its streak, whether that reached the target, its next reminder. `habit` is
/// as of the date that was marked.
async fn renewed(
    c: &mut PgConnection,
    person: &Person,
    mut habit: Habit,
    execution: Option<&Execution>,
    now: Timestamp,
) -> Result<(Habit, bool), HabitError> {
    let (today, date) = (person.today(now), habit.today);
    let rules = habit.rules(person);
    let summary = match execution {
        // As nearly always: today's first mark. What came before is in the summary.
        Some(execution) if habit.summary.comes_before(date) => habit.summary.and(&rules, [(date, execution.status)]),
        _ => habits::summary(c, person, &habit).await?,
    };
    let seen = today.max(date);
    let (before, after) = (habit.summary.at(&rules, seen), summary.at(&rules, seen));
    // Only the mark that gets there: a habit reopened after that goes on for as long as one likes.
    let completed = habit.is_active && before.in_row < habit.target_days && after.in_row >= habit.target_days;
    if completed {
        habit.is_active = false;
        habit.completed_on = Some(date);
    }
    habit.summary = summary;
    habit.updated_at = now;
    habits::write(c, person, &mut habit, now).await?;
    if date == today {
        habit.status_today = execution.map(|e| e.status);
        habit.amount_today = execution.and_then(|e| e.amount);
        return Ok((habit, completed));
    }
    Ok((habits::own(c, person, habit.id, today).await?, completed))
}
