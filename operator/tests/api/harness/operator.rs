//! One operator of a test: the whole of `vitte_operator::run`, on a runtime of its own.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vitte_operator::settings::{LeaseSettings, Listen, Settings};

use super::until;
use super::wire::Wire;
use super::world::World;

static TOUCHES: AtomicU64 = AtomicU64::new(0);

/// A running operator. Dropped: stopped as by SIGKILL.
pub struct Operator {
    pub wire: Wire,
    address: String,
    http: reqwest::Client,
    stop: CancellationToken,
    runtime: Option<Runtime>,
    run: Option<JoinHandle<Result<(), String>>>,
}

/// Times that let a test end soon; nothing in these tests waits for a resync.
pub fn settings(world: &World) -> Settings {
    Settings {
        namespaces: vec![world.namespace.clone()],
        backoff: (Duration::from_millis(100), Duration::from_secs(2)),
        secret_refresh: Duration::from_secs(2),
        webhook_check: Duration::from_secs(300),
        deletion_deadline: Duration::from_secs(120),
        telegram_limit: Duration::from_secs(2),
        ..Settings::default()
    }
}

/// A lease that changes hands within seconds.
pub fn lease(world: &World) -> LeaseSettings {
    LeaseSettings {
        namespace: world.namespace.clone(),
        name: "vitte-operator".to_owned(),
        duration: Duration::from_secs(3),
        renew_deadline: Duration::from_secs(2),
        retry: Duration::from_millis(300),
    }
}

impl Operator {
    pub fn start(world: &World) -> Self {
        Self::with(world, Wire::new(), |_| {})
    }

    /// An operator that says all it says through `wire`.
    pub fn with(world: &World, wire: Wire, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(world);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        settings.http = Some(Listen::Socket(Arc::new(listener)));
        change(&mut settings);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let stop = CancellationToken::new();
        let run = {
            let _inside = runtime.enter();
            let client = world.cluster.wired(&wire, Some((&world.namespace, super::world::ACCOUNT)));
            let stop = stop.clone();
            runtime.spawn(async move {
                let ended = vitte_operator::run(settings, client, stop).await;
                ended.map_err(|error| format!("{error:#}"))
            })
        };
        #[expect(clippy::disallowed_methods, reason = "a client of a test")]
        let http = reqwest::Client::new();
        Self { wire, address, http, stop, runtime: Some(runtime), run: Some(run) }
    }

    /// As by SIGKILL: whatever it was doing.
    pub fn kill(mut self) -> Wire {
        self.end();
        self.wire.clone()
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// As by SIGTERM; how its run ended.
    pub async fn stop(mut self) -> Result<(), String> {
        self.stop.cancel();
        self.ended().await
    }

    /// How it ended by itself.
    pub async fn ended(&mut self) -> Result<(), String> {
        let run = self.run.take().expect("it is asked once how it ended");
        tokio::time::timeout(super::LIMIT, run).await.expect("the operator ends in time").unwrap()
    }

    pub fn is_over(&self) -> bool {
        self.run.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What it serves at a path, with the status code; `None` while it serves nothing.
    pub async fn page(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.http.get(format!("{}{path}", self.address)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// The sum of a metric over its labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let (_, page) = self.page("/metrics").await?;
        let ours = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let values = page.lines().filter(ours).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Some(values.sum())
    }

    pub async fn reconciles(&self) -> f64 {
        self.metric("vitte_operator_reconciles_total").await.unwrap_or(0.0)
    }

    /// Lets every reconcile that is due happen, and returns when none is left.
    pub async fn idle(&self) {
        until("the operator has nothing to do", async || {
            let (queued, running) =
                (self.metric("vitte_operator_queued").await?, self.metric("vitte_operator_running").await?);
            (queued == 0.0 && running == 0.0).then_some(())
        })
        .await;
    }

    /// Touches the bot so that it is reconciled, and waits until that happened.
    pub async fn reconcile(&self, world: &World, bot: &str) {
        let before = self.reconciles().await;
        // A value that no earlier operator of this bot was touched with: that would be no change.
        let touch = TOUCHES.fetch_add(1, Ordering::Relaxed);
        world.annotate(bot, "test.vitte.dev/touched", &touch.to_string()).await;
        until("another reconcile", async || (self.reconciles().await > before).then_some(())).await;
        self.idle().await;
    }

    /// Reconciles until two in a row write nothing.
    pub async fn settled(&self, world: &World, bot: &str) {
        let mut quiet = 0;
        for _ in 0..50 {
            let before = self.wire.count();
            self.reconcile(world, bot).await;
            quiet = if self.wire.count() == before { quiet + 1 } else { 0 };
            if quiet == 2 {
                return;
            }
        }
        panic!("the operator writes and writes: {:#?}", self.wire.writes().iter().rev().take(20).collect::<Vec<_>>());
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.end();
    }
}
