//! What Telegram finds in a text by itself: commands, mentions, hashtags, addresses and e-mails.

use super::{Entity, EntityKind, utf16_len};

/// Domains without `http://` count only under these; Telegram knows all, a message of a bot rarely
/// needs more.
const TOP_DOMAINS: [&str; 24] = [
    "com", "org", "net", "ru", "io", "dev", "me", "app", "ai", "co", "de", "fr", "uk", "eu", "us", "info", "edu",
    "gov", "su", "tv", "site", "online", "xyz", "tech",
];

/// Everything found, in order, without overlaps.
pub(super) fn detect(text: &str) -> Vec<Entity> {
    let mut found = Vec::new();
    let mut units = 0;
    let mut at = 0;
    let mut previous = None;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let hit = starts_here(previous, rest);
        let step = hit.map_or(c.len_utf8(), |(_, length)| length);
        let piece = &rest[..step];
        let length = utf16_len(piece);
        if let Some((kind, _)) = hit {
            found.push(Entity::new(kind, units, length));
        }
        units += length;
        at += step;
        previous = piece.chars().next_back();
    }
    found
}

/// The kind that begins at `rest` and its length in bytes.
fn starts_here(previous: Option<char>, rest: &str) -> Option<(EntityKind, usize)> {
    if previous.is_some_and(is_word) {
        return None;
    }
    let first = rest.chars().next()?;
    match first {
        '/' => command(previous, rest).map(|length| (EntityKind::BotCommand, length)),
        '@' => mention(previous, rest).map(|length| (EntityKind::Mention, length)),
        '#' => hashtag(previous, rest).map(|length| (EntityKind::Hashtag, length)),
        // The rest of a domain or address that was looked at already.
        _ if previous.is_some_and(|p| ".-+@/:#".contains(p)) => None,
        _ => email(rest)
            .map(|length| (EntityKind::Email, length))
            .or_else(|| url(rest).map(|length| (EntityKind::Url, length))),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn ascii_word(text: &str) -> usize {
    run(text, |c| c.is_ascii_alphanumeric() || c == '_')
}

fn run(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.find(|c| !wanted(c)).unwrap_or(text.len())
}

fn command(previous: Option<char>, rest: &str) -> Option<usize> {
    if previous.is_some_and(|p| matches!(p, '/' | '<' | '>')) {
        return None;
    }
    let name = ascii_word(&rest[1..]);
    if !(1..=64).contains(&name) {
        return None;
    }
    let mut length = 1 + name;
    if let Some(bot) = rest[length..].strip_prefix('@') {
        let bot = ascii_word(bot);
        if (3..=32).contains(&bot) {
            length += 1 + bot;
        }
    }
    let next = rest[length..].chars().next();
    (!next.is_some_and(|n| n == '/' || is_word(n))).then_some(length)
}

fn mention(previous: Option<char>, rest: &str) -> Option<usize> {
    let name = ascii_word(&rest[1..]);
    let length = 1 + name;
    let alone = previous != Some('@') && !rest[length..].chars().next().is_some_and(is_word);
    (alone && (4..=32).contains(&name)).then_some(length)
}

fn hashtag(previous: Option<char>, rest: &str) -> Option<usize> {
    let name = run(&rest[1..], is_word);
    let tag = &rest[1..=name];
    let fits = (1..=256).contains(&tag.chars().count()) && tag.chars().any(|c| !c.is_numeric());
    let alone = !previous.is_some_and(|p| p == '#' || p == '/') && !rest[1 + name..].starts_with('#');
    (fits && alone).then_some(1 + name)
}

fn email(rest: &str) -> Option<usize> {
    let local = run(rest, |c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    if local == 0 || local > 64 {
        return None;
    }
    let domain = rest[local..].strip_prefix('@')?;
    let domain = domain_of(domain);
    let (_, last) = domain.rsplit_once('.')?;
    let known = last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic());
    known.then_some(local + 1 + domain.len())
}

/// A domain name without the full stop that ended the sentence.
fn domain_of(rest: &str) -> &str {
    rest[..run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '-')].trim_end_matches(['.', '-'])
}

fn url(rest: &str) -> Option<usize> {
    let head = rest.get(..8).or_else(|| rest.get(..7)).unwrap_or_default();
    let head = head.to_ascii_lowercase();
    let scheme = if head.starts_with("https://") {
        8
    } else if head.starts_with("http://") {
        7
    } else {
        0
    };
    let host = domain_of(&rest[scheme..]);
    let last = host.rsplit_once('.').map(|(_, last)| last.to_ascii_lowercase());
    let known = match last {
        Some(last) if scheme > 0 => !last.is_empty(),
        Some(last) => TOP_DOMAINS.contains(&last.as_str()) && !host.contains(".."),
        None => scheme > 0 && host == "localhost",
    };
    if !known {
        return None;
    }
    let mut length = scheme + host.len();
    let after = &rest[length..];
    if let Some(port) = after.strip_prefix(':') {
        let digits = run(port, |c| c.is_ascii_digit());
        if digits > 0 {
            length += 1 + digits;
        }
    }
    let path = &rest[length..];
    if path.starts_with(['/', '?', '#']) {
        length += path_length(path);
    } else if path.chars().next().is_some_and(|c| is_word(c) || c == '@') {
        return None;
    }
    Some(length)
}

/// Up to white space or a quote, without punctuation that belongs to the sentence.
fn path_length(path: &str) -> usize {
    let mut length = run(path, |c| !c.is_whitespace() && !"<>\"«»`".contains(c));
    while let Some(last) = path[..length].chars().next_back() {
        let loose = match last {
            '.' | ',' | ':' | ';' | '!' | '?' | '\'' | '*' | '…' => true,
            ')' => path[..length].matches(')').count() > path[..length].matches('(').count(),
            ']' => path[..length].matches(']').count() > path[..length].matches('[').count(),
            _ => false,
        };
        if !loose {
            break;
        }
        length -= last.len_utf8();
    }
    length
}
