//! Where a dialogue stands, and what its answers mean.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use vitte_platform::conversations;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::incoming::Incoming;
use vitte_platform::turn::Turn;

use super::{Talking, edit, new, profile};
use crate::model::HabitId;
use crate::{NAME, TEXTS};

/// What has been asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    NewName,
    NewAbout { name: String },
    NewGoal { name: String, about: Option<String> },
    NewTime { name: String, about: Option<String>, goal: i32 },
    Edit { habit: HabitId, field: Field },
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
    /// Not a field: how much of it today.
    Amount,
}

impl Step {
    pub fn makes_a_habit(&self) -> bool {
        matches!(self, Step::NewName | Step::NewAbout { .. } | Step::NewGoal { .. } | Step::NewTime { .. })
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
    if let (Step::Zone, Some(location)) = (&step, message.location) {
        return profile::zone::located(turn, location);
    }
    let Some(text) = message.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        let text = turn.texts(&TEXTS).get("answer-in-words");
        turn.reply(Message::html(text));
        return Ok(());
    };
    match step {
        step if step.makes_a_habit() => new::answered(turn, talking, step, text).await,
        Step::Edit { habit, field } => edit::answered(turn, talking, habit, field, text).await,
        Step::Zone => profile::zone::answered(turn, talking, text).await,
        Step::Quiet => profile::quiet::answered(turn, talking, text).await,
        _ => profile::vacation::answered(turn, talking, text).await,
    }
}

/// /skip: a command closes whatever is open, so what goes on is opened anew.
pub async fn skipped(turn: &mut Turn, talking: &Talking) -> Result<()> {
    match turn.step::<Step>() {
        Some(step @ (Step::NewAbout { .. } | Step::NewGoal { .. })) => new::skipped(turn, step),
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
