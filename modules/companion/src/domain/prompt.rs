//! The prompt: who the persona is, what was said, what to mind, in this order.
//!
//! The rule for a general audience is Vitte's own and stands last among the rules: no persona's file takes it away.

use vitte_crds::{Language, Persona};

use super::{Line, Role, Said, Speaker, tokens};

/// Tokens that a line costs beside its text.
const LINE: usize = 4;
/// Most tokens of the persona's book in one prompt.
const BOOK: usize = 1_500;
/// How many of the latest messages can bring up a page of the book.
const BOOK_LOOKS_AT: usize = 4;

const OURS: &str = "You are {{char}}, writing to {{user}} in a messenger. Write only {{char}}'s next message, as \
    {{char}}, in plain text without markup. Never write {{user}}'s part. Remember what {{user}} told you.";
const AUDIENCE: &str = "Whatever the conversation turns to, keep every message suitable for a general audience.";

/// Whom the persona talks to.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    pub name: &'a str,
    pub language: Language,
}

/// The lines for the model. `said`: oldest first, the messages to answer last; `from_the_start`: nothing was said
/// before. Of what was said, the newest that fit into `budget` tokens are kept, and always the last.
pub fn prompt(persona: &Persona, person: Person<'_>, said: &[Said], from_the_start: bool, budget: usize) -> Vec<Line> {
    let fill = |text: &str| persona.fill(text, person.language, person.name);
    let mut lines = vec![Line { role: Role::System, content: fill(&system(persona, person.language, said)) }];
    let kept = latest(said, budget);
    if from_the_start && kept.len() == said.len() {
        // The first message was said by the persona, before anything was kept.
        lines.push(Line { role: Role::Assistant, content: fill(persona.first_mes.get(person.language)) });
    }
    for said in kept {
        let role = match said.by {
            Speaker::Person => Role::User,
            Speaker::Persona => Role::Assistant,
        };
        match lines.last_mut() {
            // Several messages in a row are one turn: some models refuse two of a kind.
            Some(last) if last.role == role => {
                last.content.push('\n');
                last.content.push_str(&said.text);
            }
            _ => lines.push(Line { role, content: said.text.clone() }),
        }
    }
    if !persona.post_history_instructions.is_empty() {
        lines.push(Line { role: Role::System, content: fill(&persona.post_history_instructions) });
    }
    lines
}

fn system(persona: &Persona, language: Language, said: &[Said]) -> String {
    let own = persona.system_prompt.trim();
    let mut parts = vec![if own.is_empty() { OURS.to_owned() } else { own.replace("{{original}}", OURS) }];
    let mut titled = |title: &str, text: &str| {
        if !text.trim().is_empty() {
            parts.push(format!("{title}: {}", text.trim()));
        }
    };
    titled("Who {{char}} is", &persona.description);
    titled("{{char}}'s character", &persona.personality);
    titled("The scene", &persona.scenario);
    titled("What {{char}} knows", &book(persona, said).join("\n"));
    titled("How {{char}} talks, by example", &persona.mes_example);
    let name = match language {
        Language::Ru => "Russian",
        Language::En => "English",
    };
    let notes = persona.language_notes.get(&language).map_or("", String::as_str);
    parts.push(
        format!("{{{{user}}}} speaks {name}; answer in the language {{{{user}}}} writes in. {notes}").trim().into(),
    );
    parts.push(AUDIENCE.to_owned());
    parts.join("\n\n")
}

/// The pages of the book that the latest messages bring up, as many as have room.
fn book<'a>(persona: &'a Persona, said: &[Said]) -> Vec<&'a str> {
    let latest = said.iter().rev().take(BOOK_LOOKS_AT).map(|s| s.text.to_lowercase()).collect::<Vec<_>>();
    let comes_up = |key: &String| {
        let key = key.trim().to_lowercase();
        !key.is_empty() && latest.iter().any(|text| text.contains(&key))
    };
    let mut room = BOOK;
    let entries = persona.book.iter().filter(|entry| entry.always || entry.keys.iter().any(comes_up));
    let mut pages = Vec::new();
    for entry in entries {
        if let Some(left) = room.checked_sub(tokens(&entry.content)) {
            room = left;
            pages.push(entry.content.as_str());
        }
    }
    pages
}

fn latest(said: &[Said], budget: usize) -> &[Said] {
    let mut left = budget;
    let mut from = said.len();
    for (at, one) in said.iter().enumerate().rev() {
        match left.checked_sub(tokens(&one.text) + LINE) {
            Some(rest) => left = rest,
            None if at + 1 == said.len() => left = 0,
            None => break,
        }
        from = at;
    }
    &said[from..]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LUNA: &str = "
name: {ru: Луна, en: Luna}
description: '{{char}} mends clocks.'
personality: dry
scenario: '{{user}} writes in the evening.'
firstMes: {ru: 'Привет, {{user}}!', en: 'Hi {{user}}!'}
mesExample: '{{char}}: Hm.'
postHistoryInstructions: 'Stay {{char}}.'
languageNotes: {ru: На «ты».}
book:
  - {keys: [Telescope], content: It is called Button.}
  - {keys: [boat], content: There is no boat.}
  - {always: true, content: The roof leaks.}
";
    const ANN: Person<'_> = Person { name: "Ann", language: Language::En };

    fn luna(more: &str) -> Persona {
        Persona::parse("luna.yaml", &format!("{LUNA}{more}")).unwrap()
    }

    fn said(texts: &[&str]) -> Vec<Said> {
        // "> " marks the persona's.
        let one = |t: &&str| match t.strip_prefix("> ") {
            Some(text) => Said { by: Speaker::Persona, text: text.to_owned() },
            None => Said { by: Speaker::Person, text: (*t).to_owned() },
        };
        texts.iter().map(one).collect()
    }

    fn shape(lines: &[Line]) -> Vec<(Role, &str)> {
        lines.iter().map(|line| (line.role, line.content.as_str())).collect()
    }

    #[test]
    fn the_model_is_told_who_it_is_in_the_persons_language_with_names_filled_in() {
        let person = Person { name: "Аня", language: Language::Ru };
        let lines = prompt(&luna(""), person, &said(&["привет"]), true, 1000);
        let system = &lines[0].content;
        for part in ["You are Луна", "Луна mends clocks.", "dry", "Аня writes", "Луна: Hm.", "Russian", "На «ты»."]
        {
            assert!(system.contains(part), "{part} is missing in {system}");
        }
        assert!(!system.contains("{{"), "{system}");
        assert_eq!(
            shape(&lines)[1..],
            [(Role::Assistant, "Привет, Аня!"), (Role::User, "привет"), (Role::System, "Stay Луна."),]
        );
    }

    #[test]
    fn no_persona_takes_the_rule_for_a_general_audience_away() {
        let lines =
            prompt(&luna("systemPrompt: 'No rules. {{original}} Be {{char}}.'"), ANN, &said(&["hi"]), true, 1000);
        let system = &lines[0].content;
        assert!(system.starts_with("No rules. You are Luna") && system.contains("Be Luna."), "{system}");
        assert!(system.ends_with(AUDIENCE), "{system}");
    }

    #[test]
    fn several_quick_messages_are_one_turn_and_the_first_message_is_only_told_at_the_start() {
        let lines = prompt(&luna(""), ANN, &said(&["one", "> two", "three", "four"]), false, 1000);
        assert_eq!(shape(&lines)[1..4], [(Role::User, "one"), (Role::Assistant, "two"), (Role::User, "three\nfour"),]);
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_oldest_and_the_last_message_always_stays() {
        let past = said(&["first words", "> an answer", "second words", "the last ones"]);
        // Each of these costs 4 for the line and 3 or 4 for its text.
        for (budget, kept) in [(0, 1), (7, 1), (16, 2), (23, 3), (1000, 4)] {
            let lines = prompt(&luna(""), ANN, &past, true, budget);
            let text = shape(&lines)[1..].iter().map(|(_, t)| *t).collect::<Vec<_>>().join("|");
            let there = past.iter().filter(|s| text.contains(&s.text)).count();
            assert_eq!(there, kept, "{budget}: {text}");
            assert!(text.contains("the last ones"));
            assert_eq!(text.contains("Hi Ann!"), kept == 4, "{budget}: {text}");
        }
    }

    #[test]
    fn the_book_is_opened_where_the_latest_messages_ask_for_it() {
        let system = |texts: &[&str]| prompt(&luna(""), ANN, &said(texts), true, 1000)[0].content.clone();
        let asked = system(&["What of your TELESCOPE?"]);
        assert!(asked.contains("Button") && asked.contains("The roof leaks.") && !asked.contains("boat"), "{asked}");
        let long_ago = system(&["telescope", "> a", "b", "> c", "d"]);
        assert!(!long_ago.contains("Button"), "{long_ago}");
    }

    #[test]
    fn a_person_called_like_a_placeholder_stays_that() {
        let person = Person { name: "{{char}}", language: Language::En };
        let lines = prompt(&luna(""), person, &said(&["hi {{user}}"]), true, 1000);
        assert_eq!(lines[1].content, "Hi {{char}}!");
        assert_eq!(lines[2].content, "hi {{user}}");
    }
}
