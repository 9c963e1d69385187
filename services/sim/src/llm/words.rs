//! Words of a message, made comparable: lower case, without punctuation, `ё` as `е`.

/// A word as written and as compared.
#[derive(Debug, Clone)]
pub(super) struct Word<'t> {
    pub written: &'t str,
    pub plain: String,
}

/// The words of a text, in order.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    text.split_whitespace()
        .map(|written| Word { written, plain: plain(written) })
        .filter(|word| !word.plain.is_empty())
        .collect()
}

fn plain(word: &str) -> String {
    word.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ё' { 'е' } else { c })
        .collect()
}

/// A text as one line of plain words between single spaces, for [`says`].
pub(super) fn line(text: &str) -> String {
    let mut line = String::from(" ");
    for word in words(&text.replace(['-', '—', '/', ','], " ")) {
        line.push_str(&word.plain);
        line.push(' ');
    }
    line
}

/// Whether a line has one of the phrases; `*` at a phrase's end stands for any ending of its last word.
pub(super) fn says(line: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| match phrase.strip_suffix('*') {
        Some(stem) => line.contains(&format!(" {stem}")),
        None => line.contains(&format!(" {phrase} ")),
    })
}

/// The language that answers are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Russian,
}

impl Language {
    /// By the letters; nothing when there are none.
    pub fn of(text: &str) -> Option<Self> {
        let cyrillic = |c: char| ('\u{400}'..='\u{4ff}').contains(&c);
        if text.contains(cyrillic) {
            Some(Self::Russian)
        } else if text.contains(char::is_alphabetic) {
            Some(Self::English)
        } else {
            None
        }
    }

    pub fn choose<T>(self, english: T, russian: T) -> T {
        match self {
            Self::English => english,
            Self::Russian => russian,
        }
    }
}
