//! HTTP/1.1 over kept connections, both ends, with as little around it as possible: what this costs is taken from the
//! machine that is measured.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

const LIMIT: Duration = Duration::from_secs(10);
pub const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

pub type Answer = Response<Full<Bytes>>;

/// A peer and the connections kept to it.
pub struct Peer {
    address: SocketAddr,
    host: HeaderValue,
    secret: HeaderValue,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    places: Semaphore,
}

impl Peer {
    /// At most `connections` requests are in work at a time; more wait for their turn.
    pub fn new(address: SocketAddr, connections: usize, secret: &str) -> anyhow::Result<Arc<Self>> {
        let host = HeaderValue::from_str(&address.to_string())?;
        let secret = HeaderValue::from_str(secret)?;
        Ok(Arc::new(Self { address, host, secret, idle: Mutex::default(), places: Semaphore::new(connections) }))
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<StatusCode> {
        Ok(self.send(Method::GET, path, Bytes::new(), None).await?.0)
    }

    pub async fn post(&self, path: &str, body: Bytes) -> anyhow::Result<StatusCode> {
        Ok(self.send(Method::POST, path, body, None).await?.0)
    }

    /// What was answered, as text.
    #[cfg(test)]
    pub async fn ask(&self, path: &str, body: Bytes) -> anyhow::Result<String> {
        Ok(String::from_utf8(self.send(Method::POST, path, body, None).await?.1.into())?)
    }

    /// With a credential in `Authorization`, if one is given; what was answered.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        credential: Option<&HeaderValue>,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let _place = self.places.acquire().await?;
        tokio::time::timeout(LIMIT, async {
            let mut connection = self.connection().await?;
            let mut request = Request::builder()
                .method(method)
                .uri(path)
                .header(HOST, &self.host)
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .header(SECRET_HEADER, &self.secret)
                .body(Full::new(body))?;
            if let Some(credential) = credential {
                request.headers_mut().insert(AUTHORIZATION, credential.clone());
            }
            let response = connection.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            Ok((status, body))
        })
        .await
        .context("no answer within the limit")?
    }

    /// The one used last: the others may rest.
    async fn connection(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut connection) = idle else { break };
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end shows in the next request on it.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Serves a listener as long as the runtime lives.
pub async fn serve<F, A>(listener: TcpListener, answer: F)
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Without it answers are only later.
        let _ = stream.set_nodelay(true);
        let answer = answer.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answered = answer(request);
                async move { Ok::<_, Infallible>(answered.await) }
            });
            // A connection that breaks is its owner's matter.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

pub fn json(body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
