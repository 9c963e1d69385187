//! The menu of commands, by scope and language.

use serde_json::{Value, json};

use super::{Answer, ApiError, Params};
use crate::Sim;
use crate::entry::Entry;

const MAX_COMMANDS: usize = 100;

pub fn set(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let given = params.json("commands").and_then(Value::as_array);
    let given = given.ok_or_else(|| ApiError::bad("can't parse commands: expected an Array of BotCommand"))?;
    if given.len() > MAX_COMMANDS {
        return Err(ApiError::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let commands = given.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
    store(sim, bot, params, commands)
}

pub fn delete(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    store(sim, bot, params, Vec::new())
}

pub fn get(sim: &Sim, bot: i64, params: &Params) -> Result<Answer, ApiError> {
    let world = sim.world();
    let bot = world.bot(bot).ok_or_else(ApiError::unauthorized)?;
    let commands = bot.commands.get(&key(params)).cloned().unwrap_or_default();
    Ok(Value::Array(commands).into())
}

fn store(sim: &Sim, bot: i64, params: &Params, commands: Vec<Value>) -> Result<Answer, ApiError> {
    let (scope, language) = key(params);
    sim.world().commit(vec![Entry::Commands { bot, scope, language, commands }])?;
    Ok(Answer::TRUE)
}

/// Scope and language; a scope is left out for everyone.
fn key(params: &Params) -> (String, String) {
    let scope = params.json("scope").filter(|scope| scope["type"] != "default");
    let language = params.text("language_code").unwrap_or_default().into_owned();
    (scope.map(Value::to_string).unwrap_or_default(), language)
}

fn checked(command: &Value) -> Result<Value, ApiError> {
    let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/').to_lowercase();
    let description = command["description"].as_str().unwrap_or_default().trim();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.is_empty() || name.len() > 32 || !name.bytes().all(plain) {
        return Err(ApiError::bad("BOT_COMMAND_INVALID"));
    }
    if description.is_empty() || description.chars().count() > 256 {
        return Err(ApiError::bad("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok(json!({"command": name, "description": description}))
}
