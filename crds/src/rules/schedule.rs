//! Rules about times: schedules, time zones and quiet hours.

use croner::parser::{CronParser, Seconds, Year};
use regex::Regex;

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::sensitive::show;

const CRON: &str = "five fields of cron: minute hour day month weekday, like 0 3 * * *";
const NO_SCHEDULE: &str = "is no schedule";
const ZONE: &str = "an IANA time zone, like Europe/Moscow";
const SAME_TIME: &str = "begins and ends at the same time: write two different ones, like 22:00-09:00";

/// What one value of each field may be, as Kubernetes' CronJob reads it (<https://en.wikipedia.org/wiki/Cron>):
/// minute, hour, day of month, month, day of week. Sunday is 0.
const VALUES: [&str; 5] = [
    "[0-5]?[0-9]",
    "([01]?[0-9]|2[0-3])",
    "(0?[1-9]|[12][0-9]|3[01])",
    "(0?[1-9]|1[0-2]|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)",
    "([0-6]|SUN|MON|TUE|WED|THU|FRI|SAT)",
];

/// The form of each field: a list of values, ranges and steps.
fn fields() -> [String; 5] {
    VALUES.map(|value| {
        let item = format!("([*]|{value}(-{value})?)(/[1-9][0-9]?)?");
        format!("^{item}(,{item})*$")
    })
}

pub(super) fn cel() -> Vec<Cel> {
    let fields = fields().into_iter().enumerate();
    let each: Vec<String> = fields.map(|(index, form)| format!("self.split(' ')[{index}].matches('{form}')")).collect();
    let schedule = format!("self.split(' ').size() == 5 && {}", each.join(" && "));
    // A range that runs backwards (5-2) has no twin: no regular expression compares numbers.
    let mut rules = vec![Cel::new("spec.backup.schedule", schedule, format!("{NO_SCHEDULE}; allowed: {CRON}"))];
    for at in ["spec.backup.timezone", "spec.modules.repairs.timezone"] {
        // A zone that is not known is an error of evaluation, which refuses as well. `Local` is Go's own word.
        let rule = "self != 'Local' && timestamp('2024-01-01T00:00:00Z').getHours(self) >= 0";
        rules.push(Cel::new(at, rule, format!("there is no such time zone; allowed: {ZONE}")));
    }
    for at in ["spec.modules.companion.retention.quietHours", "spec.modules.repairs.quietHours"] {
        rules.push(Cel::new(at, "self.split('-')[0] != self.split('-')[1]", SAME_TIME));
    }
    rules
}

pub(super) fn check(spec: &Spec, findings: &mut Vec<Finding>) {
    let Some(backup) = &spec.backup else { return };
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let fault = match parser.parse(&backup.schedule) {
        Err(error) => Some(format!("{NO_SCHEDULE}: {error}")),
        // The parser knows more than Kubernetes does, such as L for the last day.
        Ok(_) if !fits(&backup.schedule) => Some(format!("{NO_SCHEDULE} that Kubernetes knows")),
        Ok(_) => None,
    };
    if let Some(message) = fault {
        findings.push(Finding::new("spec.backup.schedule", message).allowed(CRON));
    }
}

fn fits(schedule: &str) -> bool {
    let written: Vec<&str> = schedule.split(' ').collect();
    written.len() == VALUES.len()
        && fields().iter().zip(written).all(|(form, text)| Regex::new(form).is_ok_and(|form| form.is_match(text)))
}

pub(super) fn zones(spec: &Spec, findings: &mut Vec<Finding>) {
    let zones = [
        ("spec.backup.timezone", spec.backup.as_ref().map(|backup| &backup.timezone)),
        ("spec.modules.repairs.timezone", spec.modules.repairs.as_ref().map(|desk| &desk.timezone)),
    ];
    for (path, zone) in zones {
        let Some(zone) = zone else { continue };
        if zone.parse::<chrono_tz::Tz>().is_err() {
            let finding = Finding::new(path, format!("there is no time zone \"{}\"", show(zone)));
            findings.push(finding.allowed(ZONE));
        }
    }
}

pub(super) fn quiet_hours(spec: &Spec, findings: &mut Vec<Finding>) {
    let hours = [
        (
            "spec.modules.companion.retention.quietHours",
            spec.modules.companion.as_ref().and_then(|c| c.retention.as_ref()).map(|r| r.quiet_hours.as_str()),
        ),
        ("spec.modules.repairs.quietHours", spec.modules.repairs.as_ref().and_then(|desk| desk.quiet_hours.as_deref())),
    ];
    for (path, hours) in hours {
        if let Some((from, to)) = hours.and_then(|hours| hours.split_once('-'))
            && from == to
        {
            say(findings, path, SAME_TIME);
        }
    }
}
