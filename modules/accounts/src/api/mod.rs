//! REST: one resource a file.

mod me;
mod token;
mod view;

use axum::Extension;
use utoipa_axum::routes;
use vitte_platform::http::api::Router;
use vitte_platform::people::People;

pub fn routes(people: People) -> Router {
    Router::new().routes(routes!(token::issue)).routes(routes!(me::show, me::change)).layer(Extension(people))
}
