//! The text of a message: markup read, length checked.

use super::answer::ApiError;
use super::params::Params;
use crate::entities::{self, Entity, utf16_len};

/// Longest text of a message, in UTF-16 code units after markup is read.
pub const MAX_TEXT: u32 = 4096;
pub const MAX_CAPTION: u32 = 1024;

pub struct Formatted {
    pub text: String,
    pub entities: Vec<Entity>,
}

/// Reads `name` with `parse_mode`, or with the explicit entities in `entities_name`.
pub fn formatted(params: &Params, name: &str, entities_name: &str) -> Result<Formatted, ApiError> {
    let source = params.text(name).unwrap_or_default();
    let mode = params.text("parse_mode").unwrap_or_default().to_ascii_lowercase();
    let (text, entities) = match mode.as_str() {
        "html" => entities::parse_html(&source)?,
        "markdownv2" => entities::parse_markdown_v2(&source)?,
        "markdown" => entities::parse_markdown(&source)?,
        "" | "none" => match params.json(entities_name) {
            Some(given) => {
                let given = serde_json::from_value(given.clone());
                entities::with_entities(&source, given.map_err(|_| ApiError::bad("can't parse MessageEntity"))?)
            }
            None => entities::parse_plain(&source),
        },
        _ => return Err(ApiError::bad("unsupported parse_mode")),
    };
    Ok(Formatted { text, entities })
}

/// The `text` of a new message.
pub fn message_text(params: &Params) -> Result<Formatted, ApiError> {
    limited_text(params, "message is too long")
}

/// The `text` that replaces a message's; Telegram calls the same fault by another name here.
pub fn edited_text(params: &Params) -> Result<Formatted, ApiError> {
    limited_text(params, "MESSAGE_TOO_LONG")
}

fn limited_text(params: &Params, too_long: &str) -> Result<Formatted, ApiError> {
    let formatted = formatted(params, "text", "entities")?;
    if formatted.text.is_empty() {
        return Err(ApiError::bad("message text is empty"));
    }
    if utf16_len(&formatted.text) > MAX_TEXT {
        return Err(ApiError::bad(too_long));
    }
    Ok(formatted)
}

/// The `caption` of a photo, voice or document; may be empty.
pub fn caption(params: &Params) -> Result<Formatted, ApiError> {
    let formatted = formatted(params, "caption", "caption_entities")?;
    if utf16_len(&formatted.text) > MAX_CAPTION {
        return Err(ApiError::bad("message caption is too long"));
    }
    Ok(formatted)
}
