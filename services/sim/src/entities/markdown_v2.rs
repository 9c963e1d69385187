//! `parse_mode` MarkdownV2.

use super::builder::{Builder, Cursor, clean, emoji_id};
use super::normalize::finish;
use super::{Entity, EntityError, EntityKind};

/// What must be escaped wherever it does not begin or end an entity.
const RESERVED: &str = "_*[]()~`>#+-=|{}.!";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Code,
    Pre,
    Link,
    Emoji,
    Quote,
}

impl Mark {
    /// As error texts name it.
    const fn name(self, with_language: bool) -> &'static str {
        match self {
            Self::Bold => "Bold",
            Self::Italic => "Italic",
            Self::Underline => "Underline",
            Self::Strikethrough => "Strikethrough",
            Self::Spoiler => "Spoiler",
            Self::Code => "Code",
            Self::Pre if with_language => "PreCode",
            Self::Pre => "Pre",
            Self::Link => "TextUrl",
            Self::Emoji => "CustomEmoji",
            Self::Quote => "BlockQuote",
        }
    }

    const fn is_code(self) -> bool {
        matches!(self, Self::Code | Self::Pre)
    }
}

struct Open {
    mark: Mark,
    /// Of a `pre`.
    language: String,
    /// UTF-16 offset of its content.
    offset: u32,
    /// Byte position of its content in the text.
    byte: usize,
    /// Byte offset in the source, for errors.
    at: usize,
}

struct Parser<'s> {
    cursor: Cursor<'s>,
    out: Builder,
    open: Vec<Open>,
    /// Nothing but marks came since the last line break: a `>` here begins a quote.
    line_start: bool,
}

/// Text and entities of a MarkdownV2 source.
///
/// # Errors
/// What Telegram would say about a reserved character or an entity without its end.
pub fn parse_markdown_v2(source: &str) -> Result<(String, Vec<Entity>), EntityError> {
    let source = clean(source);
    let mut parser =
        Parser { cursor: Cursor::new(&source), out: Builder::default(), open: Vec::new(), line_start: true };
    while parser.cursor.peek().is_some() {
        parser.step()?;
    }
    if parser.in_quote() {
        parser.end_quote()?;
    }
    if let Some(unclosed) = parser.open.last() {
        return Err(missing_end(unclosed));
    }
    Ok(finish(parser.out.text, parser.out.entities))
}

fn missing_end(open: &Open) -> EntityError {
    EntityError::MissingEnd { entity: open.mark.name(!open.language.is_empty()), at: open.at }
}

impl Parser<'_> {
    fn top(&self) -> Option<Mark> {
        self.open.last().map(|open| open.mark)
    }

    fn in_quote(&self) -> bool {
        self.open.iter().any(|open| open.mark == Mark::Quote)
    }

    fn step(&mut self) -> Result<(), EntityError> {
        let rest = self.cursor.rest();
        let mut chars = rest.chars();
        let (Some(c), next) = (chars.next(), chars.next()) else {
            return Ok(());
        };
        // Any printable ASCII character may be escaped, reserved or not.
        if c == '\\'
            && let Some(escaped) = next.filter(|n| ('\u{1}'..='\u{7e}').contains(n))
        {
            self.cursor.at += 2;
            self.put(escaped);
            return Ok(());
        }
        if self.top().is_some_and(Mark::is_code) {
            if c == '`' && self.ends_here(rest) {
                return self.end();
            }
            self.cursor.next();
            self.put(c);
            return Ok(());
        }
        if c == '\n' {
            return self.line_break();
        }
        if !RESERVED.contains(c) {
            self.cursor.next();
            self.put(c);
            return Ok(());
        }
        // The end of an expandable quote looks like a spoiler that begins with its last line's end.
        if self.top() == Some(Mark::Quote) && rest.starts_with("||") && at_line_end(&rest[2..]) {
            self.cursor.at += 2;
            return self.close_quote(EntityKind::ExpandableBlockquote);
        }
        if self.ends_here(rest) { self.end() } else { self.begin(c, rest) }
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.line_start = c == '\n';
    }

    /// Whether the innermost open entity ends at the cursor.
    fn ends_here(&self, rest: &str) -> bool {
        self.top().is_some_and(|mark| match mark {
            Mark::Bold => rest.starts_with('*'),
            Mark::Italic => rest.starts_with('_') && !rest.starts_with("__"),
            Mark::Underline => rest.starts_with("__"),
            Mark::Strikethrough => rest.starts_with('~'),
            Mark::Spoiler => rest.starts_with("||"),
            Mark::Code => rest.starts_with('`'),
            Mark::Pre => rest.starts_with("```"),
            Mark::Link | Mark::Emoji => rest.starts_with(']'),
            Mark::Quote => false,
        })
    }

    fn begin(&mut self, c: char, rest: &str) -> Result<(), EntityError> {
        let at = self.cursor.at;
        let (mark, width) = match c {
            '_' if rest.starts_with("__") => (Mark::Underline, 2),
            '_' => (Mark::Italic, 1),
            '*' => (Mark::Bold, 1),
            '~' => (Mark::Strikethrough, 1),
            '|' if rest.starts_with("||") => (Mark::Spoiler, 2),
            '[' => (Mark::Link, 1),
            '!' if rest.starts_with("![") => (Mark::Emoji, 2),
            '`' if rest.starts_with("```") => (Mark::Pre, 3),
            '`' => (Mark::Code, 1),
            '>' if self.line_start && !self.in_quote() => (Mark::Quote, 1),
            _ => return Err(EntityError::ReservedCharacter { character: c }),
        };
        self.cursor.at += width;
        let language = if mark == Mark::Pre { self.language() } else { String::new() };
        self.open.push(Open { mark, language, offset: self.out.units, byte: self.out.text.len(), at });
        Ok(())
    }

    /// The word after three backticks, when a line break follows it; the line break is no text.
    fn language(&mut self) -> String {
        let mut ahead = self.cursor;
        let word = ahead.take_while(|c| !c.is_whitespace() && c != '`');
        let found = if ahead.peek() == Some('\n') {
            self.cursor = ahead;
            word.to_owned()
        } else {
            String::new()
        };
        self.cursor.eat("\n");
        found
    }

    fn end(&mut self) -> Result<(), EntityError> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let kind = match open.mark {
            Mark::Bold => EntityKind::Bold,
            Mark::Italic => EntityKind::Italic,
            Mark::Underline => EntityKind::Underline,
            Mark::Strikethrough => EntityKind::Strikethrough,
            Mark::Spoiler => EntityKind::Spoiler,
            Mark::Code => EntityKind::Code,
            Mark::Pre => EntityKind::Pre,
            Mark::Quote => EntityKind::Blockquote,
            Mark::Link => return self.end_link(&open),
            Mark::Emoji => return self.end_emoji(&open),
        };
        self.cursor.at += match open.mark {
            Mark::Pre => 3,
            Mark::Underline | Mark::Spoiler => 2,
            _ => 1,
        };
        if let Some(entity) = self.out.close(kind, open.offset)
            && !open.language.is_empty()
        {
            entity.language = Some(open.language);
        }
        Ok(())
    }

    fn end_link(&mut self, open: &Open) -> Result<(), EntityError> {
        self.cursor.eat("]");
        let at = self.cursor.at;
        let address = if self.cursor.eat("(") {
            self.address().ok_or(EntityError::MissingUrlEnd { at })?
        } else {
            self.out.text_from(open.byte).to_owned()
        };
        self.out.close_link(open.offset, &address);
        Ok(())
    }

    fn end_emoji(&mut self, open: &Open) -> Result<(), EntityError> {
        self.cursor.eat("]");
        let at = self.cursor.at;
        if !self.cursor.eat("(") {
            return Err(EntityError::EmojiWithoutUrl);
        }
        let address = self.address().ok_or(EntityError::MissingEmojiUrlEnd { at })?;
        let id = emoji_id(&address).ok_or(EntityError::InvalidEmojiId)?;
        if let Some(entity) = self.out.close(EntityKind::CustomEmoji, open.offset) {
            entity.custom_emoji_id = Some(id.to_owned());
        }
        Ok(())
    }

    /// Up to the closing parenthesis, which a backslash protects.
    fn address(&mut self) -> Option<String> {
        let mut address = String::new();
        loop {
            match self.cursor.next()? {
                ')' => return Some(address),
                '\\' => match self.cursor.peek() {
                    Some(c) if c.is_ascii() && !c.is_ascii_control() => {
                        self.cursor.next();
                        address.push(c);
                    }
                    _ => address.push('\\'),
                },
                c => address.push(c),
            }
        }
    }

    fn line_break(&mut self) -> Result<(), EntityError> {
        if self.in_quote() {
            let goes_on = self.cursor.rest().starts_with("\n>");
            if goes_on {
                self.cursor.at += 2;
                self.put('\n');
                self.line_start = false;
                return Ok(());
            }
            self.end_quote()?;
        }
        self.cursor.next();
        self.put('\n');
        Ok(())
    }

    /// A quote ends with its last line; whatever began in it must have ended before.
    fn end_quote(&mut self) -> Result<(), EntityError> {
        match self.open.last() {
            Some(open) if open.mark != Mark::Quote => Err(missing_end(open)),
            _ => self.close_quote(EntityKind::Blockquote),
        }
    }

    fn close_quote(&mut self, kind: EntityKind) -> Result<(), EntityError> {
        if let Some(open) = self.open.pop() {
            self.out.close(kind, open.offset);
        }
        Ok(())
    }
}

/// Whether the quote's line, and so the quote, ends before `rest`.
fn at_line_end(rest: &str) -> bool {
    rest.is_empty() || (rest.starts_with('\n') && !rest.starts_with("\n>"))
}
