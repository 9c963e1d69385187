//! Who talks to the bot: greeting, help, what is known of a person, their language, and forgetting them.
//!
//! The platform keeps the person's row; this module lets the person see and change it. The other modules say through
//! their handlers what belongs here: their commands for /help, a line for /status, a first message, buttons.
//!
//! What must never happen here: a person greeted in another language than theirs, and anything left of a person who
//! asked to be forgotten.

mod api;
mod bot;
mod domain;

use std::sync::Arc;

use fluent_templates::static_loader;
use vitte_platform::cache::Cache;
use vitte_platform::http::api::Router;
use vitte_platform::module::{Greeting, Handlers, Module, StatusLine, Ways};
use vitte_platform::people::People;
use vitte_platform::texts::Texts;
use vitte_platform::turn::Turn;
use vitte_platform::users::User;

use crate::domain::Listed;

static_loader! {
    pub(crate) static TEXTS = { locales: "./texts", fallback_language: "en", customise: |bundle| bundle.set_use_isolating(false) };
}

/// As in routing and callback data.
pub(crate) const NAME: &str = "accounts";
/// The languages that this module's texts exist in.
const LANGUAGES: [&str; 2] = ["ru", "en"];
/// In the order of the menu.
const COMMANDS: [&str; 5] = ["start", "help", "status", "language", "forgetme"];

/// The module. Cheap to clone.
#[derive(Clone)]
pub struct Accounts(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// Every command of the bot, for /help.
    pub commands: Vec<Listed>,
    pub greeting: Option<Greeting>,
    pub status: Vec<StatusLine>,
    pub ways: Vec<Ways>,
    pub users: Cache<User>,
    pub people: People,
    /// Does some module answer what is no command?
    pub free_text: bool,
}

impl Accounts {
    /// `users`: shared with the modules that read people's rows through it. `people`: where their rows are changed.
    /// `others`: for whom it speaks, in the order of the manifest.
    pub fn new(users: Cache<User>, people: People, others: &[Arc<dyn Module>]) -> Self {
        let own = COMMANDS.iter().chain(&["cancel"]);
        let commands = own.map(|name| Listed { name: (*name).to_owned(), descriptions: descriptions(name) }).collect();
        let (status, ways) = (Vec::new(), Vec::new());
        let mut inner = Inner { commands, greeting: None, status, ways, users, people, free_text: false };
        for module in others {
            inner.speak_for(module.handlers());
        }
        Self(Arc::new(inner))
    }
}

impl Inner {
    fn speak_for(&mut self, handlers: Handlers) {
        let free_text = handlers.takes_free_text();
        let Handlers { commands, greeting, ways, status, .. } = handlers;
        let listed = commands.into_iter().filter(|command| !command.descriptions.is_empty());
        self.commands
            .extend(listed.map(|command| Listed { name: command.name.to_owned(), descriptions: command.descriptions }));
        // What a persona says is enough beside the others' buttons.
        if free_text || self.greeting.is_none() {
            self.greeting = greeting.or(self.greeting.take());
        }
        self.ways.extend(ways);
        self.status.extend(status);
        self.free_text |= free_text;
    }

    /// Lets everybody read the person's row anew, once this turn is committed.
    pub fn forget_cached(&self, turn: &mut Turn) {
        let (users, id) = (self.users.clone(), turn.user.id);
        turn.after_commit(move || forget(users, id));
    }
}

fn forget(users: Cache<User>, id: i64) {
    // Bounded by Redis's own limit; lost in a crash, the copy ends with its time.
    tokio::spawn(async move { users.forget(id).await });
}

impl Module for Accounts {
    fn name(&self) -> &'static str {
        NAME
    }

    fn person_changed(&self, id: i64) {
        forget(self.0.users.clone(), id);
    }

    fn handlers(&self) -> Handlers {
        let inner = || self.0.clone();
        let (start, help, status, pressed, forget) = (inner(), inner(), inner(), inner(), inner());
        Handlers::new()
            .command("start", descriptions("start"), move |turn, _| {
                let start = start.clone();
                Box::pin(async move { bot::start::greet(turn, &start) })
            })
            .command("help", descriptions("help"), move |turn, _| {
                let help = help.clone();
                Box::pin(async move {
                    bot::help::list(turn, &help);
                    Ok(())
                })
            })
            .command("status", descriptions("status"), move |turn, _| {
                let status = status.clone();
                Box::pin(async move { bot::status::tell(turn, &status).await })
            })
            .command("language", descriptions("language"), |turn, _| Box::pin(async move { bot::language::ask(turn) }))
            .command("forgetme", descriptions("forgetme"), |turn, _| Box::pin(async move { bot::forget::ask(turn) }))
            .callback(move |turn, data| {
                let pressed = pressed.clone();
                Box::pin(async move { bot::pressed(turn, data, &pressed).await })
            })
            .conversation(move |turn, message| {
                let forget = forget.clone();
                Box::pin(async move { bot::forget::answered(turn, message, &forget).await })
            })
    }

    fn api(&self) -> Router {
        api::routes(self.0.people.clone())
    }
}

/// A command's description in every language.
fn descriptions(name: &str) -> Vec<(&'static str, String)> {
    let key = format!("command-{name}");
    LANGUAGES.iter().map(|language| (*language, Texts::new(&TEXTS, language).get(&key))).collect()
}

#[cfg(test)]
mod tests {
    use vitte_platform::cache::USER;
    use vitte_platform::texts::keys;

    use super::*;

    #[test]
    fn both_languages_have_the_same_texts() {
        let (en, ru) = (include_str!("../texts/en/accounts.ftl"), include_str!("../texts/ru/accounts.ftl"));
        assert!(!keys(en).is_empty());
        assert_eq!(keys(en), keys(ru));
    }

    fn accounts(others: &[Arc<dyn Module>]) -> Accounts {
        let users = Cache::new(1, USER, None);
        Accounts::new(users.clone(), People::new(users), others)
    }

    #[test]
    fn every_command_is_in_the_menu_in_every_language() {
        let accounts = accounts(&[]);
        let commands = accounts.handlers().commands;
        assert_eq!(commands.iter().map(|c| c.name).collect::<Vec<_>>(), COMMANDS);
        for command in commands {
            for language in LANGUAGES {
                let found = command.descriptions.iter().find(|(l, _)| *l == language);
                assert!(found.is_some_and(|(_, text)| !text.contains("command-")), "/{} in {language}", command.name);
            }
        }
    }

    struct Other;

    impl Module for Other {
        fn name(&self) -> &'static str {
            "other"
        }
        fn handlers(&self) -> Handlers {
            Handlers::new()
                .command("habits", vec![("en", "Your habits".to_owned())], |_, _| Box::pin(async { Ok(()) }))
                .command("hidden", vec![], |_, _| Box::pin(async { Ok(()) }))
        }
    }

    #[test]
    fn help_lists_the_commands_of_other_modules_but_not_the_hidden_ones() {
        let accounts = accounts(&[Arc::new(Other)]);
        let names: Vec<_> = accounts.0.commands.iter().map(|c| c.name.as_str()).collect();
        assert!(names.contains(&"habits") && names.contains(&"start") && !names.contains(&"hidden"), "{names:?}");
        assert!(!accounts.0.free_text);
    }

    /// Greets as it is called, and takes free text or not.
    struct Greets(&'static str, bool);

    impl Module for Greets {
        fn name(&self) -> &'static str {
            self.0
        }
        fn handlers(&self) -> Handlers {
            let name = self.0;
            let handlers = Handlers::new().greets(move |_, _| name.to_owned());
            if self.1 { handlers.free_text(|_, _| Box::pin(async { Ok(()) })) } else { handlers }
        }
    }

    #[test]
    fn who_takes_free_text_greets_and_otherwise_the_first() {
        let greets = |all: Vec<Arc<dyn Module>>| accounts(&all).0.greeting.as_ref().map(|greeting| greeting("en", ""));
        let (habits, repairs): (Arc<dyn Module>, Arc<dyn Module>) =
            (Arc::new(Greets("habits", false)), Arc::new(Greets("repairs", false)));
        let persona: Arc<dyn Module> = Arc::new(Greets("persona", true));
        assert_eq!(greets(vec![Arc::new(Other)]), None);
        assert_eq!(greets(vec![habits.clone(), repairs]).as_deref(), Some("habits"));
        assert_eq!(greets(vec![habits.clone(), persona.clone()]).as_deref(), Some("persona"));
        assert_eq!(greets(vec![persona, habits]).as_deref(), Some("persona"));
    }
}
