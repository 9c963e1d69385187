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
    let (habit, person) = habits::locked_today(c, person, id, now).await?;
    if habit.is_done_today() {
        undo(c, &person, id, habit.today, now).await
    } else {
        mark(c, &person, id, habit.today, Mark::Status(Status::Done), now).await
    }
}

/// What became of the wish for one more reminder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snoozed {
    /// At this moment: the one that was asked for, or when quiet hours are over.
    Until(Timestamp),
    /// The date is past, or will be by then.
    TooLate,
    /// The habit asks for nothing more today.
    Needless,
}

/// One more reminder of a date, at that moment ("in an hour"); if the habit is still due then.
pub async fn snooze(
    c: &mut PgConnection,
    person: &Person,
    id: HabitId,
    date: NaiveDate,
    at: Timestamp,
    now: Timestamp,
) -> Result<(Habit, Snoozed), HabitError> {
    let (mut habit, person) = habits::locked_today(c, person, id, now).await?;
    if !habit.is_active {
        return Err(HabitError::Inactive);
    }
    if date == habit.today && !habit.is_due_today(&person) {
        return Ok((habit, Snoozed::Needless));
    }
    let Some(at) = person.undisturbed(at).filter(|at| date == habit.today && person.today(*at) == date) else {
        return Ok((habit, Snoozed::TooLate));
    };
    habit.snoozed_until = Some(at);
    // Also what waits for a worker now.
    habit.forget_moment();
    habits::write(c, &person, &mut habit, now).await?;
    Ok((habit, Snoozed::Until(at)))
}

/// After the day's amount was changed to `habit`'s from `before`'s: if it was the amount that decided about today, it
/// decides again. The habit as it is then.
pub(super) async fn remeasured(
    c: &mut PgConnection,
    person: &Person,
    habit: Habit,
    before: &Habit,
    now: Timestamp,
) -> Result<Habit, HabitError> {
    let (Some(amount), Some(_), Some(_)) = (habit.amount_today, &before.measure, &habit.measure) else {
        return Ok(habit);
    };
    let (was, is) = (decide(before, Mark::Amount(amount)).0, decide(&habit, Mark::Amount(amount)).0);
    if was == is || habit.status_today != Some(was) || !habit.is_active {
        return Ok(habit);
    }
    Ok(mark(c, person, habit.id, habit.today, Mark::Amount(amount), now).await?.habit)
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
    let in_row = summary.at(&rules, today.max(date)).in_row;
    let done = execution.is_some_and(|execution| execution.status == Status::Done);
    // The mark that gets there, or the first after the target was lowered. A habit reopened after that goes on.
    let completed = done && habit.completed_on.is_none() && in_row >= habit.target_days;
    if completed {
        habit.is_active = false;
        habit.completed_on = Some(date);
    } else if in_row < habit.target_days {
        habit.completed_on = None;
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
