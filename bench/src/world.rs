//! PostgreSQL, Redis and the roles, as production has them: one process each, PostgreSQL and Redis reached over TCP.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::Command;
use vitte_local::{Postgres, PostgresOptions, Redis, RedisOptions};

use crate::api::{FakeApi, TOKEN};
use crate::http::Peer;
use crate::load::WEBHOOK_PATH;
use crate::process::{self, Memory, Running};
use crate::say;
use crate::settings::{CONNECTIONS, Mode, Settings};

/// The bot of the stages with updates.
pub const MANIFEST: &str = include_str!("../manifest.yaml");
/// Signs the REST API's tokens.
pub const SIGNING_KEY: &str = "a-signing-key-of-the-bench-alone-0123456789";
pub const WEBHOOK_SECRET: &str = "bench-webhook-secret";

pub struct World {
    // The order matters: the roles end before what they use, the folder goes last.
    bot: Option<Running>,
    others: Vec<Running>,
    peer: Arc<Peer>,
    pub postgres: Postgres,
    pub redis: Redis,
    pub postgres_version: String,
    vitte: std::path::PathBuf,
    manifest: &'static str,
    api: SocketAddr,
    folder: TempDir,
}

/// One role's memory at rest and after the load.
pub struct RoleMemory {
    pub role: &'static str,
    pub idle: Memory,
    pub loaded: Option<Memory>,
}

impl World {
    /// Everything but the bot, whose mode comes with the stages.
    pub async fn start(settings: &Settings, api: &FakeApi) -> anyhow::Result<Self> {
        let mut world = Self::bare(settings, api, MANIFEST).await?;
        for role in ["worker", "api", "admin"] {
            let (running, _) = world.role(role, Mode::Webhook, 0).await?;
            world.others.push(running);
        }
        Ok(world)
    }

    /// The servers, with the schema and without a role.
    pub async fn bare(settings: &Settings, api: &FakeApi, manifest: &'static str) -> anyhow::Result<Self> {
        let data = std::path::absolute(&settings.data_dir)?;
        std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", data.display()))?;
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(&data)?;
        let passable = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o711);
        std::fs::set_permissions(folder.path(), passable)?;
        say(&format!("starting PostgreSQL (fsync on) and Redis in {}", folder.path().display()));
        let mut options = PostgresOptions::new(folder.path().join("postgres"));
        options.tcp = true;
        options.fsync = true;
        let postgres = Postgres::start(options).await?;
        let mut options = RedisOptions::new(folder.path().join("redis"));
        options.tcp = true;
        let redis = Redis::start(options).await?;
        let postgres_version = version_of(postgres.pid())?;
        let world = Self {
            bot: None,
            others: Vec::new(),
            peer: Peer::new((Ipv4Addr::LOCALHOST, 1).into(), 1, "")?,
            postgres,
            redis,
            postgres_version,
            vitte: settings.vitte.clone(),
            manifest,
            api: api.address(),
            folder,
        };
        let (command, _) = world.command(&["migrate", "up"], Mode::Webhook)?;
        migrate(command, world.postgres.url()).await?;
        Ok(world)
    }

    /// Starts the bot, in place of the one that runs.
    pub async fn start_bot(&mut self, mode: Mode) -> anyhow::Result<()> {
        if let Some(bot) = self.bot.take() {
            bot.stop().await;
        }
        let (bot, address) = self.role("bot", mode, 0).await?;
        self.peer = Peer::new(address, CONNECTIONS, WEBHOOK_SECRET)?;
        say(&format!("the bot by {mode:?} is process {}", bot.pid()?));
        self.bot = Some(bot);
        Ok(())
    }

    /// The bot's webhook.
    pub fn peer(&self) -> Arc<Peer> {
        self.peer.clone()
    }

    pub fn bot_pid(&self) -> anyhow::Result<u32> {
        self.bot.as_ref().context("no bot runs")?.pid()
    }

    /// One role, which ends with what is returned; messages it sends at most at a rate a second, 0: at any.
    pub async fn role(&self, name: &'static str, mode: Mode, send_rate: u32) -> anyhow::Result<(Running, SocketAddr)> {
        let (mut command, address) = self.command(&[name], mode)?;
        command.args(["--send-rate", &send_rate.to_string(), "--chat-rate", "0", "--listen", &address.to_string()]);
        command.args(["--database-url", self.postgres.url(), "--redis-url", self.redis.url()]);
        let mut running = Running::start(name, &mut command, self.folder.path())?;
        running.ready(&*Peer::new(address, 1, "")?, "/health/ready").await?;
        Ok((running, address))
    }

    /// `vitte`, a manifest whose bot would listen at the address, and the secrets that the manifest names.
    fn command(&self, words: &[&str], mode: Mode) -> anyhow::Result<(Command, SocketAddr)> {
        let address = free_address()?;
        let updates = if mode == Mode::Polling { "Polling" } else { "Webhook" };
        let text = self
            .manifest
            .replace("$UPDATES", updates)
            .replace("$API", &format!("http://{}", self.api))
            .replace("$WEBHOOK", &format!("http://{address}{WEBHOOK_PATH}"))
            .replace("$CONNECTIONS", &CONNECTIONS.to_string());
        let file = self.folder.path().join(format!("{}.yaml", words.join("-")));
        std::fs::write(&file, text)?;
        let mut command = Command::new(&self.vitte);
        command.args(words).arg(file);
        command.env("VITTE_SECRET_BENCH_TOKEN", TOKEN).env("VITTE_WEBHOOK_SECRET", WEBHOOK_SECRET);
        command.env("VITTE_SECRET_BENCH_JWT", SIGNING_KEY);
        Ok((command, address))
    }

    fn roles(&self) -> impl Iterator<Item = &Running> {
        self.bot.iter().chain(&self.others)
    }

    /// Of every role, at rest.
    pub fn memory(&self) -> anyhow::Result<Vec<RoleMemory>> {
        self.roles().map(|r| Ok(RoleMemory { role: r.name, idle: process::memory(r.pid()?)?, loaded: None })).collect()
    }

    pub fn memory_under_load(&self, of: &mut [RoleMemory]) -> anyhow::Result<()> {
        for running in self.roles() {
            let now = process::memory(running.pid()?)?;
            if let Some(role) = of.iter_mut().find(|m| m.role == running.name) {
                role.loaded = Some(now);
            }
        }
        Ok(())
    }

    /// CPU time of the roles besides the bot.
    pub fn cpu_of_others(&self) -> anyhow::Result<std::time::Duration> {
        self.others.iter().map(|r| process::cpu(r.pid()?)).sum()
    }

    /// The end of the bot's log, when something went wrong.
    pub fn bot_says(&self) -> String {
        self.bot.as_ref().map(Running::last_words).unwrap_or_default()
    }

    pub async fn stop(mut self) {
        if let Some(bot) = self.bot.take() {
            bot.stop().await;
        }
        for role in self.others.drain(..) {
            role.stop().await;
        }
        self.redis.stop().await;
        self.postgres.stop().await;
    }
}

async fn migrate(mut command: Command, url: &str) -> anyhow::Result<()> {
    let run = command.args(["--database-url", url]).kill_on_drop(true).output();
    let done = tokio::time::timeout(std::time::Duration::from_secs(60), run).await.context("migrate does not end")?;
    let done = done.context("cannot start vitte (its executable is named with --vitte)")?;
    anyhow::ensure!(done.status.success(), "migrate failed: {}", String::from_utf8_lossy(&done.stderr));
    Ok(())
}

/// Free a moment ago; who loses it says so and ends.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// What the running server's own executable says of itself.
fn version_of(pid: u32) -> anyhow::Result<String> {
    let said = std::process::Command::new(format!("/proc/{pid}/exe")).arg("--version").output()?;
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}
