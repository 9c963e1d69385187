//! An embedded Redis, for trying out. It holds caches alone, so it keeps nothing on a disk.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{Container, ExecAction, Probe, Secret};
use sha2::{Digest, Sha256};
use vitte_crds::SecretKeyRef;
use vitte_crds::components::{ResourceList, Resources};

use super::quantity::bytes;
use super::server::{Server, stateful_set as server};
use super::{Context, REDIS, pods};
use crate::names::{ANNOTATION_SECRETS, child};
use crate::objects::Mode;

pub const PORT: i32 = 6379;
/// What Redis itself and its clients' buffers take beside the data, in bytes.
const BESIDE: u128 = 32 << 20;
/// The password stands in a file in memory, never on a command line, where everybody on the node could read it.
/// `exec`: signals reach the server.
const SCRIPT: &str = r#"umask 077
printf 'requirepass %s\n' "$REDISCLI_AUTH" > /run/redis/redis.conf
exec redis-server /run/redis/redis.conf "$@""#;

#[must_use]
pub fn stateful_set(ctx: Context<'_>, secrets: &[(Secret, Mode)]) -> Option<StatefulSet> {
    let embedded = ctx.embedded_redis()?;
    let memory = embedded.memory.thousandths().unwrap_or_default().div_ceil(1000);
    // Deleted keys leave holes: half as much again.
    let limit = (memory + memory / 2 + BESIDE).next_multiple_of(1 << 20);
    let options = [
        ("--port", PORT.to_string()),
        ("--maxmemory", memory.to_string()),
        ("--maxmemory-policy", "allkeys-lru".to_owned()),
        ("--save", String::new()),
        ("--appendonly", "no".to_owned()),
        ("--dir", "/tmp".to_owned()),
    ];
    // After `-c`, the next word is `$0`.
    let words = ["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "redis".to_owned()];
    let options = options.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
    let key = SecretKeyRef { name: child(&ctx.valid.name, REDIS), key: "password".to_owned() };
    let amounts = |cpu: &str, memory: String| ResourceList {
        cpu: Some(vitte_crds::Quantity::new(cpu)),
        memory: Some(vitte_crds::Quantity::new(memory)),
    };
    let resources = Resources {
        requests: amounts("20m", embedded.memory.as_str().to_owned()),
        limits: amounts("500m", bytes(limit).0),
    };
    let container = Container {
        image: Some(embedded.image.clone()),
        command: Some(words.into_iter().chain(options).collect()),
        // Under the name that redis-cli looks for, too.
        env: Some(vec![pods::from_secret("REDISCLI_AUTH", &key)]),
        resources: pods::requirements(&resources),
        liveness_probe: Some(answers()),
        readiness_probe: Some(answers()),
        volume_mounts: Some(vec![pods::mount("run", "/run/redis", false), pods::mount("tmp", "/tmp", false)]),
        ..Container::default()
    };
    let volumes = vec![pods::empty_dir("run", "1Mi", Some("Memory")), pods::empty_dir("tmp", "64Mi", None)];
    let part = REDIS;
    let annotations = password_digest(secrets, &key.name);
    let user = pods::NOBODY;
    Some(server(ctx, Server { part, port: PORT, user, container, volumes, grace_seconds: 10, annotations }))
}

/// Another password, say because its Secret was deleted, needs a restart.
fn password_digest(secrets: &[(Secret, Mode)], name: &str) -> Option<BTreeMap<String, String>> {
    let (secret, _) = secrets.iter().find(|(secret, _)| secret.metadata.name.as_deref() == Some(name))?;
    let password = secret.data.as_ref()?.get("password")?;
    let mut digest = Sha256::new();
    for text in [secret.metadata.namespace.as_deref().unwrap_or_default().as_bytes(), name.as_bytes(), &password.0] {
        digest.update(text);
        digest.update([0]);
    }
    Some(BTreeMap::from([(ANNOTATION_SECRETS.to_owned(), hex::encode(&digest.finalize()[..8]))]))
}

/// `-e`: an error as the answer, such as a wrong password, is a failure.
fn answers() -> Probe {
    let command = ["redis-cli", "-e", "-h", "127.0.0.1", "ping"];
    Probe {
        exec: Some(ExecAction { command: Some(command.map(str::to_owned).to_vec()) }),
        period_seconds: Some(10),
        timeout_seconds: Some(5),
        failure_threshold: Some(3),
        ..Probe::default()
    }
}
