//! Text and entities as markup for the chat page.
//!
//! Only tags written here come out; every character of the text and every attribute is escaped, and
//! a link is a link only when its scheme is harmless. Line breaks stay line breaks (the page shows
//! them with `white-space: pre-wrap`), but for one after a block, which breaks the line by itself.

use super::{Entity, EntityKind};

/// Markup of `text`; entities that overlap without nesting are closed and opened again.
#[must_use]
pub fn to_html(text: &str, entities: &[Entity]) -> String {
    let mut ordered: Vec<&Entity> = entities.iter().filter(|e| e.length > 0).collect();
    ordered.sort_by_key(|e| (e.offset, std::cmp::Reverse(e.length), e.kind));
    let mut waiting = ordered.into_iter().peekable();
    let mut page = Page { html: String::with_capacity(text.len() + 32), open: Vec::new(), after_block: false };
    let mut units = 0;
    for (byte, c) in text.char_indices() {
        page.close_until(units);
        while let Some(entity) = waiting.next_if(|e| e.offset <= units) {
            if entity.end() > units {
                page.begin(entity, covered(text, byte, entity.end() - units));
            }
        }
        page.character(c);
        units += if c.len_utf16() == 2 { 2 } else { 1 };
    }
    page.close_until(u32::MAX);
    page.html
}

/// The text that an entity covers from `byte` on.
fn covered(text: &str, byte: usize, units: u32) -> &str {
    let rest = &text[byte..];
    let mut left = units;
    let end = rest.char_indices().find_map(|(i, c)| {
        if left == 0 {
            return Some(i);
        }
        left = left.saturating_sub(if c.len_utf16() == 2 { 2 } else { 1 });
        None
    });
    &rest[..end.unwrap_or(rest.len())]
}

struct Open {
    end: u32,
    start_tag: String,
    end_tag: &'static str,
    block: bool,
}

struct Page {
    html: String,
    open: Vec<Open>,
    after_block: bool,
}

impl Page {
    fn character(&mut self, c: char) {
        let swallowed = self.after_block && c == '\n';
        self.after_block = false;
        if !swallowed {
            push_escaped(&mut self.html, c);
        }
    }

    fn begin(&mut self, entity: &Entity, covered: &str) {
        let (start_tag, end_tag) = tags(entity, covered);
        self.after_block = false;
        self.html.push_str(&start_tag);
        self.open.push(Open {
            end: entity.end(),
            start_tag,
            end_tag,
            block: entity.kind.is_quote() || entity.kind == EntityKind::Pre,
        });
    }

    /// Closes what ends at or before `units`, and reopens what it was wrapped around.
    fn close_until(&mut self, units: u32) {
        let Some(first) = self.open.iter().position(|o| o.end <= units) else {
            return;
        };
        let inner = self.open.split_off(first);
        for open in inner.iter().rev() {
            self.html.push_str(open.end_tag);
        }
        self.after_block = inner.iter().any(|o| o.block && o.end <= units);
        for open in inner.into_iter().filter(|o| o.end > units) {
            self.html.push_str(&open.start_tag);
            self.open.push(open);
        }
    }
}

fn tags(entity: &Entity, covered: &str) -> (String, &'static str) {
    let fixed = |start: &str, end| (start.to_owned(), end);
    match entity.kind {
        EntityKind::Bold => fixed("<b>", "</b>"),
        EntityKind::Italic => fixed("<i>", "</i>"),
        EntityKind::Underline => fixed("<u>", "</u>"),
        EntityKind::Strikethrough => fixed("<s>", "</s>"),
        EntityKind::Spoiler => fixed("<span class=\"spoiler\">", "</span>"),
        EntityKind::Blockquote => fixed("<blockquote>", "</blockquote>"),
        EntityKind::ExpandableBlockquote => fixed("<blockquote class=\"expandable\">", "</blockquote>"),
        EntityKind::Code => fixed("<code>", "</code>"),
        EntityKind::Pre => match entity.language.as_deref() {
            Some(language) if !language.is_empty() => {
                (format!("<pre data-language=\"{}\">", escape(language)), "</pre>")
            }
            _ => fixed("<pre>", "</pre>"),
        },
        EntityKind::TextLink => anchor(entity.url.as_deref().unwrap_or_default()),
        EntityKind::Url if covered.contains("://") => anchor(covered),
        EntityKind::Url => anchor(&format!("http://{covered}")),
        EntityKind::Email => anchor(&format!("mailto:{covered}")),
        EntityKind::BotCommand => fixed("<span class=\"command\">", "</span>"),
        EntityKind::Mention | EntityKind::TextMention => fixed("<span class=\"mention\">", "</span>"),
        EntityKind::Hashtag | EntityKind::Cashtag | EntityKind::PhoneNumber => {
            fixed("<span class=\"hashtag\">", "</span>")
        }
        EntityKind::CustomEmoji => fixed("<span class=\"custom-emoji\">", "</span>"),
    }
}

fn anchor(address: &str) -> (String, &'static str) {
    const HARMLESS: [&str; 4] = ["http://", "https://", "tg://", "mailto:"];
    let lower = address.trim().to_ascii_lowercase();
    if HARMLESS.iter().any(|scheme| lower.starts_with(scheme)) {
        let href = escape(address.trim());
        let start = format!("<a href=\"{href}\" target=\"_blank\" rel=\"noopener noreferrer nofollow\">");
        (start, "</a>")
    } else {
        ("<span>".to_owned(), "</span>")
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut escaped, c);
    }
    escaped
}

fn push_escaped(html: &mut String, c: char) {
    match c {
        '<' => html.push_str("&lt;"),
        '>' => html.push_str("&gt;"),
        '&' => html.push_str("&amp;"),
        '"' => html.push_str("&quot;"),
        '\'' => html.push_str("&#39;"),
        _ => html.push(c),
    }
}
