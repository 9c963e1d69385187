//! `reply_markup`: the buttons under a message, or the keyboard in place of the person's.

use serde_json::{Value, json};

use super::answer::ApiError;
use super::params::Params;

/// Bytes in `callback_data`.
const MAX_DATA: usize = 64;
const MAX_BUTTONS: usize = 100;

#[derive(Default)]
pub struct Markup {
    /// `{"inline_keyboard": ...}`; `None` when there is no button.
    pub inline: Option<Value>,
    /// A reply keyboard, its removal or a forced reply, as given.
    pub keyboard: Option<Value>,
}

/// # Errors
/// 400 with Telegram's text for the first wrong button.
pub fn markup(params: &Params) -> Result<Markup, ApiError> {
    let Some(given) = params.json("reply_markup") else { return Ok(Markup::default()) };
    let Some(object) = given.as_object() else {
        return Err(ApiError::bad("object expected as reply markup"));
    };
    let Some(rows) = object.get("inline_keyboard") else {
        return Ok(Markup { inline: None, keyboard: Some(given.clone()).filter(|_| !object.is_empty()) });
    };
    let unreadable = |what: &str| ApiError::bad(format!("can't parse inline keyboard: {what}"));
    let rows = rows.as_array().ok_or_else(|| unreadable("field \"inline_keyboard\" must be of type Array"))?;
    let mut kept: Vec<Value> = Vec::new();
    let mut count = 0;
    for row in rows {
        let row = row.as_array().ok_or_else(|| unreadable("row must be an Array"))?;
        for button in row {
            check(button)?;
        }
        count += row.len();
        if !row.is_empty() {
            kept.push(Value::Array(row.clone()));
        }
    }
    if count > MAX_BUTTONS {
        return Err(ApiError::bad("reply markup is too long"));
    }
    let inline = (!kept.is_empty()).then(|| json!({"inline_keyboard": kept}));
    Ok(Markup { inline, keyboard: None })
}

fn check(button: &Value) -> Result<(), ApiError> {
    let unreadable = |what: &str| ApiError::bad(format!("can't parse inline keyboard button: {what}"));
    let object = button.as_object().ok_or_else(|| unreadable("InlineKeyboardButton must be an Object"))?;
    if object.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(unreadable("field \"text\" must be a non-empty String"));
    }
    if let Some(data) = object.get("callback_data") {
        let length = data.as_str().map_or(0, str::len);
        if length == 0 || length > MAX_DATA {
            return Err(ApiError::bad("BUTTON_DATA_INVALID"));
        }
    } else if let Some(url) = object.get("url") {
        let url = url.as_str().unwrap_or_default();
        let known = ["http://", "https://", "tg://", "mailto:", "tel:"];
        if !known.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(ApiError::bad(format!("inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")));
        }
    } else if object.len() < 2 {
        return Err(unreadable("Text buttons are unallowed in the inline keyboard"));
    }
    Ok(())
}
