//! Rules about `spec.components`: how many pods, how large, where, with which variables.

use super::{Cel, exactly_one, exactly_one_cel, say};
use crate::components::{Component, EnvVar, TaintEffect, Toleration, TolerationOperator};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::sensitive::show;

const TWO_SCALES: &str = "contradicts autoscaling: write one of the two";
const NO_QUEUE: &str = "only the worker has a queue: write targetCPUUtilizationPercentage";
const ANY_VALUE: &str = "operator: Exists takes every value: leave value out, or write operator: Equal";
const ANY_KEY: &str = "without a key every taint is tolerated: write the key, or operator: Exists";
const ONLY_RUNNING: &str = "tolerationSeconds only counts with effect: NoExecute: write that, or leave it out";

fn no_aim(worker: bool) -> String {
    let also = if worker { " or targetQueueLength" } else { "" };
    format!("has nothing to aim for: write targetCPUUtilizationPercentage{also}")
}

pub(super) fn cel() -> Vec<Cel> {
    const ALL: &str = "spec.components.*";
    const SCALED: &str = "spec.components.*.autoscaling";
    const SIZED: &str = "spec.components.*.resources";
    const TAINTS: &str = "spec.components.*.tolerations[]";
    let aim = "has(self.targetCPUUtilizationPercentage) || has(self.targetQueueLength)";
    let mut rules = vec![
        Cel::new(ALL, "!has(self.replicas) || !has(self.autoscaling)", TWO_SCALES).about(".replicas"),
        Cel::new(SCALED, "self.minReplicas <= self.maxReplicas", "minReplicas is above maxReplicas")
            .about(".minReplicas")
            .saying(
                "'minReplicas %d is above maxReplicas %d: write a smaller or equal one'\
                 .format([self.minReplicas, self.maxReplicas])",
            ),
        Cel::new("spec.components.worker.autoscaling", aim, no_aim(true)),
        exactly_one_cel("spec.components.*.env[]", &["value", "valueFrom"], "value and valueFrom"),
        exactly_one_cel(
            "spec.components.*.env[].valueFrom",
            &["secretKeyRef", "configMapKeyRef"],
            "secretKeyRef and configMapKeyRef",
        ),
        Cel::new(TAINTS, "self.operator != 'Exists' || !has(self.value)", ANY_VALUE),
        Cel::new(TAINTS, "self.operator == 'Exists' || has(self.key)", ANY_KEY),
        Cel::new(
            TAINTS,
            "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            ONLY_RUNNING,
        ),
    ];
    for at in
        ["spec.components.bot.autoscaling", "spec.components.api.autoscaling", "spec.components.admin.autoscaling"]
    {
        rules.push(Cel::new(at, "!has(self.targetQueueLength)", NO_QUEUE).about(".targetQueueLength"));
        rules.push(Cel::new(at, aim, no_aim(false)));
    }
    for name in ["cpu", "memory"] {
        let (request, limit) = (format!("self.requests.{name}"), format!("self.limits.{name}"));
        let rule = format!(
            "!has({request}) || !has({limit}) \
             || quantity(string({request})).compareTo(quantity(string({limit}))) <= 0"
        );
        let more = format!(
            "'requests %s, more than the limit %s: write %s or less'\
             .format([string({request}), string({limit}), string({limit})])"
        );
        let message = format!("requests more {name} than the limit: write the limit or less");
        rules.push(Cel::new(SIZED, rule, message).about(format!(".requests.{name}")).saying(more));
    }
    // That no variable is set twice needs no rule: the schema says that its list is a map by name.
    rules
}

pub(super) fn check(spec: &Spec, findings: &mut Vec<Finding>) {
    for (name, component) in spec.components.each() {
        let path = format!("spec.components.{name}");
        scale(name, component, &path, findings);
        resources(component, &path, findings);
        environment(&component.env, &path, findings);
        for (index, toleration) in component.tolerations.iter().enumerate() {
            tolerates(toleration, &format!("{path}.tolerations[{index}]"), findings);
        }
    }
}

fn scale(name: &str, component: &Component, path: &str, findings: &mut Vec<Finding>) {
    let Some(autoscaling) = &component.autoscaling else {
        return;
    };
    if component.replicas.is_some() {
        say(findings, format!("{path}.replicas"), TWO_SCALES);
    }
    let path = format!("{path}.autoscaling");
    let (least, most) = (autoscaling.min_replicas, autoscaling.max_replicas);
    if least > most {
        let message = format!("minReplicas {least} is above maxReplicas {most}: write a smaller or equal one");
        say(findings, format!("{path}.minReplicas"), message);
    }
    let (worker, queue) = (name == "worker", autoscaling.target_queue_length.is_some());
    if queue && !worker {
        say(findings, format!("{path}.targetQueueLength"), NO_QUEUE);
    }
    if !queue && autoscaling.target_cpu_utilization_percentage.is_none() {
        say(findings, path, no_aim(worker));
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

fn tolerates(toleration: &Toleration, path: &str, findings: &mut Vec<Finding>) {
    let exists = toleration.operator == TolerationOperator::Exists;
    if exists && toleration.value.is_some() {
        say(findings, path, ANY_VALUE);
    }
    if !exists && toleration.key.is_none() {
        say(findings, path, ANY_KEY);
    }
    if toleration.toleration_seconds.is_some() && toleration.effect != Some(TaintEffect::NoExecute) {
        say(findings, path, ONLY_RUNNING);
    }
}
