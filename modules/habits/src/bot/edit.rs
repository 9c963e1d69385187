//! What of a habit can be changed: its fields are typed, its days tapped ([`super::days`]).

use anyhow::Result;
use chrono::NaiveDate;
use vitte_platform::http::api::Patch;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::turn::Turn;

use super::card::{self, Place};
use super::new::{self, GOAL_MOST};
use super::read::number::{self, UNIT_MOST};
use super::read::time;
use super::say::{Named, target, times, whole};
use super::step::{Field, Step, is_busy};
use super::{Talking, button, key, keyboard, me, refused, row, show, tell};
use crate::TEXTS;
use crate::model::{Habit, HabitId};
use crate::store::{self, Changes, HabitError, Mark};

/// The most of a measured habit a day.
const AMOUNT_MOST: i32 = 1_000_000;

/// `edit:HABIT:PLACE`, `ask:HABIT:FIELD`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, what: &str, data: &str) -> Result<()> {
    let Some((id, rest)) = data.split_once(':') else { return Ok(()) };
    let Ok(id) = id.parse::<HabitId>() else { return Ok(()) };
    let (person, now) = (me(turn, talking).await?, turn.now);
    let habit = match store::get(&mut turn.tx, &person, id, now).await {
        Ok(habit) => habit,
        Err(error) => return refused(turn, error),
    };
    if what == "edit" {
        menu(turn, &habit, &Place::read(rest));
        return Ok(());
    }
    let field = match rest {
        "amount" => return ask_amount(turn, &habit),
        "name" => Field::Name,
        "about" => Field::About,
        "goal" => Field::Goal,
        "times" => Field::Times,
        "measure" => Field::Measure,
        _ => return Ok(()),
    };
    ask(turn, &habit, field)
}

fn menu(turn: &mut Turn, habit: &Habit, place: &Place) {
    let texts = turn.texts(&TEXTS);
    let id = habit.id.to_string();
    let field = |name: &str, what: &str| key(&texts, name, &["ask", &id, what]);
    let rows = [
        row([field("edit-name", "name"), field("edit-about", "about")]),
        row([button(texts.get("edit-days"), &["days", &id, place.as_str()]), field("edit-times", "times")]),
        row([field("edit-goal", "goal"), field("edit-measure", "measure")]),
        card::back(&texts, habit.id, place),
    ];
    let text = texts.with("edit", &[("name", escape(&habit.name).into())]);
    show(turn, Message::html(text).keyboard(keyboard(rows)));
}

/// Asks for a field, with what it is now.
fn ask(turn: &mut Turn, habit: &Habit, field: Field) -> Result<()> {
    if is_busy(turn) {
        return Ok(());
    }
    let texts = turn.texts(&TEXTS);
    let name = ("name", escape(&habit.name).into());
    let text = match field {
        Field::Name => texts.with("ask-name", &[name]),
        Field::About => texts.with("ask-about", &[name]),
        Field::Goal => texts.with("ask-goal", &[name, ("goal", target(&texts, habit, habit.target_days).into())]),
        Field::Times => texts.with("ask-times", &[name, ("times", times(&habit.remind_at).into())]),
        Field::Measure => texts.with("ask-measure", &[name]),
    };
    turn.reply(Message::html(text));
    turn.converse(&Step::Edit { habit: habit.id, field })
}

/// Asks how much of it was done today.
pub fn ask_amount(turn: &mut Turn, habit: &Habit) -> Result<()> {
    if !habit.is_active {
        return refused(turn, HabitError::Inactive);
    }
    if is_busy(turn) {
        return Ok(());
    }
    // Whoever presses an old button after the amount was taken away may still say a number.
    let goal = habit.measure.as_ref().map_or_else(|| "1".to_owned(), whole);
    let values = [("name", escape(&habit.name).into()), ("goal", goal.into())];
    let text = turn.texts(&TEXTS).with("ask-amount", &values);
    turn.reply(Message::html(text));
    turn.converse(&Step::Amount { habit: habit.id, date: habit.today })
}

/// What was typed for a field.
pub async fn answered(turn: &mut Turn, talking: &Talking, id: HabitId, field: Field, text: &str) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let none = Changes::default();
    let changes = match field {
        Field::Name => new::name(&texts, text).map(|name| Changes { name: Some(name), ..none }),
        Field::About => new::about(&texts, text).map(|about| Changes { description: Patch::To(about), ..none }),
        Field::Goal => number::days(text, GOAL_MOST)
            .map(|days| Changes { target_days: Some(days), ..none })
            .ok_or_else(|| texts.with("goal-wrong", &[("most", GOAL_MOST.into())])),
        Field::Times => time::times(text)
            .map(|times| Changes { remind_at: Some(times), ..none })
            .ok_or_else(|| texts.get("time-wrong")),
        Field::Measure => number::measure(text, AMOUNT_MOST)
            .map(|measure| Changes { measure: Patch::To(measure), ..none })
            .ok_or_else(|| texts.with("measure-wrong", &[("most", AMOUNT_MOST.into()), ("unit", UNIT_MOST.into())])),
    };
    match changes {
        Ok(changes) => change(turn, talking, id, changes).await,
        Err(wrong) => {
            // The question stays open.
            tell(turn, wrong);
            Ok(())
        }
    }
}

/// /skip, for a field that may be empty.
pub async fn emptied(turn: &mut Turn, talking: &Talking, id: HabitId, field: Field) -> Result<()> {
    let none = Changes::default();
    let changes = match field {
        Field::Measure => Changes { measure: Patch::Empty, ..none },
        _ => Changes { description: Patch::Empty, ..none },
    };
    change(turn, talking, id, changes).await
}

async fn change(turn: &mut Turn, talking: &Talking, id: HabitId, changes: Changes) -> Result<()> {
    turn.end_conversation();
    let (person, now) = (me(turn, talking).await?, turn.now);
    match store::update(&mut turn.tx, &person, id, changes, now).await {
        Ok(habit) => {
            let card = card::message(turn, &habit, &person, &Place::first()).await?;
            turn.reply(card);
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

/// So much in all on the date that was asked about. After midnight that is not today any more, and is said.
pub async fn amount_answered(
    turn: &mut Turn,
    talking: &Talking,
    id: HabitId,
    date: NaiveDate,
    text: &str,
) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let Some(amount) = number::amount(text, AMOUNT_MOST) else {
        // The question stays open.
        tell(turn, texts.with("amount-wrong", &[("most", AMOUNT_MOST.into())]));
        return Ok(());
    };
    turn.end_conversation();
    let (person, now) = (me(turn, talking).await?, turn.now);
    match store::mark(&mut turn.tx, &person, id, date, Mark::Amount(amount), now).await {
        Ok(marked) => {
            if date != person.today(now) {
                turn.reply(Message::html(texts.with("amount-counted", &[("date", texts.date(date).into())])));
            }
            let card = card::message(turn, &marked.habit, &person, &Place::first()).await?;
            turn.reply(card);
            if marked.completed {
                turn.reply(card::congratulation(&texts, &marked.habit, &person));
            }
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}
