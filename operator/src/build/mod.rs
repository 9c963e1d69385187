//! Phase 3b (pure): the objects that a bot is to be made of.
//!
//! A [`Valid`] bot, what was [`Found`] and the [`Plan`] go in; [`Objects`] come out, in the order in which they are to
//! be written. One file per concern; each makes typed objects of the kinds that it is about.
//!
//! What must never happen here: input or output; anything that differs between two calls with the same arguments, but
//! for values of new Secrets; a value of a Secret in an object that is none; a field that the API server drops or
//! rewrites (empty lists and maps, quantities that are not canonical): each would be a write at every look.

mod alerts;
mod autoscaling;
mod config;
mod deployments;
mod disruption;
mod held;
mod ingress;
mod jobs;
mod meta;
mod monitoring;
mod network;
mod pods;
mod postgres;
mod quantity;
mod redis;
mod secrets;
mod server;
mod service_accounts;
mod services;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::Value;
use vitte_crds::components::Component as Settings;
use vitte_crds::database::{EmbeddedDatabase, EmbeddedRedis};

use crate::dereference::Found;
use crate::names::{Component, FIELD_MANAGER, HPA_FIELD_MANAGER, child};
use crate::objects::{Apis, Kind, Mode, Wanted};
use crate::plan::{Plan, Rotation, Scale, scales};
use crate::upgrade::Task;
use crate::validate::{POSTGRES_SECRET as POSTGRES, REDIS_SECRET as REDIS, Valid};

pub use config::{config_map_name, without_defaults};

/// The part of a bot that brings the schema up to date.
const MIGRATE: &str = "migrate";
/// The part of a bot that remembers what served.
const REVISION: &str = "revision";
/// The part of a bot that watches it.
const MONITORING: &str = "monitoring";
/// Where every role listens.
const HTTP: i32 = 8080;
/// The name of that port in pods and Services.
const HTTP_NAME: &str = "http";

/// Everything that is to be, in the order of [`Kind`].
pub type Objects = Vec<Wanted>;

/// What the builders look at.
#[derive(Clone, Copy)]
struct Context<'a> {
    valid: &'a Valid,
    found: &'a Found,
    roll: bool,
    scale: &'a BTreeMap<Component, Scale>,
    rotation: Rotation,
}

impl<'a> Context<'a> {
    /// The components that run.
    fn components(self) -> impl Iterator<Item = Component> + 'a {
        self.valid.inputs.keys().copied()
    }

    /// The components that have a Deployment: before the schema is ready, only those that had one already.
    fn deployed(self) -> impl Iterator<Item = Component> + 'a {
        let live = move |c| self.found.children.get(Kind::Deployment, &self.name(c)).is_some();
        self.components().filter(move |component| self.roll || live(*component))
    }

    fn scale(self, component: Component) -> Scale {
        let fallback = || Scale::Fixed(self.settings(component).replicas.unwrap_or(1));
        self.scale.get(&component).copied().unwrap_or_else(fallback)
    }

    /// `luna-worker`.
    fn name(self, component: Component) -> String {
        child(&self.valid.name, component)
    }

    fn settings(self, component: Component) -> &'a Settings {
        let components = &self.valid.spec.components;
        match component {
            Component::Bot => &components.bot,
            Component::Api => &components.api,
            Component::Worker => &components.worker,
            Component::Admin => &components.admin,
        }
    }

    fn embedded_postgres(self) -> Option<&'a EmbeddedDatabase> {
        self.valid.spec.database.as_ref()?.embedded.as_ref()
    }

    fn embedded_redis(self) -> Option<&'a EmbeddedRedis> {
        self.valid.spec.redis.as_ref()?.embedded.as_ref()
    }

    /// Whether anybody calls this component from outside: Telegram, or people and programs by a host.
    fn is_public(self, component: Component) -> bool {
        match component {
            Component::Bot => self.valid.webhook.is_some(),
            Component::Api => self.valid.spec.api.host.is_some(),
            Component::Admin => self.valid.spec.admin.host.is_some(),
            Component::Worker => false,
        }
    }

    /// Whether Prometheus' operator is asked for metrics, and there.
    fn is_scraped(self) -> bool {
        self.valid.spec.monitoring.service_monitor && self.found.apis.has(Kind::ServiceMonitor)
    }
}

/// One list per kind.
struct Resources {
    service_accounts: Vec<ServiceAccount>,
    network_policies: Vec<NetworkPolicy>,
    secrets: Vec<(Secret, Mode)>,
    config_maps: Vec<ConfigMap>,
    /// Ready to be written: some are made, others changed.
    revisions: Vec<Wanted>,
    claims: Vec<PersistentVolumeClaim>,
    services: Vec<Service>,
    stateful_sets: Vec<StatefulSet>,
    jobs: Vec<Wanted>,
    /// As JSON: a template that is held back is the live one, and `affinity` is the user's own words.
    deployments: Vec<Value>,
    disruption_budgets: Vec<PodDisruptionBudget>,
    autoscalers: Vec<HorizontalPodAutoscaler>,
    trigger_authentications: Vec<Value>,
    scaled_objects: Vec<Value>,
    ingresses: Vec<Ingress>,
    http_routes: Vec<Value>,
    service_monitors: Vec<Value>,
    prometheus_rules: Vec<Value>,
}

/// Makes every object of the bot: from what serves, or from the spec once its turn has come. `now` is when a rotation that is due takes place; `fresh` gives a random text of at
/// least 43 characters of `A-Za-z0-9_-`, and is asked only for Secrets that are not there yet or are to change.
pub fn build(
    valid: &Valid,
    found: &Found,
    plan: &Plan,
    now: DateTime<Utc>,
    fresh: &mut impl FnMut() -> String,
) -> Objects {
    let Plan { upgrade, roll, scale, rotation, .. } = plan;
    let next = Context { valid, found, roll: *roll, scale, rotation: *rotation };
    let ctx = Context { valid: upgrade.basis.as_deref().unwrap_or(valid), ..next };
    // What an upgrade's Jobs work with comes before the pods that will use it.
    let both = if upgrade.basis.is_some() { vec![ctx, next] } else { vec![ctx] };
    let (autoscalers, scaled_objects) = autoscaling::build(ctx);
    let config_maps = ctx.components().filter_map(|component| config::config_map(ctx.valid, component));
    let secrets =
        all(both.iter().flat_map(|ctx| secrets::build(*ctx, now, fresh)).collect(), |(secret, _)| &secret.metadata);
    let servers = both.iter().flat_map(|ctx| {
        postgres::stateful_set(*ctx).into_iter().chain(redis::stateful_set(*ctx, &secrets)).collect::<Vec<_>>()
    });
    let resources = Resources {
        service_accounts: all(both.iter().flat_map(|ctx| service_accounts::build(*ctx)).collect(), |a| &a.metadata),
        network_policies: network::of_both(ctx, next),
        config_maps: config_maps.chain(monitoring::dashboard(ctx)).collect(),
        revisions: upgrade.records.clone(),
        claims: all(both.iter().filter_map(|ctx| postgres::claim(*ctx)).collect(), |claim| &claim.metadata),
        services: all(both.iter().flat_map(|ctx| services::build(*ctx)).collect(), |service| &service.metadata),
        stateful_sets: all(servers.collect(), |server| &server.metadata),
        secrets,
        jobs: upgrade.task.iter().map(|task| job(valid, task)).collect(),
        deployments: deployments::build(ctx),
        disruption_budgets: disruption::build(ctx),
        autoscalers,
        trigger_authentications: autoscaling::trigger_authentication(ctx).into_iter().collect(),
        scaled_objects,
        ingresses: ingress::ingresses(ctx),
        http_routes: ingress::http_route(ctx).into_iter().collect(),
        service_monitors: monitoring::service_monitor(ctx).into_iter().collect(),
        prometheus_rules: alerts::prometheus_rule(ctx).into_iter().collect(),
    };
    in_order(resources)
}

/// The Deployments of a bot whose pod templates may change, as [`build`] makes them.
#[must_use]
pub fn deployments(valid: &Valid, found: &Found) -> Objects {
    let scale = scales(valid, found);
    let ctx = Context { valid, found, roll: true, scale: &scale, rotation: Rotation::Keep };
    let mut objects = Ordered::default();
    objects.apply(Kind::Deployment, deployments::build(ctx));
    objects.0
}

/// The Job of a task, as [`build`] makes it.
#[must_use]
pub fn job(valid: &Valid, task: &Task) -> Wanted {
    wanted(Kind::Job, jobs::job(valid, task), Mode::Create)
}

/// Labels and owner of a revision.
#[must_use]
pub fn revision_metadata(valid: &Valid, name: &str) -> ObjectMeta {
    meta::owned(valid, name.to_owned(), REVISION)
}

/// Each name once: the first of two.
fn all<T>(objects: Vec<T>, metadata: impl Fn(&T) -> &ObjectMeta) -> Vec<T> {
    let mut names = BTreeSet::new();
    let is_new = |object: &T| names.insert(metadata(object).name.clone());
    let new: Vec<bool> = objects.iter().map(is_new).collect();
    objects.into_iter().zip(new).filter_map(|(object, is_new)| is_new.then_some(object)).collect()
}

/// What the spec asks for and the cluster has no API for, each with where it is asked for.
#[must_use]
pub fn lacking(valid: &Valid, apis: &Apis) -> Vec<(Kind, &'static str)> {
    let spec = &valid.spec;
    let gateway = valid.webhook.is_some() && spec.telegram.webhook.as_ref().is_some_and(|w| w.gateway_ref.is_some());
    let asked = [
        (gateway, Kind::HttpRoute, "spec.telegram.webhook.gatewayRef"),
        (spec.monitoring.service_monitor, Kind::ServiceMonitor, "spec.monitoring.serviceMonitor"),
        (spec.monitoring.rules, Kind::PrometheusRule, "spec.monitoring.rules"),
    ];
    asked.into_iter().filter(|(is, kind, _)| *is && !apis.has(*kind)).map(|(_, kind, path)| (kind, path)).collect()
}

/// Taken apart without `..`: a kind that is built but never written does not compile.
fn in_order(resources: Resources) -> Objects {
    let Resources {
        service_accounts,
        network_policies,
        secrets,
        config_maps,
        revisions,
        claims,
        services,
        stateful_sets,
        jobs,
        deployments,
        disruption_budgets,
        autoscalers,
        trigger_authentications,
        scaled_objects,
        ingresses,
        http_routes,
        service_monitors,
        prometheus_rules,
    } = resources;
    let mut objects = Ordered::default();
    objects.apply(Kind::ServiceAccount, service_accounts);
    objects.apply(Kind::NetworkPolicy, network_policies);
    for (secret, mode) in secrets {
        objects.add(Kind::Secret, secret, mode);
    }
    for config_map in config_maps {
        let mode = if config_map.immutable == Some(true) { Mode::Create } else { Mode::Apply(FIELD_MANAGER) };
        objects.add(Kind::ConfigMap, config_map, mode);
    }
    objects.0.extend(revisions);
    objects.apply(Kind::PersistentVolumeClaim, claims);
    objects.apply(Kind::Service, services);
    objects.apply(Kind::StatefulSet, stateful_sets);
    objects.0.extend(jobs);
    objects.apply(Kind::Deployment, deployments);
    objects.apply(Kind::PodDisruptionBudget, disruption_budgets);
    for autoscaler in autoscalers {
        objects.add(Kind::HorizontalPodAutoscaler, autoscaler, Mode::Apply(HPA_FIELD_MANAGER));
    }
    objects.apply(Kind::TriggerAuthentication, trigger_authentications);
    objects.apply(Kind::ScaledObject, scaled_objects);
    objects.apply(Kind::Ingress, ingresses);
    objects.apply(Kind::HttpRoute, http_routes);
    objects.apply(Kind::ServiceMonitor, service_monitors);
    objects.apply(Kind::PrometheusRule, prometheus_rules);
    objects.0
}

#[derive(Default)]
struct Ordered(Objects);

impl Ordered {
    fn apply(&mut self, kind: Kind, objects: Vec<impl Serialize>) {
        for object in objects {
            self.add(kind, object, Mode::Apply(FIELD_MANAGER));
        }
    }

    fn add(&mut self, kind: Kind, object: impl Serialize, mode: Mode) {
        self.0.push(wanted(kind, object, mode));
    }
}

fn wanted(kind: Kind, object: impl Serialize, mode: Mode) -> Wanted {
    let json = json(object);
    let name = json.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    Wanted { kind, name, json, mode }
}

/// An object as JSON. Those built here are structs and maps with text keys: nothing of them cannot be written.
fn json(object: impl Serialize) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

/// An object of a kind that only its custom resource definition knows.
fn custom(kind: Kind, metadata: &ObjectMeta, spec: &Value) -> Value {
    let (.., name, _) = kind.coordinates();
    serde_json::json!({"apiVersion": kind.api_version(), "kind": name, "metadata": metadata, "spec": spec})
}

#[cfg(test)]
mod tests;
