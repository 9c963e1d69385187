//! Numbers, and amounts with their unit: "21", "21 день", "8 glasses".

use crate::model::Measure;

/// Characters of a unit's name.
pub const UNIT_MOST: usize = 32;

/// A whole number from 1 to `most`, whatever word follows it.
pub fn count(text: &str, most: i32) -> Option<i32> {
    bounded(text, 1, most)
}

fn bounded(text: &str, least: i32, most: i32) -> Option<i32> {
    let (number, rest) = leading(text)?;
    let word = rest.split_whitespace().count() <= 2 && rest.chars().all(|c| c.is_alphabetic() || c.is_whitespace());
    (word && (least..=most).contains(&number)).then_some(number)
}

/// So much of something, from none to `most`, whatever word follows it.
pub fn amount(text: &str, most: i32) -> Option<i32> {
    bounded(text, 0, most)
}

/// So much a day.
pub fn measure(text: &str, most: i32) -> Option<Measure> {
    let (target, rest) = leading(text)?;
    let unit = rest.split_whitespace().collect::<Vec<_>>().join(" ");
    let fits = unit.chars().count() <= UNIT_MOST
        && !unit.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    ((1..=most).contains(&target) && fits).then(|| Measure { target, unit: Some(unit).filter(|u| !u.is_empty()) })
}

/// The digits at the beginning, with spaces between thousands, and what follows.
fn leading(text: &str) -> Option<(i32, &str)> {
    let text = text.trim().trim_end_matches('.');
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ' ' && c != '\u{a0}').unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_with_the_word_after_it() {
        for (text, expected) in [("21", 21), (" 30 дней. ", 30), ("1 000", 1000), ("66 days in row", 0), ("21 day", 21)]
        {
            assert_eq!(count(text, 1000), Some(expected).filter(|n| *n > 0), "{text}");
        }
        for text in ["", "0", "-5", "1001", "много", "2.5", "99999999999", "5!5"] {
            assert_eq!(count(text, 1000), None, "{text}");
        }
    }

    #[test]
    fn an_amount_is_a_number_and_perhaps_a_unit() {
        let of = |target, unit: Option<&str>| Some(Measure { target, unit: unit.map(str::to_owned) });
        assert_eq!(measure("8 стаканов", 100_000), of(8, Some("стаканов")));
        assert_eq!(measure("10 000 шагов", 100_000), of(10_000, Some("шагов")));
        assert_eq!(measure("30min", 100_000), of(30, Some("min")));
        assert_eq!(measure("5", 100_000), of(5, None));
        assert_eq!(
            [amount("0", 9), amount("9 km", 9), amount("10", 9), amount("-", 9)],
            [Some(0), Some(9), None, None]
        );
        for text in ["", "стаканов", "0 km", "2.5 km", "100001", &format!("5 {}", "я".repeat(33))] {
            assert_eq!(measure(text, 100_000), None, "{text}");
        }
    }
}
