//! The other side of the chat, under `/sim`: what people do and see, and what tests and demos steer.
//!
//! Bodies and answers are JSON; a refusal is `{"error": "what, where, what is allowed"}`. Where several
//! bots live in one world, `?bot=<id>` says which is meant; without it the first one is.

mod act;
mod chats;
mod control;
mod events;
mod inject;
mod messages;
mod problem;
mod uploads;

use axum::Router;
use axum::routing::{get, post, put};
use serde::Deserialize;

use crate::Sim;
use crate::world::World;
use problem::Problem;

pub fn router(sim: Sim) -> Router {
    Router::new()
        .route("/sim/bot", get(chats::bot))
        .route("/sim/chats", get(chats::list))
        .route("/sim/chats/{chat_id}", put(chats::open))
        .route("/sim/chats/{chat_id}/messages", get(messages::list).post(messages::send))
        .route("/sim/chats/{chat_id}/callbacks", post(messages::press))
        .route("/sim/chats/{chat_id}/photo", post(uploads::photo))
        .route("/sim/chats/{chat_id}/voice", post(uploads::voice))
        .route("/sim/chats/{chat_id}/document", post(uploads::document))
        .route("/sim/chats/{chat_id}/block", post(chats::block))
        .route("/sim/chats/{chat_id}/unblock", post(chats::unblock))
        .route("/sim/chats/{chat_id}/events", get(events::stream))
        .route("/sim/files/{unique}", get(uploads::file))
        .route("/sim/updates", post(inject::update))
        .route("/sim/calls", get(control::calls).delete(control::forget_calls))
        .route("/sim/faults", get(control::faults).post(control::add_fault).delete(control::clear_faults))
        .route("/sim/settings", get(control::settings).post(control::set_settings))
        .with_state(sim)
}

/// Which bot is meant.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Which {
    bot: Option<i64>,
}

impl Which {
    fn of(self, world: &World) -> Result<i64, Problem> {
        match (world.bot_or_first(self.bot), self.bot) {
            (Some(bot), _) => Ok(bot.profile.id),
            (None, Some(id)) => Err(Problem::not_found(format!("bot: there is no bot {id}"))),
            (None, None) => Err(Problem::conflict("no bot has called yet: let one call getMe first")),
        }
    }
}
