//! Updates as they come from Telegram, <https://core.telegram.org/bots/api#update>.
//!
//! Unknown fields are ignored, unknown kinds are [`Event::Unknown`]. Only an object with an integer `update_id` is an
//! update; everything else is an error that says so.

use serde::Deserialize;
use serde_json::value::RawValue;

/// One update, read.
#[derive(Debug, Clone)]
pub struct Update {
    pub id: i64,
    /// Telegram's name of the kind: `message`, `callback_query`, ...
    pub kind: String,
    pub event: Event,
    /// As it came.
    pub raw: String,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    Message(Box<Incoming>),
    Callback(Box<Callback>),
    /// The person blocked or unblocked the bot (`my_chat_member` in a private chat).
    Membership(Membership),
    /// Known or not, nothing here handles it; the raw update is kept.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Chat {
    pub id: i64,
    #[serde(rename = "type")]
    pub kind: ChatKind,
}

impl Chat {
    pub fn is_private(&self) -> bool {
        self.kind == ChatKind::Private
    }
}

/// A person (or bot) as Telegram describes them.
#[derive(Debug, Clone, Deserialize)]
pub struct From {
    pub id: i64,
    #[serde(default)]
    pub is_bot: bool,
    #[serde(default)]
    pub first_name: String,
    pub last_name: Option<String>,
    pub username: Option<String>,
    /// IETF tag, such as `ru` or `en-GB`.
    pub language_code: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Incoming {
    pub message_id: i64,
    pub chat: Chat,
    pub from: Option<From>,
    pub text: Option<String>,
    pub caption: Option<String>,
    #[serde(default)]
    pub photo: Vec<File>,
    pub voice: Option<File>,
    pub document: Option<File>,
    pub location: Option<Location>,
}

/// A point that a person shares, in degrees.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Location {
    pub latitude: f64,
    pub longitude: f64,
}

/// A file at Telegram, by id; of a photo the list goes from small to large.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    pub file_id: String,
    pub file_size: Option<i64>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Callback {
    pub id: String,
    pub from: From,
    pub message: Option<CallbackMessage>,
    pub data: Option<String>,
}

/// The message whose button was pressed; too old a one has date 0 and no text, but chat and id.
#[derive(Debug, Clone, Deserialize)]
pub struct CallbackMessage {
    pub message_id: i64,
    pub chat: Chat,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Membership {
    pub chat: Chat,
    pub from: From,
    pub new_chat_member: Member,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Member {
    pub status: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    #[error("the body is not an update: an object with an integer update_id is needed")]
    NotUpdate,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    update_id: i64,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    callback_query: Option<&'a RawValue>,
    #[serde(borrow)]
    my_chat_member: Option<&'a RawValue>,
}

impl Update {
    pub fn parse(raw: String) -> Result<Self, Malformed> {
        let envelope: Envelope<'_> = match serde_json::from_str(&raw) {
            Ok(envelope) => envelope,
            Err(e) if e.is_data() => return Err(Malformed::NotUpdate),
            Err(e) => return Err(Malformed::NotJson(e.to_string())),
        };
        let id = envelope.update_id;
        let (kind, event) = if let Some(part) = envelope.message {
            ("message".to_owned(), read(part).map(|m| Event::Message(Box::new(m))))
        } else if let Some(part) = envelope.callback_query {
            ("callback_query".to_owned(), read(part).map(|c| Event::Callback(Box::new(c))))
        } else if let Some(part) = envelope.my_chat_member {
            ("my_chat_member".to_owned(), read(part).map(Event::Membership))
        } else {
            (other_kind(&raw), None)
        };
        Ok(Self { id, kind, event: event.unwrap_or(Event::Unknown), raw })
    }

    /// The chat whose order this update belongs to; without one, the person; without either, none.
    pub fn chat(&self) -> Option<Chat> {
        match &self.event {
            Event::Message(m) => Some(m.chat),
            Event::Callback(c) => Some(match &c.message {
                Some(m) => m.chat,
                None => Chat { id: c.from.id, kind: ChatKind::Private },
            }),
            Event::Membership(m) => Some(m.chat),
            Event::Unknown => None,
        }
    }

    pub fn from(&self) -> Option<&From> {
        match &self.event {
            Event::Message(m) => m.from.as_ref(),
            Event::Callback(c) => Some(&c.from),
            Event::Membership(m) => Some(&m.from),
            Event::Unknown => None,
        }
    }
}

fn read<'a, T: Deserialize<'a>>(part: &'a RawValue) -> Option<T> {
    serde_json::from_str(part.get()).ok()
}

/// The first key that is not `update_id`, bounded: it becomes a metric's label after a check against the known ones.
fn other_kind(raw: &str) -> String {
    let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(raw).unwrap_or_default();
    map.keys().find(|k| *k != "update_id").map_or_else(|| "empty".to_owned(), |k| k.chars().take(64).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Update, Malformed> {
        Update::parse(text.to_owned())
    }

    #[test]
    fn a_text_message_is_read_and_its_raw_form_kept() {
        let raw = r#"{"update_id":7,"message":{"message_id":1,"date":0,"chat":{"id":5,"type":"private"},"from":{"id":5,"is_bot":false,"first_name":"A"},"text":"hi","new_field":{}}}"#;
        let update = parse(raw).unwrap();
        assert_eq!((update.id, update.kind.as_str(), update.raw.as_str()), (7, "message", raw));
        assert_eq!(update.chat().unwrap().id, 5);
        let Event::Message(m) = update.event else { panic!("{:?}", update.event) };
        assert_eq!(m.text.as_deref(), Some("hi"));
    }

    #[test]
    fn an_unknown_kind_and_a_message_of_another_shape_are_kept_as_unknown() {
        let update = parse(r#"{"update_id":7,"telepathy":{"x":1}}"#).unwrap();
        assert_eq!(update.kind, "telepathy");
        assert!(matches!(update.event, Event::Unknown));
        let update = parse(r#"{"update_id":7,"message":{"chat":"?"}}"#).unwrap();
        assert!(matches!(update.event, Event::Unknown));
    }

    #[test]
    fn what_is_not_an_update_is_refused_with_the_reason() {
        assert!(parse("{").unwrap_err().to_string().contains("not JSON"));
        assert!(parse("[]").unwrap_err().to_string().contains("update_id"));
        assert!(parse(r#"{"update_id":"x"}"#).unwrap_err().to_string().contains("update_id"));
    }
}
