//! Where a text may end.

/// The longest beginning of a text that ends a sentence; none when there is no whole one.
pub fn whole_sentences(text: &str) -> Option<&str> {
    let text = text.trim();
    let mut end = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？') {
            continue;
        }
        let mut after = at + c.len_utf8();
        // What closes belongs to the sentence: quotes, brackets, asterisks of an action, more marks.
        while let Some((at, c)) = chars.next_if(|(_, c)| closes(*c)) {
            after = at + c.len_utf8();
        }
        // A point inside a word or number ends nothing; at the very end of a broken text it may be one, but a reader
        // cannot tell either.
        if chars.peek().is_none_or(|(_, c)| c.is_whitespace()) {
            end = Some(after);
        }
    }
    end.map(|end| &text[..end])
}

fn closes(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '"' | '\'' | '»' | '”' | '’' | ')' | ']' | '*' | '_')
}

/// The beginning of a text that has at most `limit` UTF-16 units, as Telegram counts, and ends between characters.
pub fn head(text: &str, limit: usize) -> &str {
    let mut units = 0;
    for (at, c) in text.char_indices() {
        units += c.len_utf16();
        if units > limit {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_text_ends_at_its_last_whole_sentence() {
        let table = [
            ("Hello there. How are y", Some("Hello there.")),
            ("Привет! Как дела? Я тут дум", Some("Привет! Как дела?")),
            ("She said \"no.\" And th", Some("She said \"no.\"")),
            ("*smiles.* Well", Some("*smiles.*")),
            ("Wait... what", Some("Wait...")),
            ("Pi is 3.14 and so", None),
            ("no end", None),
            ("", None),
            ("Whole.", Some("Whole.")),
        ];
        for (text, expected) in table {
            assert_eq!(whole_sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn a_head_is_counted_in_utf_16_and_never_cuts_a_character() {
        assert_eq!(head("abc", 5), "abc");
        assert_eq!(head("abcdef", 5), "abcde");
        assert_eq!(head("🎈🎈🎈", 5), "🎈🎈");
        assert_eq!(head("я", 0), "");
    }
}
