//! The module's SQL: everything takes the caller's connection, so that a turn, a request and a job each have one
//! transaction. Whatever changes an execution, a schedule or a person's calendar renews the habit's summary and its
//! next reminder here, in the same transaction: no caller can forget it.

mod due;
pub(crate) mod figures;
mod habits;
mod history;
mod marks;
mod people;
mod pictures;
mod renew;
mod weekly;

pub use due::{Due, due, fired};
pub use habits::{Changes, Page, create, delete, executions, get, hold, list, reached, update};
pub use history::{Record, is_marked, marks, records};
pub use marks::{Mark, Marked, Snoozed, mark, mark_today, snooze, toggle_today, undo, yesterday};
pub use people::{follow, person, set_end_of_day, set_quiet, set_vacation, zone_changed};

pub use pictures::{Picture, keep_picture, picture};
pub use weekly::{Summed, Weekly, claim_week, set_weekly, weekly, weekly_due, zones};

/// Why a habit cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum HabitError {
    #[error("there is no such habit")]
    Missing,
    #[error("the habit is somebody else's")]
    Foreign,
    #[error("the habit is archived; reopen it first")]
    Inactive,
    #[error("a person may have at most {0} habits; delete one first")]
    TooMany(i64),
    #[error("the person is not known")]
    NoPerson,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// A habit's columns, and today's execution joined as `e`: for [`crate::model::HabitRow`].
const COLUMNS: &str = "h.id, h.user_id, h.name, h.description, h.weekdays, h.times_a_week, h.remind_at, h.target_days,
    h.target_amount, h.unit, h.is_active, h.completed_on, h.first_day, h.run, h.in_row, h.run_on, h.best, h.week_done,
    h.week_skipped, h.next_at, h.snoozed_until, h.fired_through, h.created_at, h.updated_at,
    e.status, e.amount, e.amount_before";
