//! What a person sees for a moment: typing, a draft, the answer to a pressed button.

use serde_json::json;
use tokio::time::Instant;

use super::super::text::{self, MAX_TEXT};
use super::{Answer, ApiError, Params, target};
use crate::Sim;
use crate::entities::{to_html, utf16_len};

const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];
/// Longest toast, in characters.
const MAX_TOAST: usize = 200;

pub fn chat_action(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let mut world = sim.world();
    let chat = target(&world, bot, params)?;
    let action = params.text("action").unwrap_or_default();
    if !ACTIONS.contains(&action.as_ref()) {
        return Err(ApiError::bad("wrong parameter action in request"));
    }
    if let Some(chat) = world.chat_mut(bot, chat) {
        chat.set_action(action.clone().into_owned(), Instant::now());
        chat.emit("typing", json!({"action": action, "seconds": 5}));
    }
    Ok(Answer::TRUE)
}

pub fn message_draft(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let formatted = text::formatted(params, "text", "entities")?;
    if utf16_len(&formatted.text) > MAX_TEXT {
        return Err(ApiError::bad("message is too long"));
    }
    let mut world = sim.world();
    let chat = target(&world, bot, params)?;
    let id = params.integer("draft_id").filter(|id| *id != 0);
    let id = id.ok_or_else(|| ApiError::bad("draft identifier must be non-zero"))?;
    if chat < 0 {
        return Err(ApiError::bad("method is available only in private chats"));
    }
    if let Some(chat) = world.chat_mut(bot, chat) {
        let html = to_html(&formatted.text, &formatted.entities);
        chat.emit("draft", json!({"draft_id": id, "text": formatted.text, "html": html, "seconds": 30}));
        chat.set_draft(id, formatted.text, formatted.entities, Instant::now());
    }
    Ok(Answer::TRUE)
}

pub fn answer_callback_query(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let unknown = || ApiError::bad("query is too old and response timeout expired or query ID is invalid");
    let id = params.text("callback_query_id").unwrap_or_default();
    let text = params.text("text").unwrap_or_default();
    if text.chars().count() > MAX_TOAST {
        return Err(ApiError::bad("MESSAGE_TOO_LONG"));
    }
    let mut world = sim.world();
    let query = world.bot(bot).and_then(|bot| bot.query(&id)).cloned().ok_or_else(unknown)?;
    if let Some(chat) = world.chat_mut(bot, query.chat) {
        let alert = params.flag("show_alert");
        let toast = json!({
            "callback_query_id": query.id, "user_id": query.person, "text": text, "alert": alert,
            "url": params.text("url"),
        });
        chat.emit("toast", toast);
    }
    Ok(Answer::TRUE)
}
