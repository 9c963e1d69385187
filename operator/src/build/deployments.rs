//! One Deployment for each component that runs.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use super::{Context, held, json, meta, pods};
use crate::names::Component;
use crate::objects::Kind;
use crate::plan::Scale;

#[must_use]
pub fn build(ctx: Context<'_>) -> Vec<Value> {
    ctx.deployed().map(|component| deployment(ctx, component)).collect()
}

fn deployment(ctx: Context<'_>, component: Component) -> Value {
    let Context { valid, found, roll, .. } = ctx;
    let part = component.as_str();
    let deployment = Deployment {
        metadata: meta::owned(valid, ctx.name(component), part),
        spec: Some(DeploymentSpec {
            replicas: match ctx.scale(component) {
                Scale::Fixed(replicas) => Some(replicas),
                Scale::Autoscaled { .. } => None,
                Scale::Asleep => Some(0),
            },
            selector: meta::selector(&valid.name, part),
            // The old pod goes when the new one is ready: for a bot that polls, too, since a stand-by is ready.
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::String("25%".to_owned())),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            min_ready_seconds: Some(valid.spec.rollout.min_ready_seconds).filter(|seconds| *seconds > 0),
            progress_deadline_seconds: Some(valid.spec.rollout.progress_deadline_seconds),
            revision_history_limit: Some(3),
            template: pods::template(ctx, component),
            ..DeploymentSpec::default()
        }),
        status: None,
    };
    let mut deployment = json(deployment);
    // Taken over word for word: what is wrong in it, the API server says best.
    if let Some(affinity) = &ctx.settings(component).affinity
        && let Some(pod) = deployment.pointer_mut("/spec/template/spec").and_then(Value::as_object_mut)
    {
        pod.insert("affinity".to_owned(), Value::Object(affinity.clone()));
    }
    if !roll
        && let Some(live) = found.children.get(Kind::Deployment, &ctx.name(component))
        && let Some(template) = deployment.pointer_mut("/spec/template")
    {
        held::back(template, live.at("/spec/template"), part);
    }
    deployment
}
