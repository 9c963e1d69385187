//! A habit tracker: habits with a schedule, marks, streaks and reminders, in Telegram and over REST.
//!
//! ```text
//!  a tap in Telegram --bot/---+                       +--> habits_executions: what became of a habit on a local date
//!  a REST client ----api/-----+--> store (one tx) ----+--> habits: what they come to (streak), when to remind next
//!  a change of zone --follow--+         |
//!                                    domain: which day it is, what a streak is, when a reminder fires
//!
//!  each minute: jobs/remind --query of what is due--> outbox rows + the next time, one transaction a batch
//! ```
//!
//! "Today" is the person's, and is stored as a date when something is marked. Streaks are computed from all executions
//! whenever one of them changes; a list only looks at what they came to. Reminders are stored as the next moment in UTC.
//!
//! What must never happen here: a mark that moves to another date, a streak that its executions do not come to, a
//! reminder that is sent twice or to somebody else, a habit shown to anyone but its person, and what people call their
//! habits in a log.

mod admin;
mod api;
pub mod bot;
pub mod domain;
mod jobs;
mod metrics;
pub mod model;
mod settings;
pub mod store;

use std::sync::Arc;

use fluent_templates::static_loader;
use vitte_crds::modules::Habits as Section;
use vitte_platform::http::admin::Page;
use vitte_platform::http::api::Router;
use vitte_platform::jobs::{JobHandler, Schedule};
use vitte_platform::module::{Handlers, Module};
use vitte_platform::people::{Follow, People};

use crate::bot::Talking;
pub use crate::jobs::{Calendar, Export, Remind, Reminding, Summarise, Told, due_in, summary_in};
pub use crate::settings::HabitsSettings;

static_loader! {
    pub(crate) static TEXTS = { locales: "./texts", fallback_language: "en", customise: |bundle| bundle.set_use_isolating(false) };
}

/// As in the manifest, in routing and in callback data.
pub const NAME: &str = "habits";

/// The module.
pub struct Habits {
    talking: Arc<Talking>,
    reminding: Arc<Reminding>,
    schedules: Vec<Schedule>,
}

impl Habits {
    /// From its section of the manifest.
    pub fn from_manifest(section: &Section, languages: &[String], people: &People) -> serde_json::Result<Self> {
        Self::new(HabitsSettings::from_manifest(section), languages.to_vec(), people.clone())
    }

    /// `languages`: the bot's, in the manifest's order. `people`: to be followed by [`Module::follow`].
    pub fn new(settings: HabitsSettings, languages: Vec<String>, people: People) -> serde_json::Result<Self> {
        // Served from the start.
        let _ = metrics::metrics();
        Ok(Self {
            talking: Arc::new(Talking { settings: settings.clone(), people }),
            reminding: Arc::new(Reminding::new(settings, languages)),
            schedules: vec![jobs::schedule()?, jobs::summary_schedule()?],
        })
    }
}

impl Module for Habits {
    fn name(&self) -> &'static str {
        NAME
    }

    fn handlers(&self) -> Handlers {
        bot::handlers(&self.talking)
    }

    fn follow(&self) -> Option<Follow> {
        Some(store::follow(self.reminding.settings.clone()))
    }

    fn jobs(&self) -> Vec<JobHandler> {
        vec![
            JobHandler::new::<Remind>(self.reminding.clone()),
            JobHandler::new::<Calendar>(self.reminding.clone()),
            JobHandler::new::<Export>(self.reminding.clone()),
            JobHandler::new::<Summarise>(self.reminding.clone()),
        ]
    }

    fn schedules(&self) -> Vec<Schedule> {
        self.schedules.clone()
    }

    fn admin(&self) -> Vec<Page> {
        vec![admin::page(&self.reminding.settings)]
    }

    fn api(&self) -> Router {
        api::routes(&self.reminding.settings)
    }
}

#[cfg(test)]
mod tests {
    use vitte_platform::texts::keys;

    #[test]
    fn both_languages_have_the_same_texts() {
        let (en, ru) = (include_str!("../texts/en/habits.ftl"), include_str!("../texts/ru/habits.ftl"));
        assert!(!keys(en).is_empty());
        assert_eq!(keys(en), keys(ru));
    }
}
