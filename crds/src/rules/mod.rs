//! What the shape of a manifest cannot say: rules that look at several fields at once, or ask what a text means.
//!
//! Each rule is a pure function from a manifest to findings, and each finding says what to write instead. They run
//! on manifests whose single fields may be wrong; such a field was reported already, so a rule that cannot
//! understand a value keeps silent unless the value's meaning is its business.
//!
//! Beside each stands its twin in CEL ([`Cel`]), by which the API server refuses the same manifests with the same
//! words; where there is none, a comment says why, and the operator's validation runs the Rust rule. The rules that
//! look at an older version of the object have no twin in Rust: only the API server knows both.

mod cel;
mod components;
mod faces;
mod lists;
mod modules;
mod network;
mod schedule;
mod secrets;
mod stores;
mod telegram;
mod upgrade;

pub use cel::Cel;
pub(crate) use secrets::guard as guard_against_secrets;

use crate::manifest::{Spec, VitteBot};
use crate::patterns::{self, DNS_LABEL};
use crate::problem::Finding;

const NO_LETTER: &str =
    "a bot's name begins with a letter in a cluster, since its Services are named after it, like luna";

type Rule = fn(&Spec, &mut Vec<Finding>);

const RULES: &[Rule] = &[
    telegram::webhook,
    telegram::polling,
    stores::check,
    modules::enabled,
    components::check,
    faces::credentials,
    faces::hosts,
    faces::limits,
    schedule::check,
    schedule::zones,
    schedule::quiet_hours,
    network::check,
    modules::voice,
    lists::keys,
    upgrade::deadline,
];

const TWINS: &[fn() -> Vec<Cel>] = &[
    name,
    telegram::cel,
    stores::cel,
    modules::cel,
    components::cel,
    faces::cel,
    schedule::cel,
    network::cel,
    lists::cel,
    upgrade::cel,
];

/// Everything in a manifest that contradicts itself or means nothing.
#[must_use]
pub fn check(bot: &VitteBot) -> Vec<Finding> {
    check_spec(&bot.spec)
}

/// The same of a spec alone: what it holds is all that the rules look at.
#[must_use]
pub fn check_spec(spec: &Spec) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in RULES {
        rule(spec, &mut findings);
    }
    findings
}

/// What a manifest enables and no executable of this version serves: pods with it would not start.
#[must_use]
pub fn check_served(spec: &Spec) -> Vec<Finding> {
    let mut findings = Vec::new();
    modules::served(spec, &mut findings);
    findings
}

/// The name of a bot in a cluster: its Services' names begin with it, and those begin with a letter. A manifest that is
/// read on a laptop, or by a pod that runs, needs no Service.
#[must_use]
pub fn check_name_for_cluster(name: &str) -> Option<Finding> {
    let good = name.starts_with(|first: char| first.is_ascii_lowercase());
    (!good).then(|| Finding::new("metadata.name", NO_LETTER))
}

/// The same for a bot in a cluster: nobody starts a private database for it, and a secret in its spec may stand where
/// no rule in CEL can look.
#[must_use]
pub fn check_for_cluster(spec: &Spec) -> Vec<Finding> {
    let mut findings = check_spec(spec);
    stores::required(spec, &mut findings);
    modules::served(spec, &mut findings);
    // A spec is made of texts, numbers, lists and mappings by text: it can always be written as JSON.
    if let Ok(json) = serde_json::to_value(spec) {
        findings.extend(crate::load::secrets_in(json, "spec"));
    }
    findings
}

/// The rules in CEL, for the custom resource definition. Those against secrets come besides, at every text.
#[must_use]
pub fn cel() -> Vec<Cel> {
    TWINS.iter().flat_map(|twins| twins()).collect()
}

/// The manifest's own schema bounds `metadata.name`; that of a custom resource may not, hence a rule.
fn name() -> Vec<Cel> {
    let rule = format!("self.metadata.name.size() <= 40 && self.metadata.name.matches('{DNS_LABEL}')");
    let allowed = patterns::explain(DNS_LABEL).unwrap_or(DNS_LABEL);
    let message =
        format!("a bot's name has at most 40 characters, since names of its parts are made from it: {allowed}");
    // Of new bots alone, which have no status: one that is there may be changed, and has to be able to go.
    let letter = "has(self.status) || self.metadata.name.matches('^[a-z]')";
    // No field: the API server takes none below metadata.
    vec![Cel::new("", rule, message), Cel::new("", letter, NO_LETTER)]
}

fn say(findings: &mut Vec<Finding>, path: impl Into<String>, message: impl Into<String>) {
    findings.push(Finding::new(path, message));
}

fn exactly_one(findings: &mut Vec<Finding>, path: &str, given: &[bool], names: &str) {
    match given.iter().filter(|given| **given).count() {
        0 => say(findings, path, format!("needs exactly one of {names}, and has none")),
        1 => {}
        count => say(findings, path, format!("needs exactly one of {names}, and has {count}")),
    }
}

/// The twin of [`exactly_one`].
fn exactly_one_cel(at: &'static str, fields: &[&str], names: &str) -> Cel {
    let given: Vec<String> = fields.iter().map(|field| format!("has(self.{field})")).collect();
    let rule = format!("[{}].exists_one(given, given)", given.join(", "));
    Cel::new(at, rule, format!("needs exactly one of {names}"))
}
