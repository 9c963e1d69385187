//! Messages and pressed buttons.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::Which;
use super::act::{self, Said, Sender};
use super::problem::{Problem, parsed};
use crate::Sim;
use crate::entities::{Entity, parse_plain, to_html, utf16_len, with_entities};
use crate::world::World;

/// Seconds.
const MAX_WAIT: u64 = 60;
const MAX_TEXT: u32 = 4096;

#[derive(Deserialize)]
pub struct NewMessage {
    text: String,
    from: Option<Sender>,
    entities: Option<Vec<Entity>>,
    reply_to_message_id: Option<i64>,
    title: Option<String>,
}

/// `POST /sim/chats/{chat_id}/messages`
pub async fn send(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let new: NewMessage = parsed(&body)?;
    let (text, entities) = match new.entities {
        Some(entities) => with_entities(&new.text, entities),
        None => parse_plain(&new.text),
    };
    if text.is_empty() {
        return Err(Problem::bad("text: expected at least one visible character"));
    }
    if utf16_len(&text) > MAX_TEXT {
        return Err(Problem::bad(format!("text: at most {MAX_TEXT} UTF-16 code units")));
    }
    let mut world = sim.world();
    let bot = which.of(&world)?;
    let person = act::enter(&mut world, bot, chat, new.from, new.title)?;
    let said = Said { text, entities, media: None, reply_to: new.reply_to_message_id };
    let sent = act::say(&mut world, bot, chat, person, said)?;
    Ok(Json(json!({"update_id": sent.update_id, "message_id": sent.message_id})))
}

#[derive(Deserialize)]
pub struct Press {
    message_id: i64,
    data: String,
    from: Option<Sender>,
}

/// `POST /sim/chats/{chat_id}/callbacks`
pub async fn press(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(which): Query<Which>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let press: Press = parsed(&body)?;
    let mut world = sim.world();
    let bot = which.of(&world)?;
    if world.chat(bot, chat).is_none() {
        return Err(Problem::not_found(format!("there is no chat {chat}")));
    }
    let person = act::enter(&mut world, bot, chat, press.from, None)?;
    let (update_id, query) = act::press(&mut world, bot, chat, person, press.message_id, &press.data)?;
    Ok(Json(json!({"update_id": update_id, "callback_query_id": query})))
}

#[derive(Deserialize)]
pub struct Wanted {
    /// Messages with a higher id.
    #[serde(default)]
    after: i64,
    /// Seconds to wait for the first such message.
    #[serde(default)]
    wait: f64,
    /// Also messages that were new or edited after this revision of the chat.
    since: Option<u64>,
    bot: Option<i64>,
}

/// `GET /sim/chats/{chat_id}/messages?after=ID&wait=SECONDS`
pub async fn list(
    State(sim): State<Sim>,
    Path(chat): Path<i64>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>, Problem> {
    if !wanted.wait.is_finite() || wanted.wait < 0.0 {
        return Err(Problem::bad(format!("wait: expected 0 to {MAX_WAIT} seconds")));
    }
    let wait = Duration::from_secs_f64(wanted.wait.min(MAX_WAIT as f64));
    let deadline = Instant::now() + wait;
    loop {
        let changed = signal(&sim.world(), chat, &wanted);
        // Registered before looking: what happens in between must not be slept over.
        let mut woken = std::pin::pin!(changed.notified());
        woken.as_mut().enable();
        if let Some(answer) = look(&sim.world(), chat, &wanted) {
            return Ok(Json(answer));
        }
        if Instant::now() >= deadline || sim.is_closing() {
            return Ok(Json(nothing(&sim.world(), chat, &wanted)));
        }
        tokio::select! {
            () = woken => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = sim.closing() => {}
        }
    }
}

/// What to wait for: a change of the chat, or its appearance.
fn signal(world: &World, chat: i64, wanted: &Wanted) -> Arc<Notify> {
    let chat = world.bot_or_first(wanted.bot).and_then(|bot| bot.chats.get(&chat));
    chat.map_or(&world.arrivals, |chat| &chat.changed).clone()
}

/// The answer, once there is a message in it.
fn look(world: &World, chat: i64, wanted: &Wanted) -> Option<Value> {
    let bot = world.bot_or_first(wanted.bot).map(|bot| bot.profile.id);
    let view = world.view(bot?, chat)?;
    let fresh = |revision: u64| wanted.since.is_some_and(|since| revision > since);
    let any_edit = fresh(view.chat.revision);
    let newest = view.chat.messages.last_key_value().is_some_and(|(id, _)| *id > wanted.after);
    if !newest && !any_edit {
        return None;
    }
    let messages: Vec<Value> = if any_edit {
        let both = view.chat.messages.values().filter(|m| m.message_id > wanted.after || fresh(m.revision));
        both.map(|message| view.seen(message)).collect()
    } else {
        view.chat.messages.range(wanted.after.saturating_add(1)..).map(|(_, message)| view.seen(message)).collect()
    };
    Some(around(world, chat, wanted, &messages))
}

fn nothing(world: &World, chat: i64, wanted: &Wanted) -> Value {
    around(world, chat, wanted, &[])
}

/// The messages, and what is to be seen beside them.
fn around(world: &World, chat: i64, wanted: &Wanted, messages: &[Value]) -> Value {
    let chat = world.bot_or_first(wanted.bot).and_then(|bot| bot.chats.get(&chat));
    let now = Instant::now();
    let draft = chat
        .and_then(|chat| chat.draft(now))
        .map(|draft| json!({"draft_id": draft.id, "text": draft.text, "html": to_html(&draft.text, &draft.entities)}));
    json!({
        "messages": messages,
        "revision": chat.map_or(0, |chat| chat.revision),
        "typing": chat.and_then(|chat| chat.action(now)),
        "draft": draft,
    })
}
