//! Where somebody lives: a zone's name, a city, or a shared location.

use anyhow::Result;
use chrono_tz::Tz;
use vitte_platform::people;
use vitte_platform::telegram::Message;
use vitte_platform::telegram::incoming::Location;
use vitte_platform::turn::Turn;

use super::super::read::place::{self, Found};
use super::super::read::time;
use super::super::step::{Step, is_busy};
use super::super::{Talking, button, key, keyboard, new, row, show};
use super::{forget_cached, kept};
use crate::TEXTS;

/// `` asks, `NAME` is the answer.
pub async fn pressed(turn: &mut Turn, talking: &Talking, name: &str) -> Result<()> {
    if let Ok(zone) = name.parse::<Tz>() {
        return set(turn, talking, zone).await;
    }
    match turn.step::<Step>() {
        // The clock that was shown with the question of the time is wrong: the time is asked again with the right one.
        Some(Step::NewTime { name, about, goal } | Step::NewZone { name, about, goal }) => {
            new::ask(turn, &Step::NewZone { name, about, goal })
        }
        _ if is_busy(turn) => Ok(()),
        _ => {
            let text = question(turn, "/cancel");
            turn.reply(Message::html(text));
            turn.converse(&Step::Zone)
        }
    }
}

/// `leave`: the command that leaves it open.
pub fn question(turn: &Turn, leave: &'static str) -> String {
    let clock = time::clock(turn.now, turn.user.zone());
    turn.texts(&TEXTS).with("zone-ask", &[("clock", clock.into()), ("leave", leave.into())])
}

pub async fn answered(turn: &mut Turn, talking: &Talking, text: &str) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    match place::find(text) {
        Found::One(zone) => set(turn, talking, zone).await,
        Found::Perhaps(near) => {
            let rows = near.iter().map(|(name, zone)| {
                let clock = time::clock(turn.now, *zone);
                row([button(format!("{name} · {clock}"), &["zone", zone.name()])])
            });
            let message = Message::html(texts.get("zone-perhaps")).keyboard(keyboard(rows.collect::<Vec<_>>()));
            turn.reply(message);
            Ok(())
        }
        Found::Nothing => {
            turn.reply(Message::html(texts.get("zone-wrong")));
            Ok(())
        }
    }
}

/// The nearest place known may lie over a border: the person sees the time there, and says yes or no.
pub fn located(turn: &mut Turn, location: Location) -> Result<()> {
    let texts = turn.texts(&TEXTS);
    let Some(zone) = place::nearest(location.latitude, location.longitude) else {
        turn.reply(Message::html(texts.get("zone-wrong")));
        return Ok(());
    };
    let values = [("zone", place::title(zone, &turn.language).into()), ("clock", time::clock(turn.now, zone).into())];
    let buttons = row([key(&texts, "zone-yes", &["zone", zone.name()]), key(&texts, "zone-no", &["zone"])]);
    turn.reply(Message::html(texts.with("zone-located", &values)).keyboard(keyboard([buttons])));
    Ok(())
}

/// Reminders and days follow in the same transaction.
async fn set(turn: &mut Turn, talking: &Talking, zone: Tz) -> Result<()> {
    let change = people::Change { timezone: Some(zone.name().to_owned()), ..people::Change::default() };
    let (id, now) = (turn.user.id, turn.now);
    if let Some(user) = talking.people.change(&mut turn.tx, id, &change, now).await? {
        turn.user = user;
    }
    forget_cached(turn, talking);
    let values = [("zone", place::title(zone, &turn.language).into()), ("clock", time::clock(now, zone).into())];
    let text = turn.texts(&TEXTS).with("zone-set", &values);
    match turn.step::<Step>() {
        Some(Step::NewTime { name, about, goal } | Step::NewZone { name, about, goal }) => {
            show(turn, Message::html(text));
            new::ask(turn, &Step::NewTime { name, about, goal })
        }
        _ => kept(turn, talking, text).await,
    }
}
