//! What the shape of a manifest cannot say: rules that look at several fields at once, or ask what a text means.
//!
//! Each rule is a pure function from a manifest to findings, and each finding says what to write instead. They run
//! on manifests whose single fields may be wrong; such a field was reported already, so a rule that cannot
//! understand a value keeps silent unless the value's meaning is its business.

use croner::parser::{CronParser, Seconds, Year};

use crate::manifest::{Spec, VitteBot};
use crate::problem::Finding;
use crate::quantity::Quantity;
use crate::sensitive::show;
use crate::telegram::{Updates, Webhook};
use crate::upgrade::MigrationBackup;

/// Ports on which Telegram delivers (<https://core.telegram.org/bots/api#setwebhook>).
const WEBHOOK_PORTS: [&str; 4] = ["443", "80", "88", "8443"];

mod scale;

type Rule = fn(&Spec, &mut Vec<Finding>);

const RULES: &[Rule] =
    &[webhook, polling, stores, modules, scale::components, faces, limits, backup, zones, quiet_hours, network, voice];

/// Everything in a manifest that contradicts itself or means nothing.
#[must_use]
pub fn check(bot: &VitteBot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        rule(&bot.spec, &mut findings);
    }
    findings
}

fn say(findings: &mut Vec<Finding>, path: impl Into<String>, message: impl Into<String>) {
    findings.push(Finding::new(path, message));
}

fn webhook(spec: &Spec, findings: &mut Vec<Finding>) {
    const PATH: &str = "spec.telegram.webhook";
    let telegram = &spec.telegram;
    let Some(webhook) = &telegram.webhook else {
        if telegram.updates == Updates::Webhook {
            let message = "updates: Webhook needs to know where Telegram delivers: write webhook: {host: bot.example.org}, \
                           or updates: Polling";
            say(findings, "spec.telegram", message);
        }
        return;
    };
    let Webhook { host, url, gateway_ref, ingress_class_name, tls_secret_name, annotations, .. } = webhook;
    if telegram.updates == Updates::Webhook && host.is_none() && url.is_none() && gateway_ref.is_none() {
        say(findings, PATH, "says not where Telegram delivers: write host, url or gatewayRef");
    }
    let Some(url) = url else { return };
    let besides = [
        ("host", host.is_some()),
        ("gatewayRef", gateway_ref.is_some()),
        ("ingressClassName", ingress_class_name.is_some()),
        ("tlsSecretName", tls_secret_name.is_some()),
        ("annotations", !annotations.is_empty()),
    ];
    for (name, _) in besides.into_iter().filter(|(_, given)| *given) {
        let message = "has no effect beside url, which is the whole address: write one of the two";
        say(findings, format!("{PATH}.{name}"), message);
    }
    if !telegram.is_telegrams_own_server() {
        return;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return;
    };
    if scheme != "https" {
        let message = "Telegram delivers over https only: write https://, or name another server in apiUrl";
        say(findings, format!("{PATH}.url"), message);
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some((_, port)) = authority.rsplit_once(':')
        && port.bytes().all(|b| b.is_ascii_digit())
        && !WEBHOOK_PORTS.contains(&port)
    {
        let finding = Finding::new(format!("{PATH}.url"), format!("Telegram does not deliver to port {port}"));
        findings.push(finding.allowed(WEBHOOK_PORTS.join(", ")));
    }
}

fn polling(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.telegram.updates == Updates::Polling && spec.components.bot.autoscaling.is_some() {
        let message = "only one pod polls at a time, so more of them take no load off: write replicas: 2 for a quick \
                       takeover, or updates: Webhook";
        say(findings, "spec.components.bot.autoscaling", message);
    }
}

fn stores(spec: &Spec, findings: &mut Vec<Finding>) {
    if let Some(database) = &spec.database {
        let given = [database.url_secret_ref.is_some(), database.embedded.is_some(), database.cluster.is_some()];
        exactly_one(findings, "spec.database", &given, "urlSecretRef, embedded and cluster");
    }
    if let Some(redis) = &spec.redis {
        let given = [redis.url_secret_ref.is_some(), redis.embedded.is_some()];
        exactly_one(findings, "spec.redis", &given, "urlSecretRef and embedded");
    }
}

fn exactly_one(findings: &mut Vec<Finding>, path: &str, given: &[bool], names: &str) {
    match given.iter().filter(|given| **given).count() {
        0 => say(findings, path, format!("needs exactly one of {names}, and has none")),
        1 => {}
        count => say(findings, path, format!("needs exactly one of {names}, and has {count}")),
    }
}

fn modules(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.modules.enabled().is_empty() {
        let finding = Finding::new("spec.modules", "needs at least one module, or the bot can do nothing");
        findings.push(finding.allowed("companion, habits, repairs"));
    }
}

fn faces(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.admin.host.is_some() && spec.admin.password_secret_ref.is_none() {
        let message =
            "would open the administrators' pages to everybody: write passwordSecretRef: {name: ..., key: ...}";
        say(findings, "spec.admin.host", message);
    }
    if spec.api.host.is_some() && spec.api.jwt_secret_ref.is_none() {
        let message = "needs a key to sign its tokens: write jwtSecretRef: {name: ..., key: ...}";
        say(findings, "spec.api.host", message);
    }
    let hosts = [
        ("spec.telegram.webhook.host", spec.telegram.webhook.as_ref().and_then(|w| w.host.as_deref())),
        ("spec.api.host", spec.api.host.as_deref()),
        ("spec.admin.host", spec.admin.host.as_deref()),
    ];
    for (index, (path, host)) in hosts.iter().enumerate() {
        let first = hosts[..index].iter().find(|(_, earlier)| host.is_some() && earlier == host);
        if let Some((first, _)) = first {
            say(findings, *path, format!("is the host of {first} too: each needs its own"));
        }
    }
}

fn limits(spec: &Spec, findings: &mut Vec<Finding>) {
    let (minute, hour) = (spec.limits.messages_per_minute, spec.limits.messages_per_hour);
    if minute > hour {
        let message = format!("{minute} a minute can never be reached at {hour} an hour: write {hour} or less");
        say(findings, "spec.limits.messagesPerMinute", message);
    }
}

fn backup(spec: &Spec, findings: &mut Vec<Finding>) {
    match &spec.backup {
        None => {
            if spec.migrations.backup == MigrationBackup::Required {
                let message = "needs spec.backup, which says where backups go: write it, or migrations: {backup: None}";
                say(findings, "spec.migrations.backup", message);
            }
        }
        Some(backup) => {
            let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
            if let Err(error) = parser.parse(&backup.schedule) {
                let finding = Finding::new("spec.backup.schedule", format!("is no schedule: {error}"));
                findings.push(finding.allowed("five fields of cron: minute hour day month weekday, like 0 3 * * *"));
            }
        }
    }
    let embedded = spec.database.as_ref().and_then(|database| database.embedded.as_ref());
    if embedded.and_then(|embedded| embedded.storage.thousandths()) == Some(0) {
        say(findings, "spec.database.embedded.storage", "is nothing: write an amount, like 5Gi");
    }
    let memory = spec.redis.as_ref().and_then(|redis| redis.embedded.as_ref()).map(|redis| &redis.memory);
    if memory.and_then(Quantity::thousandths) == Some(0) {
        say(findings, "spec.redis.embedded.memory", "is nothing: write an amount, like 128Mi");
    }
}

fn zones(spec: &Spec, findings: &mut Vec<Finding>) {
    let zones = [
        ("spec.backup.timezone", spec.backup.as_ref().map(|backup| &backup.timezone)),
        ("spec.modules.repairs.timezone", spec.modules.repairs.as_ref().map(|desk| &desk.timezone)),
    ];
    for (path, zone) in zones {
        let Some(zone) = zone else { continue };
        if zone.parse::<chrono_tz::Tz>().is_err() {
            let finding = Finding::new(path, format!("there is no time zone \"{}\"", show(zone)));
            findings.push(finding.allowed("an IANA time zone, like Europe/Moscow"));
        }
    }
}

fn quiet_hours(spec: &Spec, findings: &mut Vec<Finding>) {
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
            say(findings, path, "begins and ends at the same time: write two different ones, like 22:00-09:00");
        }
    }
}

fn network(spec: &Spec, findings: &mut Vec<Finding>) {
    let policy = &spec.network_policy;
    for (list, peers) in [("ingressFrom", &policy.ingress_from), ("egressTo", &policy.egress_to)] {
        for (index, peer) in peers.iter().enumerate() {
            let path = format!("spec.networkPolicy.{list}[{index}]");
            let by_labels = !peer.namespace_labels.is_empty() || !peer.pod_labels.is_empty();
            match &peer.cidr {
                Some(_) if by_labels => {
                    say(findings, path, "is an address block and labels at once: write two entries");
                }
                Some(cidr) if !is_block(cidr) => {
                    let finding =
                        Finding::new(format!("{path}.cidr"), format!("\"{}\" is no address block", show(cidr)));
                    findings.push(finding.allowed("an address block, like 10.0.0.0/8 or 2001:db8::/32"));
                }
                None if !by_labels && peer.ports.is_empty() => {
                    say(findings, path, "names nobody: write cidr, namespaceLabels, podLabels or ports");
                }
                Some(_) | None => {}
            }
        }
    }
}

fn is_block(cidr: &str) -> bool {
    let Some((address, length)) = cidr.split_once('/') else {
        return false;
    };
    let longest = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= longest)
}

fn voice(spec: &Spec, findings: &mut Vec<Finding>) {
    let voice = spec.modules.companion.as_ref().and_then(|companion| companion.voice.as_ref());
    if voice.is_some_and(|voice| voice.speech_url.is_none() && voice.transcription_url.is_none()) {
        let message = "has neither speechUrl nor transcriptionUrl: write one of them, or leave voice out";
        say(findings, "spec.modules.companion.voice", message);
    }
}
