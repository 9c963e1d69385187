//! What the simulated model says: a pure function of the conversation.
//!
//! The persona comes from the system message, what is known of the person from their own earlier
//! messages, and the variant of every sentence from a hash of the whole conversation. The same
//! messages give the same answer, always: no clock, no randomness, no memory of its own.

use super::facts::{Fact, facts};
use super::intent::{Intent, intent};
use super::persona::Persona;
use super::phrases::{Phrases, phrases};
use super::words::{Language, line, words};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub role: Role,
    pub text: String,
}

/// The answer to a conversation, one to three sentences.
pub(super) fn answer(messages: &[Message]) -> String {
    Speaker::new(messages).speak()
}

struct Speaker<'m> {
    messages: &'m [Message],
    language: Language,
    persona: Persona,
    /// Everything the person sent since the last answer: several quick messages are one.
    heard: String,
    /// Told before and now, newest last.
    known: Vec<Fact>,
    told_now: Vec<Fact>,
    seed: u64,
}

impl<'m> Speaker<'m> {
    fn new(messages: &'m [Message]) -> Self {
        let by = |role| move |m: &&Message| m.role == role;
        let system: Vec<_> = messages.iter().filter(by(Role::System)).map(|m| m.text.as_str()).collect();
        let persona = Persona::read(&system.join("\n"));
        let last_answer = messages.iter().rposition(|m| m.role == Role::Assistant);
        let (before, now) = messages.split_at(last_answer.map_or(0, |at| at + 1));
        let heard: Vec<_> = now.iter().filter(by(Role::User)).map(|m| m.text.as_str()).collect();
        let heard = heard.join("\n");
        let told_now = facts(&heard);
        let known =
            before.iter().filter(by(Role::User)).flat_map(|m| facts(&m.text)).chain(told_now.iter().cloned()).collect();
        let language = Language::of(without_command(&heard))
            .or_else(|| {
                messages.iter().rev().filter(by(Role::User)).find_map(|m| Language::of(without_command(&m.text)))
            })
            .or(persona.language)
            .or_else(|| Language::of(&system.join("\n")))
            .unwrap_or(Language::English);
        Self { messages, language, persona, heard, known, told_now, seed: seed(messages) }
    }

    fn speak(&self) -> String {
        let say = phrases(self.language);
        if let Some(told) = self.tell(say) {
            return told;
        }
        let intent = intent(&line(&self.heard));
        if let Some(recalled) = self.recall(intent, say) {
            return recalled;
        }
        let (body, asks) = match intent {
            Intent::Greeting if self.talked() => (self.pick(say.greet_again, &[]), Some(say.ask_open)),
            Intent::Greeting => (self.pick(say.greet, &[&self.name()]), Some(say.ask_open)),
            Intent::HowAreYou => (self.pick(say.how_are_you, &[]), Some(say.ask_open)),
            Intent::WhoAreYou => (self.pick(say.who, &[&self.name(), &self.character()]), None),
            Intent::Thanks => (self.pick(say.thanks, &[]), None),
            Intent::Bye => (self.pick(say.bye, &[]), None),
            Intent::Sad => (self.pick(say.sad, &[]), None),
            Intent::Happy => (self.pick(say.happy, &[]), Some(say.ask)),
            Intent::Tired => (self.pick(say.tired, &[]), None),
            Intent::Bored => (self.pick(say.bored, &[]), None),
            Intent::Angry => (self.pick(say.angry, &[]), None),
            Intent::Affection => (self.pick(say.affection, &[]), Some(say.ask_open)),
            Intent::Joke => (self.pick(say.joke, &[]), None),
            Intent::Story => (self.pick(say.story, &[]), None),
            Intent::CanDo => (self.pick(say.can_do, &[]), None),
            Intent::Photo => (self.pick(say.photo, &[]), None),
            Intent::Yes => (self.pick(say.yes, &[]), Some(say.ask_open)),
            Intent::No => (self.pick(say.no, &[]), Some(say.ask_open)),
            _ if self.heard.contains('?') => (self.pick(say.question, &[]), Some(say.ask)),
            _ => (self.react(say), Some(say.ask)),
        };
        match asks {
            Some(questions) => format!("{body} {}", self.pick(questions, &[])),
            None => body,
        }
    }

    /// Says back what was told just now.
    fn tell(&self, say: &Phrases) -> Option<String> {
        let mut parts: Vec<String> = Vec::new();
        for fact in self.told_now.iter().take(2) {
            parts.push(match fact {
                Fact::Name(name) => self.pick(say.told_name, &[name]),
                Fact::Likes(what) => self.pick(say.told_likes, &[what]),
                Fact::Dislikes(what) => self.pick(say.told_dislikes, &[what]),
                Fact::Lives(place) => self.pick(say.told_lives, &[place]),
                Fact::Works(work) => self.pick(say.told_works, &[work]),
                Fact::Age(age) => self.pick(say.told_age, &[age]),
                Fact::Own { what, is } => self.pick(say.told_own, &[what, is]),
            });
        }
        if parts.is_empty() {
            return None;
        }
        let only_name = self.told_now.iter().all(|fact| matches!(fact, Fact::Name(_)));
        let ask = if only_name { say.ask_open } else { say.ask };
        // Telling and asking in one breath: the answer to the question comes too.
        parts.push(self.recall(intent(&line(&self.heard)), say).unwrap_or_else(|| self.pick(ask, &[])));
        Some(capital(&parts.join(" ")))
    }

    /// Answers a question about what was told before.
    fn recall(&self, intent: Intent, say: &Phrases) -> Option<String> {
        let newest = |wanted: fn(&Fact) -> Option<String>| self.known.iter().rev().find_map(wanted);
        let (found, list) = match intent {
            Intent::MyName => (self.person(), say.knows_name),
            Intent::MyLikes => (self.likes(), say.knows_likes),
            Intent::MyPlace => {
                (newest(|f| if let Fact::Lives(x) = f { Some(x.clone()) } else { None }), say.knows_lives)
            }
            Intent::MyWork => {
                (newest(|f| if let Fact::Works(x) = f { Some(x.clone()) } else { None }), say.knows_works)
            }
            Intent::MyAge => (newest(|f| if let Fact::Age(x) = f { Some(x.clone()) } else { None }), say.knows_age),
            Intent::AboutMe => (self.everything(), say.knows_all),
            Intent::MyOwn => {
                let heard = line(&self.heard);
                let (what, is) = self.known.iter().rev().find_map(|fact| match fact {
                    Fact::Own { what, is } if mentions(&heard, what) => Some((what, is)),
                    _ => None,
                })?;
                return Some(capital(&self.pick(say.knows_own, &[what, is])));
            }
            _ => return None,
        };
        let answer = found.map_or_else(|| self.pick(say.does_not_know, &[]), |found| self.pick(list, &[&found]));
        Some(capital(&answer))
    }

    fn person(&self) -> Option<String> {
        let told = self.known.iter().rev().find_map(|fact| match fact {
            Fact::Name(name) => Some(name.clone()),
            _ => None,
        });
        told.or_else(|| self.persona.knows_name.clone())
    }

    fn likes(&self) -> Option<String> {
        let mut likes: Vec<&str> = Vec::new();
        for fact in &self.known {
            if let Fact::Likes(what) = fact
                && !likes.contains(&what.as_str())
            {
                likes.push(what);
            }
        }
        let (last, rest) = likes.split_last()?;
        let and = self.language.choose(" and ", " и ");
        Some(if rest.is_empty() { (*last).to_owned() } else { format!("{}{and}{last}", rest.join(", ")) })
    }

    /// All that is known, as one list.
    fn everything(&self) -> Option<String> {
        let choose = |english: String, russian: String| self.language.choose(english, russian);
        let mut parts = Vec::new();
        if let Some(name) = self.person() {
            parts.push(choose(format!("your name is {name}"), format!("тебя зовут {name}")));
        }
        for fact in &self.known {
            let part = match fact {
                Fact::Name(_) | Fact::Likes(_) => continue,
                Fact::Dislikes(x) => choose(format!("you don't like {x}"), format!("тебе не нравится {x}")),
                Fact::Lives(x) => choose(format!("you live in {x}"), format!("твой дом — {x}")),
                Fact::Works(x) => choose(format!("your work: {x}"), format!("твоя работа — {x}")),
                Fact::Age(x) => choose(format!("you are {x}"), format!("тебе {x}")),
                Fact::Own { what, is } => choose(format!("your {what} is {is}"), format!("{what} — {is}")),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if let Some(likes) = self.likes() {
            parts.push(choose(format!("you like {likes}"), format!("тебе нравится {likes}")));
        }
        parts.truncate(8);
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// To a statement: now and then by its weightiest word.
    fn react(&self, say: &Phrases) -> String {
        let topic = words(&self.heard)
            .into_iter()
            .filter(|w| (5..=20).contains(&w.plain.chars().count()) && !w.written.starts_with('/'))
            .max_by_key(|w| w.plain.chars().count());
        match topic {
            Some(topic) if self.seed.is_multiple_of(2) => self.pick(say.topic, &[&topic.plain]),
            _ => self.pick(say.statement, &[]),
        }
    }

    fn talked(&self) -> bool {
        self.messages.iter().any(|m| m.role == Role::Assistant)
    }

    fn name(&self) -> String {
        self.persona
            .name
            .clone()
            .unwrap_or_else(|| self.language.choose("your companion", "твой собеседник").to_owned())
    }

    fn character(&self) -> String {
        if self.persona.traits.is_empty() {
            return String::new();
        }
        let lead = self.language.choose(": ", ", вот мой характер: ");
        format!("{lead}{}", self.persona.traits.join(", "))
    }

    /// A variant that was not said in this conversation yet, where one is left.
    fn pick(&self, variants: &[&str], values: &[&str]) -> String {
        let length = variants.len().max(1);
        let first = usize::try_from(self.seed % 1009).unwrap_or(0) % length;
        let said = |text: &str| self.messages.iter().any(|m| m.role == Role::Assistant && m.text.contains(text));
        let rendered = |at: usize| self.fill(variants.get((first + at) % length).copied().unwrap_or_default(), values);
        (0..length).map(rendered).find(|text| !said(text)).unwrap_or_else(|| rendered(0))
    }

    fn fill(&self, template: &str, values: &[&str]) -> String {
        let you = self.person().map(|name| format!(", {name}")).unwrap_or_default();
        let mut out = template.replace("{you}", &you);
        for (i, value) in values.iter().enumerate() {
            out = out.replace(&format!("{{{i}}}"), value);
        }
        out
    }
}

/// A command says nothing about the person's language.
fn without_command(text: &str) -> &str {
    if text.starts_with('/') { text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest) } else { text }
}

/// Whether any longer word of `what` is in the line, in any of its Russian endings.
fn mentions(line: &str, what: &str) -> bool {
    what.split(' ').any(|word| {
        let letters = word.chars().count();
        let stem: String = word.chars().take(letters.saturating_sub(1).max(3)).collect();
        !["favourite", "favorite"].contains(&word) && !word.starts_with("любим") && line.contains(&format!(" {stem}"))
    })
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// FNV-1a over everything that was said, so that each turn has its own variant.
fn seed(messages: &[Message]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for message in messages {
        eat(message.role as u8);
        message.text.bytes().for_each(&mut eat);
    }
    hash ^ (hash >> 29)
}
