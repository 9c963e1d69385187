//! What every role begins with: its pool, Redis, Telegram, health. Made from the configuration; nothing is connected
//! before it is used, so that a database or Redis that is away is a matter of readiness, not of start.

use std::sync::Arc;

use axum::Router;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::database::{self, DatabaseError, migrations};
use crate::grace::Grace;
use crate::http::{Door, Health, Part};
use crate::outbox::{Gate, Sender};
use crate::redis::{Redis, RedisUrlError};
use crate::telegram::client::{ClientError, Telegram, http_client};

#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Redis(#[from] RedisUrlError),
    #[error(transparent)]
    Telegram(#[from] ClientError),
    #[error("the schema is not ready: {0}")]
    Schema(#[from] migrations::MigrationError),
    #[error("cannot serve: {0}")]
    Serve(#[from] std::io::Error),
}

/// The ground a role stands on.
#[derive(Clone)]
pub struct Ground {
    pub role: &'static str,
    pub pool: PgPool,
    pub redis: Option<Redis>,
    pub telegram: Telegram,
    pub clock: Arc<dyn Clock>,
    pub health: Health,
}

impl Ground {
    pub fn new(config: &Config, role: &'static str) -> Result<Self, RoleError> {
        let pool = database::pool(&config.database)?;
        let redis = config.redis_url.as_deref().map(Redis::new).transpose()?;
        let telegram = Telegram::new(http_client()?, &config.api_url, config.token.clone())?;
        let health = Health::new(pool.clone(), redis.clone());
        Ok(Self { role, pool, redis, telegram, clock: Arc::new(SystemClock), health })
    }

    /// Waits, bounded, for the schema: a fresh install's pods start beside its migration Job.
    pub async fn wait_for_schema(&self, config: &Config) -> Result<(), RoleError> {
        Ok(migrations::wait(&self.pool, config.schema_wait).await?)
    }

    /// Serves a router that others send requests to, until `stop`, or until it is known that the schema does not come.
    /// Health answers from the beginning; ready is only who has found its schema. Returns what is left of the time to
    /// end in, too.
    pub async fn serve(
        &self,
        config: &Config,
        door: Door,
        router: Router,
        stop: &CancellationToken,
    ) -> (Result<(), RoleError>, Grace) {
        let closing = stop.child_token();
        let part = Part { role: self.role, router, health: self.health.clone() };
        let serving = async {
            let served = door.serve(part, true, config.grace, &closing).await;
            closing.cancel();
            served
        };
        let ready = async {
            let found = tokio::select! {
                biased;
                () = closing.cancelled() => return Ok(()),
                found = self.wait_for_schema(config) => found,
            };
            if found.is_ok() {
                self.health.set_serving(true);
                tracing::info!(role = self.role, "serving");
            } else {
                closing.cancel();
            }
            found
        };
        let (served, ready) = tokio::join!(serving, ready);
        (ready.and(served.result.map_err(Into::into)), served.grace)
    }

    /// This process's hand in the outbox; one a role.
    pub fn sender(&self, config: &Config) -> Sender {
        let gate = Gate::start(self.telegram.bot_id(), config.rate, self.redis.clone());
        Sender::start(self.pool.clone(), self.telegram.clone(), config.outbox.clone(), gate, self.role)
    }
}
