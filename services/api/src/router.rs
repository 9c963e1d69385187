//! All routes of the role behind what they have in common.

use std::any::Any;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use vitte_platform::config::Config;
use vitte_platform::database::Lanes;
use vitte_platform::http::Problem;
use vitte_platform::http::api::{ApiSettingsError, ApiState, Auth};
use vitte_platform::module::Registry;
use vitte_platform::role::Ground;

use crate::bot::Bot;
use crate::limit::{self, PerClient};
use crate::{describe, docs, healthcheck, problems, slash, trace};

#[derive(Debug, thiserror::Error)]
pub enum RouterError {
    #[error("module {module} has the route /api/v1{path}, which somebody else has already")]
    Twice { path: String, module: &'static str },
    #[error(transparent)]
    Keys(#[from] ApiSettingsError),
    #[error("the OpenAPI document cannot be written: {0}")]
    Document(#[from] serde_json::Error),
}

/// The role's router: `/api/v1` and `/docs`.
pub fn build(config: &Config, registry: &Registry, ground: &Ground) -> Result<Router, RouterError> {
    let (routes, document) = describe::routes(registry)?;
    let auth = Auth::new(&config.api)?;
    let json = bytes::Bytes::from(serde_json::to_vec(&document)?);
    let bot_id = ground.telegram.bot_id();
    let limits =
        Arc::new(PerClient::new(bot_id, config.api.limits, ground.redis.clone(), auth.clone(), ground.clock.clone()));
    let state = ApiState {
        pool: ground.pool.clone(),
        lanes: Lanes::new(ground.pool.clone(), &[]),
        clock: ground.clock.clone(),
        auth,
    };
    let (routes, _) = routes.split_for_parts();
    let v1 = routes
        // The document is neither counted nor limited: it never changes.
        .route_layer(middleware::from_fn_with_state(limits, limit::enforce))
        .route("/openapi.json", get(move || async move { ([(header::CONTENT_TYPE, "application/json")], json) }))
        .fallback(problems::no_such_resource)
        .method_not_allowed_fallback(problems::no_such_method)
        .layer(Extension(Arc::new(Bot::new(config, registry))))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(DefaultBodyLimit::max(problems::BODY))
        .layer(middleware::from_fn(problems::mend))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(state.clone());
    let (healthcheck, _) = healthcheck::routes().split_for_parts();
    let healthcheck = healthcheck.method_not_allowed_fallback(problems::no_such_method);
    let all = Router::new()
        .nest("/api/v1", v1)
        .merge(healthcheck.with_state(state))
        .merge(docs::router())
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(middleware::from_fn(trace::follow));
    Ok(Router::new().fallback_service(MapRequest::new(all, slash::trim)))
}

/// One handler's fault is one request's. What it said goes nowhere: it may hold what the client sent.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    let trace_id = vitte_platform::telemetry::trace::current_or_new();
    tracing::error!(trace_id, "a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here").into_response()
}
