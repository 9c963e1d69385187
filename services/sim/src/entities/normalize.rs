//! What Telegram does with every text after it is parsed: trims it, settles which entities may
//! overlap, and finds links, commands and mentions by itself.

use super::builder::clean;
use super::detect::detect;
use super::{Entity, EntityKind, utf16_len};

/// A message keeps at most this many entities; the rest are dropped, as at Telegram.
const MOST_ENTITIES: usize = 100;

/// A text without `parse_mode`: only what is found by itself.
#[must_use]
pub fn parse_plain(text: &str) -> (String, Vec<Entity>) {
    finish(clean(text).into_owned(), Vec::new())
}

/// A text whose entities the bot gave explicitly. Those that reach outside the text, or cut a
/// surrogate pair, are dropped.
#[must_use]
pub fn with_entities(text: &str, entities: Vec<Entity>) -> (String, Vec<Entity>) {
    let edges = edges(text);
    let fits = |entity: &Entity| {
        entity.length > 0 && edges.binary_search(&entity.offset).is_ok() && edges.binary_search(&entity.end()).is_ok()
    };
    finish(text.to_owned(), entities.into_iter().filter(fits).collect())
}

/// Every UTF-16 offset at which a character begins, and the end of the text.
fn edges(text: &str) -> Vec<u32> {
    let mut at = 0;
    let mut edges = vec![0];
    for c in text.chars() {
        at += if c.len_utf16() == 2 { 2 } else { 1 };
        edges.push(at);
    }
    edges
}

/// The last step of every parser.
pub(super) fn finish(text: String, entities: Vec<Entity>) -> (String, Vec<Entity>) {
    let (text, entities) = trim(text, entities);
    let mut entities = settle(entities);
    for found in detect(&text) {
        let free =
            entities.iter().all(|known| known.kind.is_style() || known.kind.is_quote() || !overlap(known, &found));
        if free {
            entities.push(found);
        }
    }
    sort(&mut entities);
    entities.truncate(MOST_ENTITIES);
    (text, entities)
}

fn trim(text: String, entities: Vec<Entity>) -> (String, Vec<Entity>) {
    let trimmed = text.trim();
    if trimmed.len() == text.len() {
        return (text, entities);
    }
    let lead = utf16_len(&text[..text.len() - text.trim_start().len()]);
    let length = utf16_len(trimmed);
    let kept = entities
        .into_iter()
        .filter_map(|mut entity| {
            let end = entity.end().saturating_sub(lead).min(length);
            entity.offset = entity.offset.saturating_sub(lead);
            entity.length = end.saturating_sub(entity.offset);
            (entity.length > 0).then_some(entity)
        })
        .collect();
    (trimmed.to_owned(), kept)
}

/// Styles may overlap anything but code, and are cut around it; a quote may hold anything but a
/// quote; of all others that overlap, the outer one stays.
fn settle(entities: Vec<Entity>) -> Vec<Entity> {
    let (styles, mut rest): (Vec<_>, Vec<_>) = entities.into_iter().partition(|e| e.kind.is_style());
    sort(&mut rest);
    let mut kept: Vec<Entity> = Vec::new();
    for mut entity in rest {
        let clash = kept.iter().any(|other| other.kind.is_quote() == entity.kind.is_quote() && overlap(other, &entity));
        if !clash {
            if entity.kind == EntityKind::Code {
                entity.language = None;
            }
            kept.push(entity);
        }
    }
    for style in join(styles) {
        cut_around_code(&style, &mut kept);
    }
    kept
}

/// Bold beside or inside bold is one bold.
fn join(mut styles: Vec<Entity>) -> Vec<Entity> {
    styles.sort_by_key(|e| (e.kind, e.offset));
    let mut joined: Vec<Entity> = Vec::new();
    for style in styles {
        match joined.last_mut() {
            Some(last) if last.kind == style.kind && style.offset <= last.end() => {
                last.length = last.end().max(style.end()) - last.offset;
            }
            _ => joined.push(style),
        }
    }
    joined
}

fn cut_around_code(style: &Entity, kept: &mut Vec<Entity>) {
    let mut from = style.offset;
    let mut pieces = Vec::new();
    let mut codes: Vec<_> =
        kept.iter().filter(|e| e.kind.is_code() && overlap(e, style)).map(|e| (e.offset, e.end())).collect();
    codes.sort_unstable();
    for (start, end) in codes {
        if start > from {
            pieces.push((from, start));
        }
        from = from.max(end);
    }
    if style.end() > from {
        pieces.push((from, style.end()));
    }
    for (start, end) in pieces {
        kept.push(Entity::new(style.kind, start, end - start));
    }
}

const fn overlap(a: &Entity, b: &Entity) -> bool {
    a.offset < b.end() && b.offset < a.end()
}

fn sort(entities: &mut [Entity]) {
    entities.sort_by_key(|e| (e.offset, std::cmp::Reverse(e.length), e.kind));
}
