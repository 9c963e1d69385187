//! A person's habits and reminders, on their page.

use std::fmt::Write;

use anyhow::Result;
use vitte_platform::http::admin::Ask;
use vitte_platform::telegram::outgoing::escape;

use crate::domain::Schedule;
use crate::model::Habit;
use crate::settings::HabitsSettings;
use crate::store::{self, Page};

/// More than anybody may have.
const ALL: Page = Page { skip: 0, limit: 1_000, active_only: false };

pub async fn draw(ask: Ask, settings: &HabitsSettings, id: i64) -> Result<String> {
    let mut connection = ask.pool.acquire().await?;
    let Some(person) = store::person(&mut connection, settings, id).await? else { return Ok(String::new()) };
    let habits = store::list(&mut connection, &person, ALL, ask.now).await?;
    if habits.is_empty() {
        return Ok(String::new());
    }
    let mut out = format!("<p>Today is {}", person.today(ask.now));
    if let Some(quiet) = person.quiet {
        write!(out, ", quiet from {} to {}", quiet.from.format("%H:%M"), quiet.until.format("%H:%M"))?;
    }
    if person.calendar().excused(person.today(ask.now)) {
        out += ", a day off";
    }
    out += ".</p><table><thead><tr><th>Habit</th><th>When</th><th>Today</th><th class=\"number\">Streak</th>\
            <th class=\"number\">Best</th><th>Next reminder</th></tr></thead><tbody>";
    for habit in habits {
        let streak = habit.streak(&person);
        let next = habit.next_at.map_or_else(|| "none".to_owned(), |at| at.format("%Y-%m-%d %H:%M UTC").to_string());
        write!(
            out,
            "<tr><td data-label=\"Habit\">{} <code>{}</code>{}</td><td data-label=\"When\">{}</td>\
             <td data-label=\"Today\">{}</td><td data-label=\"Streak\" class=\"number\">{}</td>\
             <td data-label=\"Best\" class=\"number\">{}</td><td data-label=\"Next reminder\">{next}</td></tr>",
            escape(&habit.name),
            habit.id,
            if habit.is_active { "" } else { " <span class=\"pill\">archived</span>" },
            when(&habit),
            habit.status_today.map_or("open", |status| status.as_str()),
            streak.current,
            streak.max,
        )?;
    }
    out += "</tbody></table>";
    Ok(out)
}

fn when(habit: &Habit) -> String {
    const NAMES: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
    let days = match habit.schedule {
        Schedule::DAILY => "daily".to_owned(),
        Schedule::Weekly(times) => format!("{times} times a week"),
        Schedule::Days(days) => {
            let on = NAMES.iter().enumerate().filter(|(n, _)| days.bits() >> n & 1 == 1);
            on.map(|(_, name)| *name).collect::<Vec<_>>().join(" ")
        }
    };
    let times: Vec<String> = habit.remind_at.iter().map(|time| time.format("%H:%M").to_string()).collect();
    format!("{days}, {}", times.join(" "))
}
