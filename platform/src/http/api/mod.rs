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

use crate::clock::Clock;

/// What API handlers get.
#[derive(Clone, FromRef)]
pub struct ApiState {
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    /// Who may ask, and the tokens by which they do.
    pub auth: Auth,
}

/// A module's routes.
pub type Router = OpenApiRouter<ApiState>;
