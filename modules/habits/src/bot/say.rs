//! How things are called in front of a person: dates, schedules, streaks.

use chrono::{Datelike, NaiveDate, NaiveTime};
use vitte_platform::telegram::outgoing::escape;
use vitte_platform::texts::Texts;

use super::read::time;
use crate::domain::{Schedule, Status, Weekdays};
use crate::model::{Habit, Measure, Person};

/// "21 November", with the weekday or without.
pub trait Named {
    fn date(&self, date: NaiveDate) -> String;
    fn day(&self, date: NaiveDate) -> String;
    /// "November 2026".
    fn month(&self, date: NaiveDate) -> String;
    /// "Mo"; 0 is Monday.
    fn weekday(&self, n: u32) -> String;
}

impl Named for Texts {
    fn date(&self, date: NaiveDate) -> String {
        self.with("date", &[("day", date.day().into()), ("month", date.month().into())])
    }

    fn day(&self, date: NaiveDate) -> String {
        let weekday = date.weekday().num_days_from_monday();
        self.with("day", &[("weekday", weekday.into()), ("date", self.date(date).into())])
    }

    fn month(&self, date: NaiveDate) -> String {
        self.with("month", &[("month", date.month().into()), ("year", date.year().to_string().into())])
    }

    fn weekday(&self, n: u32) -> String {
        self.with("weekday", &[("weekday", n.into())])
    }
}

/// "16–22 November", "30 November – 6 December".
pub fn dates(texts: &Texts, first: NaiveDate, last: NaiveDate) -> String {
    if first == last {
        texts.date(last)
    } else if first.month() == last.month() && first.year() == last.year() {
        format!("{}–{}", first.day(), texts.date(last))
    } else {
        format!("{} – {}", texts.date(first), texts.date(last))
    }
}

pub fn times(all: &[NaiveTime]) -> String {
    all.iter().map(|at| time::show(*at)).collect::<Vec<_>>().join(", ")
}

/// "every day", "Mo, We, Fr", "3 times a week".
pub fn schedule(texts: &Texts, schedule: Schedule) -> String {
    match schedule {
        Schedule::DAILY => texts.get("schedule-daily"),
        Schedule::Weekly(times) => texts.with("schedule-weekly", &[("count", u32::from(times).into())]),
        Schedule::Days(days) if days.bits() == WORKDAYS => texts.get("schedule-workdays"),
        Schedule::Days(days) if days.bits() == WEEKEND => texts.get("schedule-weekend"),
        Schedule::Days(days) => chosen(days).map(|n| texts.weekday(n)).collect::<Vec<_>>().join(", "),
    }
}

pub const WORKDAYS: u8 = 0b001_1111;
pub const WEEKEND: u8 = 0b110_0000;

/// The weekdays of a set; 0 is Monday.
pub fn chosen(days: Weekdays) -> impl Iterator<Item = u32> {
    (0..7).filter(move |n| days.bits() & (1 << n) != 0)
}

/// What of a day's amount is there: "3 / 8 glasses".
pub fn amount(measure: &Measure, done: i32) -> String {
    format!("{done} / {}", whole(measure))
}

/// A day's whole amount: "8 glasses".
pub fn whole(measure: &Measure) -> String {
    let unit = measure.unit.as_deref().map(|unit| format!(" {}", escape(unit))).unwrap_or_default();
    format!("{}{unit}", measure.target)
}

/// What today is for a habit, in one sign.
pub fn sign(habit: &Habit, person: &Person) -> &'static str {
    match habit.status_today {
        Some(said @ (Status::Done | Status::Skipped | Status::NotDone)) => status_sign(said),
        _ if !habit.is_active => "📦",
        _ if habit.is_due_today(person) => "⏳",
        _ => "💤",
    }
}

/// What was said of a date on which a habit was due, in one sign.
pub fn status_sign(said: Status) -> &'static str {
    match said {
        Status::Pending => "⏳",
        Status::Done => "✅",
        Status::Skipped => "➖",
        Status::NotDone => "✖️",
    }
}

/// The streak as a list shows it; nothing while there is none.
pub fn flame(habit: &Habit, person: &Person) -> String {
    match habit.streak(person).current {
        0 => String::new(),
        streak => format!(" 🔥 {streak}"),
    }
}

/// A streak in words: "5 days", "5 times" where some days are free, "5 weeks".
pub fn streak(texts: &Texts, habit: &Habit, count: i32) -> String {
    let key = match habit.schedule {
        Schedule::DAILY => "days",
        Schedule::Days(_) => "times",
        Schedule::Weekly(_) => "weeks",
    };
    texts.with(key, &[("count", count.into())])
}

/// What a target asks for: "21 days in a row", "21 times in a row", of a habit by weeks "21 times".
pub fn target(texts: &Texts, habit: &Habit, count: i32) -> String {
    match habit.schedule {
        Schedule::Days(_) => texts.with("in-a-row", &[("streak", streak(texts, habit, count).into())]),
        Schedule::Weekly(_) => texts.with("times", &[("count", count.into())]),
    }
}

/// What has reached the target: "21 days in a row", "12 times, 4 weeks in a row".
pub fn achieved(texts: &Texts, habit: &Habit, person: &Person) -> String {
    let now = habit.streak(person);
    let dates = target(texts, habit, now.in_row.max(habit.target_days));
    match habit.schedule {
        Schedule::Weekly(_) if now.current > 0 => {
            let weeks = texts.with("in-a-row", &[("streak", streak(texts, habit, now.current).into())]);
            format!("{dates}, {weeks}")
        }
        _ => dates,
    }
}

/// Of a habit that is due so many times a week: dates done in this one, and how many it takes.
pub fn this_week(habit: &Habit) -> Option<(u32, u32)> {
    match habit.schedule {
        Schedule::Weekly(times) => {
            let before = habit.summary.done_this_week(habit.today);
            Some((before + u32::from(habit.is_done_today()), u32::from(times)))
        }
        Schedule::Days(_) => None,
    }
}

/// What there is to be proud of: "2 of 3 this week, 4 weeks in a row", "5 days in a row". `None`: nothing yet.
pub fn progress(texts: &Texts, habit: &Habit, person: &Person) -> Option<String> {
    let week = this_week(habit)
        .filter(|(done, _)| *done > 0)
        .map(|(done, times)| texts.with("done-this-week", &[("done", done.into()), ("count", times.into())]));
    let run = Some(habit.streak(person).current)
        .filter(|current| *current > 0)
        .map(|current| texts.with("in-a-row", &[("streak", streak(texts, habit, current).into())]));
    let all: Vec<String> = week.into_iter().chain(run).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

/// At most so many characters, for a button.
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let cut: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}
