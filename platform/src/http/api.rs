//! What a module adds to the REST API: routes under `/api/v1`, with their part of the OpenAPI document.

use axum::extract::FromRef;
use sqlx::PgPool;
use utoipa_axum::router::OpenApiRouter;

/// What API handlers get.
#[derive(Clone, FromRef)]
pub struct ApiState {
    pub pool: PgPool,
}

/// A module's routes.
pub type Router = OpenApiRouter<ApiState>;
