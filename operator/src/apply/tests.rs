//! Against an API server of a few lines: it keeps objects, grants versions, and counts what it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

use super::*;
use crate::cache::BotKey;
use crate::cache::child::Child;
use crate::cache::store::Store;
use crate::metrics::Metrics;
use crate::names::{FIELD_MANAGER, HANDOVER_FIELD_MANAGER, LABEL_BOT, LABEL_MANAGED_BY};
use crate::plan::{Migration, Rotation};
use crate::upgrade::{Serving, State, Step, Upgrade};

const UID: &str = "bot-uid";

#[derive(Default)]
struct Server {
    objects: Mutex<BTreeMap<String, Value>>,
    asked: Mutex<Vec<String>>,
    version: AtomicU64,
    /// Answers for writes of these paths.
    refusals: Mutex<BTreeMap<String, (u16, &'static str)>>,
}

impl Server {
    fn put(&self, path: &str, mut object: Value) {
        let version = self.version.fetch_add(1, Ordering::SeqCst) + 1;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{version}"));
        }
        object["metadata"]["namespace"] = json!("n");
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }

    fn answer(&self, method: &Method, path: &str, manager: &str, body: &Value) -> (u16, Value) {
        let name = body.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let key = if *method == Method::POST { format!("{path}/{name}") } else { path.to_owned() };
        let status = |code: u16, reason: &str, message: &str| {
            (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
        };
        if *method != Method::GET {
            let by = if manager.is_empty() { String::new() } else { format!(" by {manager}") };
            self.asked.lock().unwrap().push(format!("{method} {key}{by}"));
            if let Some((code, message)) = self.refusals.lock().unwrap().get(&key) {
                return status(*code, "Refused", message);
            }
        }
        let there = self.objects.lock().unwrap().get(&key).cloned();
        match (method.as_str(), there) {
            ("GET", Some(object)) => (200, object),
            ("GET" | "DELETE", None) => status(404, "NotFound", "not found"),
            ("POST", Some(_)) => status(409, "AlreadyExists", "already exists"),
            ("DELETE", Some(object)) => {
                assert_eq!(body.pointer("/preconditions/uid"), object.pointer("/metadata/uid"), "{key}");
                self.objects.lock().unwrap().remove(&key);
                (200, json!({"kind": "Status", "status": "Success"}))
            }
            (_, there) => {
                let mut object = there.unwrap_or_else(|| json!({}));
                merge(&mut object, body);
                if *method == Method::PATCH && manager == FIELD_MANAGER && body.pointer("/spec/replicas").is_some() {
                    object["metadata"]["managedFields"] =
                        json!([{"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
                } else if let Some(meta) = object["metadata"].as_object_mut() {
                    meta.remove("managedFields");
                }
                self.put(&key, object);
                (200, self.objects.lock().unwrap()[&key].clone())
            }
        }
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

struct World {
    server: Arc<Server>,
    client: Client,
    store: Store,
    metrics: Metrics,
    fights: Mutex<Fights>,
}

fn world() -> World {
    let server = Arc::new(Server::default());
    let behind = Arc::clone(&server);
    let service = tower::service_fn(move |request: Request<Body>| {
        let server = Arc::clone(&behind);
        async move {
            let (head, body) = request.into_parts();
            let bytes = body.collect().await?.to_bytes();
            let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let query = head.uri.query().unwrap_or_default();
            let manager = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager=")).unwrap_or_default();
            let (code, answer) = server.answer(&head.method, head.uri.path(), manager, &body);
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, tower::BoxError>(answer?)
        }
    });
    World {
        server,
        client: Client::new(service, "n"),
        store: Store::default(),
        metrics: Metrics::new().unwrap(),
        fights: Mutex::default(),
    }
}

impl World {
    async fn apply(&self, wanted: &[Wanted], plan: &Plan) -> Applied {
        let writer = Writer { client: &self.client, namespace: "n", store: &self.store, metrics: &self.metrics };
        let found = Found { children: self.store.children(&BotKey::new("n", "luna")), ..Found::default() };
        apply(&writer, &self.fights, Owner { name: "luna", uid: UID }, wanted, plan, &found).await
    }

    /// As a watch would tell of what somebody did at the API server.
    fn watch(&self, kind: Kind, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.server.objects.lock().unwrap()[path].clone();
        change(&mut object);
        self.server.put(path, object);
        let now = self.server.objects.lock().unwrap()[path].clone();
        self.store.observe(kind, Child::from_value(now).unwrap());
    }
}

fn plan(scale: Option<Scale>) -> Plan {
    Plan {
        upgrade: Upgrade {
            step: Step::Current,
            revision: "luna-1".to_owned(),
            toward: Serving { name: "luna-1".to_owned(), version: "0.1.0".to_owned(), image: "i".to_owned() },
            serving: None,
            basis: None,
            roll: true,
            migrated_at: None,
            expand: ("job".to_owned(), State::Done),
            task: None,
            unstarted: None,
            records: Vec::new(),
            keep: BTreeSet::new(),
            drop: BTreeSet::new(),
            look_again: None,
            failed: None,
            contract_failed: None,
            note: None,
        },
        migration: Migration::Done,
        roll: true,
        scale: scale.into_iter().map(|scale| (Component::Worker, scale)).collect(),
        rotation: Rotation::Keep,
        look_again: None,
    }
}

fn wanted(kind: Kind, name: &str, rest: &Value) -> Wanted {
    let mut json = json!({"apiVersion": kind.api_version(), "kind": kind.to_string(), "metadata": {"name": name,
        "labels": {LABEL_BOT: "luna", LABEL_MANAGED_BY: FIELD_MANAGER},
        "ownerReferences": [{"kind": "VitteBot", "name": "luna", "uid": UID, "controller": true}]}});
    merge(&mut json, rest);
    let mode = if matches!(kind, Kind::ConfigMap | Kind::Job) { Mode::Create } else { Mode::Apply(FIELD_MANAGER) };
    Wanted { kind, name: name.to_owned(), json, mode }
}

fn service() -> Wanted {
    wanted(Kind::Service, "luna-bot", &json!({"spec": {"ports": [{"name": "http", "port": 80}]}}))
}

fn worker(replicas: Option<i32>) -> Wanted {
    let mut json =
        json!({"spec": {"template": {"spec": {"volumes": [{"name": "c", "configMap": {"name": "luna-worker-1"}}]}}}});
    if let Some(replicas) = replicas {
        json["spec"]["replicas"] = json!(replicas);
    }
    wanted(Kind::Deployment, "luna-worker", &json)
}

const SERVICE: &str = "/api/v1/namespaces/n/services/luna-bot";
const WORKER: &str = "/apis/apps/v1/namespaces/n/deployments/luna-worker";
const HPA: &str = "/apis/autoscaling/v2/namespaces/n/horizontalpodautoscalers/luna-worker";

#[tokio::test]
async fn what_is_there_already_is_not_written_again() {
    let world = world();
    let wanted = [wanted(Kind::ConfigMap, "luna-worker-1", &json!({"data": {"a": "b"}, "immutable": true})), service()];
    assert_eq!(world.apply(&wanted, &plan(None)).await.writes, 2);
    world.server.writes();
    let again = world.apply(&wanted, &plan(None)).await;
    assert_eq!((again.writes, again.errors, world.server.writes()), (0, vec![], vec![]));
    assert_eq!(again.children.of(Kind::Service).count(), 1);
}

#[tokio::test]
async fn a_field_that_somebody_changed_is_put_right_and_one_that_they_added_stays() {
    let world = world();
    world.apply(&[service()], &plan(None)).await;
    world.server.writes();
    world.watch(Kind::Service, SERVICE, |object| object["spec"]["added"] = json!(true));
    assert_eq!(world.apply(&[service()], &plan(None)).await.writes, 0);
    world.watch(Kind::Service, SERVICE, |object| object["spec"]["ports"][0]["port"] = json!(81));
    assert_eq!(world.apply(&[service()], &plan(None)).await.writes, 1);
    // At once again: held back for a moment, and said when.
    world.watch(Kind::Service, SERVICE, |object| object["spec"]["ports"][0]["port"] = json!(81));
    let held = world.apply(&[service()], &plan(None)).await;
    assert_eq!((held.writes, held.errors.len()), (0, 0));
    assert!(held.again.is_some());
}

#[tokio::test]
async fn an_object_of_somebody_else_is_left_alone_and_the_rest_is_done() {
    let world = world();
    world.server.put(SERVICE, json!({"metadata": {"name": "luna-bot", "labels": {"app": "theirs"}}}));
    let other = wanted(Kind::ServiceAccount, "luna-api", &json!({}));
    let applied = world.apply(&[other, service()], &plan(None)).await;
    assert_eq!(applied.errors.iter().map(|e| e.reason).collect::<Vec<_>>(), [Reason::Foreign]);
    assert_eq!(world.server.writes().len(), 1);
}

#[tokio::test]
async fn a_deployment_waits_for_its_config_map_and_others_do_not() {
    let world = world();
    let map = "/api/v1/namespaces/n/configmaps/luna-worker-1";
    world.server.refusals.lock().unwrap().insert(map.to_owned(), (500, "etcd is away"));
    let all = [wanted(Kind::ConfigMap, "luna-worker-1", &json!({"data": {}})), service(), worker(Some(1))];
    let applied = world.apply(&all, &plan(Some(Scale::Fixed(1)))).await;
    let names: Vec<String> = applied.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        names,
        ["ConfigMap luna-worker-1: etcd is away", "Deployment luna-worker: waits for ConfigMap luna-worker-1"]
    );
    assert!(world.server.objects.lock().unwrap().contains_key(SERVICE));
    assert!(!world.server.objects.lock().unwrap().contains_key(WORKER));
    world.server.refusals.lock().unwrap().clear();
    assert_eq!(world.apply(&all, &plan(Some(Scale::Fixed(1)))).await.errors, []);
}

#[tokio::test]
async fn nothing_acts_upon_a_decision_that_could_not_be_written() {
    let world = world();
    let revision = wanted(Kind::ControllerRevision, "luna-1", &json!({"revision": 1, "data": {}}));
    let path = "/apis/apps/v1/namespaces/n/controllerrevisions/luna-1";
    world.server.refusals.lock().unwrap().insert(path.to_owned(), (500, "etcd is away"));
    let job = wanted(Kind::Job, "luna-migrate-1", &json!({}));
    let all = [revision, service(), job, worker(Some(1))];
    let applied = world.apply(&all, &plan(Some(Scale::Fixed(1)))).await;
    let refused: Vec<Kind> = applied.errors.iter().map(|error| error.kind).collect();
    assert_eq!(refused, [Kind::ControllerRevision, Kind::Job, Kind::Deployment]);
    assert!(world.server.objects.lock().unwrap().contains_key(SERVICE));
    world.server.refusals.lock().unwrap().clear();
    assert_eq!(world.apply(&all, &plan(Some(Scale::Fixed(1)))).await.errors, []);
}

#[tokio::test]
async fn a_revision_that_somebody_made_first_is_read_again_before_anything_acts_upon_it() {
    let world = world();
    let mut revision = wanted(Kind::ControllerRevision, "luna-1", &json!({"revision": 1, "data": {}}));
    revision.mode = Mode::Create;
    world.apply(std::slice::from_ref(&revision), &plan(None)).await;
    world.server.writes();
    // A process that starts with an older list, and would have written something else there.
    let late = World { store: Store::default(), ..world };
    revision.json["revision"] = json!(2);
    let applied = late.apply(&[revision, worker(Some(1))], &plan(Some(Scale::Fixed(1)))).await;
    let refused: Vec<(Kind, Reason)> = applied.errors.iter().map(|error| (error.kind, error.reason)).collect();
    let both = [Kind::ControllerRevision, Kind::Deployment].map(|kind| (kind, Reason::Conflict));
    assert_eq!((refused.as_slice(), late.server.writes()), (both.as_slice(), vec![]));
    let known = late.store.children(&BotKey::new("n", "luna"));
    assert_eq!(
        known.get(Kind::ControllerRevision, "luna-1").unwrap().int("/revision"),
        Some(1),
        "the next look has it"
    );
}

#[tokio::test]
async fn a_job_that_is_made_anew_goes_first() {
    let world = world();
    let mut job = wanted(Kind::Job, "luna-migrate-1", &json!({"spec": {"suspend": false}}));
    world.apply(std::slice::from_ref(&job), &plan(None)).await;
    world.server.writes();
    job.json["spec"]["suspend"] = json!(true);
    let mut anew = plan(None);
    anew.upgrade.drop.insert(job.name.clone());
    let applied = world.apply(&[job], &anew).await;
    let path = "/apis/batch/v1/namespaces/n/jobs/luna-migrate-1";
    let writes = [format!("DELETE {path}"), format!("POST {path} by {FIELD_MANAGER}")];
    assert_eq!((applied.errors, world.server.writes().as_slice()), (vec![], writes.as_slice()));
    let live = applied.children.get(Kind::Job, "luna-migrate-1").unwrap();
    assert_eq!(live.at("/spec/suspend"), Some(&json!(true)));
}

#[tokio::test]
async fn an_autoscaler_takes_over_without_the_count_falling() {
    let world = world();
    world.apply(&[worker(Some(5))], &plan(Some(Scale::Fixed(5)))).await;
    world.server.writes();
    let hpa = wanted(Kind::HorizontalPodAutoscaler, "luna-worker", &json!({"spec": {"maxReplicas": 9}}));
    let scaled = plan(Some(Scale::Autoscaled { hold: Some(5) }));
    let applied = world.apply(&[worker(None), hpa.clone()], &scaled).await;
    assert_eq!(applied.errors, []);
    assert_eq!(
        world.server.writes(),
        [
            format!("PATCH {WORKER} by {HANDOVER_FIELD_MANAGER}"),
            format!("PATCH {WORKER} by {FIELD_MANAGER}"),
            format!("PATCH {HPA} by {FIELD_MANAGER}"),
        ]
    );
    // From now on the autoscaler decides, and nothing of ours is written.
    world.watch(Kind::Deployment, WORKER, |object| object["spec"]["replicas"] = json!(7));
    let rest = plan(Some(Scale::Autoscaled { hold: None }));
    assert_eq!(world.apply(&[worker(None), hpa], &rest).await.writes, 0);
    assert_eq!(world.server.objects.lock().unwrap()[WORKER]["spec"]["replicas"], 7);
}

#[tokio::test]
async fn a_count_that_is_still_ours_is_held_although_the_autoscaler_is_there() {
    let world = world();
    world.apply(&[worker(Some(5))], &plan(Some(Scale::Fixed(5)))).await;
    world.server.writes();
    world.apply(&[worker(None)], &plan(Some(Scale::Autoscaled { hold: None }))).await;
    assert_eq!(world.server.writes()[0], format!("PATCH {WORKER} by {HANDOVER_FIELD_MANAGER}"));
}

#[tokio::test]
async fn an_autoscaler_goes_before_the_count_is_fixed() {
    let world = world();
    let hpa = wanted(Kind::HorizontalPodAutoscaler, "luna-worker", &json!({}));
    world.apply(&[worker(None), hpa], &plan(Some(Scale::Autoscaled { hold: Some(3) }))).await;
    world.server.writes();
    world.apply(&[worker(Some(2))], &plan(Some(Scale::Fixed(2)))).await;
    assert_eq!(world.server.writes(), [format!("DELETE {HPA}"), format!("PATCH {WORKER} by {FIELD_MANAGER}")]);
}

#[tokio::test]
async fn what_another_process_made_first_is_read_again_and_not_overwritten() {
    let world = world();
    let job = wanted(Kind::Job, "luna-migrate-1", &json!({}));
    world.apply(std::slice::from_ref(&job), &plan(None)).await;
    world.server.writes();
    // A process that starts with an older list.
    let late = World { store: Store::default(), ..world };
    let applied = late.apply(&[job], &plan(None)).await;
    assert_eq!((applied.writes, applied.errors, late.server.writes()), (0, vec![], vec![]));
    assert_eq!(applied.children.of(Kind::Job).count(), 1);
}

#[tokio::test]
async fn a_new_secret_is_looked_at_again_at_once_since_no_watch_tells_of_it() {
    let world = world();
    let mut secret = wanted(Kind::Secret, "luna-webhook", &json!({"data": {"current": "YQ=="}}));
    secret.mode = Mode::Create;
    assert_eq!(world.apply(&[secret], &plan(None)).await.again, Some(Duration::ZERO));
}

#[tokio::test]
async fn a_deployment_that_waits_for_the_schema_is_written_only_for_what_is_new() {
    let world = world();
    let fixed = |roll| Plan { roll, ..plan(Some(Scale::Fixed(1))) };
    let mut first = worker(Some(1));
    first.json["spec"]["minReadySeconds"] = json!(5);
    world.apply(&[first.clone()], &fixed(true)).await;
    // The live template is wanted, in fewer words.
    assert_eq!(world.apply(&[worker(Some(1))], &fixed(false)).await.writes, 0);
    assert_eq!(world.apply(&[first], &fixed(true)).await.writes, 0);
    assert_eq!(world.apply(&[worker(Some(2))], &fixed(false)).await.writes, 1);
}
