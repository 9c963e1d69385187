//! Reminders that are due: taken in batches, each row by one worker, and planned anew in the same transaction.

use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use vitte_platform::clock::Timestamp;

use super::{COLUMNS, people, renew};
use crate::domain::Status;
use crate::model::{Habit, HabitId, HabitRow, Person};
use crate::settings::HabitsSettings;

/// A habit whose moment has come.
#[derive(Debug, Clone)]
pub struct Due {
    /// As of the date of its moment: who set it for 23:59 is asked about that day, also a minute later.
    pub habit: Habit,
    pub person: Person,
    /// The person's private chat with the bot.
    pub chat_id: i64,
    /// What they chose to be spoken to in, and what their client speaks.
    pub languages: [Option<String>; 2],
    /// Neither blocked nor switched off.
    pub reachable: bool,
    /// The moment that has come; of several, the last.
    pub at: Timestamp,
}

#[derive(FromRow)]
struct Row {
    #[sqlx(flatten)]
    habit: HabitRow,
    #[sqlx(flatten)]
    person: people::Row,
    telegram_id: i64,
    language: Option<String>,
    client_language: Option<String>,
    is_reachable: bool,
    at: Timestamp,
}

/// The date that is asked about is known only when the rows are read.
const NOTHING_SAID: &str = "NULL::text AS status, NULL::integer AS amount, NULL::integer AS amount_before";

/// Locks and returns up to `limit` habits whose moment has come, the longest waiting first. Another worker's are
/// passed by. Call [`fired`] for all of them in the same transaction.
pub async fn due(
    c: &mut PgConnection,
    settings: &HabitsSettings,
    now: Timestamp,
    limit: i64,
) -> sqlx::Result<Vec<Due>> {
    // A statement of its own: who changed their zone a moment ago is then read with the new one.
    let ids: Vec<HabitId> = sqlx::query_scalar(
        "SELECT id FROM habits WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(now)
    .bind(limit)
    .fetch_all(&mut *c)
    .await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let columns = COLUMNS.replace("e.status, e.amount, e.amount_before", NOTHING_SAID);
    let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {columns}, {}, u.telegram_id, u.language, u.client_language,
            u.is_active AND NOT u.is_bot_blocked AS is_reachable, h.next_at AS at
         FROM habits h JOIN users u ON u.id = h.user_id LEFT JOIN habits_people p ON p.user_id = u.id
         WHERE h.id = ANY($1) ORDER BY h.next_at, h.id",
        people::COLUMNS
    )))
    .bind(&ids)
    .fetch_all(&mut *c)
    .await?;
    let mut all: Vec<Due> = rows.into_iter().map(|row| row.due(settings, now)).collect();
    let said: Vec<(HabitId, String)> = sqlx::query_as(
        "SELECT e.habit_id, e.status FROM unnest($1::bigint[], $2::date[]) AS d (id, date)
         JOIN habits_executions e ON e.habit_id = d.id AND e.execution_date = d.date",
    )
    .bind(all.iter().map(|due| due.habit.id).collect::<Vec<_>>())
    .bind(all.iter().map(|due| due.habit.today).collect::<Vec<_>>())
    .fetch_all(c)
    .await?;
    for due in &mut all {
        let said = said.iter().find(|(id, _)| *id == due.habit.id);
        due.habit.status_today = said.and_then(|(_, status)| Status::parse(status));
    }
    Ok(all)
}

impl Row {
    fn due(self, settings: &HabitsSettings, now: Timestamp) -> Due {
        let person = self.person.person(settings.end_of_day);
        let mut habit = self.habit.habit(person.today(now));
        let at = habit.last_moment(&person, self.at, now);
        habit.today = person.today(at);
        Due {
            at,
            habit,
            person,
            chat_id: self.telegram_id,
            languages: [self.language, self.client_language],
            reachable: self.is_reachable,
        }
    }
}

/// Their moments have been dealt with, sent or not: each is planned anew from now on.
pub async fn fired(c: &mut PgConnection, all: &[Due], now: Timestamp) -> sqlx::Result<()> {
    let mut planned = Vec::with_capacity(all.len());
    for due in all {
        let mut habit = due.habit.clone();
        // Taken in the second pass of a doubled hour, a moment of its first is later on the wall than now.
        let local = [due.at, now].map(|at| at.with_timezone(&due.person.zone).naive_local());
        habit.fired_through = habit.fired_through.max(local.into_iter().max());
        habit.snoozed_until = habit.snoozed_until.filter(|at| *at > now);
        habit.forget_moment();
        habit.plan(&due.person, now);
        planned.push(habit);
    }
    renew::plans(c, &planned).await
}
