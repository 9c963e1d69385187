//! What every test here stands on: one API server for all, and a world of its own for each test.
//!
//! A [`world::World`] is a namespace with a simulated Telegram and a [`kubelet`] that pretends to run pods. The real
//! controllers of Kubernetes make ReplicaSets, Pods and Jobs of what the operator applies. An [`operator::Operator`]
//! runs in this process, on a runtime of its own, so that it can be stopped as SIGKILL would stop it; all it says to
//! the API server goes through its [`wire`], which counts, records, disturbs and cuts off.
//!
//! Every operator acts as a ServiceAccount with exactly the rules that the operator generates: what they do not allow
//! fails its test, whatever that is about.

pub mod calls;
pub mod cluster;
pub mod history;
pub mod kstatus;
pub mod kubelet;
pub mod manifests;
pub mod operator;
pub mod snapshot;
pub mod telegram;
pub mod tools;
pub mod wire;
pub mod world;

use std::time::Duration;

/// The longest that a test waits for anything: far over what it takes, so that a busy machine fails no test.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Waits until `check` gives something, looking again and again; `what` says what was waited for in vain.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let result = tokio::time::timeout(LIMIT, async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    })
    .await;
    result.unwrap_or_else(|_| panic!("waited {LIMIT:?} for: {what}"))
}
