//! What became of habits, read: for a month's picture, a week's summary, an export.

use chrono::NaiveDate;
use sqlx::{FromRow, PgConnection};

use crate::domain::Status;
use crate::model::HabitId;

/// A mark as an export tells it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Record {
    pub name: String,
    pub date: NaiveDate,
    pub status: String,
    pub amount: Option<i32>,
    pub unit: Option<String>,
}

/// Has anything ever been marked?
pub async fn is_marked(c: &mut PgConnection, user_id: i64) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM habits h JOIN habits_executions e ON e.habit_id = h.id WHERE h.user_id = $1)",
    )
    .bind(user_id)
    .fetch_one(c)
    .await
}

/// All of a person's marks, habit by habit, oldest first; of more than `limit` the newest.
pub async fn records(c: &mut PgConnection, user_id: i64, limit: i64) -> sqlx::Result<Vec<Record>> {
    sqlx::query_as(
        "SELECT name, date, status, amount, unit FROM (
            SELECT h.id, h.name, e.execution_date AS date, e.status, e.amount, h.unit
            FROM habits h JOIN habits_executions e ON e.habit_id = h.id
            WHERE h.user_id = $1 ORDER BY e.execution_date DESC LIMIT $2) AS newest
         ORDER BY id, date",
    )
    .bind(user_id)
    .bind(limit)
    .fetch_all(c)
    .await
}

/// What became of some habits on all of their dates.
pub(super) struct History(Vec<(HabitId, NaiveDate, String)>);

impl History {
    pub async fn of(c: &mut PgConnection, habits: &[HabitId]) -> sqlx::Result<Self> {
        sqlx::query_as(
            "SELECT habit_id, execution_date, status FROM habits_executions
             WHERE habit_id = ANY($1) ORDER BY habit_id, execution_date",
        )
        .bind(habits)
        .fetch_all(c)
        .await
        .map(Self)
    }

    /// One habit's, oldest first.
    pub fn of_habit(&self, id: HabitId) -> impl Iterator<Item = (NaiveDate, Status)> {
        let first = self.0.partition_point(|(of, ..)| *of < id);
        let own = self.0[first..].iter().take_while(move |(of, ..)| *of == id);
        own.map(|(_, date, status)| (*date, Status::parse(status).unwrap_or(Status::Pending)))
    }
}

/// What was said of some habits' dates from the first to the last, both included.
pub async fn marks(
    c: &mut PgConnection,
    habits: &[HabitId],
    (first, last): (NaiveDate, NaiveDate),
) -> sqlx::Result<Vec<(HabitId, NaiveDate, Status, Option<i32>)>> {
    let rows: Vec<(HabitId, NaiveDate, String, Option<i32>)> = sqlx::query_as(
        "SELECT habit_id, execution_date, status, amount FROM habits_executions
         WHERE habit_id = ANY($1) AND execution_date BETWEEN $2 AND $3 ORDER BY habit_id, execution_date",
    )
    .bind(habits)
    .bind(first)
    .bind(last)
    .fetch_all(c)
    .await?;
    let read = |(id, date, status, amount): (_, _, String, _)| Some((id, date, Status::parse(&status)?, amount));
    Ok(rows.into_iter().filter_map(read).collect())
}
