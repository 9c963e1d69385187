//! What of a spec belongs to a revision, and what always holds as the spec says it now.

use vitte_crds::Spec;
use vitte_crds::backup::Backup;
use vitte_crds::components::Component as Settings;
use vitte_crds::upgrade::{Migrations, Rollout};

use super::revision::{Revision, Revisions, name};
use crate::dereference::Found;
use crate::resource::VitteBot;
use crate::validate::{Valid, validate};

/// The bot with the spec of its newest revision, if that is being rolled out or was given up: what is carried out while the
/// bot's own spec cannot be. With what governs every revision as it is now.
#[must_use]
pub fn under_way(bot: &VitteBot, found: &Found) -> Option<(VitteBot, Valid)> {
    let revisions = Revisions::of(&found.children);
    let newest = revisions.under_way()?;
    let standing = VitteBot { spec: spec_now(newest, &bot.spec, false), ..bot.clone() };
    let valid = validate(&standing, found).ok()?;
    let is_the_same = name(&valid) == newest.name && newest.is_of_this_attempt(&valid);
    is_the_same.then_some((standing, valid))
}

/// What of a spec makes a revision.
#[must_use]
pub fn essence(spec: &Spec) -> Spec {
    let mut essence = spec.clone();
    governed_by(&mut essence, &Governing::none());
    essence
}

/// Whether both ask for the same, but for what makes no revision.
#[must_use]
pub fn same(one: &Spec, other: &Spec) -> bool {
    essence(one) == essence(other)
}

/// What is always taken from the spec as it stands, whichever revision serves.
struct Governing {
    paused: bool,
    hibernated: bool,
    migrations: Migrations,
    rollout: Rollout,
    backup: Option<Backup>,
    components: [Settings; 4],
}

impl Governing {
    fn none() -> Self {
        Self {
            paused: false,
            hibernated: false,
            migrations: Migrations::default(),
            rollout: Rollout::default(),
            backup: None,
            components: Default::default(),
        }
    }

    fn of(spec: &Spec) -> Self {
        Self {
            paused: spec.paused,
            hibernated: spec.hibernated,
            migrations: spec.migrations.clone(),
            rollout: spec.rollout.clone(),
            backup: spec.backup.clone(),
            components: spec.components.each().map(|(_, component)| component.clone()),
        }
    }
}

fn governed_by(spec: &mut Spec, governing: &Governing) {
    spec.paused = governing.paused;
    spec.hibernated = governing.hibernated;
    spec.migrations = governing.migrations.clone();
    spec.rollout = governing.rollout.clone();
    spec.backup.clone_from(&governing.backup);
    let components = &mut spec.components;
    let own = [&mut components.bot, &mut components.api, &mut components.worker, &mut components.admin];
    for (own, governing) in own.into_iter().zip(&governing.components) {
        own.replicas = governing.replicas;
        own.autoscaling.clone_from(&governing.autoscaling);
    }
}

/// The spec of a revision as it serves now: with the present count of pods and rules of upgrading, and with the present
/// `resources` where they are wanted.
#[must_use]
pub fn spec_now(revision: &Revision, present: &Spec, resources: bool) -> Spec {
    let mut spec = revision.spec.clone();
    governed_by(&mut spec, &Governing::of(present));
    if resources {
        spec.components.bot.resources.clone_from(&present.components.bot.resources);
        spec.components.api.resources.clone_from(&present.components.api.resources);
        spec.components.worker.resources.clone_from(&present.components.worker.resources);
        spec.components.admin.resources.clone_from(&present.components.admin.resources);
    }
    spec
}
