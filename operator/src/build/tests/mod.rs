//! What is built when, as tables; and what must hold of everything that is built.

mod decisions;
mod holds;
mod inputs;
mod reach;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::*;
use crate::fixtures::{bot, found};
use crate::plan::{Migration, plan};
use crate::validate::validate;

pub fn noon() -> DateTime<Utc> {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// The bot of the fixtures with `spec` laid over its own; everything that it names is there, and every optional kind.
pub struct World {
    pub spec: Value,
    pub found: Found,
    /// Whether the schema is ready.
    pub roll: bool,
}

impl World {
    pub fn new(spec: Value) -> Self {
        let all = Kind::ALL.into_iter().filter(|kind| kind.is_optional()).collect();
        Self { spec, found: Found { apis: Apis(all), ..found() }, roll: true }
    }

    pub fn without(mut self, kinds: &[Kind]) -> Self {
        self.found.apis.0.retain(|kind| !kinds.contains(kind));
        self
    }

    pub fn valid(&self) -> Valid {
        validate(&bot(self.spec.clone()), &self.found).unwrap()
    }

    pub fn build(&self) -> Built {
        let valid = self.valid();
        let mut plan = plan(&valid, &self.found, None, noon());
        if self.roll {
            plan.migration = Migration::Done;
            plan.upgrade.task = None;
            plan.roll = true;
        }
        let mut count = 0;
        let mut fresh = || {
            count += 1;
            format!("random-{count}")
        };
        Built(build(&valid, &self.found, &plan, noon(), &mut fresh))
    }
}

/// What was built.
pub struct Built(pub Objects);

impl Built {
    pub fn of(&self, kind: Kind) -> Vec<&str> {
        self.0.iter().filter(|wanted| wanted.kind == kind).map(|wanted| wanted.name.as_str()).collect()
    }

    pub fn get(&self, kind: Kind, name: &str) -> &Value {
        let found = self.0.iter().find(|wanted| wanted.kind == kind && wanted.name == name);
        &found.unwrap_or_else(|| panic!("no {kind} {name}")).json
    }

    pub fn mode(&self, kind: Kind, name: &str) -> Mode {
        self.0.iter().find(|wanted| wanted.kind == kind && wanted.name == name).unwrap().mode
    }

    /// The pod template of a component.
    pub fn template(&self, component: Component) -> &Value {
        &self.get(Kind::Deployment, &format!("luna-{component}"))["spec"]["template"]
    }

    /// The pods that any workload has, each with the workload's name.
    pub fn templates(&self) -> impl Iterator<Item = (&str, &Value)> {
        let workloads = [Kind::Deployment, Kind::StatefulSet, Kind::Job];
        let objects = self.0.iter().filter(move |wanted| workloads.contains(&wanted.kind));
        objects.map(|wanted| (wanted.name.as_str(), &wanted.json["spec"]["template"]))
    }

    /// The name of the ConfigMap that a component's pods read.
    pub fn config_name(&self, component: Component) -> &str {
        self.template(component)["spec"]["volumes"][0]["configMap"]["name"].as_str().unwrap()
    }

    /// That file.
    pub fn config(&self, component: Component) -> &str {
        self.get(Kind::ConfigMap, self.config_name(component))["data"]["bot.yaml"].as_str().unwrap()
    }

    /// The variables of a component's container, by name.
    pub fn variables(&self, component: Component) -> Vec<&str> {
        let env = self.template(component)["spec"]["containers"][0]["env"].as_array().unwrap();
        env.iter().map(|variable| variable["name"].as_str().unwrap()).collect()
    }
}

/// The components whose pods would be replaced by a change from one to the other.
pub fn rolled(before: &Built, after: &Built) -> BTreeSet<Component> {
    Component::ALL.into_iter().filter(|c| before.template(*c) != after.template(*c)).collect()
}
