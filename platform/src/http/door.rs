//! How a role's routes reach the world: through a listener of its own (a pod), or as a part of one front door
//! (`vitte up`). Only mains make doors.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Health;
use super::serve::serve;
use crate::grace::Grace;

/// How long a pod that is told to stop goes on accepting: whoever sends requests here learns of its end a moment later
/// than it does itself.
const LINGER: Duration = Duration::from_secs(3);

/// A role's routes on their way to the front door.
pub struct Part {
    pub role: &'static str,
    pub router: Router,
    pub health: Health,
}

pub enum Door {
    /// The role's own address: its routes, health and metrics.
    Listener(TcpListener),
    /// Somebody else listens; the routes go there.
    Front(mpsc::Sender<Part>),
}

/// How serving ended, and the time that is left for the rest.
pub struct Served {
    pub result: io::Result<()>,
    pub grace: Grace,
}

impl Door {
    /// Serves until `stop`. Then the role is not ready any more; with `visited` (others than the kubelet send requests
    /// here) it goes on for a moment; it accepts no more, and requests in work end: all of it within two fifths of
    /// `grace`. A client that never takes its answer does not hold up the end.
    pub async fn serve(self, part: Part, visited: bool, grace: Duration, stop: &CancellationToken) -> Served {
        let Part { role, router, health } = part;
        let listener = match self {
            Door::Listener(listener) => listener,
            Door::Front(parts) => {
                let part = Part { role, router, health: health.clone() };
                let sent = parts.send(part).await.map_err(|_| io::Error::other("the front door is closed"));
                if sent.is_ok() {
                    stop.cancelled().await;
                }
                health.set_serving(false);
                return Served { result: sent, grace: Grace::begins(grace) };
            }
        };
        let closing = CancellationToken::new();
        let mut serving = pin!(serve(listener, router.merge(health.router()), closing.clone()));
        let early = tokio::select! {
            result = serving.as_mut() => Some(result),
            () = stop.cancelled() => None,
        };
        health.set_serving(false);
        let left = Grace::begins(grace);
        let result = match early {
            Some(result) => result,
            None => {
                let linger = if visited { LINGER.min(grace / 8) } else { Duration::ZERO };
                // The listener does not end before it is told to.
                let _ = tokio::time::timeout(linger, serving.as_mut()).await;
                closing.cancel();
                tokio::time::timeout(grace / 4, serving).await.unwrap_or(Ok(()))
            }
        };
        Served { result, grace: left }
    }
}
