//! Rules about what people and programs reach: hosts, their credentials, and how much one person may ask.

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;

const OPEN_ADMIN: &str =
    "would open the administrators' pages to everybody: write passwordSecretRef: {name: ..., key: ...}";
const UNSIGNED_API: &str = "needs a key to sign its tokens: write jwtSecretRef: {name: ..., key: ...}";

pub(super) fn cel() -> Vec<Cel> {
    let mut rules = vec![
        Cel::new("spec.admin", "!has(self.host) || has(self.passwordSecretRef)", OPEN_ADMIN).about(".host"),
        Cel::new("spec.api", "!has(self.host) || has(self.jwtSecretRef)", UNSIGNED_API).about(".host"),
        Cel::new(
            "spec.limits",
            "self.messagesPerMinute <= self.messagesPerHour",
            "messagesPerMinute can never be reached when it is above messagesPerHour: write a smaller or equal one",
        )
        .about(".messagesPerMinute")
        .saying(
            "'%d a minute can never be reached at %d an hour: write %d or less'\
             .format([self.messagesPerMinute, self.messagesPerHour, self.messagesPerHour])",
        ),
    ];
    let hosts = ["telegram.webhook.host", "api.host", "admin.host"];
    for (index, later) in hosts.iter().enumerate() {
        for earlier in &hosts[..index] {
            let webhook = if *earlier == hosts[0] { "!has(self.telegram.webhook) || " } else { "" };
            let rule = format!("{webhook}!has(self.{earlier}) || !has(self.{later}) || self.{earlier} != self.{later}");
            rules.push(Cel::new("spec", rule, shared(&format!("spec.{earlier}"))).about(format!(".{later}")));
        }
    }
    rules
}

fn shared(with: &str) -> String {
    format!("is the host of {with} too: each needs its own")
}

pub(super) fn credentials(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.admin.host.is_some() && spec.admin.password_secret_ref.is_none() {
        say(findings, "spec.admin.host", OPEN_ADMIN);
    }
    if spec.api.host.is_some() && spec.api.jwt_secret_ref.is_none() {
        say(findings, "spec.api.host", UNSIGNED_API);
    }
}

pub(super) fn hosts(spec: &Spec, findings: &mut Vec<Finding>) {
    let hosts = [
        ("spec.telegram.webhook.host", spec.telegram.webhook.as_ref().and_then(|w| w.host.as_deref())),
        ("spec.api.host", spec.api.host.as_deref()),
        ("spec.admin.host", spec.admin.host.as_deref()),
    ];
    for (index, (path, host)) in hosts.iter().enumerate() {
        let first = hosts[..index].iter().find(|(_, earlier)| host.is_some() && earlier == host);
        if let Some((first, _)) = first {
            say(findings, *path, shared(first));
        }
    }
}

pub(super) fn limits(spec: &Spec, findings: &mut Vec<Finding>) {
    let (minute, hour) = (spec.limits.messages_per_minute, spec.limits.messages_per_hour);
    if minute > hour {
        let message = format!("{minute} a minute can never be reached at {hour} an hour: write {hour} or less");
        say(findings, "spec.limits.messagesPerMinute", message);
    }
}
