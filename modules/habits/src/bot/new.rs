//! /newhabit: name, description, for how many days, when to remind.
//!
//! Each question says what was wrong and stays open until it has its answer. Buttons answer the usual ones; one that
//! belongs to a question answered already says so.

use anyhow::Result;
use chrono::NaiveTime;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::profile::zone;
use super::read::{number, time};
use super::step::Step;
use super::{Talking, button, card, key, keyboard, me, refused, row, tell};
use crate::TEXTS;
use crate::model::{NewHabit, TARGET_DAYS};
use crate::store;

/// Characters of a name, in the dialogue.
pub const NAME_MOST: usize = 100;
/// Characters of a description, in the dialogue: a card must hold it.
pub const ABOUT_MOST: usize = 1_000;
/// Days of a goal.
pub const GOAL_MOST: i32 = 1_000;
/// As buttons.
const GOALS: [i32; 4] = [TARGET_DAYS, 30, 66, 100];
const TIMES: [(u32, u32); 4] = [(7, 0), (9, 0), (13, 0), (21, 0)];

/// Asks for the name; where a habit is half made, for what it waits for.
pub async fn begin(turn: &mut Turn, talking: &Talking) -> Result<()> {
    match turn.step::<Step>() {
        Some(step) if step.is_half_made() => again(turn, step),
        _ => anew(turn, talking).await,
    }
}

async fn anew(turn: &mut Turn, talking: &Talking) -> Result<()> {
    let person = me(turn, talking).await?;
    let (limit, now) = (talking.settings.habits_per_person, turn.now);
    let all = store::Page { skip: 0, limit, active_only: false };
    let count = store::list(&mut turn.tx, &person, all, now).await?.len();
    if i64::try_from(count).unwrap_or(limit) >= limit {
        let text = turn.texts(&TEXTS).with("habits-too-many", &[("count", limit.into())]);
        turn.reply(Message::html(text));
        return Ok(());
    }
    ask(turn, &Step::NewName)
}

/// Asks the question of a step.
pub fn ask(turn: &mut Turn, step: &Step) -> Result<()> {
    let (text, rows) = question(turn, step);
    let message = Message::html(text);
    turn.reply(if rows.is_empty() { message } else { message.keyboard(keyboard(rows)) });
    turn.converse(step)
}

/// Asks once more what a habit half made waits for, and offers to make another in its place. Where its time waits for the
/// city, that is the time.
pub fn again(turn: &mut Turn, step: Step) -> Result<()> {
    let step = match step {
        Step::NewZone { name, about, goal } => Step::NewTime { name, about, goal },
        step => step,
    };
    if let Step::NewAbout { name } | Step::NewGoal { name, .. } | Step::NewTime { name, .. } = &step {
        let texts = turn.texts(&TEXTS);
        let text = texts.with("new-goes-on", &[("name", escape(name).into())]);
        turn.reply(Message::html(text).keyboard(keyboard([row([key(&texts, "new-anew", &["new", "anew"])])])));
    }
    ask(turn, &step)
}

/// What is asked, and the answers that are buttons.
fn question(turn: &Turn, step: &Step) -> (String, Vec<Vec<Button>>) {
    let texts = turn.texts(&TEXTS);
    match step {
        Step::NewAbout { name } => (
            texts.with("new-about", &[("name", escape(name).into())]),
            vec![row([key(&texts, "skip", &["new", "skip"])])],
        ),
        Step::NewGoal { .. } => {
            let goal = |days: &i32| {
                button(texts.with("days", &[("count", (*days).into())]), &["new", "goal", &days.to_string()])
            };
            (texts.get("new-goal"), GOALS.chunks(2).map(|two| row(two.iter().map(goal))).collect())
        }
        Step::NewTime { .. } => {
            let clock = time::clock(turn.now, turn.user.zone());
            let at = |(hour, minute): &(u32, u32)| {
                let at = NaiveTime::from_hms_opt(*hour, *minute, 0)?;
                button(time::show(at), &["new", "time", &time::packed(at)])
            };
            let rows = vec![row(TIMES.iter().map(at)), row([key(&texts, "zone-choose", &["zone"])])];
            (texts.with("new-time", &[("clock", clock.into())]), rows)
        }
        // Who has no city to say goes back to the time.
        Step::NewZone { .. } => (zone::question(turn, "/skip"), Vec::new()),
        _ => (texts.get("new-name"), Vec::new()),
    }
}

/// A name as it is kept. `Err`: what is wrong with it.
pub fn name(texts: &Texts, text: &str) -> Result<String, String> {
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = name.chars().count();
    if (1..=NAME_MOST).contains(&count) {
        return Ok(name);
    }
    Err(texts.with("name-long", &[("count", count.into()), ("most", NAME_MOST.into())]))
}

/// A description as it is kept. `Err`: what is wrong with it.
pub fn about(texts: &Texts, text: &str) -> Result<String, String> {
    let count = text.chars().count();
    if count <= ABOUT_MOST {
        return Ok(text.to_owned());
    }
    Err(texts.with("about-long", &[("count", count.into()), ("most", ABOUT_MOST.into())]))
}

/// An answer to one of the four questions.
pub async fn answered(turn: &mut Turn, talking: &Talking, step: Step, text: &str) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let wrong = match step {
        Step::NewName => match name(&texts, text) {
            Ok(name) => return ask(turn, &Step::NewAbout { name }),
            Err(wrong) => wrong,
        },
        Step::NewAbout { name } => match about(&texts, text) {
            Ok(about) => return ask(turn, &Step::NewGoal { name, about: Some(about) }),
            Err(wrong) => wrong,
        },
        Step::NewGoal { name, about } => match number::days(text, GOAL_MOST) {
            Some(goal) => return ask(turn, &Step::NewTime { name, about, goal }),
            None => texts.with("goal-wrong", &[("most", GOAL_MOST.into())]),
        },
        Step::NewTime { name, about, goal } => match time::times(text) {
            Some(remind_at) => return create(turn, talking, made(name, about, goal, remind_at)).await,
            None => texts.get("time-wrong"),
        },
        _ => return Ok(()),
    };
    // The question stays as it is.
    turn.reply(Message::html(wrong));
    Ok(())
}

/// /skip, typed.
pub fn skipped(turn: &mut Turn, step: Step) -> Result<()> {
    match step {
        Step::NewAbout { name } => ask(turn, &Step::NewGoal { name, about: None }),
        Step::NewGoal { name, about } => ask(turn, &Step::NewTime { name, about, goal: TARGET_DAYS }),
        Step::NewZone { name, about, goal } => ask(turn, &Step::NewTime { name, about, goal }),
        _ => Ok(()),
    }
}

fn made(name: String, about: Option<String>, goal: i32, remind_at: Vec<NaiveTime>) -> NewHabit {
    NewHabit { description: about, remind_at, target_days: goal, ..NewHabit::daily(name, NaiveTime::MIN) }
}

async fn create(turn: &mut Turn, talking: &Talking, new: NewHabit) -> Result<()> {
    turn.end_conversation();
    let now = turn.now;
    let (habit, person) = match store::create(&mut turn.tx, &talking.settings, turn.user.id, new, now).await {
        Ok(made) => made,
        Err(error) => return refused(turn, error),
    };
    let texts = turn.texts(&TEXTS);
    let mut said = texts.get("new-done");
    if turn.user.timezone == "UTC" {
        // Nobody lives by it: most have not said where they are.
        let clock = time::clock(now, person.zone);
        said = format!("{said}\n\n{}", texts.with("zone-hint", &[("clock", clock.into())]));
        turn.reply(Message::html(said).keyboard(keyboard([row([key(&texts, "zone-choose", &["zone"])])])));
    } else {
        turn.reply(Message::html(said));
    }
    let card = card::message(turn, &habit, &person, &card::Place::first()).await?;
    turn.reply(card);
    Ok(())
}

/// `` or `skip|goal:DAYS|time:HHMM|anew`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, data: &str) -> Result<()> {
    if data.is_empty() {
        return begin(turn, talking).await;
    }
    let (what, value) = data.split_once(':').unwrap_or((data, ""));
    let texts = turn.texts(&TEXTS);
    match (what, turn.step::<Step>()) {
        ("anew", Some(step)) if step.is_half_made() => {
            picked(turn, texts.get("picked-anew"));
            anew(turn, talking).await
        }
        ("skip", Some(Step::NewAbout { name })) => {
            picked(turn, texts.get("picked-about"));
            ask(turn, &Step::NewGoal { name, about: None })
        }
        ("goal", Some(Step::NewGoal { name, about })) => {
            let Some(goal) = number::days(value, GOAL_MOST) else { return Ok(()) };
            picked(turn, texts.with("picked-goal", &[("count", goal.into())]));
            ask(turn, &Step::NewTime { name, about, goal })
        }
        // The question of the time still stands above that of the city.
        ("time", Some(Step::NewTime { name, about, goal } | Step::NewZone { name, about, goal })) => {
            let Some(at) = time::time(value) else { return Ok(()) };
            picked(turn, texts.with("picked-time", &[("time", time::show(at).into())]));
            create(turn, talking, made(name, about, goal, vec![at])).await
        }
        _ => {
            tell(turn, texts.get("question-over"));
            Ok(())
        }
    }
}

/// The question whose button was pressed keeps the answer instead of its buttons.
fn picked(turn: &mut Turn, answer: String) {
    if let Some(id) = turn.pressed {
        turn.edit(id, Message::html(answer));
    }
}
