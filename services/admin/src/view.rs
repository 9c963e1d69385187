//! What templates are made of: the frame, times, names, pagers.

use askama::Template;
use serde::Deserialize;
use vitte_platform::clock::Timestamp;

/// Rows on a page.
pub const ROWS: i64 = 50;
/// Pages that can be asked for: what lies deeper is found by searching.
const PAGES: i64 = 200;

pub struct Link {
    pub href: String,
    pub title: String,
    pub here: bool,
}

/// The common frame around a page.
pub struct Frame {
    pub bot: String,
    pub title: String,
    pub nav: Vec<Link>,
    /// What every form carries.
    pub token: String,
    pub can_leave: bool,
    /// Seconds after which the page loads itself anew.
    pub refresh: Option<u32>,
}

impl Frame {
    /// The bot's sign: its first letter.
    pub fn initial(&self) -> String {
        self.bot.chars().next().unwrap_or('v').to_uppercase().collect()
    }
}

/// A moment as people say it, and exactly.
#[derive(Debug)]
pub struct When {
    pub said: String,
    pub exact: String,
}

impl When {
    pub fn new(now: Timestamp, at: Timestamp) -> Self {
        let seconds = (now - at).num_seconds();
        let (past, length) = (seconds >= 0, seconds.abs());
        let amount = match length {
            0..60 => format!("{length} s"),
            60..3600 => format!("{} min", length / 60),
            3600..172_800 => format!("{} h", length / 3600),
            _ => format!("{} days", length / 86_400),
        };
        let said = match (length, past) {
            (0..2, _) => "now".to_owned(),
            (_, true) => format!("{amount} ago"),
            (_, false) => format!("in {amount}"),
        };
        Self { said, exact: at.format("%Y-%m-%d %H:%M:%S UTC").to_string() }
    }
}

/// A person's name, or what there is of one.
pub fn name(first: Option<&str>, last: Option<&str>, username: Option<&str>) -> String {
    let full = [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ");
    match (full.trim(), username) {
        ("", Some(username)) => format!("@{username}"),
        ("", None) => "no name".to_owned(),
        (full, _) => full.to_owned(),
    }
}

/// `?page=N`, from 1; nonsense is the first page.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Paged {
    #[serde(deserialize_with = "lenient")]
    page: i64,
}

fn lenient<'de, D: serde::Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
    Ok(String::deserialize(d)?.parse().unwrap_or(1))
}

impl Paged {
    pub fn number(self) -> i64 {
        self.page.clamp(1, PAGES)
    }

    pub fn offset(self) -> i64 {
        (self.number() - 1) * ROWS
    }

    /// From one row more than is shown.
    pub fn pager<T>(self, action: &str, fields: Vec<(&'static str, String)>, rows: &mut Vec<T>) -> Pager {
        let more = rows.len() as i64 > ROWS && self.number() < PAGES;
        rows.truncate(ROWS as usize);
        let page = self.number();
        Pager { action: action.to_owned(), fields, page, before: page - 1, after: if more { page + 1 } else { 0 } }
    }
}

/// Links to the pages beside; zero: there is none. A form, so that what was searched for goes along.
pub struct Pager {
    pub action: String,
    pub fields: Vec<(&'static str, String)>,
    pub page: i64,
    pub before: i64,
    pub after: i64,
}

#[derive(Template)]
#[template(path = "login.html")]
pub struct LoginPage<'a> {
    pub bot: &'a str,
    pub wrong: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(seconds: i64) -> String {
        let at = Timestamp::from_timestamp(1_000_000, 0).unwrap();
        When::new(at + chrono::TimeDelta::seconds(seconds), at).said
    }

    #[test]
    fn moments_are_said_as_people_say_them() {
        assert_eq!(
            [said(0), said(59), said(3599), said(7200), said(864_000), said(-90)],
            ["now", "59 s ago", "59 min ago", "2 h ago", "10 days ago", "in 1 min"]
        );
    }

    fn paged(page: i64) -> Paged {
        Paged { page }
    }

    #[test]
    fn a_page_that_is_none_is_the_first_and_none_is_deeper_than_the_last() {
        assert_eq!((paged(-5).offset(), paged(0).offset(), paged(2).offset()), (0, 0, 50));
        assert_eq!(paged(i64::MAX).offset(), 199 * 50);
        let mut rows = vec![0; 51];
        let pager = paged(2).pager("/", vec![], &mut rows);
        assert_eq!((rows.len(), pager.before, pager.after), (50, 1, 3));
    }

    #[test]
    fn somebody_without_a_name_is_still_called_something() {
        assert_eq!(name(Some("Ann"), None, Some("ann")), "Ann");
        assert_eq!(name(Some(""), None, Some("ann")), "@ann");
        assert_eq!(name(None, None, None), "no name");
    }
}
