//! The loop that accepts connections: axum's own has no limit of time for a request's head, so that whoever opens a
//! connection and says nothing keeps it, and holds up the end.
//!
//! What is answered before its body was read (401, 404) is read to its end nevertheless, and thrown away: a connection
//! that closes while its client still writes takes the answer with it.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Between two requests of one connection, too: longer than proxies keep theirs (nginx: 60 s), so that none writes into
/// one that closes at that moment.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// Open at one time; who comes later waits to be accepted.
const CONNECTIONS: usize = 2_048;

/// The most that is read of a body that nobody wants: as much as anybody takes; and the longest that it is waited for.
const UNWANTED: usize = 1024 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(5);

/// Serves until `stop`, then accepts no more and ends with the last request in work.
pub(super) async fn serve(mut listener: TcpListener, router: Router, stop: CancellationToken) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    let next = async |listener: &mut TcpListener| {
        let place = room.clone().acquire_owned().await.map_err(io::Error::other)?;
        // Of axum: a failure to accept is waited out.
        let (stream, _) = Listener::accept(listener).await;
        Ok::<_, io::Error>((stream, place))
    };
    loop {
        let (stream, place) = tokio::select! {
            next = next(&mut listener) => next?,
            () = stop.cancelled() => break,
        };
        let service = router.clone().map_request(|request: Request<Incoming>| request.map(ReadToItsEnd::of));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let stop = stop.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            // What a client does to its connection is its own affair.
            let _ = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

/// A request's body. Dropped before its end, the rest is read and thrown away.
struct ReadToItsEnd(Option<Incoming>);

impl ReadToItsEnd {
    fn of(body: Incoming) -> axum::body::Body {
        axum::body::Body::new(Self(Some(body)))
    }
}

impl Body for ReadToItsEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for ReadToItsEnd {
    fn drop(&mut self) {
        let Some(body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        // Outside of a runtime nobody serves any more.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(UNWANTED_TIME, throw_away(body)));
    }
}

async fn throw_away(mut body: Incoming) {
    let mut left = UNWANTED;
    while left > 0
        && let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
    {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    /// Breaks when a connection closes on what its client still writes.
    #[tokio::test]
    async fn whoever_is_answered_before_the_body_was_read_may_finish_and_ask_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(|| async { StatusCode::UNAUTHORIZED });
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        let mut client = TcpStream::connect(address).await.unwrap();
        for _ in 0..3 {
            let length = 900_000;
            client
                .write_all(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let mut answer = [0; 12];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 401");
            client.write_all(&vec![b'x'; length]).await.unwrap();
            // The rest of the answer's head; it has no body.
            let mut rest = Vec::new();
            while !rest.ends_with(b"\r\n\r\n") {
                rest.push(client.read_u8().await.unwrap());
            }
        }
    }
}
