//! Times of day: "9", "09:00", "0930", "9 утра", "7:30 pm", "полдень", "полвосьмого", "half past seven".

use chrono::{NaiveTime, TimeDelta, Timelike};
use vitte_platform::clock::Timestamp;

use super::words::{Piece, pieces};
use crate::domain::Quiet;
use crate::model::REMINDERS;

/// As every text of ours shows a time, and as every reader here understands it.
pub fn show(time: NaiveTime) -> String {
    time.format("%H:%M").to_string()
}

/// What a clock on the wall shows in a zone.
pub fn clock(now: Timestamp, zone: chrono_tz::Tz) -> String {
    now.with_timezone(&zone).format("%H:%M").to_string()
}

/// The part of the day that somebody adds to an hour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Am,
    Pm,
    Morning,
    Day,
    Evening,
    Night,
}

/// One time of day, to the minute.
pub fn time(text: &str) -> Option<NaiveTime> {
    said(text).map(|(time, _)| time)
}

/// A time of day, and the same after noon, if the hour may be one of twelve and nobody has said which half of the day.
fn said(text: &str) -> Option<(NaiveTime, Option<NaiveTime>)> {
    let mut rest = pieces(text)?;
    let word = |piece: Option<&Piece>| match piece {
        Some(Piece::Word(word)) => Some(word.clone()),
        _ => None,
    };
    while let Some("в" | "во" | "к" | "at" | "by" | "around" | "около") = word(rest.first()).as_deref() {
        rest.remove(0);
    }
    if let [Piece::Word(only)] = rest.as_slice() {
        match only.as_str() {
            "полдень" | "noon" | "midday" => return NaiveTime::from_hms_opt(12, 0, 0).map(|noon| (noon, None)),
            "полночь" | "midnight" => return Some((NaiveTime::MIN, None)),
            _ => {}
        }
    }
    let part = take_part(&mut rest)?;
    let (hour, minute) = half(&rest).or_else(|| clock_face(&rest, part.is_some()))?;
    let other = || NaiveTime::from_hms_opt((hour + 12) % 24, minute, 0);
    let other = Some(hour).filter(|hour| part.is_none() && (1..=12).contains(hour)).and_then(|_| other());
    let hour = match part {
        None if (hour, minute) == (24, 0) => 0,
        None => hour,
        Some(part) => of_part(hour, part)?,
    };
    Some((NaiveTime::from_hms_opt(hour, minute, 0)?, other))
}

/// The part of the day at the end, if any. `None`: one that does not end there.
fn take_part(rest: &mut Vec<Piece>) -> Option<Option<Part>> {
    // "a.m." comes in pieces.
    let words: Vec<&str> = rest
        .iter()
        .filter_map(|piece| match piece {
            Piece::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .collect();
    let (part, used) = match words.as_slice() {
        [.., "in", "the", "morning"] => (Part::Morning, 3),
        [.., "in", "the", "afternoon"] => (Part::Day, 3),
        [.., "in", "the", "evening"] => (Part::Evening, 3),
        [.., "at", "night"] => (Part::Night, 2),
        [.., "a", "m"] => (Part::Am, 2),
        [.., "p", "m"] => (Part::Pm, 2),
        [.., "am"] => (Part::Am, 1),
        [.., "pm"] => (Part::Pm, 1),
        [.., "утра" | "утром"] => (Part::Morning, 1),
        [.., "дня" | "днем"] => (Part::Day, 1),
        [.., "вечера" | "вечером"] => (Part::Evening, 1),
        [.., "ночи" | "ночью"] => (Part::Night, 1),
        _ => return Some(None),
    };
    for _ in 0..used {
        while let Some(Piece::Mark('.')) = rest.last() {
            rest.pop();
        }
        match rest.pop() {
            Some(Piece::Word(_)) => {}
            _ => return None,
        }
    }
    Some(Some(part))
}

/// The hour of 24 that an hour of a part of the day is. `None`: there is no such hour.
fn of_part(hour: u32, part: Part) -> Option<u32> {
    match (part, hour) {
        (Part::Am | Part::Night | Part::Evening, 12) => Some(0),
        (Part::Am | Part::Morning, 0..=11) | (Part::Night, 0..=5) => Some(hour),
        (Part::Pm, 1..=11) | (Part::Day, 1..=6) | (Part::Evening, 4..=11) | (Part::Night, 9..=11) => Some(hour + 12),
        (Part::Pm | Part::Day, 12) => Some(12),
        // Said twice over: "19:30 вечера".
        (Part::Pm, 13..=23) | (Part::Day, 13..=18) | (Part::Evening, 16..=23) | (Part::Night, 21..=23) => Some(hour),
        _ => None,
    }
}

/// "полвосьмого", "половина восьмого", "half past seven": half an hour.
fn half(rest: &[Piece]) -> Option<(u32, u32)> {
    let words: Vec<&str> = rest
        .iter()
        .map(|piece| match piece {
            Piece::Word(word) => Some(word.as_str()),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let before = |word: &str| {
        let hour = ORDINALS.iter().position(|known| *known == word)?;
        // Half of the first hour is half past twelve.
        Some((if hour == 0 { 12 } else { u32::try_from(hour).ok()? }, 30))
    };
    match words.as_slice() {
        [one] => before(one.strip_prefix("пол")?),
        ["пол" | "половина", hour] => before(hour),
        ["half", "past", hour] => Some((spelled(hour)?, 30)),
        _ => None,
    }
}

/// "9", "09:00", "9.30", "0930", "9h30", "9 часов 30 минут", "девять 30". Two numbers side by side ("9 21") may be two
/// hours, unless `alone`: a part of the day says that they are one time.
fn clock_face(rest: &[Piece], alone: bool) -> Option<(u32, u32)> {
    let [first, rest @ ..] = rest else { return None };
    let alone = alone || matches!(first, Piece::Word(_));
    let hour = match first {
        Piece::Number(together, 3 | 4) if rest.is_empty() => return within(together / 100, together % 100),
        Piece::Number(hour, 1 | 2) => *hour,
        Piece::Word(word) => spelled(word)?,
        _ => return None,
    };
    match rest {
        [] | [Piece::Mark(':')] => within(hour, 0),
        [Piece::Word(unit)] if is_hours(unit) => within(hour, 0),
        [Piece::Mark(':' | '.' | '-'), Piece::Number(minute, 2)] => within(hour, *minute),
        // With seconds, as other clients print it.
        [Piece::Mark(':'), Piece::Number(minute, 2), Piece::Mark(':'), Piece::Number(0, 2)] => within(hour, *minute),
        [Piece::Number(minute, 2)] if alone || *minute == 0 || *minute > 24 => within(hour, *minute),
        [Piece::Word(unit), Piece::Number(minute, 1 | 2)] if is_hours(unit) => within(hour, *minute),
        [Piece::Word(unit), Piece::Number(minute, 1 | 2), Piece::Word(small)]
            if is_hours(unit) && is_minutes(small) =>
        {
            within(hour, *minute)
        }
        _ => None,
    }
}

fn within(hour: u32, minute: u32) -> Option<(u32, u32)> {
    (minute < 60 && (hour < 24 || (hour, minute) == (24, 0))).then_some((hour, minute))
}

fn is_hours(word: &str) -> bool {
    matches!(word, "h" | "ч" | "час" | "часа" | "часов" | "o'clock" | "oclock" | "hours")
}

fn is_minutes(word: &str) -> bool {
    matches!(word, "m" | "м" | "мин" | "min" | "минут" | "минуты" | "minutes")
}

/// Half of which hour: "полвосьмого" is half of the eighth.
const ORDINALS: [&str; 12] = [
    "первого",
    "второго",
    "третьего",
    "четвертого",
    "пятого",
    "шестого",
    "седьмого",
    "восьмого",
    "девятого",
    "десятого",
    "одиннадцатого",
    "двенадцатого",
];
const SPELLED: [[&str; 2]; 12] = [
    ["one", "час"],
    ["two", "два"],
    ["three", "три"],
    ["four", "четыре"],
    ["five", "пять"],
    ["six", "шесть"],
    ["seven", "семь"],
    ["eight", "восемь"],
    ["nine", "девять"],
    ["ten", "десять"],
    ["eleven", "одиннадцать"],
    ["twelve", "двенадцать"],
];

fn spelled(word: &str) -> Option<u32> {
    let known = SPELLED.iter().position(|words| words.contains(&word))?;
    u32::try_from(known + 1).ok()
}

/// One to eight times of a day, in their order: "9, 14:30 и 21".
pub fn times(text: &str) -> Option<Vec<NaiveTime>> {
    let lower = text.to_lowercase().replace([';', '\n'], ",").replace(" и ", ",").replace(" and ", ",");
    let mut all: Vec<NaiveTime> = match lower.split(',').map(str::trim).filter(|t| !t.is_empty()).map(time).collect() {
        Some(all) => all,
        // "09:00 21:00"
        None => lower.split_whitespace().map(|one| time(one).filter(|_| one.contains(':'))).collect::<Option<_>>()?,
    };
    all.sort_unstable();
    all.dedup();
    (1..=REMINDERS).contains(&all.len()).then_some(all)
}

/// More of a day than this is no night.
const NIGHT: TimeDelta = TimeDelta::hours(12);

/// A stretch of the day: "22-8", "с 22:00 до 8 утра", "from 10 pm to 7 am". "10-7" is a night, too: nobody who says so
/// is silent for 21 hours. Whoever asks shows what was understood.
pub fn quiet(text: &str) -> Option<Quiet> {
    let lower = text.trim().to_lowercase().replace(['–', '—'], "-");
    let lower = ["from ", "с ", "со "].iter().find_map(|from| lower.strip_prefix(from)).unwrap_or(&lower);
    [" до ", " to ", " until ", " till ", "-"].iter().find_map(|between| {
        let (from, until) = lower.split_once(between)?;
        let ((from, evening), until) = (said(from)?, time(until)?);
        let long = |from: NaiveTime| TimeDelta::seconds((until - from).num_seconds().rem_euclid(24 * 60 * 60));
        let start = evening.filter(|evening| long(from) > NIGHT && long(*evening) < NIGHT).unwrap_or(from);
        (from != until).then_some(Quiet { from: start, until })
    })
}

/// In the data of a button: without the colon that parts them.
pub fn packed(time: NaiveTime) -> String {
    format!("{:02}{:02}", time.hour(), time.minute())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Option<String> {
        time(text).map(show)
    }

    #[test]
    fn people_say_times_in_many_ways() {
        let table = [
            ("00:00", &["полночь", "Midnight", "24:00", "12 am", "12 ночи", "0", "00:00", "12 вечера"][..]),
            ("02:00", &["2 ночи", "2am", "2 a.m.", "02"]),
            ("06:05", &["6:05", "06.05", "6 часов 5 минут", "6ч05", "605", "0605", "6 05 утра", "шесть 05"]),
            (
                "09:00",
                &[
                    "9",
                    "09",
                    "9:00",
                    "09:00:00",
                    "9 утра",
                    "в 9",
                    "at nine",
                    "9 o'clock",
                    "девять утра",
                    "900",
                    "9ч",
                    "9 AM",
                    "9:",
                    "9 00",
                    "в девять.",
                    "9 in the morning",
                ],
            ),
            ("12:00", &["полдень", "noon", "12", "12 pm", "12 дня", "двенадцать"]),
            ("12:30", &["полпервого", "half past twelve", "12-30"]),
            ("15:00", &["3 дня", "три часа дня", "3pm", "15", "3 in the afternoon", "15 дня"]),
            (
                "19:30",
                &[
                    "7:30 pm",
                    "7.30 p.m.",
                    "7:30 вечера",
                    "19:30",
                    "19:30 вечера",
                    "7 30 вечера",
                    "полвосьмого вечера",
                    "1930",
                    "half past seven pm",
                ],
            ),
            ("07:30", &["полвосьмого", "пол восьмого", "Half past seven", "половина восьмого утра"]),
            ("23:00", &["11 вечера", "11 ночи", "11 pm", "23"]),
        ];
        for (expected, said) in table {
            for text in said {
                assert_eq!(at(text).as_deref(), Some(expected), "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_no_time_is_not_guessed() {
        for text in [
            "",
            "утром",
            "25",
            "24:01",
            "9:60",
            "13 утра",
            "9 ночи утра",
            "7 дня вечера",
            "9:5",
            "-9",
            "99999999999",
            "завтра",
            "9 яблок",
            "9:30:15",
            "пол",
            "half past",
            "+9",
            "8 дня",
            "0 pm",
            "12345",
            "1:2:3:4",
            "полгода",
            // Nine and twenty-one, or minutes?
            "9 21",
            "9 05",
        ] {
            assert_eq!(at(text), None, "{text:?}");
        }
    }

    #[test]
    fn several_times_are_sorted_and_said_once() {
        let all = |text| times(text).map(|all| all.into_iter().map(show).collect::<Vec<_>>().join(" "));
        for text in ["21, 9 и 14:30", "9 утра; 9 вечера, 14:30, 9:00", "14:30 09:00 21:00", "9 and 9 pm, 2:30 pm"]
        {
            assert_eq!(all(text).as_deref(), Some("09:00 14:30 21:00"), "{text}");
        }
        assert_eq!(all("7"), Some("07:00".to_owned()));
        assert_eq!(all("1,2,3,4,5,6,7,8,9"), None, "nine are too many");
        assert_eq!(all("9, когда-нибудь"), None);
        assert_eq!(all(","), None);
        assert_eq!(all("9 21"), None, "two times, or one with minutes?");
        assert_eq!(all("9 30"), Some("09:30".to_owned()));
    }

    #[test]
    fn quiet_hours_are_two_times() {
        for text in ["22-8", "22:00–08:00", "с 22 до 8", "с 10 вечера до 8 утра", "from 10 pm to 8 am", "10pm - 8am"]
        {
            let read = quiet(text).map(|q| (show(q.from), show(q.until)));
            assert_eq!(read, Some(("22:00".to_owned(), "08:00".to_owned())), "{text}");
        }
        for text in ["22", "8-8", "ночью", "с 22", "-", "22-25"] {
            assert_eq!(quiet(text), None, "{text}");
        }
    }

    #[test]
    fn an_hour_of_twelve_begins_the_night_when_it_would_else_be_most_of_a_day() {
        let table = [
            ("с 10 до 7", "22:00–07:00"),
            ("11:30 to 8", "23:30–08:00"),
            ("12-8", "00:00–08:00"),
            ("half past ten to 7 am", "22:30–07:00"),
            // As it was said: in the night, by day, or with the half of the day.
            ("1-7", "01:00–07:00"),
            ("10-22", "10:00–22:00"),
            ("9 до 6 вечера", "09:00–18:00"),
            ("с 10 утра до 7 утра", "10:00–07:00"),
            ("13-7", "13:00–07:00"),
        ];
        for (text, expected) in table {
            let read = quiet(text).map(|q| format!("{}–{}", show(q.from), show(q.until)));
            assert_eq!(read.as_deref(), Some(expected), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back_and_so_are_the_twelve_hours(hour in 0u32..24, minute in 0u32..60) {
            let expected = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
            prop_assert_eq!(time(&show(expected)), Some(expected));
            prop_assert_eq!(time(&packed(expected)), Some(expected));
            prop_assert_eq!(time(&expected.format("%I:%M %p").to_string()), Some(expected));
        }

        #[test]
        fn nothing_that_is_typed_panics(text in "\\PC{0,30}", near in "[0-9:. ]{0,8}(am|pm|утра|ночи|часов|half|пол)?[0-9:-]{0,8}") {
            for text in [text, near] {
                let _ = (time(&text), times(&text), quiet(&text));
            }
        }
    }
}
