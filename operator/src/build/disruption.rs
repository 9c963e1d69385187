//! PodDisruptionBudgets: a drained node takes one pod of a component at a time. Only with more than one pod: a budget for
//! a single one would hold up the drain for nothing.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{Context, meta};
use crate::names::Component;
use crate::plan::Scale;

#[must_use]
pub fn build(ctx: Context<'_>) -> Vec<PodDisruptionBudget> {
    let several = |component: &Component| match ctx.scale(*component) {
        Scale::Fixed(replicas) => replicas > 1,
        Scale::Autoscaled { .. } => ctx.settings(*component).autoscaling.as_ref().is_some_and(|a| a.min_replicas > 1),
        Scale::Asleep => false,
    };
    let budget = |component: Component| PodDisruptionBudget {
        metadata: meta::owned(ctx.valid, ctx.name(component), component.as_str()),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(meta::selector(&ctx.valid.name, component.as_str())),
            // A pod that does not work protects nothing.
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        status: None,
    };
    ctx.components().filter(several).map(budget).collect()
}
