//! How long a text is for a model, about.

/// Tokens of a text, roughly: every model counts its own way, and none tells before it is asked. Four letters of the
/// Latin alphabet or two of any other make one; estimates lie rather above than below.
pub fn tokens(text: &str) -> usize {
    let (ascii, other) = text
        .chars()
        .fold((0usize, 0usize), |(ascii, other), c| if c.is_ascii() { (ascii + 1, other) } else { (ascii, other + 1) });
    ascii.div_ceil(4) + other.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn other_alphabets_cost_more_than_the_latin_one() {
        assert_eq!(tokens(""), 0);
        assert_eq!(tokens("abcdefgh"), 2);
        assert_eq!(tokens("абвгдежз"), 4);
        assert_eq!(tokens("a"), 1);
    }
}
