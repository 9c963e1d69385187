//! Pods of the executable: of the four components and of the migration.
//!
//! Every pod satisfies the `restricted` pod security standard: it runs as nobody in particular, may change nothing but
//! its own `/tmp`, and holds no key to the API server.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapKeySelector, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar,
    EnvVarSource, HTTPGetAction, LocalObjectReference, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    ResourceRequirements, SeccompProfile, SecretKeySelector, SecurityContext, Toleration, TopologySpreadConstraint,
    Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use vitte_crds::SecretKeyRef;
use vitte_crds::components::{
    Component as Settings, EnvVar as GivenVar, ResourceList, Resources, TaintEffect, TolerationOperator,
};
use vitte_crds::image::PullPolicy;

use super::quantity::canonical;
use super::{Context, HTTP, HTTP_NAME, config, meta};
use crate::names::{ANNOTATION_SECRETS, Component};
use crate::validate::{Inputs, Valid};

/// Neither root nor anybody whom an image knows.
pub const NOBODY: i64 = 65_532;
const CONFIG_FOLDER: &str = "/etc/vitte";
/// From SIGTERM to SIGKILL, in seconds, and what the process plans with: less, so that it ends by itself.
const GRACE: i64 = 30;
const PROCESS_GRACE: i64 = 25;
/// How long a process waits for its schema before it gives up, in seconds; it answers no probe until then.
const SCHEMA_WAIT: i32 = 300;
const STARTUP_PERIOD: i32 = 2;

/// The pods of a component.
#[must_use]
pub fn template(ctx: Context<'_>, component: Component) -> PodTemplateSpec {
    let Context { valid, .. } = ctx;
    let settings = ctx.settings(component);
    let none = Inputs::default();
    let inputs = valid.inputs.get(&component).unwrap_or(&none);
    let mut annotations = settings.annotations.clone();
    annotations.extend(inputs.digest.clone().map(|digest| (ANNOTATION_SECRETS.to_owned(), digest)));
    let part = component.as_str();
    let container = Container {
        name: part.to_owned(),
        args: Some(vec![part.to_owned(), format!("{CONFIG_FOLDER}/{}", config::FILE)]),
        env: Some(environment(&settings.env, &inputs.secrets)),
        ports: Some(vec![ContainerPort {
            name: Some(HTTP_NAME.to_owned()),
            container_port: HTTP,
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        resources: requirements(settings.resources.as_ref().unwrap_or(&default_resources(component))),
        // A process that waits for its schema ends by its own words, not by the kubelet's.
        startup_probe: Some(Probe {
            period_seconds: Some(STARTUP_PERIOD),
            failure_threshold: Some(SCHEMA_WAIT / STARTUP_PERIOD + 15),
            ..probe("/health/live")
        }),
        liveness_probe: Some(probe("/health/live")),
        readiness_probe: Some(Probe { period_seconds: Some(5), ..probe("/health/ready") }),
        volume_mounts: Some(vec![mount("config", CONFIG_FOLDER, true), mount("tmp", "/tmp", false)]),
        ..container(valid)
    };
    let config = Volume {
        name: "config".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: config::config_map_name(valid, component),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(meta::labels(&valid.name, part)),
            annotations: Some(annotations).filter(|annotations| !annotations.is_empty()),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(ctx.name(component)),
            containers: vec![container],
            volumes: Some(vec![config, empty_dir("tmp", "64Mi", None)]),
            topology_spread_constraints: Some(vec![TopologySpreadConstraint {
                max_skew: 1,
                topology_key: "kubernetes.io/hostname".to_owned(),
                when_unsatisfiable: "ScheduleAnyway".to_owned(),
                label_selector: Some(meta::selector(&valid.name, part)),
                ..TopologySpreadConstraint::default()
            }]),
            ..placed(pod(valid), settings)
        }),
    }
}

/// What every pod of a bot is, whatever its image.
#[must_use]
pub fn pod(valid: &Valid) -> PodSpec {
    let pull_secrets = valid.spec.image.pull_secrets.iter();
    let pull_secrets: Vec<_> = pull_secrets.map(|s| LocalObjectReference { name: s.name.clone() }).collect();
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: Some(pull_secrets).filter(|secrets| !secrets.is_empty()),
        security_context: Some(runs_as(NOBODY)),
        termination_grace_period_seconds: Some(GRACE),
        ..PodSpec::default()
    }
}

/// Where a component's pods may run, as the manifest says it (but for `affinity`, see `deployments`).
#[must_use]
pub fn placed(pod: PodSpec, settings: &Settings) -> PodSpec {
    let tolerations: Vec<Toleration> = settings.tolerations.iter().map(toleration).collect();
    PodSpec {
        node_selector: Some(settings.node_selector.clone()).filter(|labels| !labels.is_empty()),
        tolerations: Some(tolerations).filter(|tolerations| !tolerations.is_empty()),
        priority_class_name: settings.priority_class_name.clone(),
        ..pod
    }
}

/// A container of the services' image.
#[must_use]
pub fn container(valid: &Valid) -> Container {
    let policy = match valid.spec.image.pull_policy {
        PullPolicy::Always => "Always",
        PullPolicy::IfNotPresent => "IfNotPresent",
        PullPolicy::Never => "Never",
    };
    Container {
        image: Some(valid.image.clone()),
        image_pull_policy: Some(policy.to_owned()),
        command: Some(vec!["vitte".to_owned()]),
        security_context: Some(confined()),
        // What a process says last is what people look for first.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

/// Of the whole pod: who it runs as. Volumes belong to the same number.
#[must_use]
pub fn runs_as(user: i64) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(user),
        run_as_group: Some(user),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..PodSecurityContext::default()
    }
}

/// Of a container: nothing that it does not need, which is nothing at all.
#[must_use]
pub fn confined() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
        read_only_root_filesystem: Some(true),
        ..SecurityContext::default()
    }
}

/// Each name once: the operator's own variables win, sorted by name.
#[must_use]
pub fn environment(given: &[GivenVar], secrets: &BTreeMap<String, SecretKeyRef>) -> Vec<EnvVar> {
    let given = given.iter().map(|variable| {
        let from = variable.value_from.as_ref().map(|from| EnvVarSource {
            secret_key_ref: from.secret_key_ref.as_ref().map(secret_key),
            config_map_key_ref: from.config_map_key_ref.as_ref().map(|key| ConfigMapKeySelector {
                name: key.name.clone(),
                key: key.key.clone(),
                optional: None,
            }),
            ..EnvVarSource::default()
        });
        // An empty value is no value to the API server, and the variable is empty all the same.
        let value = variable.value.clone().filter(|value| !value.is_empty());
        EnvVar { name: variable.name.clone(), value, value_from: from }
    });
    let own = [("VITTE_GRACE", PROCESS_GRACE.to_string()), ("VITTE_LOG_FORMAT", "json".to_owned())]
        .map(|(name, value)| EnvVar { name: name.to_owned(), value: Some(value), value_from: None });
    let wait = ("VITTE_SCHEMA_WAIT", SCHEMA_WAIT.to_string());
    let wait = EnvVar { name: wait.0.to_owned(), value: Some(wait.1), value_from: None };
    let secrets = secrets.iter().map(|(name, key)| from_secret(name, key));
    let all = given.chain(own).chain([wait]).chain(secrets);
    all.map(|variable| (variable.name.clone(), variable)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// A variable that holds one key of a Secret.
#[must_use]
pub fn from_secret(name: &str, key: &SecretKeyRef) -> EnvVar {
    let from = EnvVarSource { secret_key_ref: Some(secret_key(key)), ..EnvVarSource::default() };
    EnvVar { name: name.to_owned(), value: None, value_from: Some(from) }
}

fn secret_key(key: &SecretKeyRef) -> SecretKeySelector {
    SecretKeySelector { name: key.name.clone(), key: key.key.clone(), optional: None }
}

/// A folder that ends with its pod. Bounded, so that a runaway file evicts its own pod and nobody else's.
#[must_use]
pub fn empty_dir(name: &str, limit: &str, medium: Option<&str>) -> Volume {
    Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(str::to_owned),
            size_limit: Some(canonical(&vitte_crds::Quantity::new(limit))),
        }),
        ..Volume::default()
    }
}

#[must_use]
pub fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(read_only).filter(|is| *is),
        ..VolumeMount::default()
    }
}

/// What a pod asks for and may use at most; absent when nothing is said.
#[must_use]
pub fn requirements(resources: &Resources) -> Option<ResourceRequirements> {
    let list = |list: &ResourceList| {
        let pairs = [("cpu", &list.cpu), ("memory", &list.memory)];
        let amounts = pairs.into_iter().filter_map(|(n, amount)| Some((n.to_owned(), canonical(amount.as_ref()?))));
        Some(amounts.collect::<BTreeMap<_, _>>()).filter(|amounts| !amounts.is_empty())
    };
    let (requests, limits) = (list(&resources.requests), list(&resources.limits));
    let said = requests.is_some() || limits.is_some();
    said.then_some(ResourceRequirements { requests, limits, claims: None })
}

/// From measurements: 17 to 31 MiB resident under load (`bench/RESULTS.md`), and four times that before it is killed.
fn default_resources(component: Component) -> Resources {
    let most = match component {
        Component::Bot | Component::Worker => "1",
        Component::Api | Component::Admin => "500m",
    };
    resources(("50m", "32Mi"), (most, "128Mi"))
}

/// The memory that a pod of a component may use, in bytes.
#[must_use]
pub fn memory_limit(ctx: Context<'_>, component: Component) -> Option<u128> {
    let limits = match &ctx.settings(component).resources {
        Some(given) => given.limits.clone(),
        None => default_resources(component).limits,
    };
    Some(limits.memory?.thousandths()? / 1000)
}

/// CPU and memory: what is asked for, and the most.
#[must_use]
pub fn resources(requests: (&str, &str), limits: (&str, &str)) -> Resources {
    let list = |(cpu, memory): (&str, &str)| ResourceList {
        cpu: Some(vitte_crds::Quantity::new(cpu)),
        memory: Some(vitte_crds::Quantity::new(memory)),
    };
    Resources { requests: list(requests), limits: list(limits) }
}

/// A pod is called dead after three failures at intervals of ten seconds.
fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(HTTP_NAME.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(10),
        timeout_seconds: Some(3),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}

fn toleration(given: &vitte_crds::components::Toleration) -> Toleration {
    let operator = match given.operator {
        TolerationOperator::Equal => "Equal",
        TolerationOperator::Exists => "Exists",
    };
    let effect = given.effect.map(|effect| match effect {
        TaintEffect::NoSchedule => "NoSchedule",
        TaintEffect::PreferNoSchedule => "PreferNoSchedule",
        TaintEffect::NoExecute => "NoExecute",
    });
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Toleration {
        key: text(&given.key),
        operator: Some(operator.to_owned()),
        value: text(&given.value),
        effect: effect.map(str::to_owned),
        toleration_seconds: given.toleration_seconds,
    }
}
