//! What became of a habit on a date: marked, taken back, put off.

use chrono::NaiveDate;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use vitte_platform::clock::Timestamp;

use super::HabitError;
use super::habits::{self, WRITE};
use super::history::History;
use crate::domain::{Status, Summary, before};
use crate::model::{Execution, ExecutionRow, Habit, HabitId, Person};
use crate::settings::HabitsSettings;

/// What a person says of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// "Done" of a measured habit is all of the day's amount, or more where more was done.
    Status(Status),
    /// Of a measured habit: the day's amount, which decides whether it is done. Zero or more.
    Amount(i32),
    /// So much more.
    Add(i32),
}

/// A mark that was made.
#[derive(Debug, Clone)]
pub struct Marked {
    pub habit: Habit,
    /// What the date is left with; `None`: nothing.
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
    let (habit, person) = habits::locked(c, person, id, date).await?;
    marked(c, &person, habit, mark, now).await
}

/// As [`mark`], of the person's today, for who knows no more than the person's id.
pub async fn mark_today(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    id: HabitId,
    mark: Mark,
    now: Timestamp,
) -> Result<Marked, HabitError> {
    let (habit, person) = habits::locked_of(c, settings, user_id, id, now).await?;
    marked(c, &person, habit, mark, now).await
}

/// Marks a habit, which is locked, on the date that it is as of.
async fn marked(
    c: &mut PgConnection,
    person: &Person,
    mut habit: Habit,
    mark: Mark,
    now: Timestamp,
) -> Result<Marked, HabitError> {
    if !habit.is_active {
        return Err(HabitError::Inactive);
    }
    let (status, amount) = decide(&habit, mark);
    let completed = renew(c, person, &mut habit, Some(status), now).await?;
    let execution = write(c, &habit, status, amount).await?;
    let habit = as_of_today(c, person, habit, Some(&execution), now).await?;
    Ok(Marked { habit, execution: Some(execution), completed })
}

/// What is said of a date from now on, and what the habit comes to by it ([`renew`]), in one statement: this is what is
/// done most often. The habit is as of that date, with what was said of it before.
async fn write(c: &mut PgConnection, habit: &Habit, status: Status, amount: Option<i32>) -> sqlx::Result<Execution> {
    let statement = format!(
        "WITH habit AS ({WRITE})
         INSERT INTO habits_executions AS e
            (habit_id, execution_date, status, amount, amount_before, created_at, updated_at)
         VALUES ($1, $14, $15, $16, $17, $13, $13)
         ON CONFLICT (habit_id, execution_date) DO UPDATE SET status = excluded.status, amount = excluded.amount,
            amount_before = excluded.amount_before, updated_at = excluded.updated_at
         RETURNING id, habit_id, execution_date, status, amount, amount_before, created_at, updated_at"
    );
    let row = habits::state(AssertSqlSafe(statement), habit)
        .bind(habit.today)
        .bind(status.as_str())
        .bind(amount)
        .bind(measured(habit).filter(|_| status == Status::Done))
        .fetch_one(c)
        .await?;
    Ok(ExecutionRow::from_row(&row)?.into())
}

/// What was measured of the date, but for the amount that made it done.
fn measured(habit: &Habit) -> Option<i32> {
    if habit.is_done_today() { habit.amount_before } else { habit.amount_today }
}

/// `habit` is as of the date that is marked.
fn decide(habit: &Habit, mark: Mark) -> (Status, Option<i32>) {
    let amount = match mark {
        Mark::Status(Status::Done) => match &habit.measure {
            Some(measure) => habit.amount_today.unwrap_or(0).max(measure.target),
            None => return (Status::Done, habit.amount_today),
        },
        Mark::Status(status) => return (status, measured(habit)),
        Mark::Amount(amount) => amount.max(0),
        Mark::Add(more) => habit.amount_today.unwrap_or(0).saturating_add(more).max(0),
    };
    let target = habit.measure.as_ref().map_or(1, |measure| measure.target);
    (if amount >= target { Status::Done } else { Status::Pending }, Some(amount))
}

/// Takes back what was said of a date; what had been measured of it before stays. If that mark had archived the habit,
/// it is open again.
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
    let amount = measured(&before).filter(|amount| *amount > 0);
    renew(c, &person, &mut before, amount.map(|_| Status::Pending), now).await?;
    let execution = if amount.is_some() {
        Some(write(c, &before, Status::Pending, amount).await?)
    } else {
        let delete = "DELETE FROM habits_executions WHERE habit_id = $1 AND execution_date = $14";
        let statement = AssertSqlSafe(format!("WITH habit AS ({WRITE}) {delete}"));
        habits::state(statement, &before).bind(date).execute(&mut *c).await?;
        None
    };
    let habit = as_of_today(c, &person, before, execution.as_ref(), now).await?;
    Ok(Marked { habit, execution, completed: false })
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

/// What a habit comes to when its date gets this status, or none: its streak, whether that reaches the target (then
/// this is true, and the habit archived), its next reminder. Nothing is written.
async fn renew(
    c: &mut PgConnection,
    person: &Person,
    habit: &mut Habit,
    status: Option<Status>,
    now: Timestamp,
) -> Result<bool, HabitError> {
    let (today, date) = (person.today(now), habit.today);
    let rules = habit.rules(person);
    let summary = match status {
        // As nearly always: today's first mark. What came before is in the summary.
        Some(status) if habit.summary.comes_before(date) => habit.summary.and(&rules, [(date, status)]),
        _ => {
            let history = History::of(c, &[habit.id]).await?;
            let mut history: Vec<_> = history.of_habit(habit.id).filter(|(other, _)| *other != date).collect();
            let at = history.partition_point(|(other, _)| *other < date);
            history.splice(at..at, status.map(|status| (date, status)));
            Summary::of(&rules, history)
        }
    };
    let in_row = summary.at(&rules, today.max(date)).in_row;
    // The mark that gets there, or the first after the target was lowered. A habit reopened after that goes on.
    let completed = status == Some(Status::Done) && habit.completed_on.is_none() && in_row >= habit.target_days;
    if completed {
        habit.is_active = false;
        habit.completed_on = Some(date);
    } else if in_row < habit.target_days {
        habit.completed_on = None;
    }
    habit.summary = summary;
    habit.updated_at = now;
    habit.plan(person, now);
    Ok(completed)
}

/// A habit that was written, as of the person's today; `said` is of the date that it is as of.
async fn as_of_today(
    c: &mut PgConnection,
    person: &Person,
    mut habit: Habit,
    said: Option<&Execution>,
    now: Timestamp,
) -> Result<Habit, HabitError> {
    let today = person.today(now);
    if habit.today != today {
        return habits::own(c, person, habit.id, today).await;
    }
    habit.status_today = said.map(|e| e.status);
    habit.amount_today = said.and_then(|e| e.amount);
    habit.amount_before = said.and_then(|e| e.amount_before);
    Ok(habit)
}
