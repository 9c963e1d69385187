//! The loop that accepts connections: axum's own has no limit of time for a request's head, so that whoever opens a
//! connection and says nothing keeps it, and holds up the end.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Between two requests of one connection, too: longer than proxies keep theirs (nginx: 60 s), so that none writes into
/// one that closes at that moment.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// Open at one time; who comes later waits to be accepted.
const CONNECTIONS: usize = 2_048;

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
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
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
