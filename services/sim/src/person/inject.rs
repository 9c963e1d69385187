//! Raw updates: anything that Telegram could send, also what this world cannot make itself.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::Which;
use super::act::{self, Sender};
use super::problem::{Problem, parsed};
use crate::Sim;
use crate::entry::Entry;
use crate::model::Author;
use crate::world::World;

/// Above this the ids that follow would leave the 32 bits that clients give them.
const MAX_UPDATE_ID: i64 = 4_000_000_000;

/// `POST /sim/updates`: delivered as it is, its id too; the same id again is a redelivery. Chat, people,
/// message and callback query in it become known, so that the bot can answer.
pub async fn update(State(sim): State<Sim>, Query(which): Query<Which>, body: Bytes) -> Result<Json<Value>, Problem> {
    let value: Value = parsed(&body)?;
    let update_id = value["update_id"].as_i64().filter(|id| (0..=MAX_UPDATE_ID).contains(id));
    let update_id = update_id.ok_or_else(|| Problem::bad(format!("update_id: expected 0 to {MAX_UPDATE_ID}")))?;
    let text = String::from_utf8_lossy(&body);
    // Line breaks stand only between tokens of JSON; the journal has one line for each change.
    let raw: Box<RawValue> = parsed(text.replace(['\n', '\r'], " ").as_bytes())?;
    let mut world = sim.world();
    let bot = which.of(&world)?;
    act::check_room(&world, bot)?;
    let content = value.as_object().and_then(|update| update.iter().find(|(key, _)| *key != "update_id"));
    let lane = match content {
        Some((kind, content)) => learn(&mut world, bot, kind, content)?,
        None => 0,
    };
    let entry = world.queued(bot, update_id, lane, raw, true);
    world.commit(vec![entry])?;
    Ok(Json(json!({"update_id": update_id})))
}

/// Makes known what the update speaks of and gives the lane that it belongs to.
fn learn(world: &mut World, bot: i64, kind: &str, content: &Value) -> Result<i64, Problem> {
    let nested = content.get("message").filter(|message| message.is_object());
    let chat = content["chat"]["id"].as_i64().or_else(|| nested.and_then(|message| message["chat"]["id"].as_i64()));
    let sender = Sender::deserialize_from(&content["from"]).or_else(|| Sender::deserialize_from(&content["user"]));
    let person = sender.as_ref().map_or(0, |sender| sender.id);
    let Some(chat) = chat.filter(|chat| *chat != 0) else { return Ok(person) };
    let title = content["chat"]["title"].as_str().map(str::to_owned);
    if sender.is_some() || world.chat(bot, chat).is_none() {
        let unnamed = Sender {
            id: chat.abs(),
            first_name: Some(chat.to_string()),
            last_name: None,
            username: None,
            language_code: None,
        };
        let sender = sender.filter(|sender| sender.id > 0).unwrap_or(unnamed);
        act::enter(world, bot, chat, Some(sender), title)?;
    }
    if kind == "callback_query" {
        if let Some(id) = content["id"].as_str() {
            world.commit(vec![Entry::Query { bot, id: id.to_owned(), chat, person }])?;
        }
        if let Some(message) = nested {
            keep(world, bot, chat, Author::Bot, message)?;
        }
    } else if matches!(kind, "message" | "edited_message") {
        keep(world, bot, chat, Author::Person(person), content)?;
    }
    Ok(chat)
}

/// Keeps an injected message, so that a person sees it and the bot can reply to it.
fn keep(world: &mut World, bot: i64, chat: i64, from: Author, given: &Value) -> Result<(), Problem> {
    let Some(message_id) = given["message_id"].as_i64().filter(|id| *id > 0) else { return Ok(()) };
    let known = world.chat(bot, chat).and_then(|chat| chat.messages.get(&message_id)).cloned();
    let is_known = known.is_some();
    let mut message = known.unwrap_or_else(|| world.draft_message(bot, chat, from));
    let text = given["text"].as_str().or_else(|| given["caption"].as_str()).unwrap_or_default();
    let edited = given["edit_date"].as_i64();
    // A redelivery changes nothing.
    if is_known && (edited.is_none() || edited == message.edit_date) {
        return Ok(());
    }
    message.message_id = message_id;
    message.edit_date = edited;
    message.date = given["date"].as_i64().unwrap_or(message.date);
    message.text = text.to_owned();
    message.entities = serde_json::from_value(given["entities"].clone()).unwrap_or_default();
    message.inline_keyboard = given.get("reply_markup").cloned();
    world.commit(vec![Entry::Message { bot, message: Box::new(message) }])?;
    world.show(bot, chat, message_id, if is_known { "edited" } else { "message" });
    Ok(())
}

impl Sender {
    fn deserialize_from(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }
}
