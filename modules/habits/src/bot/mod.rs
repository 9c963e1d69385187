//! What a person says to this module in Telegram: one conversation a file.
//!
//! ```text
//!  /habits  -> list --a tap--> done or not, in place          /newhabit -> new: name, description, days, time
//!                |  number                                        |
//!                v                                                v
//!              card: mark, undo, skip, month --edit--> edit, days; archive, reopen, delete
//!  /profile -> profile: zone, language, quiet hours, vacation, end of day, weekly summary, CSV
//! ```
//!
//! A screen is one message that its buttons change in place. What has to be typed is asked for by a [`Step`], stored
//! with the turn, so that a restart between any two messages loses nothing. Another screen leaves such a question, but
//! not that of a habit half made, over which no other is opened. Buttons carry what they mean, with the date that they
//! were shown on: pressed twice, or tomorrow, they do nothing else. What people type is read in `read`.

mod card;
mod days;
mod edit;
mod list;
mod new;
mod profile;
mod read;
pub mod reminder;
mod say;
mod step;

use std::sync::Arc;

use anyhow::{Context, Result};
use vitte_platform::module::Handlers;
use vitte_platform::people::People;
use vitte_platform::telegram::{Button, Keyboard, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use crate::model::Person;
use crate::settings::HabitsSettings;
use crate::store::{self, HabitError};
use crate::{NAME, TEXTS};

pub(crate) use say::{Named, dates, streak};

/// What conversations need.
pub struct Talking {
    pub settings: HabitsSettings,
    /// Where a person's zone is changed.
    pub people: People,
}

/// The languages that this module's texts exist in.
const LANGUAGES: [&str; 2] = ["ru", "en"];

/// The module's part of the routing table.
pub fn handlers(talking: &Arc<Talking>) -> Handlers {
    let with = || talking.clone();
    let (habits, new, profile, skip, pressing, answering) = (with(), with(), with(), with(), with(), with());
    Handlers::new()
        .command("habits", descriptions("habits"), move |turn, _| {
            let talking = habits.clone();
            Box::pin(async move {
                list::show(turn, &talking, 0).await?;
                step::go_on(turn)
            })
        })
        .command("newhabit", descriptions("newhabit"), move |turn, _| {
            let talking = new.clone();
            Box::pin(async move { new::begin(turn, &talking).await })
        })
        .command("profile", descriptions("profile"), move |turn, _| {
            let talking = profile.clone();
            Box::pin(async move {
                profile::show(turn, &talking).await?;
                step::go_on(turn)
            })
        })
        // A word of the dialogue for a new habit, and no command of the menu.
        .command("skip", Vec::new(), move |turn, _| {
            let talking = skip.clone();
            Box::pin(async move { step::skipped(turn, &talking).await })
        })
        .greets(|language, _| greeting(language))
        .offers(menu)
        .callback(move |turn, data| {
            let talking = pressing.clone();
            Box::pin(async move { pressed(turn, data, &talking).await })
        })
        .conversation(move |turn, message| {
            let talking = answering.clone();
            Box::pin(async move { step::answered(turn, message, &talking).await })
        })
}

/// A command's description in every language.
fn descriptions(name: &str) -> Vec<(&'static str, String)> {
    let key = format!("command-{name}");
    LANGUAGES.iter().map(|language| (*language, Texts::new(&TEXTS, language).get(&key))).collect()
}

/// The ways into this module, for a greeting: my habits, new habit, profile.
fn menu(language: &str) -> Vec<Vec<Button>> {
    let texts = Texts::new(&TEXTS, language);
    vec![
        row([key(&texts, "go-list", &["list", "0"])]),
        row([key(&texts, "go-new", &["new"]), key(&texts, "go-profile", &["profile"])]),
    ]
}

/// What a bot that does nothing else says of itself at /start.
fn greeting(language: &str) -> String {
    Texts::new(&TEXTS, language).get("greeting")
}

/// A pressed button, by the data after the module's name.
async fn pressed(turn: &mut Turn, data: &str, talking: &Talking) -> Result<()> {
    let (what, rest) = data.split_once(':').unwrap_or((data, ""));
    let is_screen =
        matches!(what, "list" | "shelf" | "open" | "edit" | "days" | "delete" | "profile" | "lang" | "end" | "weekly");
    if is_screen {
        step::leave(turn);
    }
    match what {
        "remind" => reminder::pressed(turn, rest, talking).await,
        "list" | "shelf" | "tap" => list::pressed(turn, talking, what, rest).await,
        "new" => new::pressed(turn, talking, rest).await,
        "edit" | "ask" => edit::pressed(turn, talking, what, rest).await,
        "days" => days::pressed(turn, talking, rest).await,
        "profile" | "zone" | "lang" | "quiet" | "rest" | "end" | "weekly" | "export" => {
            profile::pressed(turn, talking, what, rest).await
        }
        _ => card::pressed(turn, talking, what, rest).await,
    }
}

/// The person whose turn it is.
async fn me(turn: &mut Turn, talking: &Talking) -> Result<Person> {
    let id = turn.user.id;
    store::person(&mut turn.tx, &talking.settings, id).await?.context("a person who writes is not in the database")
}

/// In the place of the message whose button was pressed, or as a new one.
fn show(turn: &mut Turn, message: Message) {
    match turn.pressed {
        Some(id) => turn.edit(id, message),
        None => turn.reply(message),
    }
}

/// A word about what was pressed or typed.
fn tell(turn: &mut Turn, text: String) {
    if turn.pressed.is_some() { turn.toast(text) } else { turn.reply(Message::html(text)) }
}

/// Why a habit could not be read or changed, to the person; the database's own trouble goes on.
fn refused(turn: &mut Turn, error: HabitError) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let text = match error {
        HabitError::Database(_) | HabitError::NoPerson => return Err(error.into()),
        HabitError::Missing | HabitError::Foreign => texts.get("habit-missing"),
        HabitError::Inactive => texts.get("habit-archived"),
        HabitError::TooMany(limit) => texts.with("habits-too-many", &[("count", limit.into())]),
    };
    tell(turn, text);
    Ok(())
}

/// A button with a text of ours. Data too long for one are a mistake that the tests of this module would meet: the
/// button is then left out.
fn key(texts: &Texts, name: &str, parts: &[&str]) -> Option<Button> {
    button(texts.get(name), parts)
}

fn button(text: impl Into<String>, parts: &[&str]) -> Option<Button> {
    Button::callback(text, NAME, parts).ok()
}

fn row(buttons: impl IntoIterator<Item = Option<Button>>) -> Vec<Button> {
    buttons.into_iter().flatten().collect()
}

fn keyboard(rows: impl IntoIterator<Item = Vec<Button>>) -> Keyboard {
    Keyboard(rows.into_iter().filter(|row| !row.is_empty()).collect())
}
