//! A stored message made into the call that Telegram takes: the chat, the edit's target and the file are filled in.
//!
//! Most messages need only their chat's id, and go out as the text they are stored as.

use bytes::Bytes;
use serde_json::{Map, Value};
use sqlx::PgPool;

use super::store::{self, Row};
use super::{FILE, OutboxId};
use crate::telegram::client::{Upload, object};
use crate::telegram::outgoing::strip;

/// [`FILE`] as the name of a field.
const QUOTED_FILE: &str = "\"outbox_file\"";

/// A call, ready to go.
pub(super) enum Prepared {
    /// The body: a JSON object.
    Json(Bytes),
    Upload {
        /// The stored file's.
        id: i64,
        params: Map<String, Value>,
        upload: Upload,
    },
}

/// Takes the row's payload. An inner error is a dead message, with its reason.
pub(super) async fn prepare(pool: &PgPool, chat_id: i64, row: &mut Row) -> sqlx::Result<Result<Prepared, String>> {
    let payload = std::mem::take(&mut row.payload);
    if row.edit_of.is_none() && !names_a_file(&payload) {
        return Ok(with_chat(chat_id, &payload).map(Prepared::Json).ok_or_else(not_an_object));
    }
    let Ok(Value::Object(mut params)) = serde_json::from_str(&payload) else { return Ok(Err(not_an_object())) };
    params.insert("chat_id".to_owned(), chat_id.into());
    if let Some(target) = row.edit_of
        && let Err(reason) = aim(pool, target, row, &mut params).await?
    {
        return Ok(Err(reason));
    }
    let file = params.iter().find_map(|(k, v)| Some((k.clone(), v.get(FILE)?.as_i64()?)));
    if let Some((field, id)) = file {
        params.remove(&field);
        match store::file(pool, id).await? {
            Some(store::StoredFile { file_id: Some(file_id), .. }) => {
                params.insert(field, file_id.into());
            }
            Some(store::StoredFile { file_name, mime, content: Some(content), .. }) => {
                let upload = Upload { field, file_name, mime, content: content.into() };
                return Ok(Ok(Prepared::Upload { id, params, upload }));
            }
            _ => return Ok(Err("its file is gone".to_owned())),
        }
    }
    Ok(Ok(Prepared::Json(Value::Object(params).to_string().into())))
}

/// Names the message that the row edits.
async fn aim(
    pool: &PgPool,
    target: OutboxId,
    row: &mut Row,
    params: &mut Map<String, Value>,
) -> sqlx::Result<Result<(), String>> {
    match store::sent_as(pool, target).await? {
        Some(message_id) => {
            params.insert("message_id".to_owned(), message_id.into());
        }
        // What it would edit never arrived: the person still has to learn it.
        None if row.method == "editMessageText" => row.method = "sendMessage".into(),
        None => return Ok(Err("the message it would edit was never sent".to_owned())),
    }
    Ok(Ok(()))
}

fn not_an_object() -> String {
    "the payload is not an object".to_owned()
}

/// May this payload name a stored file? Inside a text the quotes around the name would be escaped.
fn names_a_file(payload: &str) -> bool {
    payload.contains(QUOTED_FILE)
}

/// The object with one more field in front. `None`: it is not an object.
fn with_chat(chat_id: i64, payload: &str) -> Option<Bytes> {
    let rest = payload.trim().strip_prefix('{')?.trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    Some(format!("{{\"chat_id\":{chat_id}{comma}{rest}").into())
}

/// The same call without markup.
pub(super) fn plain(body: &[u8]) -> Bytes {
    let params = without_markup(object(serde_json::from_slice(body).unwrap_or_default()));
    Value::Object(params).to_string().into()
}

pub(super) fn without_markup(mut params: Map<String, Value>) -> Map<String, Value> {
    params.remove("parse_mode");
    for field in ["text", "caption"] {
        if let Some(Value::String(text)) = params.get_mut(field) {
            *text = strip(text);
        }
    }
    params
}

/// Telegram's id of the file that a sent message carries; of a photo the largest size.
pub(super) fn sent_file<'a>(message: &'a Value, field: &str) -> Option<&'a str> {
    let file = message.get(field)?;
    file.as_array().map_or(Some(file), |sizes| sizes.last())?.get("file_id")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_chat_is_put_in_front_of_what_is_stored() {
        for (payload, expected) in [
            (r#"{"text":"a \"}\" b"}"#, json!({"chat_id": -5, "text": "a \"}\" b"})),
            (" { } ", json!({"chat_id": -5})),
        ] {
            let body = with_chat(-5, payload).unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
        }
        assert!(with_chat(-5, "[1]").is_none());
    }

    #[test]
    fn a_file_is_seen_and_words_about_one_are_not() {
        assert!(names_a_file(&json!({"photo": {FILE: 7}}).to_string()));
        assert!(!names_a_file(&json!({"text": "he said \"outbox_file\""}).to_string()));
    }
}
