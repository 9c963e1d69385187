//! An embedded PostgreSQL, for trying out. Made for the Debian-based images of `docker.io/library/postgres`.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{
    Container, EnvVar, ExecAction, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource,
    Probe, Volume, VolumeResourceRequirements,
};
use vitte_crds::SecretKeyRef;
use vitte_crds::database::Retain;

use super::quantity::canonical;
use super::server::{Server, stateful_set as server};
use super::{Context, POSTGRES, meta, pods};
use crate::names::child;

pub const PORT: i32 = 5432;
/// The role and the database that the bot has.
pub const USER: &str = "vitte";
/// `postgres` in the image's list of users, without which a data folder cannot be made.
const IMAGE_USER: i64 = 999;
const FOLDER: &str = "/var/lib/postgresql/data";

/// Its volume. It has an owner only if it is to go with the bot, like the password without which it is worth nothing.
#[must_use]
pub fn claim(ctx: Context<'_>) -> Option<PersistentVolumeClaim> {
    let embedded = ctx.embedded_postgres()?;
    let metadata = match embedded.retain {
        Retain::Keep => meta::unowned,
        Retain::Delete => meta::owned,
    };
    Some(PersistentVolumeClaim {
        metadata: metadata(ctx.valid, child(&ctx.valid.name, POSTGRES), POSTGRES),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: embedded.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), canonical(&embedded.storage))])),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    })
}

#[must_use]
pub fn stateful_set(ctx: Context<'_>) -> Option<StatefulSet> {
    let embedded = ctx.embedded_postgres()?;
    let name = child(&ctx.valid.name, POSTGRES);
    let plain =
        |(name, value): (&str, &str)| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), value_from: None };
    let data = format!("{FOLDER}/pgdata");
    let mut env: Vec<EnvVar> = [
        // Below the volume's own root, which holds lost+found on some.
        ("PGDATA", data.as_str()),
        ("POSTGRES_DB", USER),
        ("POSTGRES_INITDB_ARGS", "--data-checksums"),
        ("POSTGRES_USER", USER),
    ]
    .map(plain)
    .into();
    let key = SecretKeyRef { name: name.clone(), key: "password".to_owned() };
    env.push(pods::from_secret("POSTGRES_PASSWORD", &key));
    let container = Container {
        image: Some(embedded.image.clone()),
        env: Some(env),
        resources: pods::requirements(&pods::resources(("50m", "128Mi"), ("1", "512Mi"))),
        // Making the data folder takes a while on slow volumes, and so does the recovery after a crash.
        startup_probe: Some(Probe { period_seconds: Some(2), failure_threshold: Some(150), ..answers() }),
        liveness_probe: Some(Probe { failure_threshold: Some(6), ..answers() }),
        readiness_probe: Some(answers()),
        volume_mounts: Some(vec![
            pods::mount("data", FOLDER, false),
            pods::mount("run", "/var/run/postgresql", false),
            pods::mount("tmp", "/tmp", false),
        ]),
        ..Container::default()
    };
    let data = Volume {
        name: "data".to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource { claim_name: name, read_only: None }),
        ..Volume::default()
    };
    let volumes = vec![data, pods::empty_dir("run", "16Mi", None), pods::empty_dir("tmp", "64Mi", None)];
    let part = POSTGRES;
    // The password counts when the data folder is made, and never again: no digest of it, no restart for it.
    let annotations = None;
    Some(server(ctx, Server { part, port: PORT, user: IMAGE_USER, container, volumes, grace_seconds: 60, annotations }))
}

/// Over TCP: the server that the image starts while it makes the data folder listens on a socket alone.
fn answers() -> Probe {
    let command = ["pg_isready", "--quiet", "--host", "127.0.0.1", "--username", USER, "--dbname", USER];
    Probe {
        exec: Some(ExecAction { command: Some(command.map(str::to_owned).to_vec()) }),
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}
