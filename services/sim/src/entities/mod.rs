//! Message entities: what makes a piece of a message bold, a link or a command.
//!
//! A bot's `text` and `parse_mode` enter, and plain text with [`Entity`] ranges leaves, or an
//! [`EntityError`] whose words are Telegram's own (bots match on them). [`to_html`] turns text and
//! entities into markup for the chat page.
//!
//! Offsets and lengths are counted in UTF-16 code units, as everywhere in the Bot API
//! (<https://core.telegram.org/bots/api#messageentity>), while the offsets in error texts are bytes
//! of the source. What must never happen here: a panic on any input, an entity that reaches outside
//! its text, and text that gets into the page's markup unescaped.

mod builder;
mod detect;
mod error;
mod html;
mod markdown;
mod markdown_v2;
mod normalize;
mod render;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use error::EntityError;
pub use html::parse_html;
pub use markdown::parse_markdown;
pub use markdown_v2::parse_markdown_v2;
pub use normalize::{parse_plain, with_entities};
pub use render::to_html;

/// One range of a message's text and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    #[serde(rename = "type")]
    pub kind: EntityKind,
    /// Where it begins, in UTF-16 code units.
    pub offset: u32,
    /// How long it is, in UTF-16 code units; never zero in what this module returns.
    pub length: u32,
    /// Only for `text_link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Only for `text_mention`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<EntityUser>,
    /// Only for `pre`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Only for `custom_emoji`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_emoji_id: Option<String>,
}

/// The person that a `text_mention` points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityUser {
    pub id: i64,
    #[serde(default)]
    pub is_bot: bool,
    #[serde(default)]
    pub first_name: String,
}

/// The kinds of the Bot API, in its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    // The order is the order of nesting: of two entities over the same range, the first is outside.
    Blockquote,
    ExpandableBlockquote,
    TextLink,
    TextMention,
    Mention,
    Hashtag,
    Cashtag,
    BotCommand,
    Url,
    Email,
    PhoneNumber,
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    CustomEmoji,
    Code,
    Pre,
}

impl EntityKind {
    /// A mere look, which may overlap anything but code and is cut where it has to be.
    pub(crate) const fn is_style(self) -> bool {
        matches!(self, Self::Bold | Self::Italic | Self::Underline | Self::Strikethrough | Self::Spoiler)
    }

    pub(crate) const fn is_quote(self) -> bool {
        matches!(self, Self::Blockquote | Self::ExpandableBlockquote)
    }

    pub(crate) const fn is_code(self) -> bool {
        matches!(self, Self::Code | Self::Pre)
    }
}

impl Entity {
    pub(crate) const fn new(kind: EntityKind, offset: u32, length: u32) -> Self {
        Self { kind, offset, length, url: None, user: None, language: None, custom_emoji_id: None }
    }

    /// The first code unit after it.
    pub(crate) const fn end(&self) -> u32 {
        self.offset.saturating_add(self.length)
    }
}

/// Length as Telegram counts it.
#[must_use]
pub fn utf16_len(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}
