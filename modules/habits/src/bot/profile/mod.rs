//! /profile: where somebody lives, what they speak, when they are not to be disturbed, when they rest.

mod export;
pub mod quiet;
pub mod vacation;
pub mod zone;

use anyhow::Result;
use chrono::NaiveTime;
use vitte_platform::telegram::{Button, Message};
use vitte_platform::turn::Turn;
use vitte_platform::users;

use super::read::{place, time};
use super::say::Named;
use super::step::leave;
use super::{Talking, button, key, keyboard, me, refused, row, tell};
use crate::TEXTS;
use crate::model::Person;
use crate::store::{self, Weekly};

/// Hours after midnight at which a day may end.
const ENDS: [u32; 6] = [0, 1, 2, 3, 4, 5];

/// The profile, as a new message or in place of the pressed one.
pub async fn show(turn: &mut Turn, talking: &Talking) -> Result<()> {
    let person = me(turn, talking).await?;
    let id = turn.user.id;
    let weekly = store::weekly(&mut turn.tx, id).await?;
    let message = message(turn, &person, weekly);
    super::show(turn, message);
    Ok(())
}

fn message(turn: &Turn, person: &Person, weekly: Weekly) -> Message {
    let texts = turn.texts(&TEXTS);
    let today = person.today(turn.now);
    let zone = place::title(person.zone, &turn.language);
    let clock = time::clock(turn.now, person.zone);
    let quiet = match person.quiet {
        Some(quiet) => format!("{}–{}", time::show(quiet.from), time::show(quiet.until)),
        None => texts.get("off"),
    };
    let rest = match vacation::until(person, today) {
        Some(until) => texts.with("until", &[("date", texts.date(until).into())]),
        None => texts.get("off"),
    };
    let end = if person.end_of_day == NaiveTime::MIN { texts.get("midnight") } else { time::show(person.end_of_day) };
    let lines = [
        texts.get("profile"),
        String::new(),
        texts.with("profile-zone", &[("zone", zone.into()), ("clock", clock.into())]),
        texts.get("profile-language"),
        texts.with("profile-quiet", &[("quiet", quiet.into())]),
        texts.with("profile-rest", &[("rest", rest.into())]),
        texts.with("profile-end", &[("end", end.into())]),
        texts.with("profile-weekly", &[("weekly", texts.get(weekly_key(weekly)).into())]),
    ];
    let language = (turn.languages.len() > 1).then(|| key(&texts, "go-language", &["lang"])).flatten();
    let rows = [
        row([key(&texts, "go-zone", &["zone"]), language]),
        row([key(&texts, "go-quiet", &["quiet"]), key(&texts, "go-rest", &["rest"])]),
        row([key(&texts, "go-end", &["end"]), key(&texts, "go-weekly", &["weekly"])]),
        row([key(&texts, "go-export", &["export"])]),
        row([key(&texts, "go-list", &["list", "0"])]),
    ];
    Message::html(lines.join("\n")).keyboard(keyboard(rows))
}

fn weekly_key(weekly: Weekly) -> &'static str {
    match weekly {
        Weekly::Sunday => "weekly-sunday",
        Weekly::Monday => "weekly-monday",
        Weekly::Never => "weekly-never",
    }
}

/// A question with its answers as buttons, in place of the profile; its last row leads back.
fn choose(turn: &mut Turn, text: &str, rows: impl IntoIterator<Item = Vec<Button>>) {
    let texts = turn.texts(&TEXTS);
    let rows = rows.into_iter().chain([row([key(&texts, "back", &["profile"])])]);
    super::show(turn, Message::html(texts.get(text)).keyboard(keyboard(rows)));
}

/// `profile`, `zone[:NAME]`, `lang[:LANGUAGE]`, `quiet[:off|HHMM-HHMM]`, `rest[:off|DATE]`, `end[:HH]`, `weekly[:WHEN]`,
/// `export`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, what: &str, value: &str) -> Result<()> {
    match what {
        "zone" => zone::pressed(turn, talking, value).await,
        "lang" => language(turn, talking, value).await,
        "quiet" => quiet::pressed(turn, talking, value).await,
        "rest" => vacation::pressed(turn, talking, value).await,
        "end" => end_of_day(turn, talking, value).await,
        "weekly" => weekly(turn, talking, value).await,
        "export" => export::send(turn).await,
        _ => show(turn, talking).await,
    }
}

/// Everybody reads the person's row anew, once this turn is committed.
fn forget_cached(turn: &mut Turn, talking: &Talking) {
    let (people, id) = (talking.people.clone(), turn.user.id);
    // Bounded by Redis's own limit; lost in a crash, the copy ends with its time.
    turn.after_commit(move || drop(tokio::spawn(async move { people.forget(id).await })));
}

/// What a language calls itself.
fn own_name(language: &str) -> &str {
    match language {
        "ru" => "Русский",
        "en" => "English",
        other => other,
    }
}

async fn language(turn: &mut Turn, talking: &Talking, chosen: &str) -> Result<()> {
    if chosen.is_empty() {
        let buttons = row(turn.languages.iter().map(|l| button(own_name(l), &["lang", l])));
        choose(turn, "language-ask", [buttons]);
        return Ok(());
    }
    // A button outlives the manifest that it was made from.
    if turn.languages.iter().any(|known| known == chosen) {
        users::set_language(&mut turn.tx, turn.user.id, chosen, turn.now).await?;
        chosen.clone_into(&mut turn.language);
        forget_cached(turn, talking);
    }
    show(turn, talking).await
}

async fn end_of_day(turn: &mut Turn, talking: &Talking, value: &str) -> Result<()> {
    let at = |hour: u32| NaiveTime::from_hms_opt(hour, 0, 0);
    if let Some(end) = value.parse().ok().filter(|hour| ENDS.contains(hour)).and_then(at) {
        let (id, now) = (turn.user.id, turn.now);
        if let Err(error) = store::set_end_of_day(&mut turn.tx, &talking.settings, id, Some(end), now).await {
            return refused(turn, error);
        }
        return show(turn, talking).await;
    }
    let hour = |hour: &u32| button(time::show(at(*hour)?), &["end", &hour.to_string()]);
    let rows: Vec<Vec<Button>> = ENDS.chunks(3).map(|three| row(three.iter().map(hour))).collect();
    choose(turn, "end-ask", rows);
    Ok(())
}

async fn weekly(turn: &mut Turn, talking: &Talking, value: &str) -> Result<()> {
    if let Some(when) = Weekly::parse(value) {
        let (id, now) = (turn.user.id, turn.now);
        store::set_weekly(&mut turn.tx, id, when, now).await?;
        return show(turn, talking).await;
    }
    let texts = turn.texts(&TEXTS);
    let all = [Weekly::Sunday, Weekly::Monday, Weekly::Never];
    let rows: Vec<Vec<Button>> =
        all.into_iter().map(|when| row([key(&texts, weekly_key(when), &["weekly", when.as_str()])])).collect();
    choose(turn, "weekly-ask", rows);
    Ok(())
}

/// What was typed is kept: said so, with the profile as it is now.
async fn kept(turn: &mut Turn, talking: &Talking, text: String) -> Result<()> {
    leave(turn);
    tell(turn, text);
    show(turn, talking).await
}
