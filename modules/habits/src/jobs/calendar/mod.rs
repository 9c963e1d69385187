//! A month of a habit as a picture.
//!
//! What it shows is gathered first; its digest says whether Telegram has that very picture already, and then no
//! picture is drawn. A drawn one is stored once, however often it is sent.

mod draw;
mod picture;

use anyhow::Context;
use chrono::{Datelike, Months, NaiveDate};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vitte_platform::jobs::{Class, Job, JobContext, JobError};
use vitte_platform::outbox::{self, Priority};
use vitte_platform::telegram::outgoing::{Media, escape};
use vitte_platform::telegram::{Button, Keyboard, Message};
use vitte_platform::texts::Texts;

use super::Reminding;
use crate::bot::{Named, streak};
use crate::domain::{Schedule, Status};
use crate::jobs::calendar::picture::{Cell, Kind, Month};
use crate::model::{Habit, HabitId, Person};
use crate::store::{self, HabitError, Picture};
use crate::{NAME, TEXTS};

/// Draw a month and send it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calendar {
    pub habit: HabitId,
    /// Our id of the person.
    pub user: i64,
    pub chat: i64,
    /// The first of it.
    pub month: NaiveDate,
    /// One of the bot's.
    pub language: String,
}

impl Job for Calendar {
    type State = Reminding;
    const NAME: &'static str = "habits.calendar";
    const CLASS: Class = Class::Media;
    const ATTEMPTS: u16 = 5;

    /// A second press before the first picture is there asks for the same one.
    fn key(&self) -> Option<String> {
        Some(format!("{}:{}:{}", self.habit, self.month, self.language))
    }

    async fn run(self, state: &Reminding, job: &mut JobContext) -> Result<(), JobError> {
        let now = job.clock.now();
        let mut connection = job.pool.acquire().await?;
        let c = &mut *connection;
        // Forgotten or deleted since: nobody waits for it.
        let Some(person) = store::person(c, &state.settings, self.user).await? else { return Ok(()) };
        let habit = match store::get(c, &person, self.habit, now).await {
            Ok(habit) => habit,
            Err(HabitError::Database(error)) => return Err(error.into()),
            Err(_) => return Ok(()),
        };
        // A month after which there is no other is none that anybody lives in.
        let next = self.month.checked_add_months(Months::new(1));
        let Some(last) = next.and_then(|next| next.pred_opt()) else { return Ok(()) };
        let marks = store::marks(c, &[habit.id], (self.month, last)).await?;
        drop(connection);

        let texts = Texts::new(&TEXTS, &self.language);
        let days: Vec<(NaiveDate, Status, Option<i32>)> = marks.into_iter().map(|(_, d, s, a)| (d, s, a)).collect();
        let month = gathered(&texts, &habit, &person, self.month, &days);
        let digest = Sha256::digest(format!("{} {month:?}", picture::VERSION));
        let of = Picture { habit: habit.id, month: self.month, language: &self.language, digest: &digest };
        let known = store::picture(&mut *job.pool.acquire().await?, &of, now).await?;
        // Some milliseconds of drawing: not on a thread that others wait for.
        let drawn = match known {
            Some(_) => None,
            None => {
                let month = month.clone();
                let drawing = tokio::task::spawn_blocking(move || picture::png(&month));
                let drawn = drawing.await.context("the drawing of a calendar ended early")?;
                Some(drawn.map_err(|error| JobError::Fail(error.into()))?)
            }
        };
        let tx = job.tx().await?;
        // Also since it was drawn; and from now on whoever forgets the person waits, and then takes it back.
        if !store::hold(tx, habit.id).await? {
            return Ok(());
        }
        let file = match (known, drawn) {
            (Some(file), _) => file,
            (None, png) => {
                let name = format!("{}.png", self.month.format("%Y-%m"));
                let file = outbox::keep_file(tx, &name, "image/png", &png.unwrap_or_default()).await?;
                store::keep_picture(tx, &of, file, now).await?;
                file
            }
        };
        let message = Message::photo(Media::Stored(file), caption(&texts, &habit, &person, &month))
            .keyboard(turns(&texts, &habit, self.month));
        job.say(self.chat, Priority::Interactive, message);
        Ok(())
    }
}

/// What the picture shows.
fn gathered(
    texts: &Texts,
    habit: &Habit,
    person: &Person,
    first: NaiveDate,
    marks: &[(NaiveDate, Status, Option<i32>)],
) -> Month {
    let rules = habit.rules(person);
    let cell = |date: NaiveDate| {
        let said = marks.iter().find(|(on, ..)| *on == date);
        let due = date >= habit.first_day && rules.due(date);
        let daily = matches!(habit.schedule, Schedule::Days(_));
        let kind = match said.map(|(_, status, _)| *status) {
            Some(Status::Done) => Kind::Done,
            Some(Status::Skipped) => Kind::Skipped,
            Some(Status::NotDone) => Kind::Missed,
            _ if date > habit.today => Kind::Ahead,
            _ if !due => Kind::Free,
            _ if date == habit.today => Kind::Open,
            // Of so many times a week, no single day is missed.
            _ if daily && habit.is_active => Kind::Missed,
            _ => Kind::Free,
        };
        let part = match (&habit.measure, said.and_then(|(_, _, amount)| *amount)) {
            (Some(measure), Some(amount)) if kind != Kind::Done => {
                u8::try_from(i64::from(amount).saturating_mul(100) / i64::from(measure.target.max(1)))
                    .unwrap_or(100)
                    .min(100)
            }
            _ => 0,
        };
        Cell { day: date.day(), kind, part, today: date == habit.today }
    };
    Month {
        title: capital(&texts.month(first)),
        weekdays: (0..7).map(|n| texts.weekday(n)).collect(),
        column: first.weekday().num_days_from_monday(),
        cells: first.iter_days().take_while(|date| date.month() == first.month()).map(cell).collect(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn caption(texts: &Texts, habit: &Habit, person: &Person, month: &Month) -> String {
    let now = habit.streak(person);
    let done = month.cells.iter().filter(|cell| cell.kind == Kind::Done).count();
    let values = [
        ("name", escape(&habit.name).into()),
        ("count", done.into()),
        ("streak", streak(texts, habit, now.current).into()),
        ("max", streak(texts, habit, now.max).into()),
    ];
    texts.with("calendar", &values)
}

/// The months beside it, as far as there is something to see.
fn turns(texts: &Texts, habit: &Habit, month: NaiveDate) -> Keyboard {
    let id = habit.id.to_string();
    let button = |to: NaiveDate, text: String| {
        Button::callback(text, NAME, &["month", &id, &to.format("%Y-%m").to_string()]).ok()
    };
    let before = month.checked_sub_months(Months::new(1)).filter(|_| habit.first_day < month);
    let after = month.checked_add_months(Months::new(1)).filter(|after| *after <= habit.today);
    let row = [
        before.and_then(|to| button(to, format!("‹ {}", texts.month(to)))),
        after.and_then(|to| button(to, format!("{} ›", texts.month(to)))),
    ];
    let row: Vec<Button> = row.into_iter().flatten().collect();
    Keyboard(if row.is_empty() { Vec::new() } else { vec![row] })
}
