//! The Job that brings the schema up to date: created once, never patched, named by what it runs.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Context, MIGRATE, meta, pods};
use crate::names::child;
use crate::objects::Kind;
use crate::plan::Migration;
use crate::validate::Valid;

const ARGUMENTS: [&str; 2] = ["migrate", "up"];
/// A database that just came up may refuse the first attempt; what fails four times fails for a reason.
const RETRIES: i32 = 3;

/// The Job's name: `luna-migrate-0123456789`. Another image, other inputs or another value of the retry annotation make
/// another Job; limits of time do not, since a Job that ended well need not run again under another limit.
#[must_use]
pub fn migration_job_name(valid: &Valid) -> String {
    let secrets: Vec<_> = valid.migrate.secrets.iter().map(|(variable, key)| (variable, &key.name, &key.key)).collect();
    let content = json!([valid.image, ARGUMENTS, secrets, valid.migrate.digest, valid.retry]);
    let hash = hex::encode(&Sha256::digest(content.to_string())[..5]);
    child(&valid.name, format_args!("{MIGRATE}-{hash}"))
}

/// The Job, once there is a database to work on. One that ran stays as long as it is the one of this image and these
/// inputs: it is the record of what was done.
#[must_use]
pub fn job(ctx: Context<'_>) -> Option<Job> {
    let Context { valid, found, plan } = ctx;
    let there = found.children.get(Kind::Job, &plan.migration_job).is_some();
    let may_run = match plan.migration {
        Migration::Postponed | Migration::WaitsForDatabase | Migration::Refused(_) => false,
        // What is remembered as done is not done again, should somebody have tidied it away.
        Migration::Done => false,
        Migration::Due | Migration::Running | Migration::Failed(_) => true,
    };
    if !may_run && !there {
        return None;
    }
    // It runs where the bot may run.
    let pod = pods::placed(pods::pod(valid), &valid.spec.components.bot);
    let container = Container {
        name: MIGRATE.to_owned(),
        args: Some(ARGUMENTS.map(str::to_owned).to_vec()),
        env: Some(valid.migrate.secrets.iter().map(|(name, key)| pods::from_secret(name, key)).collect()),
        resources: pods::requirements(&pods::resources(("50m", "32Mi"), ("1", "128Mi"))),
        volume_mounts: Some(vec![pods::mount("tmp", "/tmp", false)]),
        ..pods::container(valid)
    };
    Some(Job {
        metadata: meta::owned(valid, plan.migration_job.clone(), MIGRATE),
        spec: Some(JobSpec {
            active_deadline_seconds: Some(i64::from(valid.spec.migrations.timeout_seconds)),
            backoff_limit: Some(RETRIES),
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
    })
}
