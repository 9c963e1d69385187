//! Where a command writes: results to standard output, what is said beside them to standard error; with colours or
//! without; and the time at which it does.

use std::io::{IsTerminal, Write};

use k8s_openapi::jiff::Timestamp;

pub struct Screen<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// What is said beside them.
    pub notes: &'a mut dyn Write,
    pub paint: Paint,
    /// Whether what was written can be written over.
    pub redraws: bool,
    pub clock: fn() -> Timestamp,
}

impl<'a> Screen<'a> {
    /// `colour`: `None` asks the terminal.
    pub fn of_terminal(out: &'a mut dyn Write, notes: &'a mut dyn Write, colour: Option<bool>) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self { out, notes, paint: Paint { colour: colour.unwrap_or(terminal) }, redraws: terminal, clock: now }
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

/// The one place that asks the system for the time.
fn now() -> Timestamp {
    Timestamp::now()
}

/// Writes colours, or leaves texts as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    pub colour: bool,
}

/// The eight colours that every terminal has, in its own taste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Magenta = 35,
    Cyan = 36,
}

impl Paint {
    #[must_use]
    pub fn with(self, colour: Colour, text: &str) -> String {
        self.wrap(colour as u8, text)
    }

    #[must_use]
    pub fn bold(self, text: &str) -> String {
        self.wrap(1, text)
    }

    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.wrap(2, text)
    }

    fn wrap(self, code: u8, text: &str) -> String {
        if self.colour && !text.is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The same text without characters that do something to a terminal; lines stay lines.
#[must_use]
pub fn harmless(text: &str) -> String {
    text.chars()
        .map(|c| if c == '\t' { ' ' } else { c })
        .map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c })
        .collect()
}

/// `45s`, `12m`, `3h`, `5d`: how long ago, as kubectl says it.
#[must_use]
pub fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(then.as_second()).max(0);
    match seconds {
        0..=119 => format!("{seconds}s"),
        120..=7_199 => format!("{}m", seconds / 60),
        7_200..=172_799 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// At most so many characters; what was cut is shown.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_the_unit_that_people_think_in() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let ago = |seconds: i64| age(Timestamp::from_second(1_000_000 - seconds).unwrap(), now);
        let ages = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(ago);
        assert_eq!(ages, ["0s", "119s", "2m", "119m", "2h", "47h", "2d"]);
        assert_eq!(ago(-5), "0s", "clocks differ");
    }

    #[test]
    fn words_of_a_pod_move_no_cursor() {
        assert_eq!(harmless("a\u{1b}[2Jb\r\nc\td"), "a\u{FFFD}[2Jb\u{FFFD}\nc d");
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        assert_eq!(Paint { colour: false }.with(Colour::Red, "x"), "x");
        assert_eq!(Paint { colour: true }.with(Colour::Red, "x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("Луна!", 4), "Луна...");
        assert_eq!(cut("Луна", 4), "Луна");
    }
}
