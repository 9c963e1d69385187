//! The Jobs of an upgrade: created once, never patched, named by what they run ([`Task`]).

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{MIGRATE, meta, pods};
use crate::names::child;
use crate::upgrade::{Purpose, Task};
use crate::validate::Valid;

/// A database that just came up may refuse the first attempt; what fails four times fails for a reason.
const RETRIES: i32 = 3;
/// Who only looks says the same each time.
const LOOKS: i32 = 1;

/// The Job of a task; `valid` is what the spec asks for.
#[must_use]
pub fn job(valid: &Valid, task: &Task) -> Job {
    let valid = task.of.as_deref().unwrap_or(valid);
    // It runs where the bot may run.
    let pod = pods::placed(pods::pod(valid), &valid.spec.components.bot);
    let container = Container {
        name: MIGRATE.to_owned(),
        args: Some(task.arguments.clone()),
        env: Some(valid.migrate.secrets.iter().map(|(name, key)| pods::from_secret(name, key)).collect()),
        resources: pods::requirements(&pods::resources(("50m", "32Mi"), ("1", "128Mi"))),
        volume_mounts: Some(vec![pods::mount("tmp", "/tmp", false)]),
        ..pods::container(valid)
    };
    Job {
        metadata: meta::owned(valid, task.name.clone(), MIGRATE),
        spec: Some(JobSpec {
            active_deadline_seconds: Some(i64::from(valid.spec.migrations.timeout_seconds)),
            backoff_limit: Some(if task.purpose == Purpose::Preflight { LOOKS } else { RETRIES }),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(meta::labels(&valid.name, MIGRATE)),
                    ..ObjectMeta::default()
                }),
                spec: Some(PodSpec {
                    service_account_name: Some(child(&valid.name, MIGRATE)),
                    restart_policy: Some("Never".to_owned()),
                    containers: vec![container],
                    volumes: Some(vec![pods::empty_dir("tmp", "64Mi", None)]),
                    ..pod
                }),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}
