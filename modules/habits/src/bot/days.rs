//! On which days a habit is due: tapped, and kept with every tap. A button says the whole schedule that it makes, so
//! that two quick taps on one do the same as one.

use anyhow::Result;
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::telegram::{Button, Message};
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;

use super::card::{self, Place};
use super::say::{Named, WEEKEND, WORKDAYS, schedule};
use super::{Talking, button, keyboard, me, refused, row, show};
use crate::TEXTS;
use crate::domain::{Schedule, Weekdays};
use crate::model::{Habit, HabitId};
use crate::store::{self, Changes};

/// As a button carries it: `d31`, `w3`.
fn packed(schedule: Schedule) -> String {
    match schedule {
        Schedule::Days(days) => format!("d{}", days.bits()),
        Schedule::Weekly(times) => format!("w{times}"),
    }
}

fn unpacked(text: &str) -> Option<Schedule> {
    match text.split_at_checked(1)? {
        ("d", bits) => Weekdays::new(bits.parse().ok()?).map(Schedule::Days),
        ("w", times) => times.parse().ok().filter(|times| (1..=6).contains(times)).map(Schedule::Weekly),
        _ => None,
    }
}

/// `HABIT:PLACE[:SCHEDULE]`.
pub async fn pressed(turn: &mut Turn, talking: &Talking, data: &str) -> Result<()> {
    let parts: Vec<&str> = data.split(':').collect();
    let [id, place, rest @ ..] = parts.as_slice() else { return Ok(()) };
    let Ok(id) = id.parse::<HabitId>() else { return Ok(()) };
    let (person, now) = (me(turn, talking).await?, turn.now);
    let habit = match rest.first().and_then(|text| unpacked(text)) {
        Some(schedule) => {
            let changes = Changes { schedule: Some(schedule), ..Changes::default() };
            store::update(&mut turn.tx, &person, id, changes, now).await
        }
        None => store::get(&mut turn.tx, &person, id, now).await,
    };
    match habit {
        Ok(habit) => {
            let texts = turn.texts(&TEXTS);
            show(turn, message(&texts, &habit, &Place::read(place)));
            Ok(())
        }
        Err(error) => refused(turn, error),
    }
}

fn message(texts: &Texts, habit: &Habit, place: &Place) -> Message {
    let id = habit.id.to_string();
    let to = |text: String, schedule: Schedule| {
        let text = if schedule == habit.schedule { format!("• {text} •") } else { text };
        button(text, &["days", &id, place.as_str(), &packed(schedule)])
    };
    let whole = |bits: u8| Weekdays::new(bits).map(Schedule::Days);
    let named = [Some(Schedule::DAILY), whole(WORKDAYS), whole(WEEKEND)];
    let named: Vec<Option<Button>> = named.into_iter().flatten().map(|s| to(schedule(texts, s), s)).collect();
    // One more or one less than now; the last one stays.
    let bits = match habit.schedule {
        Schedule::Days(days) => days.bits(),
        Schedule::Weekly(_) => 0,
    };
    let day = |n: u32| {
        let on = bits & (1 << n) != 0;
        let other = whole(bits ^ (1 << n)).unwrap_or(habit.schedule);
        let text = if on { format!("✓{}", texts.weekday(n)) } else { texts.weekday(n) };
        button(text, &["days", &id, place.as_str(), &packed(other)])
    };
    let weekly =
        |times: u8| to(texts.with("times-weekly", &[("count", u32::from(times).into())]), Schedule::Weekly(times));
    let rows = [
        row(named),
        row((0..7).map(day)),
        row((1..=3).map(weekly)),
        row((4..=6).map(weekly)),
        card::back(texts, habit.id, place),
    ];
    let values = [("name", escape(&habit.name).into()), ("schedule", schedule(texts, habit.schedule).into())];
    Message::html(texts.with("days-ask", &values)).keyboard(keyboard(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_goes_through_a_button_and_nothing_else_does() {
        for schedule in [Schedule::DAILY, Schedule::Weekly(3)] {
            assert_eq!(unpacked(&packed(schedule)), Some(schedule));
        }
        for text in ["", "d", "d0", "d128", "w0", "w7", "x1", "ы1", "d-1"] {
            assert_eq!(unpacked(text), None, "{text}");
        }
    }
}
