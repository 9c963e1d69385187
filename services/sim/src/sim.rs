//! The handle on a simulated world that everything in this crate shares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{SimConfig, SimError, bot_id, may_create};
use crate::entry::Entry;
use crate::files::FileStore;
use crate::model::BotProfile;
use crate::world::World;
use crate::world::faults::Fault;
use crate::{botapi, llm, page, person, webhook};

/// Telegram takes uploads of up to 50 MB; a little more lets the refusal be ours.
const MAX_BODY: usize = 52 * 1024 * 1024;

/// A simulated Telegram with its people and a model. Cheap to clone; all clones are one world.
#[derive(Clone)]
pub struct Sim {
    inner: Arc<Inner>,
}

struct Inner {
    config: SimConfig,
    world: Mutex<World>,
    files: FileStore,
    client: reqwest::Client,
    closing: CancellationToken,
    hooks: Arc<Notify>,
}

impl Sim {
    /// Opens the world of `config.data_dir`, or a new one in memory.
    ///
    /// # Errors
    /// The token is malformed, or the folder or its journal cannot be used.
    pub fn open(config: SimConfig) -> Result<Self, SimError> {
        let configured = match &config.token {
            Some(token) => Some((bot_id(token).ok_or(SimError::Token)?, token.clone())),
            None => None,
        };
        let hooks = Arc::new(Notify::new());
        let mut world = World::open(config.data_dir.as_deref(), hooks.clone())?;
        world.rate_limits = config.rate_limits;
        if let Some((id, token)) = configured {
            let (username, name) = (config.bot_username.clone(), config.bot_name.clone());
            world.commit(vec![Entry::Bot(BotProfile { id, token, username, name })])?;
        }
        let files = FileStore::open(config.data_dir.as_deref())?;
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none())
            // Bots are called on this machine or in this cluster, never through a proxy.
            .no_proxy()
            .build()?;
        let closing = CancellationToken::new();
        let inner = Inner { config, world: Mutex::new(world), files, client, closing, hooks };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Everything that is served: the Bot API, the person's side, the model and the chat page.
    pub fn router(&self) -> Router {
        Router::new()
            .merge(botapi::router(self.clone()))
            .merge(person::router(self.clone()))
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .merge(llm::router(self.clone()))
            .merge(page::router())
    }

    /// Delivers updates to webhooks until `shutdown`, then closes the world. Run it once.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = webhook::deliver_all(self) => {}
            () = shutdown.cancelled() => {}
            () = self.closing() => {}
        }
        self.close();
    }

    /// Serves all of [`Self::router`] and delivers updates, until `shutdown`. Run it instead of [`Self::run`], once.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(&self, listener: TcpListener, shutdown: CancellationToken) -> std::io::Result<()> {
        let (stop, router) = (shutdown.clone(), self.router());
        let served = async { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await };
        // Deliveries end with the token, and close the long polls that the server waits for.
        let (served, ()) = tokio::join!(served, self.run(shutdown));
        served
    }

    /// Ends every long poll, stream and delivery. What was acknowledged is in the journal already;
    /// what was not is delivered again by the next world on the same folder, which can be opened once
    /// the last clone of this one (each connection of the server has one) is gone.
    pub fn close(&self) {
        self.inner.closing.cancel();
    }

    pub(crate) async fn closing(&self) {
        self.inner.closing.cancelled().await;
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.inner.closing.is_cancelled()
    }

    /// The world, locked. Never hold it across an await.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // Entries are applied whole or not at all, so a panic elsewhere leaves nothing half done.
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn files(&self) -> &FileStore {
        &self.inner.files
    }

    pub(crate) fn client(&self) -> &reqwest::Client {
        &self.inner.client
    }

    pub(crate) fn hooks(&self) -> &Notify {
        &self.inner.hooks
    }

    /// The bot behind a token, made on first use where any token is accepted. `None`: unauthorized.
    ///
    /// # Errors
    /// The journal could not be written.
    pub(crate) fn authorize(&self, token: &str) -> Result<Option<i64>, SimError> {
        let Some(id) = bot_id(token) else { return Ok(None) };
        let mut world = self.world();
        if let Some(configured) = &self.inner.config.token {
            return Ok((configured == token).then_some(id));
        }
        if let Some(bot) = world.bot(id) {
            return Ok((bot.profile.token == token).then_some(id));
        }
        if may_create(token).is_none() {
            return Ok(None);
        }
        let config = &self.inner.config;
        let username =
            if world.bots.is_empty() { config.bot_username.clone() } else { format!("{}_{id}", config.bot_username) };
        let profile = BotProfile { id, token: token.to_owned(), username, name: config.bot_name.clone() };
        world.commit(vec![Entry::Bot(profile)])?;
        Ok(Some(id))
    }

    /// The next fault ordered for a call of `method`, used up.
    pub(crate) fn take_fault(&self, method: &str, chat_id: Option<i64>) -> Option<Fault> {
        self.world().faults.take(method, chat_id)
    }
}
