//! Reads what a report is made of. What cannot be read is noted, and the rest is read all the same.

use std::collections::BTreeSet;

use futures::{AsyncReadExt, StreamExt, stream};
use kube::api::{ListParams, LogParams};
use kube::core::ApiResource;
use serde_json::Value;
use vitte_operator::names::{LABEL_BOT, LABEL_NAME};
use vitte_operator::objects::Kind;

use crate::cluster::{self, Cluster, Place};
use crate::fault::in_words;
use crate::object;

/// Of one container's log, in bytes.
const LOG: usize = 1024 * 1024;
/// Of all logs, in bytes.
const ALL_LOGS: usize = 32 * 1024 * 1024;
/// `app.kubernetes.io/name` of the operator.
const OPERATOR: &str = "vitte-operator";

/// What was read, as it was read: nothing of it may leave without being scrubbed.
#[derive(Default)]
pub struct Collected {
    pub objects: Vec<Value>,
    /// With their values.
    pub secrets: Vec<Value>,
    /// Values of some Secrets are not known, and so not struck out wherever they stand.
    pub unknown_secrets: bool,
    pub events: Vec<Value>,
    pub operator: Vec<Value>,
    pub logs: Vec<Log>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
    logged: usize,
}

pub struct Log {
    /// `logs/luna-bot-7d9c5b6f4-x2k9d.bot.log`
    pub path: String,
    pub text: String,
}

impl Collected {
    async fn list(
        &mut self,
        cluster: &Cluster,
        resource: &ApiResource,
        place: Place<'_>,
        params: &ListParams,
    ) -> Vec<Value> {
        match cluster.list(resource, place, params).await {
            Ok(list) => list,
            // A kind that this cluster has no API for: nothing of it can be there.
            Err(kube::Error::Api(status)) if status.code == 404 => Vec::new(),
            Err(error) => {
                self.notes.push(format!("cannot list {} {}: {}", resource.plural, place.in_words(), in_words(&error)));
                Vec::new()
            }
        }
    }

    /// Every object of the bot, its events, and every Secret that one of them names.
    pub async fn objects(&mut self, cluster: &Cluster, bot: &Value) {
        let place = Place::Namespace(&cluster.namespace);
        let ours = ListParams::default().labels(&format!("{LABEL_BOT}={}", object::name(bot)));
        let mut kinds: Vec<ApiResource> = Kind::ALL.into_iter().map(Kind::api_resource).collect();
        kinds.extend([
            cluster::resource("apps", "v1", "ControllerRevision", "controllerrevisions"),
            cluster::resource("apps", "v1", "ReplicaSet", "replicasets"),
            cluster::pods(),
        ]);
        let mut seen = BTreeSet::new();
        kinds.retain(|kind| kind.kind != "Secret" && seen.insert(kind.plural.clone()));
        for kind in kinds {
            let found = self.list(cluster, &kind, place, &ours).await;
            self.objects.extend(found);
        }
        self.events = self.list(cluster, &cluster::events(), place, &ListParams::default()).await;
        let names: BTreeSet<&str> = self.objects.iter().chain([bot]).map(object::name).collect();
        self.events
            .retain(|event| object::text(event, "/involvedObject/name").is_some_and(|name| names.contains(name)));
        self.secrets(cluster, bot, &ours).await;
    }

    /// Their values are read to be struck out of everything else, and never written.
    async fn secrets(&mut self, cluster: &Cluster, bot: &Value, ours: &ListParams) {
        let resource = Kind::Secret.api_resource();
        let noted = self.notes.len();
        self.secrets = self.list(cluster, &resource, Place::Namespace(&cluster.namespace), ours).await;
        self.unknown_secrets = self.notes.len() > noted;
        let mut names = BTreeSet::new();
        self.objects.iter().chain([bot]).for_each(|object| named(object, &mut names));
        for known in &self.secrets {
            names.remove(object::name(known));
        }
        for name in names {
            match cluster.get(&resource, &cluster.namespace, &name).await {
                Ok(Some(mut secret)) => {
                    secret["kind"] = "Secret".into();
                    self.secrets.push(secret);
                }
                Ok(None) => self.notes.push(format!("Secret {name} is named and not there")),
                Err(error) => {
                    self.unknown_secrets = true;
                    self.notes.push(format!(
                        "cannot read Secret {name}: {}; its values were struck out only where they look like secrets",
                        in_words(&error)
                    ));
                }
            }
        }
    }

    /// The operator's Deployment and pods, wherever it runs.
    pub async fn operator(&mut self, cluster: &Cluster, namespace: &str) {
        let params = ListParams::default().labels(&format!("{LABEL_NAME}={OPERATOR}"));
        let deployments = cluster::resource("apps", "v1", "Deployment", "deployments");
        for resource in [deployments, cluster::pods()] {
            let found = match cluster.list(&resource, Place::Everywhere, &params).await {
                Ok(found) => found,
                Err(_) => self.list(cluster, &resource, Place::Namespace(namespace), &params).await,
            };
            self.operator.extend(found);
        }
        if self.operator.is_empty() {
            self.notes.push(format!("no pods labelled {LABEL_NAME}={OPERATOR} were found: is an operator running?"));
        }
    }

    /// The end of every container's log, of the bot and of the operator, also from before the last restart.
    pub async fn logs(&mut self, cluster: &Cluster, tail: i64) {
        if tail == 0 {
            return;
        }
        let (objects, operator) = (std::mem::take(&mut self.objects), std::mem::take(&mut self.operator));
        let pods = objects.iter().map(|o| ("logs", o)).chain(operator.iter().map(|o| ("operator", o)));
        let wanted: Vec<Wanted> =
            pods.filter(|(_, object)| object["kind"] == "Pod").flat_map(|(f, pod)| containers(f, pod)).collect();
        let mut read = stream::iter(wanted).map(|wanted| async move {
            let read = tokio::time::timeout(cluster.patience, wanted.read(cluster, tail));
            let text = read.await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            (wanted, text)
        });
        let mut read = std::pin::pin!(read.by_ref().buffered(8));
        while let Some((wanted, text)) = read.next().await {
            match text {
                Ok(text) if self.logged + text.len() > ALL_LOGS => {
                    self.notes.push(format!("{}: left out, {ALL_LOGS} bytes of logs are there already", wanted.path));
                }
                Ok(text) => {
                    self.logged += text.len();
                    self.logs.push(Log { path: wanted.path, text });
                }
                Err(why) => self.notes.push(format!("no {}: {why}", wanted.path)),
            }
        }
        (self.objects, self.operator) = (objects, operator);
    }
}

/// One log to be read.
struct Wanted {
    path: String,
    namespace: String,
    pod: String,
    container: String,
    previous: bool,
}

impl Wanted {
    async fn read(&self, cluster: &Cluster, tail: i64) -> Result<String, String> {
        let params = LogParams {
            container: Some(self.container.clone()),
            previous: self.previous,
            tail_lines: Some(tail),
            limit_bytes: i64::try_from(LOG).ok(),
            timestamps: true,
            ..LogParams::default()
        };
        let stream = cluster.pods(&self.namespace).log_stream(&self.pod, &params).await.map_err(|e| in_words(&e))?;
        let mut bytes = Vec::new();
        // The server keeps the bound only roughly.
        stream.take(LOG as u64).read_to_end(&mut bytes).await.map_err(|error| error.to_string())?;
        Ok(whole_lines(&bytes))
    }
}

/// A text without the line that its bound cut: half a secret is one that nothing would recognize.
fn whole_lines(bytes: &[u8]) -> String {
    // The server ends a log near the bound, and not with a line.
    let is_cut = bytes.len() + 1024 >= LOG && !bytes.ends_with(b"\n");
    let end = if is_cut { bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) } else { bytes.len() };
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn containers(folder: &str, pod: &Value) -> Vec<Wanted> {
    let statuses =
        object::items(pod, "/status/initContainerStatuses").chain(object::items(pod, "/status/containerStatuses"));
    let mut all = Vec::new();
    for status in statuses {
        let container = object::owned(status, "/name").unwrap_or_default();
        let has = |pointer: &str| status.pointer(pointer).is_some_and(|state| !state.is_null());
        let now = has("/state/running") || has("/state/terminated");
        for (there, previous, end) in [(now, false, "log"), (has("/lastState/terminated"), true, "previous.log")] {
            if there {
                all.push(Wanted {
                    path: format!("{folder}/{}.{container}.{end}", object::name(pod)),
                    namespace: object::namespace(pod).to_owned(),
                    pod: object::name(pod).to_owned(),
                    container: container.clone(),
                    previous,
                });
            }
        }
    }
    all
}

/// The names of Secrets in an object: by `...SecretRef`, `secretKeyRef`, `secretRef`, `secretName`, `pullSecrets`.
fn named(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| named(value, names)),
        Value::Object(fields) => {
            for (key, value) in fields {
                let lower = key.to_ascii_lowercase();
                let name = match value {
                    Value::String(name) if lower.ends_with("secretname") => Some(name.as_str()),
                    Value::Object(_) if lower.ends_with("secretref") || lower == "secretkeyref" => {
                        object::text(value, "/name")
                    }
                    _ => None,
                };
                names.extend(name.map(str::to_owned));
                if lower.ends_with("pullsecrets") {
                    names.extend(object::items(value, "").filter_map(|secret| object::owned(secret, "/name")));
                }
                named(value, names);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_that_was_cut_is_left_out() {
        let mut log = vec![b'x'; LOG - 100];
        log.extend(b"\nhalf a sec");
        assert_eq!(whole_lines(&log).len(), LOG - 99);
        assert_eq!(whole_lines(b"short\nwithout an end"), "short\nwithout an end");
    }

    #[test]
    fn every_way_to_name_a_secret_is_known() {
        let object = json!({
            "spec": {"telegram": {"tokenSecretRef": {"name": "a", "key": "token"}, "webhook": {"tlsSecretName": "b"}},
                "image": {"pullSecrets": [{"name": "c"}]},
                "components": {"bot": {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "d", "key": "x"}}}]}}},
            "template": {"imagePullSecrets": [{"name": "e"}], "volumes": [{"secret": {"secretName": "f"}}],
                "envFrom": [{"secretRef": {"name": "g"}}]},
        });
        let mut names = BTreeSet::new();
        named(&object, &mut names);
        assert_eq!(names.into_iter().collect::<String>(), "abcdefg");
    }
}
