//! What a person does, as one change of the world: the message and the update that tells of it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use crate::entities::Entity;
use crate::entry::Entry;
use crate::model::{Author, ChatHead, Media, Person};
use crate::world::World;
use crate::world::queue::MAX_PENDING;
use crate::world::render;
use crate::{chance, clock};

/// Chats of one bot.
const MAX_CHATS: usize = 100_000;
/// Members of a group that are remembered as such.
const MAX_PEOPLE: usize = 1_000;

/// Who writes, as given with a message.
#[derive(Clone, Debug, Deserialize)]
pub struct Sender {
    pub id: i64,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub username: Option<String>,
    pub language_code: Option<String>,
}

/// What a person sends.
#[derive(Debug, Default)]
pub struct Said {
    pub text: String,
    pub entities: Vec<Entity>,
    pub media: Option<Media>,
    pub reply_to: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub update_id: i64,
    pub message_id: i64,
}

/// Refuses when the bot has been away for so long that its updates fill the memory.
pub fn check_room(world: &World, bot: i64) -> Result<(), Problem> {
    if world.bot(bot).is_some_and(|bot| bot.queue.len() >= MAX_PENDING) {
        return Err(Problem::full(format!("{MAX_PENDING} updates wait for the bot already")));
    }
    Ok(())
}

/// The person behind `from`, or who wrote here last; the chat and the person exist afterwards.
pub fn enter(
    world: &mut World,
    bot: i64,
    chat: i64,
    from: Option<Sender>,
    title: Option<String>,
) -> Result<i64, Problem> {
    if chat == 0 {
        return Err(Problem::bad("chat_id: expected a person's id, or a negative number for a group"));
    }
    let head = world.chat(bot, chat).map(|chat| chat.head.clone());
    let known = head.as_ref().and_then(|head| head.people.last().copied());
    let mut entries = Vec::new();
    let id = match (from, known) {
        (Some(sender), _) => {
            let person = merged(world, sender)?;
            let id = person.id;
            if world.people.get(&id) != Some(&person) {
                entries.push(Entry::Person(person));
            }
            id
        }
        (None, Some(id)) => id,
        (None, None) => {
            return Err(Problem::bad("from: expected {\"id\", \"first_name\"}, as nobody has written here yet"));
        }
    };
    let is_new = head.is_none();
    if is_new && world.bot(bot).is_some_and(|bot| bot.chats.len() >= MAX_CHATS) {
        return Err(Problem::full(format!("the bot has {MAX_CHATS} chats already")));
    }
    let old = head.unwrap_or(ChatHead {
        id: chat,
        title: None,
        people: Vec::new(),
        blocked: false,
        next_message_id: 1,
        revision: 0,
    });
    let mut new = old.clone();
    // The last to write stands last.
    if chat < 0 && new.people.last() != Some(&id) {
        new.people.retain(|person| *person != id);
        new.people.push(id);
        if new.people.len() > MAX_PEOPLE {
            new.people.remove(0);
        }
    } else if chat > 0 {
        new.people = vec![id];
    }
    new.title = title.or(new.title);
    if is_new || new != old {
        entries.push(Entry::Chat { bot, chat: new });
    }
    if !entries.is_empty() {
        world.commit(entries)?;
    }
    Ok(id)
}

/// What is left out stays as it was.
fn merged(world: &World, sender: Sender) -> Result<Person, Problem> {
    if sender.id <= 0 {
        return Err(Problem::bad(format!("from.id: expected a positive number, got {}", sender.id)));
    }
    let known = world.people.get(&sender.id).cloned();
    let first_name = sender.first_name.or_else(|| known.as_ref().map(|known| known.first_name.clone()));
    let first_name = first_name.filter(|name| !name.is_empty());
    let first_name =
        first_name.ok_or_else(|| Problem::bad("from.first_name: expected a name, as this person is new"))?;
    let (last_name, username, language) =
        known.map_or((None, None, None), |known| (known.last_name, known.username, known.language_code));
    Ok(Person {
        id: sender.id,
        first_name,
        last_name: sender.last_name.or(last_name),
        username: sender.username.or(username),
        language_code: sender.language_code.or(language),
    })
}

/// A person's message, and the update for the bot.
pub fn say(world: &mut World, bot: i64, chat: i64, person: i64, said: Said) -> Result<Sent, Problem> {
    check_room(world, bot)?;
    let state = world.chat(bot, chat).ok_or_else(|| Problem::not_found(format!("there is no chat {chat}")))?;
    if state.head.blocked {
        return Err(Problem::conflict("this chat has blocked the bot; POST unblock first"));
    }
    if let Some(reply) = said.reply_to.filter(|reply| !state.messages.contains_key(reply)) {
        return Err(Problem::bad(format!("reply_to_message_id: message {reply} is not in chat {chat}")));
    }
    let mut message = world.draft_message(bot, chat, Author::Person(person));
    message.text = said.text;
    message.entities = said.entities;
    message.media = said.media;
    message.reply_to = said.reply_to;
    let message_id = message.message_id;
    let body = world.view(bot, chat).map(|view| view.message(&message)).unwrap_or_default();
    let (update_id, update) = world.update(bot, "message", chat, body)?;
    let mut entries = vec![Entry::Message { bot, message: Box::new(message) }];
    entries.extend(update);
    world.commit(entries)?;
    world.show(bot, chat, message_id, "message");
    Ok(Sent { update_id, message_id })
}

/// A button pressed under a message of the bot: update and query id.
pub fn press(
    world: &mut World,
    bot: i64,
    chat: i64,
    person: i64,
    message_id: i64,
    data: &str,
) -> Result<(i64, String), Problem> {
    check_room(world, bot)?;
    let view = world.view(bot, chat).ok_or_else(|| Problem::not_found(format!("there is no chat {chat}")))?;
    let message = view.chat.messages.get(&message_id);
    let message =
        message.ok_or_else(|| Problem::bad(format!("message_id: message {message_id} is not in chat {chat}")))?;
    let offered = button_data(message.inline_keyboard.as_ref());
    if !offered.contains(&data) {
        return Err(Problem::bad(format!(
            "data: message {message_id} has no button with {data:?}; its buttons have {offered:?}"
        )));
    }
    let id = chance::query_id();
    let from = world.people.get(&person).map(render::person).unwrap_or_default();
    let query = json!({
        "id": id,
        "from": from,
        "message": view.message(message),
        "chat_instance": (chat.unsigned_abs().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1).to_string(),
        "data": data,
    });
    let (update_id, update) = world.update(bot, "callback_query", chat, query)?;
    let mut entries = vec![Entry::Query { bot, id: id.clone(), chat, person }];
    entries.extend(update);
    world.commit(entries)?;
    Ok((update_id, id))
}

fn button_data(markup: Option<&Value>) -> Vec<&str> {
    let rows = markup.and_then(|markup| markup["inline_keyboard"].as_array());
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    buttons.filter_map(|button| button["callback_data"].as_str()).collect()
}

/// The person blocks the bot or takes it back; nothing happens when it is so already.
pub fn set_blocked(world: &mut World, bot: i64, chat: i64, blocked: bool) -> Result<Option<i64>, Problem> {
    let view = world.view(bot, chat).ok_or_else(|| Problem::not_found(format!("there is no chat {chat}")))?;
    if view.chat.head.blocked == blocked {
        return Ok(None);
    }
    let person = view.chat.head.people.last().and_then(|id| view.people.get(id));
    let member = |is_member: bool| {
        let mut member = json!({"user": render::bot(view.bot), "status": if is_member { "member" } else { "kicked" }});
        if !is_member {
            member["until_date"] = 0.into();
        }
        member
    };
    let body = json!({
        "chat": view.chat(),
        "from": person.map(render::person),
        "date": clock::now(),
        "old_chat_member": member(blocked),
        "new_chat_member": member(!blocked),
    });
    let head = ChatHead { blocked, ..view.chat.head.clone() };
    let (update_id, update) = world.update(bot, "my_chat_member", chat, body)?;
    let mut entries = vec![Entry::Chat { bot, chat: head }];
    entries.extend(update);
    world.commit(entries)?;
    Ok(Some(update_id))
}
