//! Dates: "завтра", "25.12", "25 декабря", "Dec 25", "2026-12-25", "через две недели", "for 10 days",
//! "до воскресенья".

use chrono::{Datelike, Days, NaiveDate};

use super::words::{Piece, pieces};

/// A date as of `today`; without a year, the next such date, today included.
pub fn date(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    let mut rest = pieces(text)?;
    while let Some(Piece::Word(word)) = rest.first() {
        if !matches!(word.as_str(), "до" | "по" | "в" | "во" | "until" | "till" | "to" | "on" | "the" | "this") {
            break;
        }
        rest.remove(0);
    }
    match rest.as_slice() {
        [Piece::Word(word)] => day_named(word, today),
        [Piece::Word(after), span @ ..] if matches!(after.as_str(), "через" | "in") => later(span, today),
        [Piece::Word(long), span @ ..] if matches!(long.as_str(), "на" | "for") => lasting(span, today),
        [Piece::Number(y, 4), Piece::Mark('-'), Piece::Number(m, 2), Piece::Mark('-'), Piece::Number(d, 2)] => {
            NaiveDate::from_ymd_opt(i32::try_from(*y).ok()?, *m, *d)
        }
        [Piece::Number(d, 1 | 2), Piece::Mark('.'), Piece::Number(m, 1 | 2)] => next(*d, *m, today),
        [
            Piece::Number(d, 1 | 2),
            Piece::Mark('.'),
            Piece::Number(m, 1 | 2),
            Piece::Mark('.'),
            Piece::Number(y, len @ (2 | 4)),
        ] => NaiveDate::from_ymd_opt(i32::try_from(if *len == 2 { 2000 + y } else { *y }).ok()?, *m, *d),
        [Piece::Number(d, 1 | 2), Piece::Word(m)] => match month(m) {
            Some(m) => next(*d, m, today),
            None => lasting(&rest, today),
        },
        [Piece::Word(m), Piece::Number(d, 1 | 2)] => next(*d, month(m)?, today),
        [Piece::Number(d, 1 | 2), Piece::Word(m), Piece::Number(y, 4)]
        | [Piece::Word(m), Piece::Number(d, 1 | 2), Piece::Number(y, 4)] => {
            NaiveDate::from_ymd_opt(i32::try_from(*y).ok()?, month(m)?, *d)
        }
        _ => None,
    }
}

/// Weekdays begin with Monday.
const WEEKDAYS: [&[&str]; 7] = [
    &["monday", "mon", "mo", "понедельник", "понедельника", "пн"],
    &["tuesday", "tue", "tu", "вторник", "вторника", "вт"],
    &["wednesday", "wed", "we", "среда", "среды", "среду", "ср"],
    &["thursday", "thu", "th", "четверг", "четверга", "чт"],
    &["friday", "fri", "fr", "пятница", "пятницы", "пятницу", "пт"],
    &["saturday", "sat", "sa", "суббота", "субботы", "субботу", "сб"],
    &["sunday", "sun", "su", "воскресенье", "воскресенья", "вс"],
];

fn day_named(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    if let Some(n) = WEEKDAYS.iter().position(|names| names.contains(&word)) {
        // The next one: nobody calls today by its weekday.
        return (1..=7)
            .filter_map(|days| today.checked_add_days(Days::new(days)))
            .find(|date| usize::try_from(date.weekday().num_days_from_monday()) == Ok(n));
    }
    let days = match word {
        "сегодня" | "today" => 0,
        "завтра" | "tomorrow" => 1,
        "послезавтра" => 2,
        _ => return None,
    };
    today.checked_add_days(Days::new(days))
}

/// So much after today.
fn later(span: &[Piece], today: NaiveDate) -> Option<NaiveDate> {
    today.checked_add_days(Days::new(days(span)?))
}

/// The last day of a time that begins today: of three days, the day after tomorrow.
fn lasting(span: &[Piece], today: NaiveDate) -> Option<NaiveDate> {
    today.checked_add_days(Days::new(days(span)?.checked_sub(1)?))
}

/// "10 дней", "две недели", "a week".
fn days(span: &[Piece]) -> Option<u64> {
    let (count, unit) = match span {
        [Piece::Word(unit)] => (1, unit),
        [Piece::Number(count, 1..=3), Piece::Word(unit)] => (*count, unit),
        [Piece::Word(count), Piece::Word(unit)] => (spelled(count)?, unit),
        _ => return None,
    };
    let days = match unit.as_str() {
        "день" | "дня" | "дней" | "day" | "days" => 1,
        "неделю" | "недели" | "недель" | "week" | "weeks" => 7,
        "месяц" | "month" => 30,
        _ => return None,
    };
    Some(u64::from(count) * days)
}

fn spelled(word: &str) -> Option<u32> {
    Some(match word {
        "a" | "one" | "один" | "одну" => 1,
        "two" | "два" | "две" => 2,
        "three" | "три" => 3,
        "four" | "четыре" => 4,
        "five" | "пять" => 5,
        _ => return None,
    })
}

fn next(day: u32, month: u32, today: NaiveDate) -> Option<NaiveDate> {
    // 29 February may be some years away.
    (0..9)
        .filter_map(|years| NaiveDate::from_ymd_opt(today.year().checked_add(years)?, month, day))
        .find(|d| *d >= today)
}

fn month(word: &str) -> Option<u32> {
    const BEGIN: [&[&str]; 12] = [
        &["jan", "янв"],
        &["feb", "фев"],
        &["mar", "мар"],
        &["apr", "апр"],
        &["may", "май", "мая"],
        &["jun", "июн"],
        &["jul", "июл"],
        &["aug", "авг"],
        &["sep", "сен"],
        &["oct", "окт"],
        &["nov", "ноя"],
        &["dec", "дек"],
    ];
    let known = BEGIN.iter().position(|begins| begins.iter().any(|begin| word.starts_with(begin)))?;
    u32::try_from(known + 1).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn people_say_dates_in_many_ways() {
        let today = day("2026-11-21");
        let table = [
            ("2026-11-21", &["сегодня", "Today", "21.11", "21 ноября"][..]),
            ("2026-11-22", &["завтра", "until tomorrow", "до 22.11", "22.11.26", "через день", "in 1 day"]),
            (
                "2026-12-05",
                &[
                    "через 2 недели",
                    "через две недели",
                    "in two weeks",
                    "Dec 5",
                    "5 December",
                    "5 декабря",
                    "05.12.2026",
                    "2026-12-05",
                    "до 5 дек.",
                ],
            ),
            ("2027-05-09", &["9 мая", "May 9", "9.5"]),
            ("2027-03-08", &["8 марта", "mar 8", "8 March 2027", "March 8, 2027"]),
            ("2028-02-29", &["29 февраля", "29.02"]),
            ("2026-11-28", &["через неделю", "in a week", "суббота", "до сб"]),
            // A Saturday. What lasts begins today, as the buttons do.
            ("2026-11-23", &["3 дня", "на три дня", "for 3 days", "понедельник", "until Monday"]),
            ("2026-11-27", &["на неделю", "for a week", "7 days", "Friday", "по пятницу"]),
            ("2026-11-22", &["до воскресенья", "until Sunday", "вс"]),
            ("2026-11-24", &["через 3 дня", "in three days", "во вторник", "this tue"]),
        ];
        for (expected, said) in table {
            for text in said {
                assert_eq!(date(text, today), Some(day(expected)), "{text:?}");
            }
        }
        for text in [
            "",
            "31.02",
            "30 февраля",
            "12/25",
            "5",
            "когда-нибудь",
            "13.13",
            "2026-13-01",
            "99999 декабря",
            "0 дней",
            "на выходные",
        ] {
            assert_eq!(date(text, today), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_iso_date_is_read_back_and_nothing_panics(days in 0u64..200_000, text in "\\PC{0,20}", near in "(до|in|через)? ?[0-9]{0,6}[. -]?[а-яa-z0-9.]{0,8}") {
            let expected = day("1900-01-01").checked_add_days(Days::new(days)).unwrap();
            prop_assert_eq!(date(&expected.to_string(), expected), Some(expected));
            let _ = (date(&text, expected), date(&near, NaiveDate::MAX));
        }
    }
}
