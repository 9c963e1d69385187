//! Rules about `spec.components`: how many pods, how large, with which variables.

use super::{exactly_one, say};
use crate::components::{Component, EnvVar};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::sensitive::show;

pub(super) fn components(spec: &Spec, findings: &mut Vec<Finding>) {
    for (name, component) in spec.components.each() {
        let path = format!("spec.components.{name}");
        scale(name, component, &path, findings);
        resources(component, &path, findings);
        environment(&component.env, &path, findings);
    }
}

fn scale(name: &str, component: &Component, path: &str, findings: &mut Vec<Finding>) {
    let Some(autoscaling) = &component.autoscaling else {
        return;
    };
    if component.replicas.is_some() {
        say(findings, format!("{path}.replicas"), "contradicts autoscaling: write one of the two");
    }
    let path = format!("{path}.autoscaling");
    let (least, most) = (autoscaling.min_replicas, autoscaling.max_replicas);
    if least > most {
        let message = format!("minReplicas {least} is above maxReplicas {most}: write a smaller or equal one");
        say(findings, format!("{path}.minReplicas"), message);
    }
    let queue = autoscaling.target_queue_length.is_some();
    if queue && name != "worker" {
        let message = "only the worker has a queue: write targetCPUUtilizationPercentage";
        say(findings, format!("{path}.targetQueueLength"), message);
    }
    if !queue && autoscaling.target_cpu_utilization_percentage.is_none() {
        let also = if name == "worker" { " or targetQueueLength" } else { "" };
        say(findings, path, format!("has nothing to aim for: write targetCPUUtilizationPercentage{also}"));
    }
}

fn resources(component: &Component, path: &str, findings: &mut Vec<Finding>) {
    let Some(resources) = &component.resources else {
        return;
    };
    let pairs = [
        ("cpu", &resources.requests.cpu, &resources.limits.cpu),
        ("memory", &resources.requests.memory, &resources.limits.memory),
    ];
    for (name, request, limit) in pairs {
        let (Some(request), Some(limit)) = (request, limit) else {
            continue;
        };
        let amounts = (request.thousandths(), limit.thousandths());
        if let (Some(least), Some(most)) = amounts
            && least > most
        {
            let message = format!("requests {request}, more than the limit {limit}: write {limit} or less");
            say(findings, format!("{path}.resources.requests.{name}"), message);
        }
    }
}

fn environment(env: &[EnvVar], path: &str, findings: &mut Vec<Finding>) {
    for (index, variable) in env.iter().enumerate() {
        let path = format!("{path}.env[{index}]");
        if env[..index].iter().any(|earlier| earlier.name == variable.name) {
            say(findings, format!("{path}.name"), format!("{} is set twice: keep one", show(&variable.name)));
        }
        let given = [variable.value.is_some(), variable.value_from.is_some()];
        exactly_one(findings, &path, &given, "value and valueFrom");
        if let Some(from) = &variable.value_from {
            let given = [from.secret_key_ref.is_some(), from.config_map_key_ref.is_some()];
            exactly_one(findings, &format!("{path}.valueFrom"), &given, "secretKeyRef and configMapKeyRef");
        }
    }
}
