//! How a role's routes reach the world: through a listener of its own (a pod), or as a part of one front door
//! (`vitte up`). Only mains make doors.

use std::io;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Health;

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

impl Door {
    /// Serves until `stop`, then lets requests in work end.
    pub async fn serve(
        self,
        role: &'static str,
        router: Router,
        health: Health,
        stop: CancellationToken,
    ) -> io::Result<()> {
        match self {
            Door::Listener(listener) => {
                let router = router.merge(health.router());
                axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
            }
            Door::Front(parts) => {
                if parts.send(Part { role, router, health }).await.is_err() {
                    return Err(io::Error::other("the front door is closed"));
                }
                stop.cancelled().await;
                Ok(())
            }
        }
    }
}
