//! Places: a zone's name, a city, an offset, or where somebody is.
//!
//! A shared location becomes the zone of the nearest place that is known here. Near a border that may be the
//! neighbour's, so whoever asks shows the time and lets the person say no. Exact borders would cost 4 MB a process and
//! a database licence that binds whoever passes it on.

use std::collections::HashSet;
use std::sync::LazyLock;

use chrono_tz::{TZ_VARIANTS, Tz};

/// `places.tsv`, read.
struct Place {
    zone: Tz,
    latitude: f64,
    longitude: f64,
    names: Vec<&'static str>,
}

static PLACES: LazyLock<Vec<Place>> = LazyLock::new(|| {
    let lines = include_str!("places.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(place).collect()
});

fn place(line: &'static str) -> Option<Place> {
    let mut fields = line.split('\t');
    let zone = fields.next()?.parse().ok()?;
    let latitude = fields.next()?.parse().ok()?;
    let longitude = fields.next()?.parse().ok()?;
    Some(Place { zone, latitude, longitude, names: fields.next()?.split(';').collect() })
}

/// Names alike enough to be meant.
const ALIKE: f64 = 0.86;

/// What somebody may mean.
#[derive(Debug, Clone, PartialEq)]
pub enum Found {
    One(Tz),
    /// Mistyped, perhaps, or an offset without its sign: by name, best first, at most three.
    Perhaps(Vec<(String, Tz)>),
    Nothing,
}

/// The zone of a name: a city's, a zone's or its last part, or an offset ("UTC+3").
pub fn find(text: &str) -> Found {
    let wanted = folded(text);
    if wanted.is_empty() || wanted.chars().count() > 64 {
        return Found::Nothing;
    }
    // Before the names: folded, an offset has lost its minus.
    if let Some(found) = offset(text) {
        return found;
    }
    let exact =
        PLACES.iter().find(|place| place.names.iter().any(|name| folded(name) == wanted)).map(|place| place.zone);
    let named = || TZ_VARIANTS.iter().find(|zone| folded(zone.name()) == wanted).copied();
    let last =
        || TZ_VARIANTS.iter().find(|zone| zone.name().rsplit('/').next().is_some_and(|l| folded(l) == wanted)).copied();
    if let Some(zone) = exact.or_else(named).or_else(last) {
        return Found::One(zone);
    }
    let names = PLACES.iter().flat_map(|place| place.names.iter().map(|name| (*name, place.zone)));
    let mut near: Vec<(f64, &'static str, Tz)> = names
        .map(|(name, zone)| (strsim::jaro_winkler(&folded(name), &wanted), name, zone))
        .filter(|(alike, ..)| *alike >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut seen = HashSet::new();
    near.retain(|(_, _, zone)| seen.insert(*zone));
    near.truncate(3);
    if near.is_empty() {
        Found::Nothing
    } else {
        Found::Perhaps(near.into_iter().map(|(_, name, zone)| (name.to_owned(), zone)).collect())
    }
}

/// Case, dashes and the like do not matter.
fn folded(text: &str) -> String {
    let text = text.trim().to_lowercase().replace('ё', "е");
    text.replace(['-', '_', '–', '—'], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// "UTC+3", "gmt -4", "+05:30". A sign is part of it: "UTC 3" may be meant in two ways.
fn offset(text: &str) -> Option<Found> {
    let text: String = text.to_lowercase().chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.replace(['–', '—', '−'], "-");
    let after = text.strip_prefix("utc").or_else(|| text.strip_prefix("gmt"));
    if after == Some("") {
        return Some(Found::One(Tz::UTC));
    }
    let rest = after.unwrap_or(&text);
    let east = rest.strip_prefix('+').and_then(minutes).map(|ahead| (Some(true), ahead));
    let west = || rest.strip_prefix('-').and_then(minutes).map(|behind| (Some(false), behind));
    let unsigned = || after.and_then(minutes).map(|away| (None, away));
    match east.or_else(west).or_else(unsigned)? {
        (Some(true), ahead) => ahead_of_utc(ahead).map(Found::One),
        (Some(false), behind) => ahead_of_utc(-behind).map(Found::One),
        (None, 0) => Some(Found::One(Tz::UTC)),
        (None, away) => {
            let both = [("UTC+", away), ("UTC-", -away)].into_iter();
            let zones = both.filter_map(|(sign, ahead)| Some((format!("{sign}{}", clock(away)), ahead_of_utc(ahead)?)));
            Some(Found::Perhaps(zones.collect())).filter(|found| *found != Found::Perhaps(Vec::new()))
        }
    }
}

/// "3", "03", "5:30", "05:30".
fn minutes(text: &str) -> Option<i32> {
    let (hours, minutes) = text.split_once(':').unwrap_or((text, "00"));
    let digits = |text: &str, most: usize| {
        ((1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())).then(|| text.parse().ok())?
    };
    let (hours, minutes): (i32, i32) = (digits(hours, 2)?, digits(minutes, 2).filter(|_| minutes.len() == 2)?);
    Some(60 * hours + minutes)
}

fn clock(minutes: i32) -> String {
    if minutes % 60 == 0 { (minutes / 60).to_string() } else { format!("{}:{:02}", minutes / 60, minutes % 60) }
}

/// Offsets of no whole hour, and where each is the standard time.
const BROKEN: [(i32, Tz); 11] = [
    (-570, Tz::Pacific__Marquesas),
    (-210, Tz::America__St_Johns),
    (210, Tz::Asia__Tehran),
    (270, Tz::Asia__Kabul),
    (330, Tz::Asia__Kolkata),
    (345, Tz::Asia__Kathmandu),
    (390, Tz::Asia__Yangon),
    (525, Tz::Australia__Eucla),
    (570, Tz::Australia__Darwin),
    (630, Tz::Australia__Lord_Howe),
    (765, Tz::Pacific__Chatham),
];

/// The zone of an offset in minutes.
fn ahead_of_utc(minutes: i32) -> Option<Tz> {
    match (minutes % 60, minutes / 60) {
        (0, 0) => Some(Tz::UTC),
        // Their names say what must be added to get UTC.
        (0, hours @ 1..=14) => format!("Etc/GMT-{hours}").parse().ok(),
        (0, hours @ -12..=-1) => format!("Etc/GMT+{}", -hours).parse().ok(),
        _ => BROKEN.iter().find(|(offset, _)| *offset == minutes).map(|(_, zone)| *zone),
    }
}

/// The zone of the nearest place known here. `None`: no such point on the globe.
pub fn nearest(latitude: f64, longitude: f64) -> Option<Tz> {
    let there = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    let apart = |place: &Place| {
        let (a, b) = (place.latitude.to_radians(), latitude.to_radians());
        let (north, east) = ((b - a) / 2.0, (longitude - place.longitude).to_radians() / 2.0);
        // The haversine of the angle between them grows with it.
        north.sin().powi(2) + a.cos() * b.cos() * east.sin().powi(2)
    };
    let known = PLACES.iter().map(|place| (apart(place), place.zone));
    known.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, zone)| zone).filter(|_| there)
}

/// What to call a zone in front of a person: its city in their language, if one is known.
pub fn title(zone: Tz, language: &str) -> String {
    let last = || zone.name().rsplit('/').next().unwrap_or_default().replace('_', " ");
    let place = PLACES.iter().find(|place| place.zone == zone);
    let name = place.and_then(|place| place.names.get(usize::from(language == "ru")).or(place.names.first()));
    match (name, zone.name().strip_prefix("Etc/GMT")) {
        // "Etc/GMT-3" is three hours ahead.
        (_, Some(offset)) if !offset.is_empty() => {
            format!("UTC{}", offset.replace('-', "±").replace('+', "-").replace('±', "+"))
        }
        (Some(name), _) => (*name).to_owned(),
        _ => last(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_a_zone_that_exists_and_a_point_on_the_globe() {
        let lines = include_str!("places.tsv").lines().filter(|line| !line.starts_with('#'));
        let bad: Vec<&str> =
            lines.filter(|line| place(line).is_none_or(|p| nearest(p.latitude, p.longitude).is_none())).collect();
        assert_eq!(bad, [""; 0]);
        assert!(PLACES.len() > 400);
    }

    #[test]
    fn a_zone_is_found_by_its_name_a_city_in_two_languages_and_an_offset() {
        use chrono_tz::{America, Asia, Etc, Europe};
        let table = [
            ("Europe/Moscow", Europe::Moscow),
            ("europe/moscow", Europe::Moscow),
            (" москва ", Europe::Moscow),
            ("Санкт Петербург", Europe::Moscow),
            ("НОВОСИБИРСК", Asia::Novosibirsk),
            ("new york", America::New_York),
            ("Нью-Йорк", America::New_York),
            ("buenos_aires", America::Argentina::Buenos_Aires),
            ("Кёльн", Europe::Berlin),
            ("UTC", Tz::UTC),
            ("utc+3", Etc::GMTMinus3),
            ("+5", Etc::GMTMinus5),
            ("GMT-4", Etc::GMTPlus4),
            ("UTC−4", Etc::GMTPlus4),
            ("utc + 03:00", Etc::GMTMinus3),
            ("UTC+5:30", Asia::Kolkata),
            ("-3:30", America::St_Johns),
            ("GMT 0", Tz::UTC),
            ("+00:00", Tz::UTC),
        ];
        for (text, zone) in table {
            assert_eq!(find(text), Found::One(zone), "{text}");
        }
        for text in
            ["", "qwertyuiop", "+15", "utc+x", "utc+3:5", "+5:17", "-13", "utc 15", "+3:00:00", "🏠", &"я".repeat(100)]
        {
            assert_eq!(find(text), Found::Nothing, "{text}");
        }
    }

    #[test]
    fn a_mistyped_city_is_asked_back() {
        for (text, zone) in
            [("Moskow", "Europe/Moscow"), ("Екатеринбрг", "Asia/Yekaterinburg"), ("Berlni", "Europe/Berlin")]
        {
            let Found::Perhaps(near) = find(text) else { panic!("{text}: {:?}", find(text)) };
            assert_eq!(near[0].1.name(), zone, "{text}");
            assert!(near.len() <= 3);
        }
    }

    #[test]
    fn an_offset_without_a_sign_is_asked_back_both_ways() {
        use chrono_tz::Etc;
        let both = vec![("UTC+3".to_owned(), Etc::GMTMinus3), ("UTC-3".to_owned(), Etc::GMTPlus3)];
        for text in ["UTC 3", "gmt3", "utc 03:00"] {
            assert_eq!(find(text), Found::Perhaps(both.clone()), "{text}");
        }
        assert_eq!(find("UTC 14"), Found::Perhaps(vec![("UTC+14".to_owned(), Etc::GMTMinus14)]));
        assert_eq!(find("utc 5:45"), Found::Perhaps(vec![("UTC+5:45".to_owned(), chrono_tz::Asia::Kathmandu)]));
    }

    /// Names alike of one zone do not all stand side by side: Лима comes between Лимассол and Лимасол.
    #[test]
    fn a_zone_is_offered_once_by_the_name_that_is_most_alike() {
        use chrono_tz::{America, Asia, Europe};
        let first = |text: &str, count: usize| -> Vec<(String, Tz)> {
            let Found::Perhaps(near) = find(text) else { panic!("{text}: {:?}", find(text)) };
            near.into_iter().take(count).collect()
        };
        assert_eq!(first("Казнь", 1), vec![("Казань".to_owned(), Europe::Moscow)]);
        let islands = vec![("Лимассол".to_owned(), Asia::Nicosia), ("Лима".to_owned(), America::Lima)];
        assert_eq!(first("Лимасс", 3), islands);
    }

    #[test]
    fn each_broken_offset_is_the_standard_time_of_its_zone() {
        use chrono::{Offset, TimeZone};
        let at = |month| chrono::Utc.with_ymd_and_hms(2026, month, 15, 12, 0, 0).unwrap().naive_utc();
        for (minutes, zone) in BROKEN {
            let offset = |month| zone.offset_from_utc_datetime(&at(month)).fix().local_minus_utc() / 60;
            assert_eq!(offset(1).min(offset(7)), minutes, "{zone}");
        }
    }

    #[test]
    fn a_location_becomes_the_zone_of_the_nearest_place() {
        use chrono_tz::{America, Asia, Europe, Pacific};
        let table = [
            ((55.7, 37.6), Europe::Moscow),
            ((59.9, 30.3), Europe::Moscow),
            ((54.99, 82.9), Asia::Novosibirsk),
            ((40.7, -74.0), America::New_York),
            ((-36.8, 174.7), Pacific::Auckland),
            // So far north a degree east is short: Norilsk is nearer than Surgut.
            ((66.0, 80.0), Asia::Krasnoyarsk),
            // Over the date line it is not far.
            ((-17.6, -179.9), Pacific::Fiji),
        ];
        for ((latitude, longitude), zone) in table {
            assert_eq!(nearest(latitude, longitude), Some(zone), "{latitude} {longitude}");
        }
        for (latitude, longitude) in [(91.0, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
            assert_eq!(nearest(latitude, longitude), None, "{latitude} {longitude}");
        }
    }

    #[test]
    fn a_zone_is_shown_as_a_city_in_the_persons_language() {
        let zone = |name: &str| -> Tz { name.parse().unwrap() };
        assert_eq!(title(zone("Europe/Moscow"), "ru"), "Москва");
        assert_eq!(title(zone("Europe/Moscow"), "en"), "Moscow");
        assert_eq!(title(zone("Australia/Lord_Howe"), "ru"), "Lord Howe");
        assert_eq!(title(zone("Etc/GMT-3"), "en"), "UTC+3");
        assert_eq!(title(zone("Etc/GMT+4"), "en"), "UTC-4");
        assert_eq!(title(zone("UTC"), "ru"), "UTC");
    }
}
