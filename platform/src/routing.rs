//! Who answers an update: a table, decided without I/O.
//!
//! In this order: the common commands (`/cancel`, `/start`, `/help`), a command's one owner, a callback's module, the
//! open conversation, the one module that takes free text, else help. A command always wins over an open conversation:
//! a person who types `/start` in the middle of a dialogue means it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::telegram::incoming::{Callback, ChatKind, Event, Incoming};

/// Where an update goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'a> {
    Command {
        module: &'static str,
        name: &'static str,
        args: &'a str,
    },
    Callback {
        module: &'static str,
        data: &'a str,
    },
    Conversation {
        module: &'static str,
    },
    FreeText {
        module: &'static str,
    },
    /// Closes whatever is open.
    Cancel,
    /// Nobody takes it: say what the bot can do.
    Help,
    Blocked {
        blocked: bool,
    },
    /// Not for us, or nothing to say.
    Ignore,
}

/// Who owns what, built once from the modules.
#[derive(Debug, Default)]
pub struct Table {
    /// Command name without slash -> module.
    commands: BTreeMap<&'static str, &'static str>,
    modules: Vec<&'static str>,
    free_text: Option<&'static str>,
    /// From getMe; unknown until Telegram answered.
    username: OnceLock<String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("modules {0} and {1} both declare /{2}; a command has one owner")]
    Command(&'static str, &'static str, &'static str),
    #[error("modules {0} and {1} both take free text; enable one of them")]
    FreeText(&'static str, &'static str),
    #[error("module {0} declares /{1}; allowed: 1 to 32 of a-z, 0-9 and _")]
    Name(&'static str, &'static str),
    #[error("module {0} declares /cancel, which closes dialogues for all modules")]
    Cancel(&'static str),
}

impl Table {
    pub fn add(
        &mut self,
        module: &'static str,
        commands: impl IntoIterator<Item = &'static str>,
        free_text: bool,
    ) -> Result<(), TableError> {
        for name in commands {
            let valid = (1..=32).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !valid {
                return Err(TableError::Name(module, name));
            }
            if name == "cancel" {
                return Err(TableError::Cancel(module));
            }
            if let Some(other) = self.commands.insert(name, module) {
                return Err(TableError::Command(other, module, name));
            }
        }
        if free_text && let Some(other) = self.free_text.replace(module) {
            return Err(TableError::FreeText(other, module));
        }
        self.modules.push(module);
        Ok(())
    }

    /// The bot's own name. Once known it stays: a bot that is renamed is started anew.
    pub fn is_called(&self, username: String) {
        let _ = self.username.set(username);
    }

    /// `conversation`: the module whose dialogue is open with this person here. `ours`: a command is for us whomever it
    /// names.
    pub fn route<'a>(&self, event: &'a Event, conversation: Option<&str>, ours: bool) -> Route<'a> {
        match event {
            Event::Message(m) => self.message(m, conversation, ours),
            Event::Callback(c) => self.callback(c),
            Event::Membership(m) if m.chat.is_private() => match m.new_chat_member.status.as_str() {
                "kicked" => Route::Blocked { blocked: true },
                "member" => Route::Blocked { blocked: false },
                _ => Route::Ignore,
            },
            Event::Membership(_) | Event::Unknown => Route::Ignore,
        }
    }

    fn message<'a>(&self, m: &'a Incoming, conversation: Option<&str>, ours: bool) -> Route<'a> {
        if m.from.as_ref().is_none_or(|f| f.is_bot) {
            return Route::Ignore;
        }
        let private = m.chat.kind == ChatKind::Private;
        if let Some(text) = &m.text
            && let Some((name, addressee, args)) = command(text)
        {
            let named = match (addressee, self.username.get()) {
                (None, _) => true,
                (Some(to), Some(us)) => to.eq_ignore_ascii_case(us),
                (Some(_), None) => private,
            };
            if !named && !ours {
                return Route::Ignore;
            }
            if name == "cancel" {
                return Route::Cancel;
            }
            return match self.commands.get_key_value(name) {
                Some((name, module)) => Route::Command { module, name, args },
                None if private => Route::Help,
                None => Route::Ignore,
            };
        }
        if let Some(open) = conversation
            && let Some(module) = self.modules.iter().find(|m| **m == open)
        {
            return Route::Conversation { module };
        }
        match self.free_text {
            Some(module) if private && (m.text.is_some() || m.voice.is_some() || !m.photo.is_empty()) => {
                Route::FreeText { module }
            }
            _ if private => Route::Help,
            _ => Route::Ignore,
        }
    }

    fn callback<'a>(&self, c: &'a Callback) -> Route<'a> {
        let Some((name, data)) = c.data.as_deref().and_then(|d| d.split_once(':')) else { return Route::Ignore };
        match self.modules.iter().find(|m| **m == name) {
            Some(module) => Route::Callback { module, data },
            // A button of a module that is no longer enabled.
            None => Route::Ignore,
        }
    }
}

/// `/name@bot args` taken apart.
fn command(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let rest = text.strip_prefix('/')?;
    let (word, args) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (name, addressee) = match word.split_once('@') {
        Some((name, bot)) => (name, Some(bot)),
        None => (word, None),
    };
    if name.is_empty() { None } else { Some((name, addressee, args.trim())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::Update;

    fn table() -> Table {
        let mut table = Table::default();
        table.is_called("VitteBot".to_owned());
        table.add("accounts", ["start", "help"], false).unwrap();
        table.add("companion", ["persona"], true).unwrap();
        table.add("habits", ["habits"], false).unwrap();
        table
    }

    fn message(text: &str, kind: &str) -> Event {
        let json = serde_json::json!({"update_id": 1, "message": {"message_id": 1, "date": 0, "text": text,
            "chat": {"id": 5, "type": kind}, "from": {"id": 5, "is_bot": false, "first_name": "A"}}});
        Update::parse(json.to_string()).unwrap().event
    }

    fn callback(data: &str) -> Event {
        let json = serde_json::json!({"update_id": 1, "callback_query": {"id": "1", "data": data,
            "from": {"id": 5, "is_bot": false, "first_name": "A"}, "chat_instance": "1"}});
        Update::parse(json.to_string()).unwrap().event
    }

    #[test]
    fn the_table_says_who_answers() {
        let table = table();
        let command = |module, name, args| Route::Command { module, name, args };
        let cases = [
            ("/start", "private", None, command("accounts", "start", "")),
            ("/start ref 7", "private", Some("habits"), command("accounts", "start", "ref 7")),
            ("/habits@vittebot", "supergroup", None, command("habits", "habits", "")),
            ("/habits@OtherBot", "supergroup", None, Route::Ignore),
            ("/cancel", "private", Some("habits"), Route::Cancel),
            ("/unknown", "private", Some("habits"), Route::Help),
            ("/unknown", "supergroup", None, Route::Ignore),
            ("09:00", "private", Some("habits"), Route::Conversation { module: "habits" }),
            ("09:00", "private", Some("gone"), Route::FreeText { module: "companion" }),
            ("hello", "private", None, Route::FreeText { module: "companion" }),
            ("hello", "supergroup", None, Route::Ignore),
        ];
        for (text, chat, open, expected) in cases {
            assert_eq!(table.route(&message(text, chat), open, false), expected, "{text} in {chat}, open: {open:?}");
        }
        assert_eq!(
            table.route(&callback("habits:toggle:42"), None, false),
            Route::Callback { module: "habits", data: "toggle:42" }
        );
        for stray in ["gone:x", "habits", ""] {
            assert_eq!(table.route(&callback(stray), None, false), Route::Ignore, "{stray}");
        }
    }

    #[test]
    fn two_owners_of_one_thing_are_an_error_at_start() {
        let mut table = table();
        assert_eq!(table.add("x", ["start"], false), Err(TableError::Command("accounts", "x", "start")));
        assert_eq!(table.add("y", [], true), Err(TableError::FreeText("companion", "y")));
        assert_eq!(table.add("z", ["Bad"], false), Err(TableError::Name("z", "Bad")));
    }
}
