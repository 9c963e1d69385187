//! What a bot can look up: itself, a chat, a file.

use serde_json::json;

use super::{Answer, ApiError, Params, target};
use crate::Sim;
use crate::files::MAX_FILE;
use crate::world::render;

pub fn get_me(sim: &Sim, bot: i64) -> Result<Answer, ApiError> {
    let world = sim.world();
    let bot = world.bot(bot).ok_or_else(ApiError::unauthorized)?;
    let mut me = render::bot(&bot.profile);
    me["can_join_groups"] = true.into();
    for cannot in [
        "can_read_all_group_messages",
        "supports_inline_queries",
        "can_connect_to_business",
        "has_main_web_app",
        "has_topics_enabled",
    ] {
        me[cannot] = false.into();
    }
    Ok(me.into())
}

pub fn get_chat(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let world = sim.world();
    let id = target(&world, bot, params)?;
    let view = world.view(bot, id).ok_or_else(|| ApiError::bad("chat not found"))?;
    let mut chat = view.chat();
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
        "premium_subscription": false, "gifts_from_channels": false,
    });
    Ok(chat.into())
}

pub fn get_file(sim: &Sim, params: &Params) -> Result<Answer, ApiError> {
    let wrong = || ApiError::bad("wrong file_id or the file is temporarily unavailable");
    let id = params.text("file_id").filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| ApiError::bad("file_id not specified"))?;
    let world = sim.world();
    let file = render::unique_of(&id).and_then(|unique| world.files.get(unique)).ok_or_else(wrong)?;
    if file.size > MAX_FILE as u64 {
        return Err(ApiError::bad("file is too big"));
    }
    let file = json!({
        "file_id": id,
        "file_unique_id": file.unique,
        "file_size": file.size,
        "file_path": file.path,
    });
    Ok(file.into())
}
