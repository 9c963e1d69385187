//! My habits: five a page, what today is for each, one tap to mark it; and those in the archive.

use anyhow::Result;
use chrono::NaiveDate;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::say::{Named, amount, flame, short, sign, this_week};
use super::{Talking, button, card, edit, key, keyboard, me, refused, row};
use crate::TEXTS;
use crate::domain::Status;
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, Mark, Page};

const PAGE: usize = 5;
/// More than anybody may have, by the manifest's rules.
const ALL: i64 = 1_000;
/// Characters of a name on a button.
const BUTTON: usize = 30;
/// A measured habit of up to so much a day grows by one a tap; for a larger amount the number is asked for.
const TAPS: i32 = 20;

/// The list, as a new message or in place of the pressed one.
pub async fn show(turn: &mut Turn, talking: &Talking, page: usize) -> Result<()> {
    let person = me(turn, talking).await?;
    let (active, archived) = habits(turn, &person).await?;
    let texts = turn.texts(&TEXTS);
    super::show(turn, message(&texts, &person, &active, archived.len(), page));
    Ok(())
}

async fn habits(turn: &mut Turn, person: &Person) -> Result<(Vec<Habit>, Vec<Habit>)> {
    let now = turn.now;
    let all = store::list(&mut turn.tx, person, Page { skip: 0, limit: ALL, active_only: false }, now).await?;
    Ok(all.into_iter().partition(|habit| habit.is_active))
}

/// The page that there is: what was on the last may be gone.
fn clamp(page: usize, count: usize) -> usize {
    page.min(count.saturating_sub(1) / PAGE)
}

fn message(texts: &Texts, person: &Person, active: &[Habit], archived: usize, page: usize) -> Message {
    let menu = row([key(texts, "go-new", &["new"]), key(texts, "go-profile", &["profile"])]);
    let shelf = (archived > 0)
        .then(|| button(texts.with("go-shelf", &[("count", archived.into())]), &["shelf", "0"]))
        .flatten();
    if active.is_empty() {
        let text = if archived > 0 { "list-all-rest" } else { "list-empty" };
        return Message::html(texts.get(text)).keyboard(keyboard([row([shelf]), menu]));
    }
    let page = clamp(page, active.len());
    let shown = active.iter().enumerate().skip(page * PAGE).take(PAGE);
    let done = active.iter().filter(|habit| habit.is_done_today()).count();
    let asked = done + active.iter().filter(|habit| habit.is_due_today(person)).count();
    let today = active.first().map_or(NaiveDate::MIN, |habit| habit.today);
    let mut lines = vec![texts.with("list-title", &[("day", texts.day(today).into())])];
    lines.push(match (done, asked) {
        (_, 0) => texts.get("list-rest"),
        _ if done == asked => texts.get("list-all-done"),
        _ => texts.with("list-done", &[("done", done.into()), ("count", asked.into())]),
    });
    lines.push(String::new());
    lines.extend(shown.clone().map(|(n, habit)| line(texts, person, n + 1, habit)));
    if active.iter().all(|habit| habit.summary.best == 0) {
        // Until they have done it once.
        lines.extend([String::new(), texts.get("list-hint")]);
    }
    let place = page.to_string();
    let mut rows: Vec<Vec<Button>> = shown.clone().map(|(_, habit)| row([tap(habit, person, &place)])).collect();
    rows.push(row(shown.map(|(n, habit)| button(format!("🔎 {}", n + 1), &["open", &habit.id.to_string(), &place]))));
    rows.push(turns(texts, "list", page, active.len()));
    rows.push(row([shelf]));
    rows.push(menu);
    Message::html(lines.join("\n")).keyboard(keyboard(rows))
}

fn line(texts: &Texts, person: &Person, n: usize, habit: &Habit) -> String {
    let mut line = format!("{n}. {} {}{}", sign(habit, person), escape(&habit.name), flame(habit, person));
    if let Some(measure) = &habit.measure {
        line = format!("{line} · {}", amount(measure, habit.amount_today.unwrap_or(0)));
    }
    if let Some((done, times)) = this_week(habit) {
        let values = [("done", done.into()), ("count", times.into())];
        line = format!("{line} · {}", texts.with("this-week", &values));
    }
    line
}

/// What a tap does is on the button: with the date, and, where nothing is measured, whether it showed a done day.
fn tap(habit: &Habit, person: &Person, place: &str) -> Option<Button> {
    let (id, date) = (habit.id.to_string(), habit.today.to_string());
    let what = if habit.is_done_today() { "undo" } else { "done" };
    let text = format!("{} {}", sign(habit, person), short(&habit.name, BUTTON));
    button(text, &["tap", &id, place, &date, what])
}

/// Back and forth; nothing on an only page.
fn turns(texts: &Texts, what: &str, page: usize, count: usize) -> Vec<Button> {
    let pages = count.div_ceil(PAGE);
    if pages < 2 {
        return Vec::new();
    }
    // Round in a circle: no button that does nothing.
    let (back, on) = ((page + pages - 1) % pages, (page + 1) % pages);
    let of = texts.with("page", &[("page", (page + 1).into()), ("pages", pages.into())]);
    row([
        button("‹", &[what, &back.to_string()]),
        button(of, &[what, &page.to_string()]),
        button("›", &[what, &on.to_string()]),
    ])
}

/// `list:PAGE`, `shelf:PAGE`, `tap:HABIT:PAGE:DATE:done|undo`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, what: &str, data: &str) -> Result<()> {
    match what {
        "tap" => tapped(turn, talking, data).await,
        "shelf" => shelf(turn, talking, data.parse().unwrap_or(0)).await,
        _ => show(turn, talking, data.parse().unwrap_or(0)).await,
    }
}

async fn tapped(turn: &mut Turn, talking: &Talking, data: &str) -> Result<()> {
    let parts: Vec<&str> = data.split(':').collect();
    let [id, page, date, what] = parts.as_slice() else { return Ok(()) };
    let (Ok(id), Ok(page), Ok(date)) = (id.parse::<HabitId>(), page.parse(), date.parse::<NaiveDate>()) else {
        return Ok(());
    };
    let (person, now) = (me(turn, talking).await?, turn.now);
    let texts = turn.texts(&TEXTS);
    if date != person.today(now) {
        turn.toast(texts.get("new-day"));
        return show(turn, talking, page).await;
    }
    let habit = match store::get(&mut turn.tx, &person, id, now).await {
        Ok(habit) => habit,
        Err(error) => {
            refused(turn, error)?;
            return show(turn, talking, page).await;
        }
    };
    let mark = match &habit.measure {
        Some(measure) if measure.target > TAPS => {
            return edit::ask_amount(turn, &habit);
        }
        Some(_) => Mark::Add(1),
        None => Mark::Status(Status::Done),
    };
    // No tap takes an amount back, a ninth glass least of all: the card does.
    let marked = if *what == "undo" && habit.measure.is_none() {
        store::undo(&mut turn.tx, &person, id, date, now).await
    } else {
        store::mark(&mut turn.tx, &person, id, date, mark, now).await
    };
    match marked {
        Ok(marked) if marked.completed => turn.reply(card::congratulation(&texts, &marked.habit, &person)),
        Ok(_) => {}
        Err(error) => refused(turn, error)?,
    }
    show(turn, talking, page).await
}

/// The archive.
pub async fn shelf(turn: &mut Turn, talking: &Talking, page: usize) -> Result<()> {
    let person = me(turn, talking).await?;
    let (_, archived) = habits(turn, &person).await?;
    let texts = turn.texts(&TEXTS);
    let back = row([key(&texts, "go-list", &["list", "0"])]);
    if archived.is_empty() {
        super::show(turn, Message::html(texts.get("shelf-empty")).keyboard(keyboard([back])));
        return Ok(());
    }
    let page = clamp(page, archived.len());
    let place = format!("a{page}");
    let shown: Vec<Habit> = archived.iter().skip(page * PAGE).take(PAGE).cloned().collect();
    let reached = store::reached(&mut turn.tx, &person, &shown).await?;
    let open = |(habit, reached): (&Habit, &Option<NaiveDate>)| {
        let sign = if reached.is_some() { "🏆" } else { "📦" };
        row([button(format!("{sign} {}", short(&habit.name, BUTTON)), &["open", &habit.id.to_string(), &place])])
    };
    let mut rows: Vec<Vec<Button>> = shown.iter().zip(&reached).map(open).collect();
    rows.extend([turns(&texts, "shelf", page, archived.len()), back]);
    super::show(turn, Message::html(texts.get("shelf-title")).keyboard(keyboard(rows)));
    Ok(())
}
