//! Logs and reports beside an API that a test makes up: a real one has no logs without nodes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod logs;
mod report;

use std::sync::{Arc, Mutex};

use hyper::http::{Request, Response};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kubectl_vitte::Screen;
use kubectl_vitte::cluster::Cluster;
use kubectl_vitte::screen::Paint;
use serde_json::{Value, json};

/// An API server with these objects and logs, each request of which is kept.
#[derive(Clone, Default)]
pub struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    objects: Vec<(String, Value)>,
    /// What may not be read, as in the path.
    forbidden: Vec<String>,
    /// Pod, whether before the last restart, text.
    logs: Vec<(String, bool, String)>,
    requests: Vec<String>,
}

impl Fake {
    /// `plural`: as in the path.
    pub fn with(self, plural: &str, object: Value) -> Self {
        self.0.lock().unwrap().objects.push((plural.to_owned(), object));
        self
    }

    pub fn forbids(self, plural: &str) -> Self {
        self.0.lock().unwrap().forbidden.push(plural.to_owned());
        self
    }

    pub fn log(self, pod: &str, text: &str) -> Self {
        self.0.lock().unwrap().logs.push((pod.to_owned(), false, text.to_owned()));
        self
    }

    pub fn previous_log(self, pod: &str, text: &str) -> Self {
        self.0.lock().unwrap().logs.push((pod.to_owned(), true, text.to_owned()));
        self
    }

    /// Paths and queries so far.
    pub fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().requests.clone()
    }

    pub fn cluster(&self) -> Cluster {
        let state = self.0.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = state.lock().unwrap().answer(request.uri().path(), request.uri().query().unwrap_or_default());
            async move { Ok::<_, std::convert::Infallible>(answer) }
        });
        Cluster::new(Client::new(service, "bots"), "bots")
    }
}

impl State {
    fn answer(&mut self, path: &str, query: &str) -> Response<Body> {
        self.requests.push(format!("{path}?{query}"));
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if let Some(plural) = parts.iter().find(|part| self.forbidden.iter().any(|plural| plural == *part)) {
            return refusal(403, &format!("{plural} is forbidden"));
        }
        let found = match parts.as_slice() {
            ["version"] => Some(json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "",
                "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": ""})),
            [.., "pods", pod, "log"] => {
                let previous = query.contains("previous=true");
                let log = self.logs.iter().find(|(name, when, _)| name == pod && *when == previous);
                return match log {
                    Some((_, _, text)) => Response::new(Body::from(text.clone().into_bytes())),
                    None => refusal(400, "container is waiting to start"),
                };
            }
            [.., "namespaces", _, plural, name] => self.one(plural, name),
            [.., plural] => {
                let of_kind = self.objects.iter().filter(|(kind, _)| kind == plural);
                let items: Vec<&Value> = of_kind.map(|(_, o)| o).filter(|object| selected(object, query)).collect();
                Some(json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items}))
            }
            [] => None,
        };
        found.map_or_else(
            || refusal(404, "not found"),
            |found| Response::new(Body::from(found.to_string().into_bytes())),
        )
    }

    fn one(&self, plural: &str, name: &str) -> Option<Value> {
        let mut all = self.objects.iter();
        all.find(|(kind, object)| kind == plural && object["metadata"]["name"] == name)
            .map(|(_, object)| object.clone())
    }
}

/// Of a label selector its equalities, as they stand in a query.
fn selected(object: &Value, query: &str) -> bool {
    let selector = query.split('&').find_map(|pair| pair.strip_prefix("labelSelector=")).unwrap_or_default();
    let selector = selector.replace("%2F", "/").replace("%3D", "=").replace("%2C", ",");
    let equal = |pair: &str| pair.split_once('=').is_none_or(|(key, value)| object["metadata"]["labels"][key] == value);
    selector.split(',').all(equal)
}

fn refusal(code: u16, message: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message,
        "reason": if code == 404 { "NotFound" } else { "BadRequest" }});
    Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}

/// What a command wrote.
#[derive(Default)]
pub struct Written {
    pub out: Vec<u8>,
    pub notes: Vec<u8>,
}

impl Written {
    pub fn screen(&mut self) -> Screen<'_> {
        let clock = || "2026-01-01T12:00:00Z".parse::<Timestamp>().unwrap();
        Screen { out: &mut self.out, notes: &mut self.notes, paint: Paint::default(), redraws: false, clock }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }
}

pub fn luna() -> Value {
    json!({
        "apiVersion": "vitte.dev/v1alpha1", "kind": "VitteBot",
        "metadata": {"name": "luna", "namespace": "bots", "generation": 1},
        "spec": {"version": "0.1.0", "telegram": {"tokenSecretRef": {"name": "luna", "key": "token"}},
            "components": {"bot": {"env": [{"name": "FOO", "value": "a-literal-value"}]}}},
    })
}

/// A pod whose only container is called as its component.
pub fn pod(component: &str, suffix: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("luna-{component}-{suffix}"), "namespace": "bots", "uid": format!("uid-{suffix}"),
            "labels": {"vitte.dev/bot": "luna", "app.kubernetes.io/component": component}},
        "spec": {"containers": [{"name": component, "image": "vitte:0.1.0"}]},
        "status": {"phase": "Running", "containerStatuses": [
            {"name": component, "restartCount": 0, "state": {"running": {}}}]},
    })
}
