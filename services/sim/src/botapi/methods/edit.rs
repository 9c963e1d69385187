//! Messages of the bot, changed or taken back.

use serde_json::Value;

use super::super::{replies, text};
use super::{Answer, ApiError, Params, target};
use crate::Sim;
use crate::clock;
use crate::entry::Entry;
use crate::model::{Author, Message};
use crate::world::World;

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are \
                            exactly the same as a current content and reply markup of the message";

pub fn text(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let formatted = text::edited_text(params)?;
    let inline = replies::markup(params)?.inline;
    change(sim, bot, params, |message| {
        if message.media.is_some() {
            return Err(ApiError::bad("there is no text in the message to edit"));
        }
        (message.text, message.entities) = (formatted.text, formatted.entities);
        message.inline_keyboard = inline;
        Ok(())
    })
}

pub fn caption(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let formatted = text::caption(params)?;
    let inline = replies::markup(params)?.inline;
    change(sim, bot, params, |message| {
        if message.media.is_none() {
            return Err(ApiError::bad("there is no caption in the message to edit"));
        }
        (message.text, message.entities) = (formatted.text, formatted.entities);
        message.inline_keyboard = inline;
        Ok(())
    })
}

pub fn reply_markup(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let inline = replies::markup(params)?.inline;
    change(sim, bot, params, |message| {
        message.inline_keyboard = inline;
        Ok(())
    })
}

fn change(
    sim: &Sim,
    bot: i64,
    params: &Params,
    edit: impl FnOnce(&mut Message) -> Result<(), ApiError>,
) -> Result<Answer, ApiError> {
    let mut world = sim.world();
    let (chat, old) = named(&world, bot, params, "message to edit not found")?;
    if old.from != Author::Bot {
        return Err(ApiError::bad("message can't be edited"));
    }
    let mut message = old.clone();
    edit(&mut message)?;
    if message == *old {
        return Err(ApiError::bad(NOT_MODIFIED));
    }
    message.edit_date = Some(clock::now());
    let id = message.message_id;
    world.commit(vec![Entry::Message { bot, message: Box::new(message) }])?;
    world.show(bot, chat, id, "edited");
    let view = world.view(bot, chat).ok_or_else(|| ApiError::bad("chat not found"))?;
    let message = view.chat.messages.get(&id).ok_or_else(|| ApiError::bad("message to edit not found"))?;
    Ok(view.message(message).into())
}

pub fn delete(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let mut world = sim.world();
    let (chat, message) = named(&world, bot, params, "message to delete not found")?;
    let message_id = message.message_id;
    world.commit(vec![Entry::Deleted { bot, chat, message_id }])?;
    if let Some(chat) = world.chat_mut(bot, chat) {
        let mut data = serde_json::Map::new();
        data.insert("message_id".into(), message_id.into());
        data.insert("revision".into(), chat.revision.into());
        chat.emit("deleted", Value::Object(data));
    }
    Ok(Answer::TRUE)
}

/// The message that `chat_id` and `message_id` name.
fn named<'w>(world: &'w World, bot: i64, params: &Params, missing: &str) -> Result<(i64, &'w Message), ApiError> {
    if params.text("inline_message_id").is_some_and(|id| !id.is_empty()) {
        return Err(ApiError::bad("MESSAGE_ID_INVALID"));
    }
    let chat = target(world, bot, params)?;
    let id = params.integer("message_id").filter(|id| *id > 0);
    let id = id.ok_or_else(|| ApiError::bad("message identifier is not specified"))?;
    let message = world.chat(bot, chat).and_then(|chat| chat.messages.get(&id));
    Ok((chat, message.ok_or_else(|| ApiError::bad(missing))?))
}
