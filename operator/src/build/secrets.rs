//! Secrets that the operator makes: the webhook's, and the passwords of embedded servers.
//!
//! One that is not there is only ever created: where two make it at once, the second finds the first one's value. One
//! that is there is written whole, with the values that it has; only a rotation changes any.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::ExposeSecret;
use vitte_crds::database::Retain;

use super::{Context, POSTGRES, REDIS, meta, postgres, redis};
use crate::dereference::Generated;
use crate::names::{ANNOTATION_ROTATED, ANNOTATION_ROTATED_AT, Component, FIELD_MANAGER, child};
use crate::objects::Mode;
use crate::plan::Rotation;
use crate::validate::WEBHOOK_SECRET;

#[must_use]
pub fn build(ctx: Context<'_>, now: DateTime<Utc>, fresh: &mut impl FnMut() -> String) -> Vec<(Secret, Mode)> {
    let mut secrets = Vec::new();
    if ctx.valid.webhook.is_some() {
        secrets.push(webhook(ctx, now, fresh));
    }
    if let Some(embedded) = ctx.embedded_postgres() {
        let owned = embedded.retain == Retain::Delete;
        secrets.push(password(ctx, POSTGRES, owned, fresh, |host, password| {
            format!("postgres://{user}:{password}@{host}:{port}/{user}", user = postgres::USER, port = postgres::PORT)
        }));
    }
    if ctx.embedded_redis().is_some() {
        secrets.push(password(ctx, REDIS, true, fresh, |host, password| {
            format!("redis://:{password}@{host}:{port}/0", port = redis::PORT)
        }));
    }
    secrets
}

/// `current` is what Telegram is told; `previous` is still accepted, for what is under way during a rotation.
fn webhook(ctx: Context<'_>, now: DateTime<Utc>, fresh: &mut impl FnMut() -> String) -> (Secret, Mode) {
    let name = child(&ctx.valid.name, WEBHOOK_SECRET);
    let generated = ctx.found.generated.get(&name);
    let kept = |key| generated.and_then(|generated| value(generated, key));
    let (current, previous, annotations) = match (kept("current"), ctx.rotation) {
        (Some(current), Rotation::Rotate) => (fresh(), Some(current), acted_on(ctx, now)),
        (Some(current), Rotation::Keep) => (current, kept("previous"), annotations_of(generated)),
        (Some(current), Rotation::DropPrevious) => (current, None, annotations_of(generated)),
        // Made anew, it acts on whatever rotation was asked for.
        (None, _) => (fresh(), None, acted_on(ctx, now)),
    };
    let previous = previous.map(|previous| ("previous", previous));
    let data = [("current", current)].into_iter().chain(previous).collect();
    let mut secret = secret(ctx, name, Component::Bot.as_str(), true, data);
    secret.metadata.annotations = Some(annotations).filter(|annotations| !annotations.is_empty());
    (secret, mode(generated))
}

fn acted_on(ctx: Context<'_>, now: DateTime<Utc>) -> BTreeMap<String, String> {
    let Some(asked) = ctx.valid.rotate.clone() else { return BTreeMap::new() };
    let at = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    BTreeMap::from([(ANNOTATION_ROTATED.to_owned(), asked), (ANNOTATION_ROTATED_AT.to_owned(), at)])
}

/// What an earlier rotation left, and nothing that others wrote.
fn annotations_of(generated: Option<&Generated>) -> BTreeMap<String, String> {
    let ours = |name: &str| name == ANNOTATION_ROTATED || name == ANNOTATION_ROTATED_AT;
    let all = generated.into_iter().flat_map(|generated| &generated.annotations);
    all.filter(|(name, _)| ours(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// `password`, and `url` with it in it.
fn password(
    ctx: Context<'_>,
    part: &str,
    owned: bool,
    fresh: &mut impl FnMut() -> String,
    url: impl FnOnce(&str, &str) -> String,
) -> (Secret, Mode) {
    let name = child(&ctx.valid.name, part);
    let generated = ctx.found.generated.get(&name);
    let password = generated.and_then(|generated| value(generated, "password")).unwrap_or_else(fresh);
    // With the namespace, since KEDA and the like read the same key from elsewhere.
    let host = match ctx.valid.namespace.as_str() {
        "" => name.clone(),
        namespace => format!("{name}.{namespace}.svc"),
    };
    let url = url(&host, &password);
    (secret(ctx, name, part, owned, BTreeMap::from([("password", password), ("url", url)])), mode(generated))
}

fn mode(generated: Option<&Generated>) -> Mode {
    if generated.is_some() { Mode::Apply(FIELD_MANAGER) } else { Mode::Create }
}

fn value(generated: &Generated, key: &str) -> Option<String> {
    let value = generated.data.get(key)?.expose_secret();
    (!value.is_empty()).then(|| value.to_owned())
}

fn secret(ctx: Context<'_>, name: String, part: &str, owned: bool, data: BTreeMap<&str, String>) -> Secret {
    let metadata = if owned { meta::owned } else { meta::unowned };
    let data = data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes())));
    Secret { metadata: metadata(ctx.valid, name, part), data: Some(data.collect()), ..Secret::default() }
}
