//! All of a person's habits renewed, after what they stand on has changed: a few statements, however many habits and
//! marks there are.

use sqlx::{AssertSqlSafe, PgConnection};
use vitte_platform::clock::Timestamp;

use super::history::History;
use super::{COLUMNS, HabitError, people};
use crate::domain::Summary;
use crate::model::{Habit, HabitId, HabitRow, Person};
use crate::settings::HabitsSettings;

/// What of a person has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Changed {
    /// When they may be disturbed, or when their day ends: reminders alone.
    Hours,
    /// Which dates ask something of them: streaks, too.
    Dates,
    /// Their zone: streaks, and what the clock shows.
    Zone,
}

/// Renews them. The caller has locked the person ([`people::lock`]): a habit that is just being made is waited for.
pub(super) async fn all(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    user_id: i64,
    changed: Changed,
    now: Timestamp,
) -> Result<(), HabitError> {
    let person = people::person(c, settings, user_id).await?.ok_or(HabitError::NoPerson)?;
    // Who marks one of them at the same time would else plan it by what the person was. In the order of ids, as all who
    // lock several do, and in a statement of its own: what it waited for is seen by the next.
    sqlx::query("SELECT 1 FROM habits WHERE user_id = $1 ORDER BY id FOR NO KEY UPDATE")
        .bind(user_id)
        .execute(&mut *c)
        .await?;
    let today = person.today(now);
    let rows: Vec<HabitRow> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM habits h
         LEFT JOIN habits_executions e ON e.habit_id = h.id AND e.execution_date = $2
         WHERE h.user_id = $1 ORDER BY h.id"
    )))
    .bind(user_id)
    .bind(today)
    .fetch_all(&mut *c)
    .await?;
    let mut habits: Vec<Habit> = rows.into_iter().map(|row| row.habit(today)).collect();
    if changed != Changed::Hours {
        sum_up(c, &person, &mut habits).await?;
    }
    for habit in &mut habits {
        if changed == Changed::Zone {
            habit.moved(&person, now);
        }
        habit.plan(&person, now);
    }
    plans(c, &habits).await?;
    Ok(())
}

/// What the executions of each come to, read and written.
async fn sum_up(c: &mut PgConnection, person: &Person, habits: &mut [Habit]) -> sqlx::Result<()> {
    let ids: Vec<HabitId> = habits.iter().map(|habit| habit.id).collect();
    let history = History::of(c, &ids).await?;
    for habit in habits.iter_mut() {
        habit.summary = Summary::of(&habit.rules(person), history.of_habit(habit.id));
    }
    let of = |number: fn(&Summary) -> i32| habits.iter().map(|h| number(&h.summary)).collect::<Vec<_>>();
    sqlx::query(
        "UPDATE habits h SET run = n.run, in_row = n.in_row, run_on = n.run_on, best = n.best, week_done = n.week_done,
            week_skipped = n.week_skipped
         FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::date[], $5::integer[], $6::integer[], $7::integer[])
              AS n (id, run, in_row, run_on, best, week_done, week_skipped)
         WHERE h.id = n.id",
    )
    .bind(&ids)
    .bind(of(|s| s.run))
    .bind(of(|s| s.in_row))
    .bind(habits.iter().map(|h| h.summary.on).collect::<Vec<_>>())
    .bind(of(|s| s.best))
    .bind(of(|s| s.week_done.into()))
    .bind(of(|s| s.week_skipped.into()))
    .execute(c)
    .await
    .map(|_| ())
}

/// Writes when each is looked at next.
pub(super) async fn plans(c: &mut PgConnection, habits: &[Habit]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE habits h SET next_at = n.next_at, snoozed_until = n.snoozed_until, fired_through = n.fired_through
         FROM unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[], $4::timestamp[])
              AS n (id, next_at, snoozed_until, fired_through)
         WHERE h.id = n.id",
    )
    .bind(habits.iter().map(|h| h.id).collect::<Vec<_>>())
    .bind(habits.iter().map(|h| h.next_at).collect::<Vec<_>>())
    .bind(habits.iter().map(|h| h.snoozed_until).collect::<Vec<_>>())
    .bind(habits.iter().map(|h| h.fired_through).collect::<Vec<_>>())
    .execute(c)
    .await
    .map(|_| ())
}
