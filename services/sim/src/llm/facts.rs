//! What a person said about themselves: read from their messages, never guessed.

use super::words::{Word, words};

/// One thing a person told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fact {
    Name(String),
    Likes(String),
    Dislikes(String),
    Lives(String),
    Works(String),
    Age(String),
    /// A favourite something, or something with a name: ("dog", "Rex").
    Own {
        what: String,
        is: String,
    },
}

#[derive(Clone, Copy)]
enum Kind {
    Name,
    /// A name only when the sentence is nothing else: "I'm Anna".
    BareName,
    Likes,
    Dislikes,
    Lives,
    Works,
    Age,
}

/// Longest first, so that "i am from" is not taken for "i am".
const OPENINGS: &[(&str, Kind)] = &[
    ("my name is", Kind::Name),
    ("my names", Kind::Name),
    ("you can call me", Kind::Name),
    ("call me", Kind::Name),
    ("i am called", Kind::Name),
    ("i really like", Kind::Likes),
    ("i really love", Kind::Likes),
    ("i also like", Kind::Likes),
    ("i also love", Kind::Likes),
    ("i like", Kind::Likes),
    ("i love", Kind::Likes),
    ("i enjoy", Kind::Likes),
    ("i adore", Kind::Likes),
    ("i do not like", Kind::Dislikes),
    ("i dont like", Kind::Dislikes),
    ("i hate", Kind::Dislikes),
    ("i live in", Kind::Lives),
    ("i am from", Kind::Lives),
    ("im from", Kind::Lives),
    ("i work as", Kind::Works),
    ("i work in", Kind::Works),
    ("i am a", Kind::Works),
    ("i am an", Kind::Works),
    ("im a", Kind::Works),
    ("im an", Kind::Works),
    ("i am", Kind::Age),
    ("im", Kind::Age),
    ("i am", Kind::BareName),
    ("im", Kind::BareName),
    ("меня зовут", Kind::Name),
    ("мое имя", Kind::Name),
    ("зови меня", Kind::Name),
    ("называй меня", Kind::Name),
    ("я очень люблю", Kind::Likes),
    ("я люблю", Kind::Likes),
    ("я обожаю", Kind::Likes),
    ("еще люблю", Kind::Likes),
    ("мне очень нравится", Kind::Likes),
    ("мне нравится", Kind::Likes),
    ("мне нравятся", Kind::Likes),
    ("я не люблю", Kind::Dislikes),
    ("я ненавижу", Kind::Dislikes),
    ("мне не нравится", Kind::Dislikes),
    ("я живу в", Kind::Lives),
    ("я живу на", Kind::Lives),
    ("я работаю", Kind::Works),
    ("мне", Kind::Age),
    ("я это", Kind::BareName),
    ("я", Kind::BareName),
];

/// Words after which an opening is a question or somebody else's ("what do i like", "как меня зовут").
const NOT_AFTER: &[&str] = &[
    "do",
    "did",
    "what",
    "whats",
    "where",
    "who",
    "why",
    "how",
    "if",
    "whether",
    "when",
    "what",
    "что",
    "как",
    "где",
    "кем",
    "кто",
    "если",
    "почему",
    "сколько",
    "когда",
    "чем",
];

/// Where what was told ends.
const STOPS: &[&str] = &["but", "because", "so", "though", "and", "но", "потому", "и", "а", "хотя", "поэтому"];

/// Words that begin the next thing told, so that "and" ends this one.
const NEXT: &[&str] = &[
    "i",
    "im",
    "my",
    "you",
    "what",
    "how",
    "я",
    "мой",
    "моя",
    "мое",
    "меня",
    "мне",
    "моего",
    "мою",
    "ты",
    "как",
    "что",
    "живу",
    "работаю",
    "люблю",
];

/// Everything told in a message, in order.
pub(super) fn facts(text: &str) -> Vec<Fact> {
    text.split_inclusive(['.', '!', '?', '\n', ';'])
        .filter(|sentence| !sentence.ends_with('?'))
        .flat_map(|sentence| {
            // A dash alone is the Russian "is".
            let sentence = sentence.replace(" — ", " это ").replace(" - ", " это ");
            let words = words(&sentence);
            let mut found = Vec::new();
            let mut at = 0;
            while at < words.len() {
                at += match here(&words, at).or_else(|| own(&words, at)) {
                    Some((fact, length)) => {
                        found.push(fact);
                        length
                    }
                    None => 1,
                };
            }
            found
        })
        .collect()
}

/// The fact that begins at a word, and how many words it takes.
fn here(words: &[Word<'_>], at: usize) -> Option<(Fact, usize)> {
    let asked =
        at.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|w| NOT_AFTER.contains(&w.plain.as_str()));
    if asked {
        return None;
    }
    OPENINGS.iter().find_map(|(opening, kind)| {
        let length = opening.split(' ').count();
        let matches = words.len() > at + length
            && opening.split(' ').zip(&words[at..]).all(|(expected, word)| word.plain == expected);
        if !matches {
            return None;
        }
        let rest = &words[at + length..];
        let first = at == 0 || words.get(at - 1).is_some_and(ends_clause);
        let (fact, taken) = value(*kind, rest, first)?;
        Some((fact, length + taken))
    })
}

fn value(kind: Kind, rest: &[Word<'_>], first: bool) -> Option<(Fact, usize)> {
    match kind {
        Kind::Name => name(rest).map(|(name, taken)| (Fact::Name(name), taken)),
        Kind::BareName => {
            let (name, taken) = name(rest)?;
            let capital = name.starts_with(char::is_uppercase);
            let alone = taken == rest.len() || ends_clause(rest.get(taken - 1)?);
            (first && capital && alone).then_some((Fact::Name(name), taken))
        }
        Kind::Age => {
            let age = rest.first()?;
            let number: u8 = age.plain.parse().ok()?;
            let years =
                rest.get(1).is_none_or(|w| w.plain.starts_with("year") || ["лет", "год", "года"].contains(&&*w.plain));
            (years && (3..=120).contains(&number)).then(|| (Fact::Age(number.to_string()), 1))
        }
        _ => {
            let (text, taken) = phrase(rest)?;
            let fact = match kind {
                Kind::Likes if ["you", "тебя"].contains(&text.as_str()) => return None,
                Kind::Likes => Fact::Likes(text),
                Kind::Dislikes => Fact::Dislikes(text),
                Kind::Lives => Fact::Lives(text),
                _ => Fact::Works(text),
            };
            Some((fact, taken))
        }
    }
}

/// "my dog is called Rex", "my favourite colour is blue", "мою собаку зовут Рекс".
fn own(words: &[Word<'_>], at: usize) -> Option<(Fact, usize)> {
    const MINE: &[&str] = &["my", "мой", "моя", "мое", "мою", "моего", "мои", "моих"];
    const IS: &[&str] = &["is", "are", "зовут", "это"];
    let mine = words.get(at).filter(|w| MINE.contains(&w.plain.as_str()))?;
    let link =
        (at + 2..words.len().min(at + 5)).find(|i| words.get(*i).is_some_and(|w| IS.contains(&w.plain.as_str())))?;
    let what: Vec<_> = words[at + 1..link].iter().map(|w| w.plain.as_str()).collect();
    let interesting =
        ["favourite", "favorite", "любим"].iter().any(|stem| what.first().is_some_and(|w| w.starts_with(stem)));
    let mut rest = link + 1;
    let named = words[link].plain == "зовут"
        || words.get(rest).is_some_and(|w| ["called", "named"].contains(&w.plain.as_str()));
    if !(interesting || named) || mine.plain == "меня" {
        return None;
    }
    if words.get(rest).is_some_and(|w| ["called", "named"].contains(&w.plain.as_str())) {
        rest += 1;
    }
    let (is, taken) = phrase(words.get(rest..)?)?;
    let fact = Fact::Own { what: what.join(" "), is };
    Some((fact, rest + taken - at))
}

/// One word, or two when both are written as names.
fn name(rest: &[Word<'_>]) -> Option<(String, usize)> {
    let first = rest.first()?;
    let capital = |w: &Word<'_>| w.written.starts_with(char::is_uppercase);
    let second = rest.get(1).filter(|w| capital(first) && capital(w) && !ends_clause(first));
    let both = second.map_or_else(
        || bare(first.written).to_owned(),
        |second| format!("{} {}", bare(first.written), bare(second.written)),
    );
    // Somebody who writes everything small has a name with a capital all the same.
    let mut letters = both.chars();
    let initial = letters.next()?;
    let name: String = initial.to_uppercase().chain(letters).collect();
    (name.chars().count() <= 40).then_some((name, 1 + usize::from(second.is_some())))
}

/// Words up to the end of the thought, at most eight, told back from the listener's side.
fn phrase(rest: &[Word<'_>]) -> Option<(String, usize)> {
    let mut taken = 0;
    while taken < rest.len().min(8) {
        let word = &rest[taken];
        let next = rest.get(taken + 1).map(|w| w.plain.as_str());
        let joins = ["and", "и", "а"].contains(&word.plain.as_str());
        if STOPS.contains(&word.plain.as_str()) && (!joins || next.is_none_or(|next| NEXT.contains(&next))) {
            break;
        }
        taken += 1;
        if ends_clause(word) {
            break;
        }
    }
    let told: Vec<_> = rest[..taken].iter().map(|w| turned(w)).collect();
    let text = told.join(" ");
    (!text.is_empty()).then_some((text, taken))
}

fn ends_clause(word: &Word<'_>) -> bool {
    word.written.ends_with([',', '.', '!', ';', ':', ')'])
}

fn bare(written: &str) -> &str {
    written.trim_matches(|c: char| !c.is_alphanumeric())
}

fn turned(word: &Word<'_>) -> String {
    let other = match word.plain.as_str() {
        "my" => "your",
        "me" => "you",
        "мой" => "твой",
        "моя" => "твоя",
        "мою" => "твою",
        "мое" => "твоё",
        "мои" => "твои",
        "моих" => "твоих",
        "моего" => "твоего",
        _ => return bare(word.written).to_owned(),
    };
    other.to_owned()
}
