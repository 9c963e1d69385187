//! What a module adds to the REST API: routes under `/api/v1`, with their part of the OpenAPI document, and what their
//! handlers have in common: who asks ([`Caller`]), and bodies and queries read so that an error names its field.

mod auth;
mod caller;
mod fields;
mod token;

use std::sync::Arc;

use axum::extract::FromRef;
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;

pub use auth::{ApiSettings, ApiSettingsError, Auth, BOT_KEY};
pub use caller::{BotKey, Caller, PathId, bearer};
pub use fields::{Body, Fault, Fields, Pairs, Patch, boolean, integer, text, time, zone};

use super::Problem;
use crate::clock::Clock;
use crate::database::{Lanes, Tx};

/// What API handlers get.
#[derive(Clone, FromRef)]
pub struct ApiState {
    /// For reading, and for what is done seldom.
    pub pool: PgPool,
    /// For what is done often: [`ApiState::begin`].
    pub lanes: Lanes,
    pub clock: Arc<dyn Clock>,
    /// Who may ask, and the tokens by which they do.
    pub auth: Auth,
}

impl ApiState {
    /// Begins a transaction; give it to [`ApiState::end`], whatever comes of it. Dropped, it costs its connection.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        self.lanes.begin("").await.map(|(tx, _)| tx)
    }

    /// Commits what went well, and takes back what did not.
    pub async fn end<T, E>(&self, tx: Tx, result: Result<T, E>) -> Result<T, Problem>
    where
        Problem: From<E>,
    {
        match result {
            Ok(value) => {
                tx.commit().await?;
                Ok(value)
            }
            Err(error) => {
                // A rollback that fails closes the connection, which comes to the same.
                let _ = tx.rollback().await;
                Err(error.into())
            }
        }
    }
}

/// A module's routes.
pub type Router = OpenApiRouter<ApiState>;
