//! Numbers, and amounts with their unit: "21", "21 день", "8 glasses".

use crate::model::Measure;

/// Characters of a unit's name.
pub const UNIT_MOST: usize = 32;

/// So many days, from 1 to `most`: "21", "30 days", "3 weeks", "месяц". Two other words may follow the number.
pub fn days(text: &str, most: i32) -> Option<i32> {
    let (number, rest) =
        leading(text).or_else(|| Some((1, text.trim())).filter(|(_, word)| in_days(word).is_some()))?;
    let days = number.checked_mul(in_days(rest.split_whitespace().next().unwrap_or_default()).unwrap_or(1))?;
    (are_words(rest) && (1..=most).contains(&days)).then_some(days)
}

/// How many days a week or a month has.
fn in_days(unit: &str) -> Option<i32> {
    match unit.to_lowercase().trim_end_matches('.') {
        "week" | "weeks" | "wk" | "неделя" | "неделю" | "недели" | "недель" | "нед" => {
            Some(7)
        }
        "month" | "months" | "месяц" | "месяца" | "месяцев" | "мес" => Some(30),
        "year" | "years" | "год" | "года" | "лет" => Some(365),
        _ => None,
    }
}

/// At most two, and nothing else.
fn are_words(rest: &str) -> bool {
    rest.split_whitespace().count() <= 2 && rest.chars().all(|c| c.is_alphabetic() || c.is_whitespace())
}

/// So much of something, from none to `most`, whatever word follows it.
pub fn amount(text: &str, most: i32) -> Option<i32> {
    let (number, rest) = leading(text)?;
    (are_words(rest) && (0..=most).contains(&number)).then_some(number)
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
    fn a_number_of_days_is_read_with_the_word_after_it_also_in_weeks_and_months() {
        let table = [
            ("21", 21),
            (" 30 дней. ", 30),
            ("1 000", 1000),
            ("21 day", 21),
            ("3 weeks", 21),
            ("2 недели подряд", 14),
            ("1 Неделя", 7),
            ("месяц", 30),
            ("A year", 0),
            ("year", 365),
            ("3 мес.", 90),
            ("66 days in row", 0),
        ];
        for (text, expected) in table {
            assert_eq!(days(text, 1000), Some(expected).filter(|n| *n > 0), "{text}");
        }
        for text in
            ["", "0", "-5", "1001", "много", "2.5", "99999999999", "5!5", "3 years", "999999999 weeks", "0 weeks"]
        {
            assert_eq!(days(text, 1000), None, "{text}");
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
