//! Telegram's Bot API over HTTP: `/bot<token>/<method>` and `/file/bot<token>/<path>`.
//!
//! A call is read (`params`), recorded, perhaps spoiled by a fault or a rate limit, and done by its
//! method (`methods`), which gives a result or an [`ApiError`] in Telegram's words.
//! <https://core.telegram.org/bots/api>

mod answer;
mod media;
mod methods;
mod params;
mod replies;
mod text;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use tokio::time::Instant;

pub use answer::ApiError;
pub use media::keep_upload;
use methods::Method;
pub use params::Params;

use crate::Sim;
use crate::world::faults::Fault;

pub fn router(sim: Sim) -> Router {
    Router::new()
        .route("/bot{token}/{method}", any(call))
        .route("/file/bot{token}/{*path}", get(download))
        .with_state(sim)
}

async fn call(State(sim): State<Sim>, Path((token, method)): Path<(String, String)>, request: Request) -> Response {
    let bot = match sim.authorize(&token) {
        Ok(Some(bot)) => bot,
        Ok(None) => return ApiError::unauthorized().into_response(),
        Err(error) => return ApiError::from(error).into_response(),
    };
    match Params::read(request).await {
        Ok(params) => answer(&sim, bot, &method, params).await,
        Err(error) => {
            // Unreadable, but received: it counts.
            let mut world = sim.world();
            let name = Method::named(&method).map_or(method.as_str(), |method| method.name());
            let number = world.calls.record(bot, name, None, serde_json::Map::new());
            world.calls.answered(number, error.code);
            error.into_response()
        }
    }
}

/// One call of a method, recorded with how it was answered.
pub async fn answer(sim: &Sim, bot: i64, name: &str, params: Params) -> Response {
    let method = Method::named(name);
    let name = method.map_or(name, |method| method.name());
    let chat = params.integer("chat_id");
    let (number, fault) = {
        let mut world = sim.world();
        (world.calls.record(bot, name, chat, params.shown()), world.faults.take(name, chat))
    };
    let response = match fault {
        Some(fault) => spoiled(sim, bot, method, params, &fault).await,
        None => regular(sim, bot, method, params).await,
    };
    let status = response.status().as_u16();
    sim.world().calls.answered(number, status);
    response
}

async fn regular(sim: &Sim, bot: i64, method: Option<Method>, params: Params) -> Response {
    let Some(method) = method else { return ApiError::not_found().into_response() };
    if let Err(error) = admit(sim, bot, method, &params) {
        return error.into_response();
    }
    match method.call(sim, bot, params).await {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(),
    }
}

async fn spoiled(sim: &Sim, bot: i64, method: Option<Method>, params: Params, fault: &Fault) -> Response {
    let mut done = None;
    let mut params = Some(params);
    if fault.after_effect
        && let Some(params) = params.take()
    {
        done = Some(regular(sim, bot, method, params).await);
    }
    if let Some(delay) = fault.delay() {
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = sim.closing() => {}
        }
    }
    if fault.drops() {
        return answer::dropped();
    }
    match (fault.status, done, params) {
        (0, Some(response), _) => response,
        (0, None, Some(params)) => regular(sim, bot, method, params).await,
        _ => ApiError::ordered(fault).into_response(),
    }
}

/// Telegram's rate limits, where they are switched on.
fn admit(sim: &Sim, bot: i64, method: Method, params: &Params) -> Result<(), ApiError> {
    let Some(chat) = params.integer("chat_id").filter(|chat| method.is_limited(*chat)) else { return Ok(()) };
    let mut world = sim.world();
    if !world.rate_limits {
        return Ok(());
    }
    let Some(bot) = world.bots.get_mut(&bot) else { return Ok(()) };
    bot.limits.take(chat, Instant::now()).map_err(ApiError::too_many)
}

async fn download(State(sim): State<Sim>, Path((token, path)): Path<(String, String)>) -> Response {
    match sim.authorize(&token) {
        Ok(Some(_)) => {}
        Ok(None) => return ApiError::unauthorized().into_response(),
        Err(error) => return ApiError::from(error).into_response(),
    }
    let file = sim.world().files.values().find(|file| file.path == path).cloned();
    let Some(file) = file else { return ApiError::not_found().into_response() };
    match sim.files().get(&file.unique).await {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        None => ApiError::not_found().into_response(),
    }
}
