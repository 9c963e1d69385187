//! Habits and executions as the contract shows them.

use chrono::{NaiveDate, NaiveTime};
use serde::Serialize;
use utoipa::ToSchema;
use vitte_platform::clock::Timestamp;

use crate::domain::Status;
use crate::model::{Execution, Habit, Person};

/// A habit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Habit)]
pub struct HabitView {
    id: i64,
    user_id: i64,
    name: String,
    description: Option<String>,
    /// When it is reminded of, in the person's zone.
    #[schema(value_type = String, example = "09:00:00", pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$")]
    time_to_remind: NaiveTime,
    /// Done so many times in a row, it is archived.
    target_days: i32,
    /// Not archived.
    is_active: bool,
    /// Computed from the executions, as of the person's today.
    current_streak: i32,
    max_streak: i32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    is_done_today: bool,
}

impl HabitView {
    pub fn new(habit: Habit, person: &Person) -> Self {
        let streak = habit.streak(person);
        Self {
            is_done_today: habit.is_done_today(),
            id: habit.id,
            user_id: habit.user_id,
            name: habit.name,
            description: habit.description,
            time_to_remind: habit.remind_at.first().copied().unwrap_or_default(),
            target_days: habit.target_days,
            is_active: habit.is_active,
            current_streak: streak.current,
            max_streak: streak.max,
            created_at: habit.created_at,
            updated_at: habit.updated_at,
        }
    }
}

/// A habit with what became of it, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct HabitWithExecutions {
    #[serde(flatten)]
    habit: HabitView,
    executions: Vec<ExecutionView>,
}

impl HabitWithExecutions {
    pub fn new(habit: Habit, person: &Person, executions: Vec<Execution>) -> Self {
        let executions = executions.into_iter().map(ExecutionView::from).collect();
        Self { habit: HabitView::new(habit, person), executions }
    }
}

/// What became of a habit on a date. The contract knows three: a date that was skipped is open to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionStatus {
    Pending,
    Done,
    NotDone,
}

/// An execution: one a habit and date.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub struct ExecutionView {
    id: i64,
    habit_id: i64,
    /// The person's date when it was marked.
    #[schema(value_type = String, format = Date)]
    execution_date: NaiveDate,
    status: ExecutionStatus,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Execution> for ExecutionView {
    fn from(execution: Execution) -> Self {
        Self {
            id: execution.id,
            habit_id: execution.habit_id,
            execution_date: execution.date,
            status: match execution.status {
                Status::Pending | Status::Skipped => ExecutionStatus::Pending,
                Status::Done => ExecutionStatus::Done,
                Status::NotDone => ExecutionStatus::NotDone,
            },
            created_at: execution.created_at,
            updated_at: execution.updated_at,
        }
    }
}
