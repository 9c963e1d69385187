//! `/admin/habits`: how many habits there are, which reminders are due and which are late, what became of the last days'.

use std::fmt::Write;

use anyhow::Result;
use chrono::TimeDelta;
use vitte_platform::http::admin::Ask;
use vitte_platform::outbox;

use crate::store::figures::{self, Day};

/// Days that are shown.
const DAYS: i64 = 14;
/// More are shown as this number.
const WAITING: i64 = 10_000;
/// What never arrived is counted over these days.
const REFUSED_DAYS: i64 = 7;

pub async fn draw(ask: Ask) -> Result<String> {
    let mut connection = ask.pool.acquire().await?;
    let now = figures::waiting(&mut connection, ask.now).await?;
    let days = figures::days(&mut connection, DAYS).await?;
    let waiting = outbox::bulk_waiting(&mut connection, WAITING).await?;
    let refused = outbox::bulk_refused(&mut connection, ask.now - TimeDelta::days(REFUSED_DAYS)).await?;
    let card = |number: i64, what: &str, bad: bool| {
        let class = if bad { "card bad" } else { "card" };
        format!("<div class=\"{class}\"><b>{number}</b><span>{what}</span></div>")
    };
    let mut out = String::from("<section class=\"cards\" aria-label=\"Numbers\">");
    out += &card(now.people, "people with habits", false);
    out += &card(now.habits, "habits going on", false);
    out += &card(now.next_hour, "reminders in the next hour", false);
    out += &card(now.due, "reminders due now", false);
    out += &card(now.late, "reminders late", now.late > 0);
    out += &card(waiting, "people whose message waits for the rate", false);
    out += &card(refused, "messages that never arrived, 7 days", refused > 0);
    out += "</section><p>A reminder is late when the worker has not taken it five minutes after its time. It takes no \
            more than leave within seconds; what it has taken waits in the <a href=\"/admin/outbox\">outbox</a> until \
            Telegram has it, and stays there if Telegram refuses it.</p><h2>Taken, by day, UTC</h2>";
    if days.is_empty() {
        out += "<p class=\"empty\">No reminder has been due yet.</p>";
        return Ok(out);
    }
    out += "<table><thead><tr><th>Day</th><th class=\"number\">On time</th><th class=\"number\">Late</th>\
            <th class=\"number\">Not needed</th><th class=\"number\">Too late</th><th class=\"number\">Unreachable</th>\
            </tr></thead><tbody>";
    for Day { day, sent, late, needless, expired, unreachable } in days {
        let cell = |label: &str, n: i64| format!("<td data-label=\"{label}\" class=\"number\">{n}</td>");
        write!(
            out,
            "<tr><td data-label=\"Day\">{day}</td>{}{}{}{}{}</tr>",
            cell("On time", sent),
            cell("Late", late),
            cell("Not needed", needless),
            cell("Too late", expired),
            cell("Unreachable", unreachable),
        )?;
    }
    out += "</tbody></table>";
    Ok(out)
}
