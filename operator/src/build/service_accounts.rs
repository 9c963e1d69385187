//! One ServiceAccount for each kind of pod, so that a policy or an audit can tell them apart. None may talk to the API
//! server: no pod of a bot has anything to say to it.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::{Context, meta};
use crate::names::{Component, child};

/// Of every component that runs, the migration and the embedded servers.
#[must_use]
pub fn build(ctx: Context<'_>) -> Vec<ServiceAccount> {
    let components = ctx.components().map(Component::as_str);
    components
        .chain([super::MIGRATE])
        .chain(ctx.embedded_postgres().map(|_| super::POSTGRES))
        .chain(ctx.embedded_redis().map(|_| super::REDIS))
        .map(|part| ServiceAccount {
            metadata: meta::owned(ctx.valid, child(&ctx.valid.name, part), part),
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        })
        .collect()
}
