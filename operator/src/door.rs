//! The one way from the operator to the API server.
//!
//! Every request passes here: it is counted, it has a limit in time, and a write passes only while the lease is held.
//! So no code elsewhere can write after the lease is lost, whatever it was in the middle of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::http::{Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;

use crate::calls::Call;
use crate::metrics::Metrics;

/// Whether this process may write, and until when.
#[derive(Clone, Debug)]
pub struct Gate(Arc<GateState>);

#[derive(Debug)]
struct GateState {
    base: Instant,
    /// Milliseconds after `base`; 0 is shut, `u64::MAX` is open for good.
    open_until: AtomicU64,
}

impl Gate {
    #[must_use]
    pub fn shut() -> Self {
        Self(Arc::new(GateState { base: Instant::now(), open_until: AtomicU64::new(0) }))
    }

    /// Without election there is nobody to stand back for.
    pub fn open_for_good(&self) {
        self.0.open_until.store(u64::MAX, Ordering::SeqCst);
    }

    /// Only the holder of the lease calls this, after a renewal that succeeded.
    pub fn open_until(&self, until: Instant) {
        let millis = until.saturating_duration_since(self.0.base).as_millis();
        self.0.open_until.store(u64::try_from(millis).unwrap_or(u64::MAX - 1), Ordering::SeqCst);
    }

    pub fn close(&self) {
        self.0.open_until.store(0, Ordering::SeqCst);
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        let now = u64::try_from(self.0.base.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        now < self.0.open_until.load(Ordering::SeqCst)
    }
}

/// A write was held back.
#[derive(Debug, thiserror::Error)]
#[error("this process does not hold the lease, and writes nothing")]
pub struct Shut;

/// No answer in time.
#[derive(Debug, thiserror::Error)]
#[error("the API server did not answer within {} s", .0.as_secs())]
pub struct TooSlow(Duration);

/// A client whose every request passes the door. `gate`: `None` lets all writes through, which only the lease's own
/// client may.
#[must_use]
pub fn through(client: &Client, gate: Option<&Gate>, metrics: &Arc<Metrics>, limit: Duration) -> Client {
    let namespace = client.default_namespace().to_owned();
    let (client, gate, metrics) = (client.clone(), gate.cloned(), Arc::clone(metrics));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, gate, metrics) = (client.clone(), gate.clone(), Arc::clone(&metrics));
        async move { pass(&client, gate.as_ref(), &metrics, limit, request).await }
    });
    Client::new(service, namespace)
}

async fn pass(
    client: &Client,
    gate: Option<&Gate>,
    metrics: &Metrics,
    limit: Duration,
    request: Request<Body>,
) -> Result<Response<Body>, tower::BoxError> {
    let call = Call::of(request.method(), request.uri());
    let verb = call.as_ref().map_or("discover", |call| call.verb);
    let count = |code: &str| metrics.api_calls.with_label_values(&[verb, code]).inc();
    if Call::is_write(request.method()) && gate.is_some_and(|gate| !gate.is_open()) {
        count("refused");
        return Err(Shut.into());
    }
    let watches = verb == "watch";
    let began = Instant::now();
    // A watch's body ends when the server says so, within the time that its request names; until its answer begins it
    // is a request like any other.
    let answer = tokio::time::timeout(limit, async {
        let answer = client.send(request).await?;
        if watches {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        Ok::<_, kube::Error>(Response::from_parts(head, Body::from(body.collect().await?.to_bytes())))
    })
    .await;
    metrics.api_seconds.with_label_values(&[verb]).observe(began.elapsed().as_secs_f64());
    match answer {
        Ok(Ok(answer)) => {
            count(match answer.status().as_u16() {
                0..=299 => "2xx",
                300..=399 => "3xx",
                400..=499 => "4xx",
                _ => "5xx",
            });
            Ok(answer)
        }
        Ok(Err(error)) => {
            count("none");
            Err(error.into())
        }
        Err(_) => {
            count("none");
            Err(TooSlow(limit).into())
        }
    }
}

/// Whether `error` is the gate's.
#[must_use]
pub fn is_shut(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Service(inner) if inner.is::<Shut>())
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn counting() -> (Client, Arc<AtomicUsize>) {
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&seen);
        let service = tower::service_fn(move |_: Request<Body>| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Ok::<_, tower::BoxError>(Response::new(Body::from(b"{}".to_vec()))) }
        });
        (Client::new(service, "default"), seen)
    }

    fn request(method: Method) -> Request<Body> {
        Request::builder().method(method).uri("/api/v1/namespaces/n/configmaps/c").body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn a_shut_gate_lets_reads_through_and_no_write() {
        let (client, seen) = counting();
        let gate = Gate::shut();
        let metrics = Arc::new(Metrics::new().unwrap());
        let door = through(&client, Some(&gate), &metrics, Duration::from_secs(5));
        for method in [Method::PATCH, Method::POST, Method::PUT, Method::DELETE] {
            let error = door.send(request(method)).await.err().unwrap();
            assert!(is_shut(&error), "{error}");
        }
        door.send(request(Method::GET)).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 1);
        gate.open_until(Instant::now() + Duration::from_secs(60));
        door.send(request(Method::PATCH)).await.unwrap();
        gate.open_until(Instant::now());
        assert!(door.send(request(Method::PATCH)).await.is_err(), "a gate shuts by itself when nobody renews");
        assert_eq!(seen.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_is_an_error_in_time() {
        let service =
            tower::service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, tower::BoxError>>());
        let metrics = Arc::new(Metrics::new().unwrap());
        let door = through(&Client::new(service, "default"), None, &metrics, Duration::from_secs(5));
        let error = door.send(request(Method::GET)).await.err().unwrap();
        assert!(error.to_string().contains("within 5 s"), "{error}");
    }
}
