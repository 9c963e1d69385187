//! The bot's face, the list of chats, and whether the bot may write to them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Which;
use super::act::{self, Sender};
use super::problem::{Problem, parsed};
use crate::Sim;
use crate::world::render;

/// `GET /sim/bot`: name and menu. Commands for everyone, by language; the empty one is for all others.
pub async fn bot(State(sim): State<Sim>, Query(which): Query<Which>) -> Result<Json<Value>, Problem> {
    let world = sim.world();
    let bot = which.of(&world)?;
    let Some(bot) = world.bot(bot) else { return Err(Problem::not_found("there is no such bot")) };
    let everyone =
        bot.commands.iter().filter(|((scope, _), _)| scope.is_empty() || scope.contains("all_private_chats"));
    let mut commands = Map::new();
    for ((_, language), list) in everyone {
        commands.insert(language.clone(), list.clone().into());
    }
    Ok(Json(json!({
        "id": bot.profile.id,
        "name": bot.profile.name,
        "username": bot.profile.username,
        "commands": commands,
        "bots": world.bots.values().map(|bot| render::bot(&bot.profile)).collect::<Vec<_>>(),
    })))
}

/// `GET /sim/chats`: latest first.
pub async fn list(State(sim): State<Sim>, Query(which): Query<Which>) -> Result<Json<Value>, Problem> {
    let world = sim.world();
    // A page that is opened before the bot has started shows no chats, not an error.
    let Ok(bot) = which.of(&world) else { return Ok(Json(json!({"chats": []}))) };
    let ids = world.bot(bot).map(|bot| bot.chats.keys().copied().collect::<Vec<_>>()).unwrap_or_default();
    let mut views: Vec<_> = ids.iter().filter_map(|id| world.view(bot, *id)).collect();
    views.sort_by_key(|view| {
        let last = view.chat.messages.values().next_back();
        std::cmp::Reverse((last.map_or(0, |message| message.date), view.chat.head.id))
    });
    let chats = views.iter().map(|view| {
        let people = view.chat.head.people.iter().filter_map(|id| view.people.get(id));
        json!({
            "chat_id": view.chat.head.id,
            "type": if view.chat.is_group() { "supergroup" } else { "private" },
            "title": view.title(),
            "people": people.map(render::person).collect::<Vec<_>>(),
            "blocked": view.chat.head.blocked,
            "revision": view.chat.revision,
            "last_message": view.chat.messages.values().next_back().map(|message| view.seen(message)),
        })
    });
    Ok(Json(json!({"chats": chats.collect::<Vec<_>>()})))
}

#[derive(Deserialize)]
pub struct Opened {
    from: Option<Sender>,
    title: Option<String>,
}

/// `PUT /sim/chats/{chat_id}`: the chat exists, as if the person had written before; no update.
pub async fn open(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let Opened { from, title } = parsed(&body)?;
    let mut world = sim.world();
    let bot = which.of(&world)?;
    act::enter(&mut world, bot, chat, from, title)?;
    Ok(Json(json!({"chat_id": chat})))
}

/// `POST /sim/chats/{chat_id}/block`
pub async fn block(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    set_blocked(&sim, chat, which, true)
}

/// `POST /sim/chats/{chat_id}/unblock`
pub async fn unblock(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Problem> {
    set_blocked(&sim, chat, which, false)
}

fn set_blocked(sim: &Sim, chat: i64, which: Which, blocked: bool) -> Result<Json<Value>, Problem> {
    let mut world = sim.world();
    let bot = which.of(&world)?;
    let update_id = act::set_blocked(&mut world, bot, chat, blocked)?;
    Ok(Json(json!({"chat_id": chat, "blocked": blocked, "update_id": update_id})))
}
