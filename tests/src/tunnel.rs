//! A way to a server that can fall silent: what is under way stays open, and nothing comes through any more. So looks a
//! node that died, or a firewall that forgot a flow.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Tunnel {
    pub address: SocketAddr,
    state: watch::Sender<State>,
}

/// Flows are numbered as they come.
struct State {
    flows: u64,
    /// Those below are silent for ever.
    silent: u64,
}

impl Tunnel {
    /// Leads to `target`, as `host:port`. Ends with its value.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = watch::Sender::new(State { flows: 0, silent: 0 });
        let numbers = state.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut number = 0;
                numbers.send_modify(|state| {
                    number = state.flows;
                    state.flows += 1;
                });
                tokio::spawn(flow(near, target.clone(), number, numbers.subscribe()));
            }
        });
        Self { address, state }
    }

    /// What is open falls silent, and so does what is opened until [`Tunnel::opens`].
    pub fn falls_silent(&self) {
        self.state.send_modify(|state| state.silent = u64::MAX);
    }

    /// What is opened from now on comes through again.
    pub fn opens(&self) {
        self.state.send_modify(|state| state.silent = state.flows);
    }
}

async fn flow(mut near: TcpStream, target: String, number: u64, mut state: watch::Receiver<State>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    tokio::select! {
        biased;
        _ = state.wait_for(|state| number < state.silent) => {}
        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => return,
    }
    // Held open at both ends.
    std::future::pending::<()>().await;
}
