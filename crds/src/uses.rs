//! Which Secrets and ConfigMaps each role reads: one table for the pods, which ask for no more, and for the operator,
//! which gives no more and rolls only those that use what changed.

use crate::manifest::Spec;
use crate::refs::SecretKeyRef;

/// A role of the executable that reads a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Bot,
    Api,
    Worker,
    Admin,
    Migrate,
}

impl Role {
    /// The four that run as long as the bot does.
    pub const SERVING: [Self; 4] = [Self::Bot, Self::Api, Self::Worker, Self::Admin];
}

/// A key of a Secret that some roles read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse<'a> {
    /// Where the manifest names it, like `spec.telegram.tokenSecretRef`.
    pub path: &'static str,
    pub secret: &'a SecretKeyRef,
    pub roles: &'static [Role],
}

/// A ConfigMap that some roles read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMapUse<'a> {
    /// Where the manifest names it.
    pub path: &'static str,
    pub name: &'a str,
    pub roles: &'static [Role],
}

use Role::{Admin, Api, Bot, Migrate, Worker};

const SERVING: &[Role] = &[Bot, Api, Worker, Admin];
/// The token tells every role the bot's id, by which rows are kept.
const TOKEN: &[Role] = SERVING;
const DATABASE: &[Role] = &[Bot, Api, Worker, Admin, Migrate];

/// Every key of a Secret that the spec names and a pod reads. The variables of `components.*.env` and the store of
/// backups are not among them: the first belong to one component each, the second to no pod of these.
#[must_use]
pub fn secrets(spec: &Spec) -> Vec<SecretUse<'_>> {
    let companion = spec.modules.companion.as_ref();
    let yookassa = spec.payments.yookassa.as_ref();
    let table = [
        ("spec.telegram.tokenSecretRef", Some(&spec.telegram.token_secret_ref), TOKEN),
        ("spec.database.urlSecretRef", spec.database.as_ref().and_then(|d| d.url_secret_ref.as_ref()), DATABASE),
        ("spec.redis.urlSecretRef", spec.redis.as_ref().and_then(|r| r.url_secret_ref.as_ref()), SERVING),
        (
            "spec.modules.companion.llm.apiKeySecretRef",
            companion.and_then(|c| c.llm.api_key_secret_ref.as_ref()),
            &[Worker] as &[Role],
        ),
        (
            "spec.modules.companion.voice.apiKeySecretRef",
            companion.and_then(|c| c.voice.as_ref()).and_then(|v| v.api_key_secret_ref.as_ref()),
            &[Worker],
        ),
        ("spec.api.jwtSecretRef", spec.api.jwt_secret_ref.as_ref(), &[Api]),
        ("spec.api.previousJwtSecretRef", spec.api.previous_jwt_secret_ref.as_ref(), &[Api]),
        ("spec.api.botKeySecretRef", spec.api.bot_key_secret_ref.as_ref(), &[Api]),
        ("spec.api.previousBotKeySecretRef", spec.api.previous_bot_key_secret_ref.as_ref(), &[Api]),
        ("spec.admin.passwordSecretRef", spec.admin.password_secret_ref.as_ref(), &[Admin]),
        ("spec.payments.yookassa.shopIdSecretRef", yookassa.map(|y| &y.shop_id_secret_ref), &[Api, Worker]),
        ("spec.payments.yookassa.secretKeySecretRef", yookassa.map(|y| &y.secret_key_secret_ref), &[Api, Worker]),
        ("spec.monitoring.sentryDsnSecretRef", spec.monitoring.sentry_dsn_secret_ref.as_ref(), SERVING),
    ];
    table
        .into_iter()
        .filter_map(|(path, secret, roles)| secret.map(|secret| SecretUse { path, secret, roles }))
        .collect()
}

/// Every ConfigMap that the spec names and a pod reads.
#[must_use]
pub fn config_maps(spec: &Spec) -> Vec<ConfigMapUse<'_>> {
    let companion = spec.modules.companion.as_ref();
    let table = [
        (
            "spec.modules.companion.personasConfigMapRef",
            companion.map(|c| c.personas_config_map_ref.name.as_str()),
            // The admin role replays updates, as the bot takes them.
            &[Bot, Worker, Admin] as &[Role],
        ),
        (
            "spec.modules.companion.images.workflowConfigMapRef",
            companion.and_then(|c| c.images.as_ref()).map(|i| i.workflow_config_map_ref.name.as_str()),
            &[Worker],
        ),
    ];
    table.into_iter().filter_map(|(path, name, roles)| name.map(|name| ConfigMapUse { path, name, roles })).collect()
}
