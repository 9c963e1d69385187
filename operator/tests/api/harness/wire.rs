//! All that one operator says to the API server: counted, recorded, disturbed, cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures::future::BoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use kube::client::{Body, DynBody};
use serde_json::json;
use tokio::sync::watch;
use tower::{BoxError, Layer, Service};

use super::calls::Call;

pub type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A request and how it was answered.
#[derive(Clone, Debug)]
pub struct Seen {
    pub call: Call,
    /// `None`: still under way, or cut off.
    pub status: Option<u16>,
    /// With `dryRun=All`.
    pub dry: bool,
    /// Answered, or given up by the operator.
    pub over: bool,
}

impl Seen {
    pub fn writes(&self) -> bool {
        !self.dry && self.call.writes()
    }
}

/// What becomes of the next requests that fit.
#[derive(Clone, Debug)]
pub struct Fault {
    pub verb: Option<&'static str>,
    pub resource: Option<&'static str>,
    pub times: usize,
    pub what: Disturbance,
}

impl Fault {
    fn fits(&self, call: &Call) -> bool {
        self.times > 0
            && self.verb.is_none_or(|verb| verb == call.verb)
            && self.resource.is_none_or(|resource| resource == call.resource)
    }
}

#[derive(Clone, Debug)]
pub enum Disturbance {
    /// Answered so, without reaching the API server.
    Refuse(u16, &'static str),
    /// Done by the API server, but answered so: the caller cannot know.
    DoneThenRefuse(u16, &'static str),
    Delay(Duration),
}

/// When the operator is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Never,
    /// Write `k` happens, and its answer does not come back.
    During(usize),
    /// Write `k` is answered; before write `k + 1` everything ends.
    After(usize),
}

/// The handle that a test keeps.
#[derive(Clone)]
pub struct Wire(Arc<State>);

struct State {
    stop: Stop,
    dead: watch::Sender<bool>,
    held: watch::Sender<BTreeSet<String>>,
    cuts: watch::Sender<u64>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    seen: Vec<Seen>,
    /// Writes that were let through, and those of them that ended.
    begun: usize,
    ended: usize,
    faults: Vec<Fault>,
    lists: BTreeMap<String, Bytes>,
    stale: BTreeMap<String, Bytes>,
    garbled: Vec<(String, String)>,
}

impl Wire {
    pub fn new() -> Self {
        Self::stopping(Stop::Never)
    }

    pub fn stopping(stop: Stop) -> Self {
        Self(Arc::new(State {
            stop,
            dead: watch::Sender::new(false),
            held: watch::Sender::default(),
            cuts: watch::Sender::default(),
            log: Mutex::default(),
        }))
    }

    fn log<T>(&self, read: impl FnOnce(&mut Log) -> T) -> T {
        read(&mut self.0.log.lock().unwrap())
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log(|log| log.seen.clone())
    }

    /// Whether a write of this resource is under way.
    pub fn is_written(&self, resource: &str) -> bool {
        self.log(|log| log.seen.iter().any(|seen| !seen.over && seen.writes() && seen.call.resource == resource))
    }

    /// Every write so far, in order.
    pub fn writes(&self) -> Vec<Call> {
        self.log(|log| log.seen.iter().filter(|seen| seen.writes()).map(|seen| seen.call.clone()).collect())
    }

    /// Everything that changed something, events counted too; only leases beat.
    pub fn everything_written(&self) -> Vec<Call> {
        let reads = ["get", "list", "watch", "other"];
        let wrote = |seen: &&Seen| !seen.dry && !reads.contains(&seen.call.verb) && seen.call.resource != "leases";
        self.log(|log| log.seen.iter().filter(wrote).map(|seen| seen.call.clone()).collect())
    }

    pub fn count(&self) -> usize {
        self.log(|log| log.seen.iter().filter(|seen| seen.writes()).count())
    }

    pub fn fault(&self, fault: Fault) {
        self.log(|log| log.faults.push(fault));
    }

    /// Whether every fault has been used up.
    pub fn faults_are_spent(&self) -> bool {
        self.log(|log| log.faults.iter().all(|fault| fault.times == 0))
    }

    /// Events of watches on these resources wait until [`Wire::release`].
    pub fn hold(&self, resources: &[&str]) {
        self.0.held.send_modify(|held| held.extend(resources.iter().map(|r| (*r).to_owned())));
    }

    pub fn release(&self) {
        self.0.held.send_modify(BTreeSet::clear);
    }

    /// From now on this text reads otherwise in all that is listed and watched: the operator gets to see objects that
    /// a resource definition of another time let in.
    pub fn garble(&self, text: &str, otherwise: &str) {
        self.log(|log| log.garbled.push((text.to_owned(), otherwise.to_owned())));
    }

    fn garbled(&self, bytes: Bytes) -> Bytes {
        let garbled = self.log(|log| log.garbled.clone());
        if garbled.is_empty() {
            return bytes;
        }
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        garbled.iter().fold(text, |text, (from, to)| text.replace(from, to)).into()
    }

    /// Ends every watch, as a restarted API server does.
    pub fn cut_watches(&self) {
        self.0.cuts.send_modify(|epoch| *epoch += 1);
    }

    /// The first answer of every list that this operator asked for, by address.
    pub fn first_lists(&self) -> BTreeMap<String, Bytes> {
        self.log(|log| log.lists.clone())
    }

    /// The first list of each of these resources is answered as it once was.
    pub fn replay(&self, lists: BTreeMap<String, Bytes>, resources: &[&str]) {
        let of_resource = |key: &String| {
            let path = key.split('?').next().unwrap_or_default();
            resources.iter().any(|resource| path.ends_with(&format!("/{resource}")))
        };
        self.log(|log| log.stale = lists.into_iter().filter(|(key, _)| of_resource(key)).collect());
    }

    /// How many prepared lists have not been asked for yet.
    pub fn replays_left(&self) -> usize {
        self.log(|log| log.stale.len())
    }

    /// Waits until the operator has been cut off.
    pub async fn dead(&self) {
        let _ = self.0.dead.subscribe().wait_for(|dead| *dead).await;
    }

    pub fn is_dead(&self) -> bool {
        *self.0.dead.borrow()
    }

    /// Takes a request on: its place in the log, or `None` when the operator is cut off.
    fn admit(&self, call: &Call, dry: bool) -> Option<usize> {
        let writes = !dry && call.writes();
        let limit = match self.0.stop {
            Stop::Never => usize::MAX,
            Stop::During(k) | Stop::After(k) => k,
        };
        let (place, over) = self.log(|log| {
            if writes && log.begun >= limit {
                return (None, log.ended >= limit);
            }
            log.begun += usize::from(writes);
            log.seen.push(Seen { call: call.clone(), status: None, dry, over: false });
            (Some(log.seen.len() - 1), false)
        });
        if over {
            self.0.dead.send_replace(true);
        }
        if self.is_dead() { None } else { place }
    }

    fn answered(&self, place: usize, status: StatusCode) {
        let over = self.log(|log| {
            log.seen[place].status = Some(status.as_u16());
            log.ended += usize::from(log.seen[place].writes());
            matches!(self.0.stop, Stop::During(k) if log.ended >= k)
        });
        if over {
            self.0.dead.send_replace(true);
        }
    }

    fn disturbance(&self, call: &Call) -> Option<Disturbance> {
        self.log(|log| {
            let fault = log.faults.iter_mut().find(|fault| fault.fits(call))?;
            fault.times -= 1;
            Some(fault.what.clone())
        })
    }

    /// Lists are remembered when they are first asked for, and given again where a test prepared that.
    async fn list(&self, key: String, answer: Answer) -> Result<Answer, BoxError> {
        if !answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await?.to_bytes();
        self.log(|log| {
            log.lists.entry(key).or_insert_with(|| bytes.clone());
        });
        Ok(Response::from_parts(parts, whole(self.garbled(bytes))))
    }

    /// A watch's events, line by line, as long as nobody holds them back or cuts the line.
    fn watch(&self, resource: String, answer: Answer) -> Answer {
        let (parts, body) = answer.into_parts();
        let (held, cuts) = (self.0.held.subscribe(), self.0.cuts.subscribe());
        let epoch = *cuts.borrow();
        let state = Watched { epoch, wire: self.clone(), resource, body, rest: Vec::new(), held, cuts };
        let frames = futures::stream::unfold(state, |mut state| async move {
            let (mut held, mut cuts, epoch) = (state.held.clone(), state.cuts.clone(), state.epoch);
            let resource = state.resource.clone();
            let next = async {
                let lines = state.lines().await;
                let _ = held.wait_for(|held| !held.contains(&resource)).await;
                lines
            };
            let lines = tokio::select! {
                lines = next => lines?,
                _ = cuts.wait_for(|now| *now != epoch) => return None,
            };
            Some((lines.map(Frame::data), state))
        });
        Response::from_parts(parts, BodyExt::boxed_unsync(StreamBody::new(frames)))
    }
}

struct Watched {
    wire: Wire,
    resource: String,
    body: UnsyncBoxBody<Bytes, BoxError>,
    rest: Vec<u8>,
    held: watch::Receiver<BTreeSet<String>>,
    cuts: watch::Receiver<u64>,
    epoch: u64,
}

impl Watched {
    /// The next whole lines.
    async fn lines(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                let lines = std::mem::replace(&mut self.rest, rest);
                return Some(Ok(self.wire.garbled(Bytes::from(lines))));
            }
            match self.body.frame().await? {
                Ok(frame) => self.rest.extend(frame.into_data().unwrap_or_default()),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Marks a request as over, however it ends.
struct UnderWay(Wire, usize);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.log(|log| log.seen[self.1].over = true);
    }
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn refusal(code: u16, reason: &str) -> Answer {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": format!("{reason}, says the test")});
    let mut answer = Response::new(whole(Bytes::from(status.to_string())));
    *answer.status_mut() = StatusCode::from_u16(code).unwrap();
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

/// Lists of the same address and form, whatever page or version they ask for.
fn list_key(request: &Request<Body>) -> String {
    let query = request.uri().query().unwrap_or_default().split('&');
    let kept: Vec<&str> = query.filter(|p| p.starts_with("labelSelector") || p.starts_with("fieldSelector")).collect();
    let form = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    format!("{}?{}#{form}", request.uri().path(), kept.join("&"))
}

impl<S> Layer<S> for Wire {
    type Service = Wired<S>;

    fn layer(&self, inner: S) -> Wired<S> {
        Wired { wire: self.clone(), inner }
    }
}

pub struct Wired<S> {
    wire: Wire,
    inner: S,
}

impl<S> Service<Request<Body>> for Wired<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let wire = self.wire.clone();
        let call = Call::of(request.method(), request.uri());
        let dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
        let Some(place) = wire.admit(&call, dry) else {
            return Box::pin(futures::future::pending());
        };
        let key = (request.method() == Method::GET && call.verb == "list").then(|| list_key(&request));
        // Nothing is sent before this is polled.
        let sent = self.inner.call(request);
        let under_way = UnderWay(wire.clone(), place);
        Box::pin(async move {
            let _under_way = under_way;
            let disturbance = wire.disturbance(&call);
            if let Some(bytes) = key.as_ref().and_then(|key| wire.log(|log| log.stale.remove(key))) {
                let mut answer = Response::new(whole(bytes));
                let json = header::HeaderValue::from_static("application/json");
                answer.headers_mut().insert(header::CONTENT_TYPE, json);
                return Ok(answer);
            }
            match disturbance {
                Some(Disturbance::Refuse(code, reason)) => {
                    let answer = refusal(code, reason);
                    wire.answered(place, answer.status());
                    return Ok(answer);
                }
                Some(Disturbance::Delay(time)) => tokio::time::sleep(time).await,
                Some(Disturbance::DoneThenRefuse(..)) | None => {}
            }
            let answer = sent.await;
            let answer = answer.map(|answer| answer.map(BodyExt::boxed_unsync));
            wire.answered(place, answer.as_ref().map_or(StatusCode::BAD_GATEWAY, Response::status));
            if wire.is_dead() {
                return futures::future::pending().await;
            }
            if let Some(Disturbance::DoneThenRefuse(code, reason)) = disturbance {
                return Ok(refusal(code, reason));
            }
            match (call.verb, key) {
                ("list", Some(key)) => wire.list(key, answer?).await,
                ("watch", _) => Ok(wire.watch(call.resource, answer?)),
                _ => answer,
            }
        })
    }
}
