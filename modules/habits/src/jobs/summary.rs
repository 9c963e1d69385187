//! The week, summed up for each person on Sunday evening or Monday morning, in their zone.
//!
//! Every quarter of an hour all whose moment has come are taken by query, in batches, and written to the outbox as
//! bulk, in the transaction that remembers that they have been told: once a week each, however many workers there are.

use std::time::Duration;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use vitte_platform::clock::Timestamp;
use vitte_platform::jobs::{Class, Job, JobContext, JobError, Schedule};
use vitte_platform::outbox::{self, Entry, Priority};
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::texts::Texts;
use vitte_platform::users::spoken;

use super::Reminding;
use crate::TEXTS;
use crate::bot::dates;
use crate::domain::{Schedule as Due, Status, week_of};
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, Page, Summed, Weekly};

/// People of one transaction.
const BATCH: i64 = 100;
/// Habits of one summary: it must be one message.
const HABITS: usize = 20;
/// A summary says what the week was, so it is not sent much later.
const SUNDAY: (u32, u64) = (19, 17);
const MONDAY: (u32, u64) = (9, 12);

/// Sum up what is due.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summarise;

impl Job for Summarise {
    type State = Reminding;
    const NAME: &'static str = "habits.summarise";
    const CLASS: Class = Class::Bulk;
    const ATTEMPTS: u16 = 3;

    async fn run(self, state: &Reminding, job: &mut JobContext) -> Result<(), JobError> {
        let now = job.clock.now();
        let told = summary_in(&job.pool, state, now, Some(&job.trace_id)).await?;
        if told > 0 {
            tracing::info!(trace_id = job.trace_id.as_str(), told, "weeks summed up");
        }
        Ok(())
    }
}

/// Each quarter of an hour: no zone is off by less.
pub fn schedule() -> serde_json::Result<Schedule> {
    Schedule::new("habits.summarise", "*/15 * * * *", Duration::from_secs(15 * 60), &Summarise)
}

/// The Monday of the week that is to be summed up now, if it is the time for that.
fn week_at(local: NaiveDateTime, when: Weekly) -> Option<NaiveDate> {
    let (ago, (hour, hours)) = match when {
        Weekly::Sunday => (1, SUNDAY),
        Weekly::Monday => (0, MONDAY),
        Weekly::Never => return None,
    };
    // The Sunday or Monday that was last, today included.
    let monday = week_of(local.date().checked_add_days(Days::new(ago))?);
    let day = monday.checked_sub_days(Days::new(ago))?;
    let from = day.and_time(NaiveTime::from_hms_opt(hour, 0, 0)?);
    let until = from.checked_add_signed(chrono::TimeDelta::hours(i64::try_from(hours).ok()?))?;
    let week = monday.checked_sub_days(Days::new(7))?;
    (from..until).contains(&local).then_some(week)
}

/// Sums up the week for everybody whose moment has come; returns to how many it was sent.
pub async fn summary_in(
    pool: &PgPool,
    state: &Reminding,
    now: Timestamp,
    trace_id: Option<&str>,
) -> sqlx::Result<usize> {
    let zones = store::zones(&mut *pool.acquire().await?).await?;
    let mut sent = 0;
    for name in zones {
        let local = now.with_timezone(&name.parse().unwrap_or(Tz::UTC)).naive_local();
        for when in [Weekly::Sunday, Weekly::Monday] {
            let Some(week) = week_at(local, when) else { continue };
            let mut after = 0;
            loop {
                let (last, told) = batch(pool, state, (&name, when, week), after, now, trace_id).await?;
                sent += told;
                match last {
                    Some(last) => after = last,
                    None => break,
                }
            }
        }
    }
    Ok(sent)
}

/// One transaction: the last person looked at, if there may be more, and how many were told.
async fn batch(
    pool: &PgPool,
    state: &Reminding,
    of: (&str, Weekly, NaiveDate),
    after: i64,
    now: Timestamp,
    trace_id: Option<&str>,
) -> sqlx::Result<(Option<i64>, usize)> {
    let week = of.2;
    let mut tx = pool.begin().await?;
    let all = store::weekly_due(&mut tx, &state.settings, of, after, BATCH).await?;
    let last = all.last().map(|summed| summed.person.user_id);
    // Who is not to be disturbed is told after that.
    let awake = all.iter().filter(|summed| !summed.person.is_quiet(now)).map(|summed| summed.person.user_id);
    let claimed = store::claim_week(&mut tx, &awake.collect::<Vec<_>>(), week, now).await?;
    let mut entries = Vec::new();
    for Summed { person, chat_id, languages: [chosen, client] } in all {
        if !claimed.contains(&person.user_id) {
            continue;
        }
        let page = Page { skip: 0, limit: 1_000, active_only: false };
        let habits = store::list(&mut tx, &person, page, now).await?;
        let ids: Vec<HabitId> = habits.iter().map(|habit| habit.id).collect();
        let marks = store::marks(&mut tx, &ids, (week, week + Days::new(6))).await?;
        let texts = Texts::new(&TEXTS, spoken(chosen.as_deref(), client.as_deref(), &state.languages));
        let said = |id: HabitId| -> Vec<(NaiveDate, Status)> {
            marks.iter().filter(|(of, ..)| *of == id).map(|(_, date, status, _)| (*date, *status)).collect()
        };
        let weeks = habits.iter().map(|habit| (habit, Week::of(habit, &person, week, &said(habit.id))));
        let weeks: Vec<(&Habit, Week)> = weeks.filter(|(_, week)| week.asked > 0).collect();
        if let Some(text) = text(&texts, &person, week, &weeks) {
            entries.extend(Entry::message(chat_id, Priority::Bulk, Message::html(text)));
        }
    }
    let sent = entries.len();
    // Bulk takes no lease: the sweep of some process sends.
    let _ = outbox::enqueue(&mut tx, entries, None, trace_id).await?;
    tx.commit().await?;
    Ok((last, sent))
}

/// What a week was for a habit.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Week {
    done: u32,
    /// How often it was due.
    asked: u32,
    /// A sign a day.
    signs: String,
}

impl Week {
    fn of(habit: &Habit, person: &Person, week: NaiveDate, marks: &[(NaiveDate, Status)]) -> Self {
        let rules = habit.rules(person);
        let dates = week.iter_days().take(7);
        let status = |date: NaiveDate| marks.iter().find(|(on, _)| *on == date).map(|(_, status)| *status);
        let (mut done, mut due, mut signs) = (0, 0, String::new());
        for date in dates {
            let asked = date >= habit.first_day && rules.due(date);
            let weekly = matches!(habit.schedule, Due::Weekly(_));
            let sign = match status(date) {
                Some(Status::Done) => {
                    done += 1;
                    "🟩"
                }
                Some(Status::Skipped) => "🟨",
                // A day that is not over, or that is one of many, was not missed.
                _ if asked && !weekly && (date < habit.today || status(date) == Some(Status::NotDone)) => "🟥",
                _ => "⬜",
            };
            // A day that is not over asks for nothing yet.
            let open = date >= habit.today && matches!(status(date), None | Some(Status::Pending));
            due += u32::from(asked && !open && status(date) != Some(Status::Skipped));
            signs.push_str(sign);
        }
        // What was archived or reopened since asks for no more than was done.
        let asked = match habit.schedule {
            _ if !habit.is_active => done,
            Due::Weekly(times) => due.min(u32::from(times)),
            Due::Days(_) => due,
        };
        Self { done, asked: asked.max(done), signs }
    }
}

fn text(texts: &Texts, person: &Person, week: NaiveDate, weeks: &[(&Habit, Week)]) -> Option<String> {
    if weeks.is_empty() {
        return None;
    }
    let (done, asked) = weeks.iter().fold((0, 0), |(done, asked), (_, week)| (done + week.done, asked + week.asked));
    let range = dates(texts, week, week + Days::new(6));
    let mut lines = vec![texts.with("weekly", &[("dates", range.into())])];
    lines.push(texts.with("weekly-done", &[("done", done.into()), ("count", asked.into())]));
    for (habit, week) in weeks.iter().take(HABITS) {
        let streak = match habit.streak(person).current {
            0 => String::new(),
            streak => format!(" 🔥 {streak}"),
        };
        lines.push(format!("\n<b>{}</b>{streak}\n{} {}/{}", escape(&habit.name), week.signs, week.done, week.asked));
    }
    if weeks.len() > HABITS {
        lines.push(format!("\n{}", texts.with("weekly-more", &[("count", (weeks.len() - HABITS).into())])));
    }
    let key = match (done, asked) {
        (0, _) => "weekly-none",
        _ if done == asked => "weekly-all",
        _ if done * 2 >= asked => "weekly-good",
        _ => "weekly-some",
    };
    lines.push(format!("\n{}", texts.get(key)));
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;

    #[test]
    fn a_week_is_summed_up_on_its_sunday_evening_or_the_monday_after_and_not_much_later() {
        let week = |text: &str, when| week_at(text.parse().unwrap(), when).map(|monday| monday.to_string());
        let (sunday, monday) = (Weekly::Sunday, Weekly::Monday);
        let table = [
            // 22 November 2026 is a Sunday.
            ("2026-11-22T18:59:59", sunday, None),
            ("2026-11-22T19:00:00", sunday, Some("2026-11-16")),
            ("2026-11-23T11:59:00", sunday, Some("2026-11-16")),
            ("2026-11-23T12:00:00", sunday, None),
            ("2026-11-21T19:30:00", sunday, None),
            ("2026-11-23T08:59:00", monday, None),
            ("2026-11-23T09:00:00", monday, Some("2026-11-16")),
            ("2026-11-23T20:59:00", monday, Some("2026-11-16")),
            ("2026-11-23T21:00:00", monday, None),
            ("2026-11-22T20:00:00", Weekly::Never, None),
        ];
        for (local, when, expected) in table {
            assert_eq!(week(local, when).as_deref(), expected, "{local} {when:?}");
        }
        assert_eq!("2026-11-16".parse::<NaiveDate>().unwrap().weekday(), chrono::Weekday::Mon);
    }
}
