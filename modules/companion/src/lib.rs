//! A persona that talks and remembers.
//!
//! ```text
//!  a message --bot/chat--> companion_messages (owed an answer) + job companion.answer, one transaction
//!                                                      |
//!  jobs/answer: owed messages + history --domain--> prompt --model--> words, shown as drafts while they come
//!                                                      |
//!  assistant's row, owed messages marked, usage, the reply: the job's last transaction
//! ```
//!
//! What must never happen here: a message that is neither answered nor owed an answer, one answered twice, a draft that
//! arrives after the message it announces, a wait for the model without a limit, and anybody's words in a log.

mod bot;
pub mod domain;
mod jobs;
pub mod model;
mod settings;
mod store;

use std::sync::Arc;

use fluent_templates::static_loader;
use vitte_crds::{Language, Persona};
use vitte_platform::cache::Cache;
use vitte_platform::jobs::JobHandler;
use vitte_platform::module::{Handlers, Module};
use vitte_platform::users::User;

use crate::jobs::{Answer, Answering};
use crate::model::{Model, OpenAi};
pub use crate::settings::CompanionSettings;

static_loader! {
    static TEXTS = { locales: "./texts", fallback_language: "en", customise: |bundle| bundle.set_use_isolating(false) };
}

/// The module.
pub struct Companion(Option<Parts>);

/// What a role needs that talks to people: the bot and the worker.
struct Parts {
    persona: Arc<Persona>,
    answering: Arc<Answering>,
}

#[derive(Debug, thiserror::Error)]
pub enum CompanionError {
    #[error("the language model's client: {0}")]
    Client(String),
}

impl Companion {
    /// `languages`: the bot's, in the manifest's order. `users`: shared with whoever changes people's rows.
    pub fn new(
        settings: CompanionSettings,
        persona: Persona,
        languages: Vec<String>,
        users: Cache<User>,
    ) -> Result<Self, CompanionError> {
        let model = OpenAi::new(&settings)?;
        Ok(Self::with_model(Arc::new(model), settings, persona, languages, users))
    }

    /// With another model behind the port.
    pub fn with_model(
        model: Arc<dyn Model>,
        settings: CompanionSettings,
        persona: Persona,
        languages: Vec<String>,
        users: Cache<User>,
    ) -> Self {
        let persona = Arc::new(persona);
        let answering = Arc::new(Answering { model, settings, persona: persona.clone(), languages, users });
        Self(Some(Parts { persona, answering }))
    }

    /// For a role that neither takes messages nor answers them, and so is given neither personas nor a key.
    #[must_use]
    pub fn without_persona() -> Self {
        Self(None)
    }
}

impl Module for Companion {
    fn name(&self) -> &'static str {
        "companion"
    }

    fn handlers(&self) -> Handlers {
        let Some(Parts { persona, .. }) = &self.0 else {
            return Handlers::new();
        };
        let (greeting, persona) = (persona.clone(), persona.clone());
        Handlers::new()
            .greets(move |language, name| {
                let language = language_of(language);
                greeting.fill(greeting.first_mes.get(language), language, name)
            })
            .status(|turn| Box::pin(bot::status(turn)))
            .free_text(move |turn, message| {
                let persona = persona.clone();
                Box::pin(async move { bot::chat(turn, message, &persona.id).await })
            })
    }

    fn jobs(&self) -> Vec<JobHandler> {
        self.0.iter().map(|parts| JobHandler::new::<Answer>(parts.answering.clone())).collect()
    }
}

/// The persona's texts exist in these; a bot's other languages read English.
fn language_of(code: &str) -> Language {
    if code.eq_ignore_ascii_case(Language::Ru.code()) { Language::Ru } else { Language::En }
}

#[cfg(test)]
mod tests {
    use vitte_platform::texts::keys;

    #[test]
    fn both_languages_have_the_same_texts() {
        let (en, ru) = (include_str!("../texts/en/companion.ftl"), include_str!("../texts/ru/companion.ftl"));
        assert!(!keys(en).is_empty());
        assert_eq!(keys(en), keys(ru));
    }
}
