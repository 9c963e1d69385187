//! Rules about `spec.rollout`: what the API server would refuse of every Deployment made from it.

use super::{Cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;

/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#progress-deadline-seconds>
const DEADLINE: &str = "a pod that must be ready for so long never is within progressDeadlineSeconds: write fewer seconds, or \
                        a longer progressDeadlineSeconds";

pub(super) fn cel() -> Vec<Cel> {
    vec![
        Cel::new("spec.rollout", "self.minReadySeconds < self.progressDeadlineSeconds", DEADLINE)
            .about(".minReadySeconds"),
    ]
}

pub(super) fn deadline(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.rollout.min_ready_seconds >= spec.rollout.progress_deadline_seconds {
        say(findings, "spec.rollout.minReadySeconds", DEADLINE);
    }
}
