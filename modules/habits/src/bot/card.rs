//! One habit: what it is, how it goes, and what can be done about it.

use std::slice;

use anyhow::Result;
use chrono::{Datelike, NaiveDate};
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::read::time;
use super::say::{Named, achieved, amount, schedule, sign, status_sign, streak, times};
use super::{Talking, button, key, keyboard, list, me, refused, row, show};
use crate::TEXTS;
use crate::domain::{Schedule, Status, before};
use crate::jobs::Calendar;
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, Changes, Mark};

/// Where a card was opened from, and goes back to: `3`, or `a3` in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    pub fn first() -> Self {
        Self("0".to_owned())
    }

    pub fn read(text: &str) -> Self {
        let digits = text.strip_prefix('a').unwrap_or(text);
        if digits.len() <= 4 && digits.parse::<u16>().is_ok() { Self(text.to_owned()) } else { Self::first() }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn back(&self) -> (&'static str, &str) {
        self.0.strip_prefix('a').map_or(("list", self.0.as_str()), |page| ("shelf", page))
    }
}

/// The card of a habit as it is now.
pub async fn message(turn: &mut Turn, habit: &Habit, person: &Person, place: &Place) -> Result<Message> {
    let yesterday = store::yesterday(&mut turn.tx, person, habit).await?;
    let reached = if habit.is_active { None } else { reached(turn, person, habit).await? };
    let texts = turn.texts(&TEXTS);
    let rows = rows(&texts, habit, yesterday, place);
    Ok(Message::html(text(&texts, habit, reached, person)).keyboard(keyboard(rows)))
}

/// When the habit reached its target, if it ever has.
async fn reached(turn: &mut Turn, person: &Person, habit: &Habit) -> Result<Option<NaiveDate>> {
    let all = store::reached(&mut turn.tx, person, slice::from_ref(habit)).await?;
    Ok(all.into_iter().next().flatten())
}

fn rows(texts: &Texts, habit: &Habit, yesterday: Option<(NaiveDate, Status)>, place: &Place) -> Vec<Vec<Button>> {
    let id = habit.id.to_string();
    let date = habit.today.to_string();
    let with = |name: &str, parts: &[&str]| {
        let parts: Vec<&str> =
            [parts[0], id.as_str(), place.as_str()].into_iter().chain(parts[1..].iter().copied()).collect();
        key(texts, name, &parts)
    };
    let mark = |name: &str, what: &str| with(name, &["mark", &date, what]);
    let marks: Vec<Option<Button>> = match (habit.is_active, habit.status_today) {
        (false, _) => Vec::new(),
        (true, Some(Status::Done | Status::Skipped | Status::NotDone)) => vec![mark("card-undo", "undo")],
        (true, _) => vec![mark("card-done", "done"), mark("card-skip", "skip")],
    };
    let late = yesterday.and_then(|(date, said)| {
        let (text, what) = match said {
            Status::Pending => (texts.get("card-yesterday-done"), "done-late"),
            _ => (texts.with("card-yesterday-undo", &[("sign", status_sign(said).into())]), "undo-late"),
        };
        button(text, &["mark", &id, place.as_str(), &date.to_string(), what])
    });
    let measured = habit.measure.as_ref().filter(|_| habit.is_active);
    let more = measured.and_then(|_| key(texts, "card-amount", &["ask", &id, "amount"]));
    let month = habit.today.format("%Y-%m").to_string();
    let (back, page) = place.back();
    if habit.is_active {
        vec![
            row(marks),
            row([more, late]),
            row([key(texts, "card-month", &["month", &id, &month]), with("card-edit", &["edit"])]),
            row([with("card-archive", &["archive"]), with("card-delete", &["delete"])]),
            row([key(texts, "back", &[back, page])]),
        ]
    } else {
        vec![
            row([with("card-reopen", &["reopen"]), key(texts, "card-month", &["month", &id, &month])]),
            row([with("card-delete", &["delete"])]),
            row([key(texts, "back", &[back, page])]),
        ]
    }
}

/// `reached`: when it reached its target, of an archived one.
fn text(texts: &Texts, habit: &Habit, reached: Option<NaiveDate>, person: &Person) -> String {
    let mut lines = vec![format!("{} <b>{}</b>", sign(habit, person), escape(&habit.name))];
    if let Some(about) = &habit.description {
        // A client of the REST contract may have written ten times what a message holds.
        lines.push(format!("<i>{}</i>", escape(&super::say::short(about, super::new::ABOUT_MOST))));
    }
    lines.push(String::new());
    if habit.is_active {
        lines.push(texts.get(today(habit, person)));
    } else {
        lines.push(match reached {
            Some(date) => texts.with("card-completed", &[("date", texts.date(date).into())]),
            None => texts.get("card-archived"),
        });
    }
    if let Some(measure) = &habit.measure {
        lines.push(texts.with("card-measure", &[("amount", amount(measure, habit.amount_today.unwrap_or(0)).into())]));
    }
    let now = habit.streak(person);
    if now.max > 0 {
        let (current, max) = (streak(texts, habit, now.current), streak(texts, habit, now.max));
        lines.push(texts.with("card-streak", &[("current", current.into()), ("max", max.into())]));
    }
    // Who goes on beyond it is not told of it for ever.
    if !habit.is_active || now.in_row < habit.target_days {
        let done = if reached.is_some() { now.in_row.max(habit.target_days) } else { now.in_row };
        let goal = [("done", done.into()), ("goal", habit.target_days.into())];
        let key = if matches!(habit.schedule, Schedule::Weekly(_)) { "card-goal-weekly" } else { "card-goal" };
        lines.push(texts.with(key, &goal));
    }
    lines.push(texts.with("card-schedule", &[("schedule", schedule(texts, habit.schedule).into())]));
    lines.push(texts.with("card-times", &[("times", times(&habit.remind_at).into())]));
    if let Some(quiet) = person.quiet.filter(|quiet| habit.remind_at.iter().any(|at| quiet.contains(*at))) {
        lines.push(texts.with("card-times-quiet", &[("until", time::show(quiet.until).into())]));
    }
    lines.join("\n")
}

fn today(habit: &Habit, person: &Person) -> &'static str {
    match habit.status_today {
        Some(Status::Done) => "today-done",
        Some(Status::Skipped) => "today-skipped",
        Some(Status::NotDone) => "today-not-done",
        _ if habit.is_due_today(person) => "today-due",
        _ => "today-free",
    }
}

/// The target is reached: said once, by the mark that got there.
pub fn congratulation(texts: &Texts, habit: &Habit, person: &Person) -> Message {
    let values = [("name", escape(&habit.name).into()), ("achieved", achieved(texts, habit, person).into())];
    let id = habit.id.to_string();
    let buttons = row([
        key(texts, "completed-keep", &["keep", &id, "a0"]),
        key(texts, "completed-reopen", &["reopen", &id, "0"]),
    ]);
    // A slip of the finger may have been the last mark that was missing.
    let undo = habit
        .completed_on
        .filter(|date| is_recent(*date, habit.today))
        .and_then(|date| key(texts, "card-undo", &["mark", &id, "0", &date.to_string(), "take-back"]));
    Message::html(texts.with("completed", &values)).keyboard(keyboard([buttons, row([undo])]))
}

/// Today or yesterday: what was said of an older date is not taken back by a button under an old message.
pub fn is_recent(date: NaiveDate, today: NaiveDate) -> bool {
    date == today || date == before(today)
}

/// The card, in place.
pub async fn open(turn: &mut Turn, talking: &Talking, id: HabitId, place: Place) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    match store::get(&mut turn.tx, &person, id, now).await {
        Ok(habit) => {
            let card = message(turn, &habit, &person, &place).await?;
            show(turn, card);
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

/// `WHAT:HABIT:PLACE[:...]`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, what: &str, data: &str) -> Result<()> {
    let mut parts = data.split(':');
    let Some(Ok(id)) = parts.next().map(str::parse::<HabitId>) else { return Ok(()) };
    let second = parts.next().unwrap_or_default();
    let place = Place::read(second);
    match what {
        "open" => open(turn, talking, id, place).await,
        "mark" => {
            mark(turn, talking, id, place, parts.next().unwrap_or_default(), parts.next().unwrap_or_default()).await
        }
        "month" => month(turn, talking, id, second).await,
        "archive" => set_active(turn, talking, id, place, false).await,
        "reopen" => set_active(turn, talking, id, place, true).await,
        "keep" => keep(turn, talking, id).await,
        "delete" => ask_delete(turn, talking, id, &place).await,
        "deleted" => delete(turn, talking, id, &place).await,
        // A button of another version.
        _ => Ok(()),
    }
}

/// A button of today's does nothing tomorrow: whoever taps "done" on an old card means the day they tap it on, or
/// does not know. What it says of yesterday has buttons of its own, which end with yesterday.
async fn mark(turn: &mut Turn, talking: &Talking, id: HabitId, place: Place, date: &str, what: &str) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    let Ok(date) = date.parse::<NaiveDate>() else { return Ok(()) };
    let today = person.today(now);
    let (what, stands) = match (what, what.strip_suffix("-late")) {
        (_, Some(what)) => (what, date == before(today)),
        // A congratulation may be read in the morning.
        ("take-back", None) => ("undo", is_recent(date, today)),
        _ => (what, date == today),
    };
    let texts = turn.texts(&TEXTS);
    if !stands {
        turn.toast(texts.get("new-day"));
        return open(turn, talking, id, place).await;
    }
    let marked = match what {
        "undo" => store::undo(&mut turn.tx, &person, id, date, now).await,
        "skip" => store::mark(&mut turn.tx, &person, id, date, Mark::Status(Status::Skipped), now).await,
        "done" => store::mark(&mut turn.tx, &person, id, date, Mark::Status(Status::Done), now).await,
        _ => return Ok(()),
    };
    match marked {
        Ok(marked) => {
            let card = message(turn, &marked.habit, &person, &place).await?;
            show(turn, card);
            if marked.completed {
                turn.reply(congratulation(&texts, &marked.habit, &person));
            }
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

async fn set_active(turn: &mut Turn, talking: &Talking, id: HabitId, place: Place, is_active: bool) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    let changes = Changes { is_active: Some(is_active), ..Changes::default() };
    match store::update(&mut turn.tx, &person, id, changes, now).await {
        Ok(habit) => {
            let texts = turn.texts(&TEXTS);
            turn.toast(texts.get(if is_active { "reopened" } else { "archived" }));
            // It has moved to the other list.
            let place = if is_active { Place::first() } else { place };
            let card = message(turn, &habit, &person, &place).await?;
            show(turn, card);
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

/// The congratulation without its question. Of a habit that was reopened since and archived by hand, too: then it may
/// have nothing to be congratulated on.
async fn keep(turn: &mut Turn, talking: &Talking, id: HabitId) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    match store::get(&mut turn.tx, &person, id, now).await {
        // Reopened since, or the mark that completed it was taken back.
        Ok(habit) if habit.is_active => open(turn, talking, id, Place::first()).await,
        Ok(habit) => {
            let kept = if reached(turn, &person, &habit).await?.is_some() { "completed-kept" } else { "archived-kept" };
            let texts = turn.texts(&TEXTS);
            let text = texts.with(kept, &[("name", escape(&habit.name).into())]);
            let rows = [row([key(&texts, "go-list", &["list", "0"]), key(&texts, "go-new", &["new"])])];
            show(turn, Message::html(text).keyboard(keyboard(rows)));
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

async fn ask_delete(turn: &mut Turn, talking: &Talking, id: HabitId, place: &Place) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    match store::get(&mut turn.tx, &person, id, now).await {
        Ok(habit) => {
            let texts = turn.texts(&TEXTS);
            let text = texts.with("delete-ask", &[("name", escape(&habit.name).into())]);
            let id = id.to_string();
            let rows = [row([
                key(&texts, "delete-yes", &["deleted", &id, place.as_str()]),
                key(&texts, "delete-no", &["open", &id, place.as_str()]),
            ])];
            show(turn, Message::html(text).keyboard(keyboard(rows)));
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

async fn delete(turn: &mut Turn, talking: &Talking, id: HabitId, place: &Place) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    let texts = turn.texts(&TEXTS);
    match store::delete(&mut turn.tx, &person, id, now).await {
        Ok(()) => turn.toast(texts.get("deleted")),
        Err(error) => refused(turn, error)?,
    }
    let (back, page) = place.back();
    list::pressed(turn, talking, back, page).await
}

/// The picture of a month is drawn by the worker: of one that the habit has seen.
async fn month(turn: &mut Turn, talking: &Talking, id: HabitId, month: &str) -> Result<()> {
    let (person, now) = (me(turn, talking).await?, turn.now);
    let Ok(month) = format!("{month}-01").parse::<NaiveDate>() else { return Ok(()) };
    let habit = match store::get(&mut turn.tx, &person, id, now).await {
        Ok(habit) => habit,
        Err(error) => return refused(turn, error),
    };
    if habit.first_day.with_day(1).is_some_and(|first| month < first) || month > habit.today {
        return Ok(());
    }
    let calendar =
        Calendar { habit: id, user: person.user_id, chat: turn.chat.id, month, language: turn.language.clone() };
    turn.enqueue(&calendar).await
}

/// A row of a card that leads back to it.
pub fn back(texts: &Texts, id: HabitId, place: &Place) -> Vec<Button> {
    row([button(texts.get("back"), &["open", &id.to_string(), place.as_str()])])
}
