//! Rules about `spec.telegram`: where updates arrive, and whether Telegram can deliver there.

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::telegram::{Updates, Webhook};

/// Ports on which Telegram delivers (<https://core.telegram.org/bots/api#setwebhook>).
const WEBHOOK_PORTS: [&str; 4] = ["443", "80", "88", "8443"];

const NO_WEBHOOK: &str = "updates: Webhook needs to know where Telegram delivers: write webhook: {host: \
                          bot.example.org}, or updates: Polling";
const NO_TARGET: &str = "says not where Telegram delivers: write host, url or gatewayRef";
const BESIDE_URL: &str = "has no effect beside url, which is the whole address: write one of the two";
const HTTPS_ONLY: &str = "Telegram delivers over https only: write https://, or name another server in apiUrl";
const ONE_POLLS: &str = "only one pod polls at a time, so more of them take no load off: write replicas: 2 for a quick \
                         takeover, or updates: Webhook";

pub(super) fn cel() -> Vec<Cel> {
    let with_url =
        "!has(self.webhook) || !has(self.webhook.url) || !self.apiUrl.matches('^https://api[.]telegram[.]org/*$')";
    let ports = WEBHOOK_PORTS.join("|");
    let beside = |field: &str, given: &str| {
        Cel::new("spec.telegram.webhook", format!("!has(self.url) || !{given}"), BESIDE_URL).about(format!(".{field}"))
    };
    let mut rules = vec![
        Cel::new("spec.telegram", "self.updates != 'Webhook' || has(self.webhook)", NO_WEBHOOK),
        Cel::new(
            "spec.telegram",
            "self.updates != 'Webhook' || !has(self.webhook) || has(self.webhook.host) || has(self.webhook.url) \
             || has(self.webhook.gatewayRef)",
            NO_TARGET,
        )
        .about(".webhook"),
        Cel::new("spec.telegram", format!("{with_url} || self.webhook.url.startsWith('https://')"), HTTPS_ONLY)
            .about(".webhook.url"),
        Cel::new(
            "spec.telegram",
            // No port, or one of the four, after a host or an address in brackets.
            format!("{with_url} || self.webhook.url.matches(r'^https?://([^/:]+|\\[[^/]*\\])(:({ports}))?(/|$)')"),
            format!("Telegram does not deliver to this port; allowed: {}", WEBHOOK_PORTS.join(", ")),
        )
        .about(".webhook.url"),
        Cel::new("spec", "self.telegram.updates != 'Polling' || !has(self.components.bot.autoscaling)", ONE_POLLS)
            .about(".components.bot.autoscaling"),
    ];
    for field in ["host", "gatewayRef", "ingressClassName", "tlsSecretName"] {
        rules.push(beside(field, &format!("has(self.{field})")));
    }
    rules.push(beside("annotations", "(has(self.annotations) && self.annotations.size() > 0)"));
    rules
}

pub(super) fn webhook(spec: &Spec, findings: &mut Vec<Finding>) {
    const PATH: &str = "spec.telegram.webhook";
    let telegram = &spec.telegram;
    let Some(webhook) = &telegram.webhook else {
        if telegram.updates == Updates::Webhook {
            say(findings, "spec.telegram", NO_WEBHOOK);
        }
        return;
    };
    let Webhook { host, url, gateway_ref, ingress_class_name, tls_secret_name, annotations, .. } = webhook;
    if telegram.updates == Updates::Webhook && host.is_none() && url.is_none() && gateway_ref.is_none() {
        say(findings, PATH, NO_TARGET);
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
        say(findings, format!("{PATH}.{name}"), BESIDE_URL);
    }
    if !telegram.is_telegrams_own_server() {
        return;
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return;
    };
    if scheme != "https" {
        say(findings, format!("{PATH}.url"), HTTPS_ONLY);
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some((_, port)) = authority.rsplit_once(':')
        && !port.is_empty()
        && port.bytes().all(|b| b.is_ascii_digit())
        && !WEBHOOK_PORTS.contains(&port)
    {
        let finding = Finding::new(format!("{PATH}.url"), format!("Telegram does not deliver to port {port}"));
        findings.push(finding.allowed(WEBHOOK_PORTS.join(", ")));
    }
}

pub(super) fn polling(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.telegram.updates == Updates::Polling && spec.components.bot.autoscaling.is_some() {
        say(findings, "spec.components.bot.autoscaling", ONE_POLLS);
    }
}
