//! The seam between the house and what a bot can do.
//!
//! A module is made from its own section of the manifest and asked, by each role, for what belongs to that role. It is
//! one folder under `modules/` and one line in the registry. What the bot as a whole says (/start, /help, /status) it
//! asks of every module too, so that none has to be told of another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::jobs::{JobHandler, Schedule};
use crate::people::Follow;
use crate::routing::{Table, TableError};
use crate::telegram::Button;
use crate::telegram::incoming::Incoming;
use crate::turn::Turn;

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// An error here rolls the turn back, keeps the update in `dead_updates` and apologises; a transient database error
/// in its chain makes Telegram repeat the update instead.
pub type HandlerResult = anyhow::Result<()>;

type TextFn = Arc<dyn for<'a> Fn(&'a mut Turn, &'a str) -> BoxFuture<'a, HandlerResult> + Send + Sync>;
type MessageFn = Arc<dyn for<'a> Fn(&'a mut Turn, &'a Incoming) -> BoxFuture<'a, HandlerResult> + Send + Sync>;

/// A module's first words to a person at /start, plain text, by language and the person's name.
pub type Greeting = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;
/// Rows of buttons by language: the ways into a module.
pub type Ways = Arc<dyn Fn(&str) -> Vec<Vec<Button>> + Send + Sync>;
/// A module's line in /status, HTML.
pub type StatusLine = Arc<dyn for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, anyhow::Result<String>> + Send + Sync>;

/// A command as Telegram's menu shows it.
pub struct Command {
    /// Without the slash.
    pub name: &'static str,
    /// By language; commands without a description are not in the menu.
    pub descriptions: Vec<(&'static str, String)>,
    pub(crate) run: TextFn,
}

/// What a module does with updates (role bot).
#[derive(Default)]
pub struct Handlers {
    pub commands: Vec<Command>,
    pub(crate) callback: Option<TextFn>,
    pub(crate) conversation: Option<MessageFn>,
    pub(crate) free_text: Option<MessageFn>,
    pub greeting: Option<Greeting>,
    pub ways: Option<Ways>,
    pub status: Option<StatusLine>,
}

impl Handlers {
    pub fn new() -> Self {
        Self::default()
    }

    /// `run` gets what follows the command.
    #[must_use]
    pub fn command<F>(mut self, name: &'static str, descriptions: Vec<(&'static str, String)>, run: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn, &'a str) -> BoxFuture<'a, HandlerResult> + Send + Sync + 'static,
    {
        self.commands.push(Command { name, descriptions, run: Arc::new(run) });
        self
    }

    /// A press of one of the module's buttons; `run` gets the data after the module's name.
    #[must_use]
    pub fn callback<F>(mut self, run: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn, &'a str) -> BoxFuture<'a, HandlerResult> + Send + Sync + 'static,
    {
        self.callback = Some(Arc::new(run));
        self
    }

    /// A message while a dialogue of this module is open.
    #[must_use]
    pub fn conversation<F>(mut self, run: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn, &'a Incoming) -> BoxFuture<'a, HandlerResult> + Send + Sync + 'static,
    {
        self.conversation = Some(Arc::new(run));
        self
    }

    /// Text, photo or voice in a private chat that nothing else takes. One module of a bot may have this.
    #[must_use]
    pub fn free_text<F>(mut self, run: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn, &'a Incoming) -> BoxFuture<'a, HandlerResult> + Send + Sync + 'static,
    {
        self.free_text = Some(Arc::new(run));
        self
    }

    /// What follows the bot's own greeting at /start, if it is this module that greets: the one that answers free text,
    /// or else the first.
    #[must_use]
    pub fn greets(mut self, greeting: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        self.greeting = Some(Arc::new(greeting));
        self
    }

    /// Buttons under the bot's own greeting.
    #[must_use]
    pub fn offers(mut self, ways: impl Fn(&str) -> Vec<Vec<Button>> + Send + Sync + 'static) -> Self {
        self.ways = Some(Arc::new(ways));
        self
    }

    /// A line in /status: what a person may want to know of this module.
    #[must_use]
    pub fn status<F>(mut self, line: F) -> Self
    where
        F: for<'a> Fn(&'a mut Turn) -> BoxFuture<'a, anyhow::Result<String>> + Send + Sync + 'static,
    {
        self.status = Some(Arc::new(line));
        self
    }

    /// Does this module answer what is no command?
    pub fn takes_free_text(&self) -> bool {
        self.free_text.is_some()
    }
}

/// A capability of a bot: what it adds to each role.
pub trait Module: Send + Sync + 'static {
    /// As in the manifest, in callback data and in job names.
    fn name(&self) -> &'static str;
    /// Role bot.
    fn handlers(&self) -> Handlers {
        Handlers::new()
    }
    /// Any role in which a person's row may change. Runs in the transaction of each change; see [`crate::people`].
    fn follow(&self) -> Option<Follow> {
        None
    }
    /// Roles bot and admin. A person's row has changed (their names, at Telegram) or is gone, and that is committed: what
    /// is cached of it is old. `id` is ours.
    fn person_changed(&self, id: i64) {
        let _ = id;
    }
    /// Role worker.
    fn jobs(&self) -> Vec<JobHandler> {
        Vec::new()
    }
    /// Role worker.
    fn schedules(&self) -> Vec<Schedule> {
        Vec::new()
    }
    /// Role api: routes under `/api/v1` and their part of the OpenAPI document.
    fn api(&self) -> crate::http::api::Router {
        crate::http::api::Router::default()
    }
    /// Role admin.
    fn admin(&self) -> Vec<crate::http::admin::Page> {
        Vec::new()
    }
}

/// The routing table, and each module's handlers by its name.
pub type Routes = (Table, Vec<(&'static str, Handlers)>);

/// The enabled modules of one bot.
#[derive(Clone, Default)]
pub struct Registry(Vec<Arc<dyn Module>>);

impl Registry {
    pub fn new(modules: Vec<Arc<dyn Module>>) -> Self {
        Self(modules)
    }

    pub fn modules(&self) -> impl Iterator<Item = &Arc<dyn Module>> {
        self.0.iter()
    }

    /// The routing table and the handlers behind it. Two owners of one thing are an error at start.
    pub fn routes(&self) -> Result<Routes, TableError> {
        let mut table = Table::default();
        let mut all = Vec::new();
        for module in &self.0 {
            let handlers = module.handlers();
            table.add(module.name(), handlers.commands.iter().map(|c| c.name), handlers.free_text.is_some())?;
            all.push((module.name(), handlers));
        }
        Ok((table, all))
    }
}
