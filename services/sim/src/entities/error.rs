//! What Telegram says about markup that it cannot read, word for word: bots compare these texts.
//! Each is what follows `Bad Request: ` in `description`.

/// Why a formatted text was refused. `at` is always a byte offset in the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    #[error("can't parse entities: Unclosed start tag at byte offset {at}")]
    UnclosedStartTag { at: usize },
    #[error("can't parse entities: Unsupported start tag \"{tag}\" at byte offset {at}")]
    UnsupportedStartTag { tag: String, at: usize },
    #[error("can't parse entities: Empty attribute name in the tag \"{tag}\" at byte offset {at}")]
    EmptyAttributeName { tag: String, at: usize },
    #[error(
        "can't parse entities: Expected equal sign in declaration of an attribute of the tag \"{tag}\" at byte offset {at}"
    )]
    ExpectedEqualSign { tag: String, at: usize },
    #[error("can't parse entities: Unexpected end of name token at byte offset {at}")]
    UnexpectedEndOfName { at: usize },
    #[error("can't parse entities: Unexpected end tag at byte offset {at}")]
    UnexpectedEndTag { at: usize },
    #[error("can't parse entities: Unclosed end tag at byte offset {at}")]
    UnclosedEndTag { at: usize },
    #[error(
        "can't parse entities: Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{found}>\""
    )]
    UnmatchedEndTag { at: usize, expected: String, found: String },
    #[error("can't parse entities: Can't find end tag corresponding to start tag \"{tag}\"")]
    MissingEndTag { tag: String },
    #[error("can't parse entities: Character '{character}' is reserved and must be escaped with the preceding '\\'")]
    ReservedCharacter { character: char },
    #[error("can't parse entities: Can't find end of {entity} entity at byte offset {at}")]
    MissingEnd { entity: &'static str, at: usize },
    #[error("can't parse entities: Can't find end of a URL at byte offset {at}")]
    MissingUrlEnd { at: usize },
    #[error("can't parse entities: Can't find end of a custom emoji URL at byte offset {at}")]
    MissingEmojiUrlEnd { at: usize },
    #[error("can't parse entities: Custom emoji entity must contain a tg://emoji URL")]
    EmojiWithoutUrl,
    #[error("can't parse entities: Invalid custom emoji identifier specified")]
    InvalidEmojiId,
    /// The legacy Markdown does not say which entity it was.
    #[error("can't parse entities: Can't find end of the entity starting at byte offset {at}")]
    MissingLegacyEnd { at: usize },
}
