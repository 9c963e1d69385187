//! A rest until a date: nothing is due, and no streak ends.

use anyhow::Result;
use chrono::{Days, NaiveDate};
use vitte_platform::telegram::Message;
use vitte_platform::turn::Turn;

use super::super::read::date;
use super::super::say::Named;
use super::super::step::{Step, is_busy};
use super::super::{Talking, button, key, me, refused, row};
use super::{choose, kept};
use crate::TEXTS;
use crate::model::Person;
use crate::store;

/// Days ahead.
const MOST: u64 = 365;
/// As buttons, today included.
const USUAL: [u64; 3] = [3, 7, 14];

/// The last day of the rest that is on today, if one is.
pub fn until(person: &Person, today: NaiveDate) -> Option<NaiveDate> {
    person.off.iter().filter(|(first, last)| (*first..=*last).contains(&today)).map(|(_, last)| *last).max()
}

/// `` asks, `off` or `DATE` is the answer.
pub async fn pressed(turn: &mut Turn, talking: &Talking, value: &str) -> Result<()> {
    let person = me(turn, talking).await?;
    let today = person.today(turn.now);
    if value == "off" {
        return set(turn, talking, None).await;
    }
    if let Ok(date) = value.parse::<NaiveDate>() {
        if let Some(date) = within(date, today) {
            return set(turn, talking, Some(date)).await;
        }
        // An old button: a vacation that is on stays as it is.
        turn.toast(turn.texts(&TEXTS).get("day-over"));
    }
    if is_busy(turn) {
        return Ok(());
    }
    let texts = turn.texts(&TEXTS);
    let usual = |days: &u64| {
        let last = today.checked_add_days(Days::new(days - 1))?;
        button(texts.with("days", &[("count", (*days).into())]), &["rest", &last.to_string()])
    };
    let end = until(&person, today).and_then(|_| key(&texts, "rest-off", &["rest", "off"]));
    choose(turn, "rest-ask", [row(USUAL.iter().map(usual)), row([end])]);
    turn.converse(&Step::Vacation)
}

fn within(date: NaiveDate, today: NaiveDate) -> Option<NaiveDate> {
    let last = today.checked_add_days(Days::new(MOST))?;
    (today..=last).contains(&date).then_some(date)
}

pub async fn answered(turn: &mut Turn, talking: &Talking, text: &str) -> Result<()> {
    let person = me(turn, talking).await?;
    let today = person.today(turn.now);
    match date::date(text, today).and_then(|date| within(date, today)) {
        Some(date) => set(turn, talking, Some(date)).await,
        None => {
            let text = turn.texts(&TEXTS).get("rest-wrong");
            turn.reply(Message::html(text));
            Ok(())
        }
    }
}

async fn set(turn: &mut Turn, talking: &Talking, until: Option<NaiveDate>) -> Result<()> {
    let (id, now) = (turn.user.id, turn.now);
    if let Err(error) = store::set_vacation(&mut turn.tx, &talking.settings, id, until, now).await {
        return refused(turn, error);
    }
    let texts = turn.texts(&TEXTS);
    let text = match until {
        Some(until) => texts.with("rest-set", &[("date", texts.date(until).into())]),
        None => texts.get("rest-none"),
    };
    kept(turn, talking, text).await
}
