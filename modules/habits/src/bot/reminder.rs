//! A reminder, and its buttons: done, in an hour, skip today.

use anyhow::Result;
use chrono::{NaiveDate, TimeDelta};
use vitte_platform::clock::Timestamp;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Keyboard, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::card::{self, is_recent};
use super::read::time;
use super::say::progress;
use super::{Named, Talking, key, keyboard, me, refused, row, show};
use crate::TEXTS;
use crate::domain::{Status, before};
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, HabitError, Mark, Snoozed};

/// "In an hour".
const LATER: TimeDelta = TimeDelta::hours(1);

/// The reminder of a habit that is due on its date. `late`: it could not be sent in time, and says so. Its buttons name
/// that date, so that one pressed tomorrow does not mark tomorrow.
pub fn message(texts: &Texts, habit: &Habit, person: &Person, late: bool, now: Timestamp) -> Message {
    if habit.today != person.today(now) {
        // Its day ended before it could leave: an hour more would be of no use.
        let values = [("name", escape(&habit.name).into()), ("date", texts.date(habit.today).into())];
        let rows = [answers(texts, habit, habit.today)];
        return Message::html(texts.with("reminder-past", &values)).keyboard(keyboard(rows));
    }
    let text = text(texts, if late { "reminder-late" } else { "reminder" }, habit, person);
    let button = |name: &str, what: &str| answer(texts, name, what, habit.id, habit.today);
    let rows = [
        row([button("reminder-done", "done"), button("reminder-later", "later")]),
        row([button("reminder-skip", "skip")]),
    ];
    Message::html(text).keyboard(keyboard(rows))
}

fn answer(texts: &Texts, name: &str, what: &str, id: HabitId, date: NaiveDate) -> Option<Button> {
    key(texts, name, &["remind", what, &id.to_string(), &date.to_string()])
}

/// Done or skipped: all that can be said of a date that is over, or nearly.
fn answers(texts: &Texts, habit: &Habit, date: NaiveDate) -> Vec<Button> {
    let button = |name: &str, what: &str| answer(texts, name, what, habit.id, date);
    row([button("reminder-done", "done"), button("card-skip", "skip")])
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

/// What may be done about a reminder that was answered: taken back, while its date is today's or yesterday's.
fn after(texts: &Texts, answered: &str, habit: &Habit, date: NaiveDate) -> Keyboard {
    let button = |name: &str, what: &str| answer(texts, name, what, habit.id, date);
    let rows = match answered {
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
    if *what == "later" {
        return later(turn, &person, id, date).await;
    }
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
/// version, or none of ours.
async fn act(
    turn: &mut Turn,
    person: &Person,
    what: &str,
    id: HabitId,
    date: NaiveDate,
) -> Result<Option<(&'static str, Habit, bool)>, HabitError> {
    let now = turn.now;
    let habit = store::get(&mut turn.tx, person, id, now).await?;
    // Our buttons name no other date. The one before the first is had by who flew west on the habit's first day.
    if !(before(habit.first_day)..=habit.today).contains(&date) {
        return Ok(None);
    }
    let done = match what {
        "done" => {
            let marked = store::mark(&mut turn.tx, person, id, date, Mark::Status(Status::Done), now).await?;
            ("reminder-was-done", marked.habit, marked.completed)
        }
        "skip" => {
            let marked = store::mark(&mut turn.tx, person, id, date, Mark::Status(Status::Skipped), now).await?;
            ("reminder-was-skipped", marked.habit, false)
        }
        "undo" => ("reminder-taken-back", store::undo(&mut turn.tx, person, id, date, now).await?.habit, false),
        _ => return Ok(None),
    };
    Ok(Some(done))
}

/// In an hour, if that is still the day which the button names, and the habit still asks for something.
async fn later(turn: &mut Turn, person: &Person, id: HabitId, date: NaiveDate) -> Result<()> {
    let (now, texts) = (turn.now, turn.texts(&TEXTS));
    let at = now + LATER;
    let (habit, snoozed) = match store::snooze(&mut turn.tx, person, id, date, at, now).await {
        Ok(snoozed) => snoozed,
        Err(error) => return refused(turn, error),
    };
    let name = ("name", escape(&habit.name).into());
    // It may be done before the hour is over.
    let done = || keyboard([row([answer(&texts, "reminder-done", "done", id, date)])]);
    let message = match snoozed {
        Snoozed::Until(until) if until == at => {
            Message::html(text(&texts, "reminder-put-off", &habit, person)).keyboard(done())
        }
        Snoozed::Until(until) => {
            let clock = time::clock(until, person.zone);
            Message::html(texts.with("reminder-put-off-quiet", &[name, ("clock", clock.into())])).keyboard(done())
        }
        Snoozed::Needless => Message::html(texts.with("reminder-needless", &[name])),
        Snoozed::TooLate => {
            let values = [name, ("date", texts.date(date).into())];
            Message::html(texts.with("reminder-too-late", &values)).keyboard(keyboard([answers(&texts, &habit, date)]))
        }
    };
    show(turn, message);
    Ok(())
}
