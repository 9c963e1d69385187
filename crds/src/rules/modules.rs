//! Rules about `spec.modules`: that there is something the bot can do, and that it has what it needs.

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;

const NO_MODULE: &str = "needs at least one module, or the bot can do nothing";
const MODULES: &str = "companion, habits";
/// The types know it, and manifests that have it stay readable; no executable of this version serves it.
const NOT_SERVED: &str = "this version does not have the module yet";
const NO_VOICE: &str = "has neither speechUrl nor transcriptionUrl: write one of them, or leave voice out";

// That `defaultPersona` is among the personas has no twin: they stand in a ConfigMap, which no rule can read.
pub(super) fn cel() -> Vec<Cel> {
    vec![
        Cel::new(
            "spec.modules",
            "has(self.companion) || has(self.habits) || has(self.repairs)",
            format!("{NO_MODULE}; allowed: {MODULES}"),
        ),
        Cel::new("spec.modules.companion.voice", "has(self.speechUrl) || has(self.transcriptionUrl)", NO_VOICE),
    ]
}

pub(super) fn enabled(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.modules.enabled().is_empty() {
        findings.push(Finding::new("spec.modules", NO_MODULE).allowed(MODULES));
    }
}

/// The modules of a manifest that nobody serves. No twin: a manifest that a cluster has taken is not made invalid; the
/// operator says so in the bot's status, and leaves what runs.
pub(super) fn served(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.modules.repairs.is_some() {
        findings.push(Finding::new("spec.modules.repairs", NOT_SERVED).allowed(MODULES));
    }
}

pub(super) fn voice(spec: &Spec, findings: &mut Vec<Finding>) {
    let voice = spec.modules.companion.as_ref().and_then(|companion| companion.voice.as_ref());
    if voice.is_some_and(|voice| voice.speech_url.is_none() && voice.transcription_url.is_none()) {
        say(findings, "spec.modules.companion.voice", NO_VOICE);
    }
}
