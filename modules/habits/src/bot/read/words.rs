//! A text taken apart into numbers, words and what stands between them.

/// A piece of what somebody typed, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// With the number of its digits: `0900` is no `900`.
    Number(u32, usize),
    Word(String),
    /// `:`, `.`, `/` or `-` between two numbers.
    Mark(char),
}

/// More than anybody says a time or a date with.
const PIECES: usize = 12;

/// `None`: something stands there that belongs to no time, date or number.
pub fn pieces(text: &str) -> Option<Vec<Piece>> {
    let text = text.trim().trim_end_matches(['.', '!', ',']).to_lowercase().replace('ё', "е");
    let mut all = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        if first.is_whitespace() || first == ',' {
            continue;
        }
        if all.len() == PIECES {
            return None;
        }
        if first.is_ascii_digit() {
            let mut digits = String::from(first);
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            all.push(Piece::Number(digits.parse().ok()?, digits.len()));
        } else if first.is_alphabetic() {
            let mut word = String::from(first);
            while let Some(letter) = rest.next_if(|c| c.is_alphabetic() || *c == '\'' || *c == '’') {
                word.push(if letter == '’' { '\'' } else { letter });
            }
            all.push(Piece::Word(word));
        } else if matches!(first, ':' | '.' | '/' | '-' | '–' | '—') {
            all.push(Piece::Mark(if matches!(first, '–' | '—') { '-' } else { first }));
        } else {
            return None;
        }
    }
    Some(all)
}
