//! What a namespace is made of, without what differs between two runs of the same story: names of the moment, times,
//! generated values.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use kube::api::ListParams;
use regex::Regex;
use serde_json::{Value, json};
use vitte_operator::names::{ANNOTATION_APPLIED, ANNOTATION_ROTATED_AT, ANNOTATION_SECRETS, LABEL_BOT};
use vitte_operator::objects::Kind;

use super::LIMIT;
use super::world::World;

/// Every object by kind and name.
pub type Snapshot = BTreeMap<String, Value>;

/// The kind of a bot, as snapshots name it.
const BOT: &str = "VitteBot ";

/// Hashes at the end of names, uids, times.
static HASH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"-(?:[0-9a-f]{8}|[0-9a-f]{10})\b").unwrap());
static UID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap());
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)").unwrap());
/// Of several that are late, which is seen first is the controllers' affair.
static LATE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"Deployment ([a-z]+)-(?:bot|api|worker|admin): ").unwrap());

impl World {
    /// All children of bots, and the bots.
    pub async fn snapshot(&self) -> Snapshot {
        self.snapshot_of(|_, _| true).await
    }

    /// The same without the ways back and forth: no revisions, no Jobs, and no ConfigMap but those that pods read.
    pub async fn snapshot_of_what_serves(&self) -> Snapshot {
        let deployments = self.api(Kind::Deployment).list(&ListParams::default()).await.unwrap();
        let volumes = deployments.items.iter().map(|d| d.data.pointer("/spec/template/spec/volumes").cloned());
        let read: Vec<String> = volumes
            .flat_map(|volumes| volumes.unwrap_or_default().as_array().cloned().unwrap_or_default())
            .filter_map(|volume| Some(volume.pointer("/configMap/name")?.as_str()?.to_owned()))
            .collect();
        self.snapshot_of(|kind, object| match kind {
            Kind::ControllerRevision | Kind::Job => false,
            Kind::ConfigMap if object["immutable"] == true => {
                read.iter().any(|name| object["metadata"]["name"] == name.as_str())
            }
            _ => true,
        })
        .await
    }

    async fn snapshot_of(&self, which: impl Fn(Kind, &Value) -> bool) -> Snapshot {
        let mut snapshot = Snapshot::new();
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
            let ours = ListParams::default().labels(LABEL_BOT);
            for object in self.api(kind).list(&ours).await.unwrap() {
                let object = serde_json::to_value(object).unwrap();
                if !which(kind, &object) {
                    continue;
                }
                let name = self.plain(object["metadata"]["name"].as_str().unwrap());
                let mut place = format!("{kind} {name}");
                // Two of one content-named sort, as while one replaces the other.
                while snapshot.contains_key(&place) {
                    place.push_str(" and another");
                }
                snapshot.insert(place, self.normalise(object, kind == Kind::Secret));
            }
        }
        snapshot.extend(self.snapshot_of_bots().await);
        snapshot
    }

    async fn snapshot_of_bots(&self) -> Snapshot {
        let bots = self.bots().list(&ListParams::default()).await.unwrap();
        let bots = bots.into_iter().map(|bot| {
            let bot = serde_json::to_value(bot).unwrap();
            let place = format!("{BOT}{}", bot["metadata"]["name"].as_str().unwrap());
            (place, self.normalise(bot, false))
        });
        bots.collect()
    }

    /// Waits until the world is as this snapshot.
    ///
    /// # Errors
    /// Where it still differs when the time is over.
    pub async fn becomes(&self, expected: &Snapshot) -> Result<(), String> {
        self.becomes_aside(expected, None).await
    }

    /// The same, whatever stands in fields whose path contains `aside`.
    ///
    /// # Errors
    /// As above.
    pub async fn becomes_aside(&self, expected: &Snapshot, aside: Option<&str>) -> Result<(), String> {
        self.becomes_but(expected, async || self.snapshot().await, aside).await
    }

    /// The same of what serves, whatever stands in fields whose path contains `aside`.
    ///
    /// # Errors
    /// As above.
    pub async fn serves_as(&self, expected: &Snapshot, aside: Option<&str>) -> Result<(), String> {
        self.becomes_but(expected, async || self.snapshot_of_what_serves().await, aside).await
    }

    async fn becomes_but(
        &self,
        expected: &Snapshot,
        look: impl AsyncFn() -> Snapshot,
        aside: Option<&str>,
    ) -> Result<(), String> {
        let differing = |expected: &Snapshot, found: &Snapshot| {
            let mut different = differences(expected, found);
            different.retain(|line| aside.is_none_or(|aside| !line.contains(aside)));
            different
        };
        let bots: Snapshot = expected.clone().into_iter().filter(|(place, _)| place.starts_with(BOT)).collect();
        let same = async {
            // A bot tells of its end when all else has come to it: until then nobody need look at that.
            while !(differing(&bots, &self.snapshot_of_bots().await).is_empty()
                && differing(expected, &look().await).is_empty())
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        if tokio::time::timeout(LIMIT, same).await.is_ok() {
            return Ok(());
        }
        Err(format!("the end differs:\n{}", differing(expected, &look().await).join("\n")))
    }

    /// uid, generation and resourceVersion of every child: what a write would change.
    pub async fn versions(&self) -> BTreeMap<String, String> {
        let mut versions = BTreeMap::new();
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
            for object in self.api(kind).list(&ListParams::default().labels(LABEL_BOT)).await.unwrap() {
                let m = object.metadata;
                // Its controller reports without end, for want of metrics: what counts is when we last wrote.
                let ours = m
                    .managed_fields
                    .iter()
                    .flatten()
                    .filter(|entry| entry.manager.as_ref().is_some_and(|name| name.starts_with("vitte-operator")));
                let last = if kind == Kind::HorizontalPodAutoscaler {
                    ours.filter_map(|entry| entry.time.as_ref()).map(|time| time.0.to_string()).max()
                } else {
                    m.resource_version
                };
                let version = format!("{:?} {:?} {last:?}", m.uid, m.generation);
                versions.insert(format!("{kind} {}", m.name.unwrap_or_default()), version);
            }
        }
        versions
    }

    fn plain(&self, text: &str) -> String {
        let text = text.replace(&self.namespace, "NAMESPACE").replace(&self.token, "TOKEN");
        let text = UID.replace_all(&text, "UID");
        let text = TIME.replace_all(&text, "TIME");
        let text = LATE.replace_all(&text, "Deployment $1-COMPONENT: ");
        HASH.replace_all(&text, "-HASH").into_owned()
    }

    fn normalise(&self, mut object: Value, secret: bool) -> Value {
        let owned = object["kind"] == "VitteBot";
        let metadata = object["metadata"].as_object_mut().unwrap();
        for field in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
            metadata.remove(field);
        }
        if let Some(managers) = metadata.get_mut("managedFields") {
            *managers = ours(managers);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| key != "test.vitte.dev/touched");
            for key in [ANNOTATION_APPLIED, ANNOTATION_ROTATED_AT] {
                annotations.entry(key).and_modify(|value| *value = json!("*"));
            }
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
        if secret {
            let data = object["data"].as_object_mut().into_iter().flatten();
            data.for_each(|(_, value)| *value = json!("*"));
        }
        if let Some(spec) = object["spec"].as_object_mut() {
            for field in ["clusterIP", "clusterIPs", "volumeName"] {
                spec.remove(field);
            }
        }
        // What the controllers report of it is theirs; what the bot is told is ours.
        if !owned && let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        self.walk(object)
    }

    fn walk(&self, value: Value) -> Value {
        match value {
            Value::String(text) => json!(self.plain(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.walk(item)).collect(),
            Value::Object(fields) => {
                // An empty list stays when whoever applied it takes it back: what has no entries has no owner.
                let fields =
                    fields.into_iter().filter(|(_, value)| value.as_array().is_none_or(|list| !list.is_empty()));
                let walked = fields.map(|(key, value)| {
                    let gone = matches!(key.as_str(), "observedGeneration" | "uid");
                    let value = if gone || key == ANNOTATION_SECRETS { json!("*") } else { self.walk(value) };
                    (self.plain(&key), value)
                });
                walked.collect()
            }
            other => other,
        }
    }
}

/// The fields that operators own, without the time of writing.
fn ours(managers: &Value) -> Value {
    let entries = managers.as_array().into_iter().flatten();
    let mut ours: Vec<Value> = entries
        .filter(|entry| entry["manager"].as_str().is_some_and(|name| name.starts_with("vitte-operator")))
        .map(|entry| {
            let fields = ["manager", "operation", "subresource", "fieldsV1"];
            fields.into_iter().map(|field| (field.to_owned(), entry[field].clone())).collect()
        })
        .collect();
    ours.sort_by_key(|entry: &Value| format!("{} {}", entry["manager"], entry["subresource"]));
    json!(ours)
}

/// Where two snapshots differ, a line each; empty when nowhere.
fn differences(expected: &Snapshot, found: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for (place, wanted) in expected {
        match found.get(place) {
            Some(object) => compare(place, wanted, object, &mut lines),
            None => lines.push(format!("{place} is not there")),
        }
    }
    lines.extend(found.keys().filter(|place| !expected.contains_key(*place)).map(|place| format!("{place} is there")));
    lines
}

/// What of `found` is other than expected, a line each.
pub fn compare(path: &str, expected: &Value, found: &Value, lines: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(wanted), Value::Object(object)) => {
            let mut keys: Vec<&String> = wanted.keys().chain(object.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                compare(
                    &format!("{path}.{key}"),
                    &wanted.get(key).cloned().unwrap_or_default(),
                    object.get(key).unwrap_or(&Value::Null),
                    lines,
                );
            }
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            for (index, (wanted, item)) in wanted.iter().zip(items).enumerate() {
                compare(&format!("{path}[{index}]"), wanted, item, lines);
            }
        }
        (wanted, object) if wanted == object => {}
        (wanted, object) => lines.push(format!("{path}: {object} instead of {wanted}")),
    }
}
