//! `parse_mode` HTML.

use super::builder::{Builder, Cursor, clean};
use super::normalize::finish;
use super::{Entity, EntityError, EntityKind};

const TAGS: [&str; 16] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// A tag that waits for its end.
struct Open {
    tag: String,
    /// The one attribute that means something for this tag.
    attribute: Option<String>,
    /// UTF-16 offset of its content.
    offset: u32,
    /// Byte position of its content in the text.
    byte: usize,
}

/// Text and entities of an HTML source.
///
/// # Errors
/// What Telegram would say about a tag that is unknown, unclosed or out of order.
pub fn parse_html(source: &str) -> Result<(String, Vec<Entity>), EntityError> {
    let source = clean(source);
    let mut cursor = Cursor::new(&source);
    let mut out = Builder::default();
    let mut open: Vec<Open> = Vec::new();

    while let Some(c) = cursor.peek() {
        match c {
            '&' => out.push(character(&mut cursor)),
            '<' => {
                let at = cursor.at;
                cursor.next();
                if cursor.eat("/") {
                    close_tag(&mut cursor, at, &mut open, &mut out)?;
                } else {
                    let (tag, attribute) = start_tag(&mut cursor, at)?;
                    open.push(Open { tag, attribute, offset: out.units, byte: out.text.len() });
                }
            }
            _ => {
                cursor.next();
                out.push(c);
            }
        }
    }
    if let Some(unclosed) = open.pop() {
        return Err(EntityError::MissingEndTag { tag: unclosed.tag });
    }
    Ok(finish(out.text, out.entities))
}

/// Everything of a start tag after `<`.
fn start_tag(cursor: &mut Cursor<'_>, at: usize) -> Result<(String, Option<String>), EntityError> {
    let tag = cursor.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
    if cursor.peek().is_none() {
        return Err(EntityError::UnclosedStartTag { at });
    }
    if !TAGS.contains(&tag.as_str()) {
        return Err(EntityError::UnsupportedStartTag { tag, at });
    }
    let mut kept = None;
    loop {
        cursor.take_while(|c| c.is_ascii_whitespace());
        match cursor.peek() {
            None => return Err(EntityError::UnclosedStartTag { at }),
            Some('>') => {
                cursor.next();
                return Ok((tag, kept));
            }
            Some(_) => {}
        }
        let name = cursor.take_while(|c| !c.is_ascii_whitespace() && c != '=' && c != '>').to_ascii_lowercase();
        if name.is_empty() {
            return Err(EntityError::EmptyAttributeName { tag, at });
        }
        cursor.take_while(|c| c.is_ascii_whitespace());
        if !cursor.eat("=") {
            if cursor.peek().is_none() {
                return Err(EntityError::UnclosedStartTag { at });
            }
            // The one attribute that may stand without a value.
            if tag == "blockquote" && name == "expandable" {
                kept = Some(String::new());
                continue;
            }
            return Err(EntityError::ExpectedEqualSign { tag, at });
        }
        let value = attribute_value(cursor, at)?;
        if matters(&tag, &name, &value) {
            kept = Some(value);
        }
    }
}

fn attribute_value(cursor: &mut Cursor<'_>, at: usize) -> Result<String, EntityError> {
    cursor.take_while(|c| c.is_ascii_whitespace());
    let quote = match cursor.peek() {
        None => return Err(EntityError::UnclosedStartTag { at }),
        Some(quote @ ('"' | '\'')) => quote,
        Some(_) => {
            let from = cursor.at;
            let token = cursor.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
            return match cursor.peek() {
                None => Err(EntityError::UnclosedStartTag { at }),
                Some(c) if c.is_ascii_whitespace() || c == '>' => Ok(token.to_ascii_lowercase()),
                Some(_) => Err(EntityError::UnexpectedEndOfName { at: from }),
            };
        }
    };
    cursor.next();
    let mut value = String::new();
    loop {
        match cursor.peek() {
            None => return Err(EntityError::UnclosedStartTag { at }),
            Some(c) if c == quote => {
                cursor.next();
                return Ok(value);
            }
            Some('&') => value.push(character(cursor)),
            Some(c) => {
                cursor.next();
                value.push(c);
            }
        }
    }
}

fn matters(tag: &str, name: &str, value: &str) -> bool {
    match tag {
        "a" => name == "href",
        "code" => name == "class" && value.starts_with("language-"),
        "span" => name == "class" && value == "tg-spoiler",
        "tg-emoji" => name == "emoji-id",
        "blockquote" => name == "expandable",
        _ => false,
    }
}

/// Everything of an end tag after `</`.
fn close_tag(cursor: &mut Cursor<'_>, at: usize, open: &mut Vec<Open>, out: &mut Builder) -> Result<(), EntityError> {
    let Some(start) = open.pop() else {
        return Err(EntityError::UnexpectedEndTag { at });
    };
    let found = cursor.take_while(|c| !c.is_ascii_whitespace() && c != '>').to_ascii_lowercase();
    cursor.take_while(|c| c.is_ascii_whitespace());
    if !cursor.eat(">") {
        return Err(EntityError::UnclosedEndTag { at });
    }
    // `</>` closes whatever is open.
    if !found.is_empty() && found != start.tag {
        return Err(EntityError::UnmatchedEndTag { at, expected: start.tag, found });
    }
    close_entity(start, out)
}

fn close_entity(start: Open, out: &mut Builder) -> Result<(), EntityError> {
    let offset = start.offset;
    match start.tag.as_str() {
        "b" | "strong" => drop_ref(out.close(EntityKind::Bold, offset)),
        "i" | "em" => drop_ref(out.close(EntityKind::Italic, offset)),
        "s" | "strike" | "del" => drop_ref(out.close(EntityKind::Strikethrough, offset)),
        "u" | "ins" => drop_ref(out.close(EntityKind::Underline, offset)),
        "tg-spoiler" => drop_ref(out.close(EntityKind::Spoiler, offset)),
        "span" if start.attribute.is_some() => {
            drop_ref(out.close(EntityKind::Spoiler, offset));
        }
        "blockquote" if start.attribute.is_some() => {
            drop_ref(out.close(EntityKind::ExpandableBlockquote, offset));
        }
        "blockquote" => drop_ref(out.close(EntityKind::Blockquote, offset)),
        "a" => {
            let address = start.attribute.unwrap_or_else(|| out.text_from(start.byte).to_owned());
            out.close_link(offset, &address);
        }
        "tg-emoji" => {
            let id = start.attribute.unwrap_or_default();
            if id.parse::<u64>().is_err() {
                return Err(EntityError::InvalidEmojiId);
            }
            if let Some(entity) = out.close(EntityKind::CustomEmoji, offset) {
                entity.custom_emoji_id = Some(id);
            }
        }
        "code" => {
            let language = start.attribute.and_then(|class| class.strip_prefix("language-").map(ToOwned::to_owned));
            if let Some(entity) = out.close(EntityKind::Code, offset) {
                // Kept only until `pre` closes around it; a lone `code` has no language.
                entity.language = language;
            }
        }
        "pre" => close_pre(out, offset),
        _ => {}
    }
    Ok(())
}

/// `<pre><code class="language-x">` is one entity with a language.
fn close_pre(out: &mut Builder, offset: u32) {
    let length = out.units.saturating_sub(offset);
    let language = out
        .entities
        .last_mut()
        .filter(|last| last.kind == EntityKind::Code && last.offset == offset && last.length == length)
        .and_then(|last| last.language.take());
    if let Some(language) = language {
        out.entities.pop();
        if let Some(entity) = out.close(EntityKind::Pre, offset) {
            entity.language = Some(language);
        }
    } else {
        drop_ref(out.close(EntityKind::Pre, offset));
    }
}

/// Most entities need nothing beyond their range.
const fn drop_ref(_entity: Option<&mut Entity>) {}

/// The character that `&...;` stands for; an `&` that means nothing stays itself.
fn character(cursor: &mut Cursor<'_>) -> char {
    let mut ahead = *cursor;
    ahead.next();
    let decoded = if ahead.eat("#") {
        let code = if ahead.eat("x") || ahead.eat("X") {
            u32::from_str_radix(ahead.take_while(|c| c.is_ascii_hexdigit()), 16)
        } else {
            ahead.take_while(|c| c.is_ascii_digit()).parse()
        };
        code.ok().filter(|code| *code != 0).and_then(char::from_u32)
    } else {
        match ahead.take_while(|c| c.is_ascii_alphabetic()) {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            _ => None,
        }
    };
    if let Some(decoded) = decoded {
        ahead.eat(";");
        *cursor = ahead;
        return decoded;
    }
    cursor.next();
    '&'
}
