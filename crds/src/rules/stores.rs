//! Rules about `spec.database`, `spec.redis` and the backups that a migration may need.

use super::{Cel, exactly_one, exactly_one_cel, say};
use crate::manifest::Spec;
use crate::problem::Finding;
use crate::quantity::Quantity;
use crate::upgrade::MigrationBackup;

const NO_DATABASE: &str = "is missing: write database: {urlSecretRef: {name: ..., key: ...}}, or database: {embedded: {}} \
                           for trying out";
const NO_BACKUP: &str = "needs spec.backup, which says where backups go: write it, or migrations: {backup: None}";
const NO_STORAGE: &str = "is nothing: write an amount, like 5Gi";
const NO_MEMORY: &str = "is nothing: write an amount, like 128Mi";
const ELSEWHERE: &str = "holds this bot's data, and another database would begin without them: leave it as it is, or \
                         copy the data and make a new bot (see docs/manifest.md)";

pub(super) fn cel() -> Vec<Cel> {
    let database = "spec.database";
    let positive = "quantity(string(self)).isGreaterThan(quantity('0'))";
    let mut rules = vec![
        Cel::new("spec", "has(self.database)", NO_DATABASE).about(".database"),
        exactly_one_cel(database, &["urlSecretRef", "embedded", "cluster"], "urlSecretRef, embedded and cluster"),
        exactly_one_cel("spec.redis", &["urlSecretRef", "embedded"], "urlSecretRef and embedded"),
        Cel::new("spec", "self.migrations.backup != 'Required' || has(self.backup)", NO_BACKUP)
            .about(".migrations.backup"),
        Cel::new("spec.database.embedded.storage", positive, NO_STORAGE),
        Cel::new("spec.redis.embedded.memory", positive, NO_MEMORY),
    ];
    // A bot's data stay where they are. No twins in Rust: these compare with the object as it was.
    rules.extend([
        Cel::new(
            database,
            "!has(oldSelf.embedded) || has(self.embedded)",
            format!("the embedded database {ELSEWHERE}"),
        )
        .about(".embedded"),
        Cel::new(database, "!has(oldSelf.cluster) || has(self.cluster)", format!("the cluster {ELSEWHERE}"))
            .about(".cluster"),
        Cel::new("spec.database.cluster.name", "self == oldSelf", format!("the cluster {ELSEWHERE}")),
        Cel::new(
            "spec.database.embedded.storage",
            "string(self) == string(oldSelf)",
            "the volume was made with another size, and keeps it: write the size that was",
        ),
        Cel::new(
            "spec.database.embedded",
            "has(self.storageClassName) == has(oldSelf.storageClassName) \
             && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
            "the volume was made in another class, and stays in it: write what was there",
        )
        .about(".storageClassName"),
    ]);
    rules
}

/// `vitte up` starts a private database, a cluster does not. Redis may be left out: then there is none.
pub(super) fn required(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec.database.is_none() {
        say(findings, "spec.database", NO_DATABASE);
    }
}

pub(super) fn check(spec: &Spec, findings: &mut Vec<Finding>) {
    if let Some(database) = &spec.database {
        let given = [database.url_secret_ref.is_some(), database.embedded.is_some(), database.cluster.is_some()];
        exactly_one(findings, "spec.database", &given, "urlSecretRef, embedded and cluster");
    }
    if let Some(redis) = &spec.redis {
        let given = [redis.url_secret_ref.is_some(), redis.embedded.is_some()];
        exactly_one(findings, "spec.redis", &given, "urlSecretRef and embedded");
    }
    if spec.backup.is_none() && spec.migrations.backup == MigrationBackup::Required {
        say(findings, "spec.migrations.backup", NO_BACKUP);
    }
    let storage = spec.database.as_ref().and_then(|database| database.embedded.as_ref()).map(|e| &e.storage);
    if storage.and_then(Quantity::thousandths) == Some(0) {
        say(findings, "spec.database.embedded.storage", NO_STORAGE);
    }
    let memory = spec.redis.as_ref().and_then(|redis| redis.embedded.as_ref()).map(|redis| &redis.memory);
    if memory.and_then(Quantity::thousandths) == Some(0) {
        say(findings, "spec.redis.embedded.memory", NO_MEMORY);
    }
}
