//! Autoscalers: on CPU by Kubernetes itself; on the queue's length by KEDA where it is, else on CPU too.

use k8s_openapi::api::autoscaling::v2::{
    CrossVersionObjectReference, HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
    ResourceMetricSource,
};
use serde_json::{Value, json};
use vitte_crds::components::Autoscaling;

use super::{Context, custom, meta};
use crate::names::Component;
use crate::objects::Kind;
use crate::plan::Scale;
use crate::validate::database_secret;

/// What is aimed for on CPU when only a length of the queue is given and nothing in the cluster can read it.
const DEFAULT_CPU: i32 = 70;
/// How often KEDA looks at the queue, in seconds.
const POLLING: i32 = 15;
/// Jobs that are due and that nobody has taken: what more workers could do now.
const DUE_JOBS: &str = "SELECT count(*) FROM jobs WHERE lease_token IS NULL AND run_at <= now()";

/// HorizontalPodAutoscalers and ScaledObjects; a component has one of them at most.
#[must_use]
pub fn build(ctx: Context<'_>) -> (Vec<HorizontalPodAutoscaler>, Vec<Value>) {
    let (mut autoscalers, mut scaled) = (Vec::new(), Vec::new());
    for component in ctx.deployed() {
        let Some(autoscaling) = active(ctx, component) else { continue };
        match autoscaling.target_queue_length {
            Some(length) if by_queue(ctx, component) => {
                scaled.push(scaled_object(ctx, component, autoscaling, length));
            }
            _ => autoscalers.push(on_cpu(ctx, component, autoscaling)),
        }
    }
    (autoscalers, scaled)
}

/// How KEDA gets at the database: by the same key of the same Secret as the pods.
#[must_use]
pub fn trigger_authentication(ctx: Context<'_>) -> Option<Value> {
    let component = ctx.deployed().find(|component| by_queue(ctx, *component))?;
    let key = database_secret(&ctx.valid.name, &ctx.valid.spec)?;
    let metadata = meta::owned(ctx.valid, ctx.name(component), component.as_str());
    let target = json!({"parameter": "connection", "name": key.name, "key": key.key});
    Some(custom(Kind::TriggerAuthentication, &metadata, &json!({"secretTargetRef": [target]})))
}

/// Whether KEDA scales this component.
pub fn by_queue(ctx: Context<'_>, component: Component) -> bool {
    let length = active(ctx, component).and_then(|autoscaling| autoscaling.target_queue_length);
    let apis = &ctx.found.apis;
    let keda = apis.has(Kind::ScaledObject) && apis.has(Kind::TriggerAuthentication);
    length.is_some() && keda && database_secret(&ctx.valid.name, &ctx.valid.spec).is_some()
}

fn active(ctx: Context<'_>, component: Component) -> Option<&Autoscaling> {
    let autoscaled = matches!(ctx.scale(component), Scale::Autoscaled { .. });
    ctx.settings(component).autoscaling.as_ref().filter(|_| autoscaled)
}

fn on_cpu(ctx: Context<'_>, component: Component, autoscaling: &Autoscaling) -> HorizontalPodAutoscaler {
    let target = MetricTarget {
        type_: "Utilization".to_owned(),
        average_utilization: Some(autoscaling.target_cpu_utilization_percentage.unwrap_or(DEFAULT_CPU)),
        ..MetricTarget::default()
    };
    HorizontalPodAutoscaler {
        metadata: meta::owned(ctx.valid, ctx.name(component), component.as_str()),
        spec: Some(HorizontalPodAutoscalerSpec {
            min_replicas: Some(autoscaling.min_replicas),
            max_replicas: autoscaling.max_replicas,
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some(Kind::Deployment.api_version()),
                kind: "Deployment".to_owned(),
                name: ctx.name(component),
            },
            metrics: Some(vec![MetricSpec {
                type_: "Resource".to_owned(),
                resource: Some(ResourceMetricSource { name: "cpu".to_owned(), target }),
                ..MetricSpec::default()
            }]),
            ..HorizontalPodAutoscalerSpec::default()
        }),
        status: None,
    }
}

/// KEDA makes an autoscaler of its own from it (<https://keda.sh/docs/latest/reference/scaledobject-spec/>). No fallback:
/// with the database away nobody knows the queue, and the autoscaler leaves the count as it is.
fn scaled_object(ctx: Context<'_>, component: Component, autoscaling: &Autoscaling, length: i32) -> Value {
    let metadata = meta::owned(ctx.valid, ctx.name(component), component.as_str());
    let queue = json!({
        "type": "postgresql",
        "metadata": {"query": DUE_JOBS, "targetQueryValue": length.to_string()},
        "authenticationRef": {"name": ctx.name(component)},
    });
    let cpu = autoscaling
        .target_cpu_utilization_percentage
        .map(|percent| json!({"type": "cpu", "metricType": "Utilization", "metadata": {"value": percent.to_string()}}));
    let triggers: Vec<Value> = std::iter::once(queue).chain(cpu).collect();
    let spec = json!({
        "scaleTargetRef": {"name": ctx.name(component)},
        "pollingInterval": POLLING,
        "minReplicaCount": autoscaling.min_replicas,
        "maxReplicaCount": autoscaling.max_replicas,
        "triggers": triggers,
    });
    custom(Kind::ScaledObject, &metadata, &spec)
}
