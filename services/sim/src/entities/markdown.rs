//! `parse_mode` Markdown, the legacy one: four marks, no nesting.

use super::builder::{Builder, Cursor, clean};
use super::normalize::finish;
use super::{Entity, EntityError, EntityKind};

/// Text and entities of a legacy Markdown source.
///
/// # Errors
/// What Telegram would say about an entity without its end.
pub fn parse_markdown(source: &str) -> Result<(String, Vec<Entity>), EntityError> {
    let source = clean(source);
    let mut cursor = Cursor::new(&source);
    let mut out = Builder::default();
    while let Some(c) = cursor.peek() {
        let at = cursor.at;
        match c {
            '\\' => {
                cursor.next();
                match cursor.peek() {
                    Some(escaped @ ('_' | '*' | '`' | '[')) => {
                        cursor.next();
                        out.push(escaped);
                    }
                    _ => out.push('\\'),
                }
            }
            '_' => span(&mut cursor, &mut out, EntityKind::Italic, "_", at)?,
            '*' => span(&mut cursor, &mut out, EntityKind::Bold, "*", at)?,
            '`' if cursor.rest().starts_with("```") => {
                span(&mut cursor, &mut out, EntityKind::Pre, "```", at)?;
            }
            '`' => span(&mut cursor, &mut out, EntityKind::Code, "`", at)?,
            '[' => link(&mut cursor, &mut out, at)?,
            _ => {
                cursor.next();
                out.push(c);
            }
        }
    }
    Ok(finish(out.text, out.entities))
}

/// From a mark to the same mark again; nothing between is special.
fn span(
    cursor: &mut Cursor<'_>,
    out: &mut Builder,
    kind: EntityKind,
    mark: &str,
    at: usize,
) -> Result<(), EntityError> {
    cursor.eat(mark);
    let language = (kind == EntityKind::Pre)
        .then(|| {
            let mut ahead = *cursor;
            let word = ahead.take_while(|c| !c.is_whitespace() && c != '`');
            let found = (!word.is_empty() && ahead.peek() == Some('\n')).then(|| {
                *cursor = ahead;
                word.to_owned()
            });
            cursor.eat("\n");
            found
        })
        .flatten();
    let content = until(cursor, mark).ok_or(EntityError::MissingLegacyEnd { at })?;
    let offset = out.units;
    out.push_str(content);
    if let Some(entity) = out.close(kind, offset) {
        entity.language = language;
    }
    Ok(())
}

fn link(cursor: &mut Cursor<'_>, out: &mut Builder, at: usize) -> Result<(), EntityError> {
    cursor.eat("[");
    let content = until(cursor, "]").ok_or(EntityError::MissingLegacyEnd { at })?;
    let offset = out.units;
    out.push_str(content);
    let mut ahead = *cursor;
    // Without an address in parentheses it was only a text in brackets.
    if ahead.eat("(")
        && let Some(address) = until(&mut ahead, ")")
    {
        *cursor = ahead;
        out.close_link(offset, address);
    }
    Ok(())
}

/// The source up to `mark`, which is stepped over.
fn until<'s>(cursor: &mut Cursor<'s>, mark: &str) -> Option<&'s str> {
    let rest = cursor.rest();
    let length = rest.find(mark)?;
    cursor.at += length + mark.len();
    rest.get(..length)
}
