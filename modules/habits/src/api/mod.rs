//! REST: one resource a file. The contract is fixed by the clients that speak it: paths, fields, types and statuses.

mod errors;
mod executions;
mod habits;
mod read;
mod view;

use std::sync::Arc;

use axum::Extension;
use utoipa_axum::routes;
use vitte_platform::http::api::Router;

use crate::settings::HabitsSettings;

/// What handlers get beside the role's own.
pub(crate) type Settings = Extension<Arc<HabitsSettings>>;

pub fn routes(settings: &HabitsSettings) -> Router {
    Router::new()
        .routes(routes!(habits::create, habits::list))
        .routes(routes!(habits::show, habits::change, habits::remove))
        .routes(routes!(executions::mark))
        .layer(Extension(Arc::new(settings.clone())))
}
