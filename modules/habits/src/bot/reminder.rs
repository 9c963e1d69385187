//! A reminder, and its buttons: done, in an hour, skip today.

use anyhow::Result;
use chrono::{NaiveDate, TimeDelta};
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Keyboard, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::card::{self, is_recent};
use super::say::progress;
use super::{Talking, key, keyboard, me, refused, row, show};
use crate::TEXTS;
use crate::domain::Status;
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, HabitError, Mark};

/// "In an hour".
const LATER: TimeDelta = TimeDelta::hours(1);

/// The reminder of a habit that is due. `late`: it could not be sent in time, and says so. Its buttons name the date,
/// so that one pressed tomorrow does not mark tomorrow.
pub fn message(texts: &Texts, habit: &Habit, person: &Person, late: bool) -> Message {
    let text = text(texts, if late { "reminder-late" } else { "reminder" }, habit, person);
    let (id, date) = (habit.id.to_string(), habit.today.to_string());
    let button = |name: &str, what: &str| key(texts, name, &["remind", what, &id, &date]);
    let rows = [
        row([button("reminder-done", "done"), button("reminder-later", "later")]),
        row([button("reminder-skip", "skip")]),
    ];
    Message::html(text).keyboard(keyboard(rows))
}

fn text(texts: &Texts, key: &str, habit: &Habit, person: &Person) -> String {
    let progress = progress(texts, habit, person);
    let known = u8::from(progress.is_some());
    let values = [
        ("name", escape(&habit.name).into()),
        ("known", known.into()),
        ("progress", progress.unwrap_or_default().into()),
    ];
    texts.with(key, &values)
}

/// What may be done about a reminder that was answered: taken back, while its date is today's or yesterday's; done
/// before the hour is over.
fn after(texts: &Texts, answered: &str, habit: &Habit, date: NaiveDate) -> Keyboard {
    let (id, on) = (habit.id.to_string(), date.to_string());
    let button = |name: &str, what: &str| key(texts, name, &["remind", what, &id, &on]);
    let rows = match answered {
        "reminder-put-off" => vec![row([button("reminder-done", "done")])],
        "reminder-taken-back" if date == habit.today => vec![
            row([button("reminder-done", "done"), button("reminder-later", "later")]),
            row([button("reminder-skip", "skip")]),
        ],
        "reminder-taken-back" => vec![row([button("reminder-done", "done")])],
        _ if is_recent(date, habit.today) => vec![row([button("card-undo", "undo")])],
        _ => Vec::new(),
    };
    keyboard(rows)
}

/// `done|later|skip:HABIT:DATE`.
pub async fn pressed(turn: &mut Turn, data: &str, talking: &Talking) -> Result<()> {
    let parts: Vec<&str> = data.split(':').collect();
    let [what, id, date] = parts.as_slice() else { return Ok(()) };
    let (Ok(id), Ok(date)) = (id.parse::<HabitId>(), date.parse::<NaiveDate>()) else { return Ok(()) };
    let person = me(turn, talking).await?;
    let texts = turn.texts(&TEXTS);
    if *what == "undo" && !is_recent(date, person.today(turn.now)) {
        turn.toast(texts.get("day-over"));
        return Ok(());
    }
    match act(turn, &person, what, id, date).await {
        Ok(Some((key, habit, completed))) => {
            let buttons = after(&texts, key, &habit, date);
            show(turn, Message::html(text(&texts, key, &habit, &person)).keyboard(buttons));
            if completed {
                turn.reply(card::congratulation(&texts, &habit, &person));
            }
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => refused(turn, error),
    }
}

/// What became of it: the text that says so, the habit, and whether its target is reached. `None`: a button of another
/// version.
async fn act(
    turn: &mut Turn,
    person: &Person,
    what: &str,
    id: HabitId,
    date: NaiveDate,
) -> Result<Option<(&'static str, Habit, bool)>, HabitError> {
    let now = turn.now;
    let done = match what {
        "done" => {
            let marked = store::mark(&mut turn.tx, person, id, date, Mark::Whole, now).await?;
            ("reminder-was-done", marked.habit, marked.completed)
        }
        "skip" => {
            let marked = store::mark(&mut turn.tx, person, id, date, Mark::Status(Status::Skipped), now).await?;
            ("reminder-was-skipped", marked.habit, false)
        }
        "undo" => ("reminder-taken-back", store::undo(&mut turn.tx, person, id, date, now).await?.habit, false),
        "later" => ("reminder-put-off", store::snooze(&mut turn.tx, person, id, now + LATER, now).await?, false),
        _ => return Ok(None),
    };
    Ok(Some(done))
}
