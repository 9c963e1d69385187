//! What the embedded servers have in common: one pod, a notice that they are not for production, and no pod while the
//! bot sleeps.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec, Volume};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Context, meta, pods};
use crate::names::child;

const NOTICE: &str = "vitte.dev/not-for-production";
const NOTICE_TEXT: &str = "one pod, no replica, no failover, no backup: for trying out";

/// What one server is.
pub struct Server<'a> {
    /// `postgres` or `redis`: also the name of its container and its port.
    pub part: &'a str,
    pub port: i32,
    /// Who its image runs as.
    pub user: i64,
    pub container: Container,
    pub volumes: Vec<Volume>,
    pub grace_seconds: i64,
    /// Of its pod.
    pub annotations: Option<BTreeMap<String, String>>,
}

/// A StatefulSet, since it never runs a second pod beside one whose end is not certain. Its volume is no template of it:
/// a claim of our own lives and dies together with the password.
#[must_use]
pub fn stateful_set(ctx: Context<'_>, server: Server<'_>) -> StatefulSet {
    let Server { part, port, user, container, volumes, grace_seconds, annotations } = server;
    let valid = ctx.valid;
    let name = child(&valid.name, part);
    let mut metadata = meta::owned(valid, name.clone(), part);
    metadata.annotations = Some(BTreeMap::from([(NOTICE.to_owned(), NOTICE_TEXT.to_owned())]));
    let container = Container {
        name: part.to_owned(),
        ports: Some(vec![ContainerPort {
            name: Some(part.to_owned()),
            container_port: port,
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        security_context: Some(pods::confined()),
        ..container
    };
    let mut security = pods::runs_as(user);
    security.fs_group = Some(user);
    // A large volume is not walked through at every start.
    security.fs_group_change_policy = Some("OnRootMismatch".to_owned());
    let pod = PodSpec {
        service_account_name: Some(name.clone()),
        security_context: Some(security),
        termination_grace_period_seconds: Some(grace_seconds),
        containers: vec![container],
        volumes: Some(volumes),
        ..pods::pod(valid)
    };
    StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(i32::from(!valid.spec.hibernated)),
            service_name: Some(name),
            selector: meta::selector(&valid.name, part),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(meta::labels(&valid.name, part)),
                    annotations,
                    ..ObjectMeta::default()
                }),
                spec: Some(pod),
            },
            ..StatefulSetSpec::default()
        }),
        status: None,
    }
}
