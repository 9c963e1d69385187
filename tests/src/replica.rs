//! One replica of a bot in this process: intake, sender, and a webhook of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_platform::clock::{Clock, SystemClock};
use vitte_platform::database::{DatabaseSettings, pool};
use vitte_platform::intake::{Intake, IntakeError, IntakeParts, Outcome, webhook};
use vitte_platform::jobs::{JobSettings, Runner};
use vitte_platform::limits::{LimitSettings, Limits};
use vitte_platform::module::{Module, Registry};
use vitte_platform::outbox::{Gate, GateSettings, OutboxSettings, Sender};
use vitte_platform::redis::Redis;
use vitte_platform::telegram::Telegram as Client;
use vitte_platform::telegram::client::http_client;

use crate::talker::Talker;
use crate::telegram::{TOKEN, Telegram};

pub const SECRET: &str = "webhook-secret";

/// How a replica differs from the usual.
#[derive(Clone)]
pub struct Setup {
    pub outbox: OutboxSettings,
    pub rate: GateSettings,
    pub limits: LimitSettings,
    pub jobs: JobSettings,
    pub redis: Option<String>,
    pub clock: Arc<dyn Clock>,
    pub pool_size: u32,
    pub statement_timeout: Duration,
    /// What Telegram has said that the bot is called.
    pub username: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            outbox: OutboxSettings {
                lease: Duration::from_secs(3),
                request_timeout: Duration::from_secs(2),
                chat_interval: Duration::ZERO,
                group_interval: Duration::ZERO,
                retry_first: Duration::from_millis(20),
                retry_cap: Duration::from_millis(100),
                probe_interval: Duration::from_millis(50),
                sweep_interval: Duration::from_millis(50),
                ..OutboxSettings::default()
            },
            rate: GateSettings { per_second: 0 },
            limits: LimitSettings { per_minute: 0, per_hour: 0 },
            jobs: JobSettings {
                lease: Duration::from_secs(2),
                poll: Duration::from_millis(50),
                retry_first: Duration::from_millis(20),
                retry_cap: Duration::from_millis(100),
                ..JobSettings::default()
            },
            redis: None,
            clock: Arc::new(SystemClock),
            pool_size: 5,
            statement_timeout: Duration::from_secs(10),
            username: Some("vitte_bot".to_owned()),
        }
    }
}

pub struct Replica {
    pub intake: Arc<Intake>,
    pub sender: Sender,
    pub pool: PgPool,
    pub client: Client,
    /// Where its webhook is.
    pub address: SocketAddr,
    pub setup: Setup,
    registry: Registry,
    stop: CancellationToken,
}

impl Replica {
    pub async fn start(telegram: &Telegram, database: &str) -> Self {
        Self::with(telegram, database, Setup::default()).await
    }

    pub async fn with(telegram: &Telegram, database: &str, setup: Setup) -> Self {
        Self::of(telegram, database, setup, vec![Arc::new(Talker)]).await
    }

    pub async fn of(telegram: &Telegram, database: &str, setup: Setup, modules: Vec<Arc<dyn Module>>) -> Self {
        let mut settings = DatabaseSettings::new(database);
        settings.pool_size = setup.pool_size;
        settings.statement_timeout = setup.statement_timeout;
        let pool = pool(&settings).unwrap();
        sqlx::query("CREATE TABLE IF NOT EXISTS talker (chat_id bigint PRIMARY KEY, n bigint NOT NULL)")
            .execute(&pool)
            .await
            .ok();
        let client = Client::new(http_client().unwrap(), &telegram.url(), SecretString::from(TOKEN)).unwrap();
        let redis = setup.redis.as_deref().map(|url| Redis::new(url).unwrap());
        let gate = Gate::start(client.bot_id(), setup.rate, redis.clone());
        let sender = Sender::start(pool.clone(), client.clone(), setup.outbox.clone(), gate, "bot");
        let parts = IntakeParts {
            bot_id: client.bot_id(),
            pool: pool.clone(),
            sender: sender.clone(),
            limits: Limits::new(client.bot_id(), "messages", setup.limits, redis),
            clock: setup.clock.clone(),
            languages: vec!["en".to_owned(), "ru".to_owned()],
            username: setup.username.clone(),
        };
        let registry = Registry::new(modules);
        let intake = Intake::new(parts, &registry).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = webhook::router(intake.clone(), "/telegram/webhook", vec![SecretString::from(SECRET)]);
        let stop = CancellationToken::new();
        let closing = stop.clone();
        tokio::spawn(async move {
            axum::serve(listener, router).with_graceful_shutdown(closing.cancelled_owned()).await.unwrap();
        });
        Self { intake, sender, pool, client, address, setup, registry, stop }
    }

    /// A worker beside it.
    pub fn worker(&self) -> Runner {
        let handlers = self.registry.modules().flat_map(|m| m.jobs()).collect();
        let (pool, clock) = (self.pool.clone(), self.setup.clock.clone());
        Runner::start(pool, self.sender.clone(), clock, self.setup.jobs.clone(), handlers, Vec::new())
    }

    pub fn webhook_url(&self) -> String {
        format!("http://{}/telegram/webhook", self.address)
    }

    pub async fn take(&self, update: &Value) -> Result<Outcome, IntakeError> {
        self.intake.accept(update.to_string()).await
    }

    /// Tells the simulated Telegram to deliver here.
    pub async fn register(&self, telegram: &Telegram) {
        let body = serde_json::json!({"url": self.webhook_url(), "secret_token": SECRET, "max_connections": 40});
        let address = format!("{}/bot{TOKEN}/setWebhook", telegram.url());
        let answer = telegram.http.post(address).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
