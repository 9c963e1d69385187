//! Where a dialogue stands, and what its answers mean.

use anyhow::Result;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use vitte_platform::conversations;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::incoming::Incoming;
use vitte_platform::turn::Turn;

use super::{Talking, edit, new, profile, tell};
use crate::model::HabitId;
use crate::{NAME, TEXTS};

/// What has been asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    NewName,
    NewAbout {
        name: String,
    },
    NewGoal {
        name: String,
        about: Option<String>,
    },
    NewTime {
        name: String,
        about: Option<String>,
        goal: i32,
    },
    /// The person's city, in between: what they are asked next is the time.
    NewZone {
        name: String,
        about: Option<String>,
        goal: i32,
    },
    Edit {
        habit: HabitId,
        field: Field,
    },
    /// How much was done on that date, which may be over before the answer comes.
    Amount {
        habit: HabitId,
        date: NaiveDate,
    },
    Zone,
    Quiet,
    Vacation,
}

/// What of a habit is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Name,
    About,
    Goal,
    Times,
    Measure,
}

impl Step {
    /// A habit is being made and has a name: too much to be lost by a look at something else.
    pub fn is_half_made(&self) -> bool {
        use Step::{NewAbout, NewGoal, NewTime, NewZone};
        matches!(self, NewAbout { .. } | NewGoal { .. } | NewTime { .. } | NewZone { .. })
    }
}

impl conversations::Step for Step {
    const MODULE: &'static str = NAME;
}

/// An answer to the open question. `/cancel` is the platform's.
pub async fn answered(turn: &mut Turn, message: &Incoming, talking: &Talking) -> Result<()> {
    let Some(step) = turn.step::<Step>() else {
        // A question of another version: better to ask again than to guess.
        turn.end_conversation();
        let text = turn.texts(&TEXTS).get("question-lost");
        turn.reply(Message::html(text));
        return Ok(());
    };
    if let (Step::Zone | Step::NewZone { .. }, Some(location)) = (&step, message.location) {
        return profile::zone::located(turn, location);
    }
    let Some(text) = message.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        let text = turn.texts(&TEXTS).get("answer-in-words");
        turn.reply(Message::html(text));
        return Ok(());
    };
    match step {
        Step::Edit { habit, field } => edit::answered(turn, talking, habit, field, text).await,
        Step::Amount { habit, date } => edit::amount_answered(turn, talking, habit, date, text).await,
        Step::Zone | Step::NewZone { .. } => profile::zone::answered(turn, talking, text).await,
        Step::Quiet => profile::quiet::answered(turn, talking, text).await,
        Step::Vacation => profile::vacation::answered(turn, talking, text).await,
        step @ (Step::NewName | Step::NewAbout { .. } | Step::NewGoal { .. } | Step::NewTime { .. }) => {
            new::answered(turn, talking, step, text).await
        }
    }
}

/// Whoever goes on to another screen has left the question that was open; a habit half made is kept.
pub fn leave(turn: &mut Turn) {
    if turn.step::<Step>().is_some_and(|step| !step.is_half_made()) {
        turn.end_conversation();
    }
}

/// A command closes whatever is open, so a habit half made is opened anew and asks its question below what the command
/// has shown.
pub fn go_on(turn: &mut Turn) -> Result<()> {
    match turn.step::<Step>() {
        Some(step) if step.is_half_made() => new::again(turn, step),
        _ => Ok(()),
    }
}

/// Is a habit half made? Then no other question may be opened, and the person is told what to do first.
pub fn is_busy(turn: &mut Turn) -> bool {
    let busy = turn.step::<Step>().is_some_and(|step| step.is_half_made());
    if busy {
        let text = turn.texts(&TEXTS).get("new-first");
        tell(turn, text);
    }
    busy
}

/// /skip: a command closes whatever is open, so what goes on is opened anew.
pub async fn skipped(turn: &mut Turn, talking: &Talking) -> Result<()> {
    match turn.step::<Step>() {
        Some(step @ (Step::NewAbout { .. } | Step::NewGoal { .. } | Step::NewZone { .. })) => new::skipped(turn, step),
        Some(Step::Edit { habit, field: Field::About }) => edit::emptied(turn, talking, habit, Field::About).await,
        Some(Step::Edit { habit, field: Field::Measure }) => edit::emptied(turn, talking, habit, Field::Measure).await,
        Some(step) => {
            let text = turn.texts(&TEXTS).get("not-skippable");
            turn.reply(Message::html(text));
            turn.converse(&step)
        }
        None => {
            let text = turn.texts(&TEXTS).get("nothing-to-skip");
            turn.reply(Message::html(text));
            Ok(())
        }
    }
}
