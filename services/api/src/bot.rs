//! `GET /api/v1/bot`: what this bot is and can do.

use std::sync::Arc;

use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use vitte_platform::config::Config;
use vitte_platform::http::api::ApiState;
use vitte_platform::module::Registry;

/// What a bot is and can do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bot {
    /// The manifest's name.
    #[schema(example = "luna")]
    name: String,
    /// Two-letter codes; the first is spoken to people whose own is not among them.
    #[schema(example = json!(["ru", "en"]))]
    languages: Vec<String>,
    /// The enabled modules.
    #[schema(example = json!(["accounts", "companion"]))]
    modules: Vec<&'static str>,
    /// Of the services.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

impl Bot {
    pub fn new(config: &Config, registry: &Registry) -> Self {
        Self {
            name: config.name.clone(),
            languages: config.languages.clone(),
            modules: registry.modules().map(|m| m.name()).collect(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What this bot is and can do
#[utoipa::path(get, path = "/bot", tag = "bot", responses((status = 200, description = "The bot", body = Bot)))]
async fn show(Extension(bot): Extension<Arc<Bot>>) -> Json<Arc<Bot>> {
    Json(bot)
}
