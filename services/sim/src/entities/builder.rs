//! What the three parsers share: a cursor over the source and the text that grows from it.

use std::borrow::Cow;

use super::{Entity, EntityKind, EntityUser};

/// Reads the source by characters and knows the byte offset, which error texts need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'s> {
    source: &'s str,
    pub at: usize,
}

impl<'s> Cursor<'s> {
    pub const fn new(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    pub fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        Some(found)
    }

    /// Steps over `expected` when it comes next.
    pub fn eat(&mut self, expected: &str) -> bool {
        let here = self.rest().starts_with(expected);
        if here {
            self.at += expected.len();
        }
        here
    }

    pub fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

/// Plain text and entities so far.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub text: String,
    /// Length of `text` in UTF-16 code units, kept so that nothing counts twice.
    pub units: u32,
    pub entities: Vec<Entity>,
}

impl Builder {
    pub fn push(&mut self, c: char) {
        self.text.push(c);
        self.units += if c.len_utf16() == 2 { 2 } else { 1 };
    }

    pub fn push_str(&mut self, text: &str) {
        text.chars().for_each(|c| self.push(c));
    }

    /// Text from a byte position on: what an entity that began there covers.
    pub fn text_from(&self, byte: usize) -> &str {
        self.text.get(byte..).unwrap_or_default()
    }

    /// Adds an entity from `offset` to the end of the text, unless it would be empty.
    pub fn close(&mut self, kind: EntityKind, offset: u32) -> Option<&mut Entity> {
        let length = self.units.saturating_sub(offset);
        if length == 0 {
            return None;
        }
        self.entities.push(Entity::new(kind, offset, length));
        self.entities.last_mut()
    }

    /// A link, or the mention of a person that `tg://user?id=` stands for. An address that
    /// cannot be one leaves only its text, as at Telegram.
    pub fn close_link(&mut self, offset: u32, address: &str) {
        if let Some(id) = user_id(address) {
            if let Some(entity) = self.close(EntityKind::TextMention, offset) {
                entity.user = Some(EntityUser { id, is_bot: false, first_name: format!("User {id}") });
            }
        } else if let Some(url) = link_address(address)
            && let Some(entity) = self.close(EntityKind::TextLink, offset)
        {
            entity.url = Some(url);
        }
    }
}

fn user_id(address: &str) -> Option<i64> {
    let id = address.strip_prefix("tg://user?id=").or_else(|| address.strip_prefix("tg:user?id="))?;
    id.parse().ok().filter(|id| *id > 0)
}

/// The identifier in `tg://emoji?id=...`.
pub(super) fn emoji_id(address: &str) -> Option<&str> {
    let id = address.strip_prefix("tg://emoji?id=").or_else(|| address.strip_prefix("tg:emoji?id="))?;
    let id = id.split('&').next().unwrap_or_default();
    id.parse::<u64>().ok().map(|_| id)
}

/// An address made whole, or nothing for what no client would open (`javascript:` and the like).
fn link_address(address: &str) -> Option<String> {
    let address = address.trim();
    if address.is_empty() || address.contains(char::is_whitespace) {
        return None;
    }
    let lower = address.to_ascii_lowercase();
    let host = if let Some(rest) = lower.strip_prefix("http://").or_else(|| lower.strip_prefix("https://")) {
        rest
    } else if lower.starts_with("tg://") || lower.starts_with("ton://") {
        return Some(address.to_owned());
    } else {
        &lower
    };
    let name = host.split(['/', '?', '#', ':']).next().unwrap_or_default();
    let whole = host.len() < lower.len();
    let plausible = name.contains('.') || name == "localhost";
    let scheme_like = !whole && host.split('/').next().is_some_and(has_foreign_scheme);
    if !plausible || scheme_like {
        return None;
    }
    // Telegram returns a bare domain with a scheme and a root path.
    Some(if whole {
        address.to_owned()
    } else if host.contains('/') {
        format!("http://{address}")
    } else {
        format!("http://{address}/")
    })
}

/// `javascript:x` has one; `example.org:8080` has a port.
fn has_foreign_scheme(authority: &str) -> bool {
    authority.split_once(':').is_some_and(|(_, port)| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()))
}

/// Telegram drops carriage returns and puts spaces for control characters before it parses,
/// so that byte offsets in its errors count the cleaned text.
pub(super) fn clean(source: &str) -> Cow<'_, str> {
    let control = |c: char| c.is_ascii_control() && c != '\n';
    if !source.contains(control) {
        return Cow::Borrowed(source);
    }
    Cow::Owned(source.chars().filter(|c| *c != '\r').map(|c| if control(c) { ' ' } else { c }).collect())
}
