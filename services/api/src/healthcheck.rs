//! `GET /healthcheck`: one look at what the API stands on, in the form that monitors of this contract read. Kubernetes
//! asks `/health/ready` instead.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vitte_platform::database;
use vitte_platform::http::api::ApiState;

/// Whether the API works.
#[derive(Debug, Serialize, ToSchema)]
pub struct Healthcheck {
    /// The process that answers.
    #[schema(example = "ok")]
    api_status: &'static str,
    dependencies: Dependencies,
}

/// `ok` or `error` each.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dependencies {
    #[schema(example = "ok")]
    database: &'static str,
}

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(check))
}

/// Whether the API and its database answer
#[utoipa::path(get, path = "/healthcheck", tag = "health", responses(
    (status = 200, description = "All is well", body = Healthcheck),
    (status = 503, description = "The dependency that is `error` does not answer", body = Healthcheck),
))]
async fn check(State(api): State<ApiState>) -> (StatusCode, Json<Healthcheck>) {
    let (status, database) = match database::ping(&api.pool).await {
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "error"),
    };
    (status, Json(Healthcheck { api_status: "ok", dependencies: Dependencies { database } }))
}
