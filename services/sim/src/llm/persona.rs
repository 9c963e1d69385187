//! Who answers: read from the system message, which may be prose or a card with fields.

use super::words::Language;

/// The character that the system message describes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Persona {
    pub name: Option<String>,
    /// "warm, curious": as written, at most four.
    pub traits: Vec<String>,
    /// What it knows of the person already ("the user's name is Anna").
    pub knows_name: Option<String>,
    pub language: Option<Language>,
}

const NAME_FIELDS: &[&str] = &["name", "имя", "persona", "character"];
const TRAIT_FIELDS: &[&str] = &["personality", "traits", "character traits", "характер", "черты"];
const NAME_OPENINGS: &[&str] =
    &["your name is ", "you are ", "you're ", "тебя зовут ", "твоё имя — ", "ты — ", "ты - ", "ты "];
const USER_OPENINGS: &[&str] = &[
    "user's name is ",
    "user is called ",
    "person's name is ",
    "talking to ",
    "talking with ",
    "chatting with ",
    "собеседника зовут ",
    "пользователя зовут ",
];

impl Persona {
    pub fn read(system: &str) -> Self {
        let mut persona = Self::default();
        for line in system.lines().map(str::trim) {
            if let Some((field, value)) = line.split_once(':') {
                let field = field.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
                if NAME_FIELDS.contains(&field.as_str()) && persona.name.is_none() {
                    persona.name = name_in(value);
                }
                if TRAIT_FIELDS.contains(&field.as_str()) && persona.traits.is_empty() {
                    persona.traits = traits_in(value);
                }
                if matches!(field.as_str(), "language" | "язык") {
                    persona.language = language_in(value);
                }
            }
            if persona.name.is_none() {
                persona.name = after(line, NAME_OPENINGS);
            }
            if persona.knows_name.is_none() {
                persona.knows_name = after(line, USER_OPENINGS);
            }
            if persona.language.is_none() && line.to_lowercase().contains("answer in ") {
                persona.language = language_in(line);
            }
        }
        persona
    }
}

/// The name that follows one of the openings, wherever in the line.
fn after(line: &str, openings: &[&str]) -> Option<String> {
    // A few letters change their length in lower case; without an equal length there is no
    // common position, and such a line names nobody.
    let lower = line.to_lowercase();
    if lower.len() != line.len() {
        return None;
    }
    openings.iter().find_map(|opening| {
        let at = lower.find(opening)?;
        let word_start = lower[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric());
        let rest = line.get(at + opening.len()..)?;
        word_start.then(|| name_in(rest)).flatten()
    })
}

/// Capitalised words at the beginning: "Luna, a warm ..." is Luna, "a helpful ..." is nobody.
fn name_in(text: &str) -> Option<String> {
    let mut name: Vec<&str> = Vec::new();
    for word in text.split_whitespace().take(3) {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !bare.starts_with(char::is_uppercase) || bare.chars().count() > 30 {
            break;
        }
        name.push(bare);
        if word.ends_with([',', '.', ';', ':', '!', ')']) {
            break;
        }
    }
    let name = name.join(" ");
    let generic = ["AI", "An", "A", "The", "I"].contains(&name.as_str());
    (!name.is_empty() && !generic).then_some(name)
}

fn traits_in(text: &str) -> Vec<String> {
    text.trim()
        .trim_end_matches('.')
        .split([',', ';'])
        .map(|part| part.trim().trim_start_matches("and ").trim_start_matches("и ").to_lowercase())
        .filter(|part| !part.is_empty() && part.chars().count() <= 40)
        .take(4)
        .collect()
}

fn language_in(text: &str) -> Option<Language> {
    let lower = text.to_lowercase();
    if ["russian", "русск"].iter().any(|w| lower.contains(w)) || lower.trim() == "ru" {
        Some(Language::Russian)
    } else if ["english", "английск"].iter().any(|w| lower.contains(w)) || lower.trim() == "en" {
        Some(Language::English)
    } else {
        None
    }
}
