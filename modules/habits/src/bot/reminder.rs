//! A reminder, and its buttons: done, in an hour, skip today.

use anyhow::Result;
use chrono::{NaiveDate, TimeDelta};
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::{Talking, card, key, keyboard, me, refused, row, show};
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
    let streak = habit.streak(person).current;
    texts.with(key, &[("name", escape(&habit.name).into()), ("streak", streak.into())])
}

/// `done|later|skip:HABIT:DATE`.
pub async fn pressed(turn: &mut Turn, data: &str, talking: &Talking) -> Result<()> {
    let parts: Vec<&str> = data.split(':').collect();
    let [what, id, date] = parts.as_slice() else { return Ok(()) };
    let (Ok(id), Ok(date)) = (id.parse::<HabitId>(), date.parse::<NaiveDate>()) else { return Ok(()) };
    let person = me(turn, talking).await?;
    let texts = turn.texts(&TEXTS);
    match act(turn, &person, what, id, date).await {
        Ok(Some((key, habit, completed))) => {
            show(turn, Message::html(text(&texts, key, &habit, &person)));
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
        "later" => ("reminder-put-off", store::snooze(&mut turn.tx, person, id, now + LATER, now).await?, false),
        _ => return Ok(None),
    };
    Ok(Some(done))
}
