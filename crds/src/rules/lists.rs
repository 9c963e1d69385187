//! Rules about lists in which nothing stands twice, and about the keys of mappings.
//!
//! The schema says `uniqueItems`, by which [`crate::load`] finds what stands twice. A custom resource definition may
//! not say so: lists whose order means nothing become sets there (see `structural`), the others need a rule.

use std::collections::BTreeMap;

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;

/// A prefix of 253 characters, a slash and a name of 63 (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>).
const LONGEST_KEY: usize = 317;
const LONG_KEY: &str = "has a key of more than 317 characters, which Kubernetes does not take: write a shorter one";

pub(super) fn cel() -> Vec<Cel> {
    let unique = ["spec.languages", "spec.modules.companion.llm.fallbackModels"]
        .map(|at| Cel::new(at, "self.all(x, self.exists_one(y, y == x))", "has something twice: write each once"));
    // That keys are well formed beyond their length has no twin: to the API server a key may be as long as a whole
    // request, so that any look inside one is too dear.
    let keys = [
        "spec.telegram.webhook.annotations",
        "spec.components.*.nodeSelector",
        "spec.components.*.annotations",
        "spec.networkPolicy.ingressFrom[].namespaceLabels",
        "spec.networkPolicy.ingressFrom[].podLabels",
        "spec.networkPolicy.egressTo[].namespaceLabels",
        "spec.networkPolicy.egressTo[].podLabels",
    ]
    .map(|at| Cel::new(at, format!("self.all(key, key.size() <= {LONGEST_KEY})"), LONG_KEY));
    unique.into_iter().chain(keys).collect()
}

pub(super) fn keys(spec: &Spec, findings: &mut Vec<Finding>) {
    let mut check = |path: String, map: &BTreeMap<String, String>| {
        if map.keys().any(|key| key.chars().count() > LONGEST_KEY) {
            say(findings, path, LONG_KEY);
        }
    };
    if let Some(webhook) = &spec.telegram.webhook {
        check("spec.telegram.webhook.annotations".to_owned(), &webhook.annotations);
    }
    for (name, component) in spec.components.each() {
        check(format!("spec.components.{name}.nodeSelector"), &component.node_selector);
        check(format!("spec.components.{name}.annotations"), &component.annotations);
    }
    let policy = &spec.network_policy;
    for (list, peers) in [("ingressFrom", &policy.ingress_from), ("egressTo", &policy.egress_to)] {
        for (index, peer) in peers.iter().enumerate() {
            check(format!("spec.networkPolicy.{list}[{index}].namespaceLabels"), &peer.namespace_labels);
            check(format!("spec.networkPolicy.{list}[{index}].podLabels"), &peer.pod_labels);
        }
    }
}
