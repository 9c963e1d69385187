//! New messages from the bot.

use super::super::media;
use super::super::replies;
use super::super::text::{self, Formatted};
use super::{Answer, ApiError, Params, target};
use crate::Sim;
use crate::entry::Entry;
use crate::model::{Author, Media, MediaKind};
use crate::world::World;

pub fn message(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let formatted = text::message_text(params)?;
    post(sim, bot, params, formatted, None)
}

pub async fn media(sim: &Sim, bot: i64, params: &Params, kind: MediaKind) -> Result<Answer, ApiError> {
    let formatted = text::caption(params)?;
    // Before the upload is kept: a refused message must not leave a file behind.
    target(&sim.world(), bot, params)?;
    let kept = media::from_bot(sim, params, kind).await?;
    let duration = params.integer("duration").and_then(|seconds| u32::try_from(seconds).ok());
    let duration = duration.unwrap_or(kept.duration);
    post(sim, bot, params, formatted, Some(Media { kind, file: kept.unique, duration }))
}

fn post(
    sim: &Sim,
    bot: i64,
    params: &Params,
    Formatted { text, entities }: Formatted,
    media: Option<Media>,
) -> Result<Answer, ApiError> {
    let markup = replies::markup(params)?;
    let mut world = sim.world();
    let chat = target(&world, bot, params)?;
    let mut message = world.draft_message(bot, chat, Author::Bot);
    message.reply_to = replied_to(&world, bot, chat, params)?;
    message.text = text;
    message.entities = entities;
    message.media = media;
    message.inline_keyboard = markup.inline;
    message.keyboard = markup.keyboard;
    let id = message.message_id;
    world.commit(vec![Entry::Message { bot, message: Box::new(message) }])?;
    if let Some(chat) = world.chat_mut(bot, chat) {
        chat.settle();
    }
    world.show(bot, chat, id, "message");
    let view = world.view(bot, chat).ok_or_else(|| ApiError::bad("chat not found"))?;
    let message = view.chat.messages.get(&id).ok_or_else(|| ApiError::bad("message not found"))?;
    Ok(view.message(message).into())
}

fn replied_to(world: &World, bot: i64, chat: i64, params: &Params) -> Result<Option<i64>, ApiError> {
    let given = params.json("reply_parameters");
    let id = match given {
        Some(reply) => reply["message_id"].as_i64(),
        None => params.integer("reply_to_message_id"),
    };
    let Some(id) = id.filter(|id| *id != 0) else { return Ok(None) };
    if world.chat(bot, chat).is_some_and(|chat| chat.messages.contains_key(&id)) {
        return Ok(Some(id));
    }
    let lenient = given.is_some_and(|reply| reply["allow_sending_without_reply"] == true)
        || params.flag("allow_sending_without_reply");
    if lenient { Ok(None) } else { Err(ApiError::bad("message to be replied not found")) }
}
