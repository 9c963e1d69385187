//! What can be decided without asking anybody.

use chrono::{DateTime, Utc};

/// A command as /help lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    /// By language.
    pub descriptions: Vec<(&'static str, String)>,
}

impl Listed {
    /// The description in a language, else in the first there is.
    pub fn description(&self, language: &str) -> &str {
        let found = self.descriptions.iter().find(|(l, _)| *l == language).or_else(|| self.descriptions.first());
        found.map_or("", |(_, text)| text)
    }
}

/// Did the person type the word? Case, spaces and what surrounds a word in writing do not matter; the word of any
/// language counts, for a person may type the one they know.
pub fn confirms(answer: &str, words: &[String]) -> bool {
    let answer = answer.trim_matches(|c: char| c.is_whitespace() || "\"'«»“”.,!".contains(c)).to_lowercase();
    words.iter().any(|word| answer == word.to_lowercase())
}

/// A day as a person writes it.
pub fn day(at: DateTime<Utc>, language: &str) -> String {
    let form = if language == "ru" { "%d.%m.%Y" } else { "%-d %B %Y" };
    at.format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_itself_confirms() {
        let words = ["forget".to_owned(), "забудь".to_owned()];
        for yes in ["forget", " Forget! ", "«забудь»", "ЗАБУДЬ"] {
            assert!(confirms(yes, &words), "{yes}");
        }
        for no in ["", "yes", "forget it", "не забудь", "forge t", "/forgetme"] {
            assert!(!confirms(no, &words), "{no}");
        }
    }

    #[test]
    fn a_day_is_written_as_the_language_does() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(day(at, "en"), "14 November 2023");
        assert_eq!(day(at, "ru"), "14.11.2023");
    }

    #[test]
    fn a_command_without_a_description_in_a_language_shows_another() {
        let listed = Listed { name: "x".into(), descriptions: vec![("en", "Ex".into())] };
        assert_eq!(listed.description("ru"), "Ex");
    }
}
