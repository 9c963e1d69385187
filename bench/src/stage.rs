//! One stage: warm up, measure between two readings, wait for what is still under way, count.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::process::Command;

use crate::api::FakeApi;
use crate::http::Peer;
use crate::ledger::{Shared, Tally};
use crate::load::{Generator, Target};
use crate::machine;
use crate::process::{self, Memory, Running};
use crate::say;
use crate::settings::{CONNECTIONS, Mode, Settings, Stage};
use crate::world::{World, free_address};

/// For what is still under way when the load has ended.
const DRAIN: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(10);
/// What the harness can do shows sooner than what the bot can.
const ALONE: Duration = Duration::from_secs(10);

/// What every stage stands on.
pub struct Ground {
    pub settings: Arc<Settings>,
    pub ledger: Shared,
    pub api: Arc<FakeApi>,
}

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    pub tally: Tally,
    pub window: Duration,
    pub spent: Spent,
    /// The bot's, at the end of the window.
    pub memory: Memory,
}

/// CPU time in the window.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub bot: Duration,
    pub postgres: Duration,
    pub redis: Duration,
    /// Worker, api and admin.
    pub roles: Duration,
    /// Load generator and fake Bot API.
    pub harness: Duration,
    /// The whole machine, with all of the above.
    pub machine: Duration,
}

impl Spent {
    pub fn since(self, before: Self) -> Self {
        Self {
            bot: self.bot.saturating_sub(before.bot),
            postgres: self.postgres.saturating_sub(before.postgres),
            redis: self.redis.saturating_sub(before.redis),
            roles: self.roles.saturating_sub(before.roles),
            harness: self.harness.saturating_sub(before.harness),
            machine: self.machine.saturating_sub(before.machine),
        }
    }

    /// What others did on the machine meanwhile.
    pub fn strangers(&self) -> Duration {
        self.machine.saturating_sub(self.bot + self.postgres + self.redis + self.roles + self.harness)
    }
}

impl Row {
    pub fn accounted_for(&self) -> bool {
        self.tally.posted > 0 && self.tally.missing == 0 && self.tally.surplus == 0
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of seconds' work")]
    pub fn per_second(&self) -> f64 {
        self.tally.answered as f64 / self.window.as_secs_f64()
    }

    /// Of some CPU time, what one update cost.
    pub fn per_update(&self, spent: Duration) -> Option<Duration> {
        let updates = u32::try_from(self.tally.answered).ok().filter(|n| *n > 0)?;
        Some(spent / updates)
    }
}

impl Ground {
    fn generator(&self, mode: Mode, peer: &Arc<Peer>) -> Generator {
        let target = match mode {
            Mode::Polling => Target::Polling(self.api.clone()),
            _ => Target::Webhook(peer.clone()),
        };
        Generator { ledger: self.ledger.clone(), target }
    }

    /// Every chat writes once, so that the bot knows everybody before anything is measured.
    pub async fn introduce(&self, world: &World, mode: Mode) -> anyhow::Result<()> {
        say(&format!("{} chats write once", self.settings.chats));
        let begun = Instant::now();
        self.ledger.lock().open(begun, begun);
        self.generator(mode, &world.peer()).introduce(self.settings.chats, 20).await;
        self.drained().await;
        let tally = self.ledger.lock().close();
        let Tally { posted, missing, surplus, .. } = tally;
        anyhow::ensure!(
            missing == 0 && surplus == 0,
            "of {posted} first updates {missing} got no message and {surplus} came twice; the bot's log ends:\n{}",
            world.bot_says()
        );
        Ok(())
    }

    pub async fn measure(&self, stage: &Stage, world: &World) -> anyhow::Result<Row> {
        let (bot, postgres, redis) = (world.bot_pid()?, world.postgres.pid(), world.redis.pid());
        let read = || -> anyhow::Result<Spent> {
            Ok(Spent {
                bot: process::cpu(bot)?,
                postgres: process::cpu_with_children(postgres)?,
                redis: process::cpu(redis)?,
                roles: world.cpu_of_others()?,
                harness: process::cpu(std::process::id())?,
                machine: machine::busy()?,
            })
        };
        let (warm_up, measured) = (self.settings.warm_up(), self.settings.measured());
        let row = self.stage(stage, &world.peer(), bot, warm_up, measured, read).await;
        let row = row.with_context(|| format!("the bot's log ends:\n{}", world.bot_says()))?;
        if !row.accounted_for() {
            say(&format!("not every update got exactly one message; the bot's log ends:\n{}", world.bot_says()));
        }
        Ok(row)
    }

    /// The harness without vitte.
    pub async fn alone(&self, stage: &Stage) -> anyhow::Result<Row> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--echo", &address.to_string(), &self.api.address().to_string()]);
        let mut echo = Running::start("echo", &mut command, folder.path())?;
        let peer = Peer::new(address, CONNECTIONS, "")?;
        echo.ready(&peer, "/").await?;
        let pid = echo.pid()?;
        let read = || -> anyhow::Result<Spent> {
            Ok(Spent {
                bot: process::cpu(pid)?,
                harness: process::cpu(std::process::id())?,
                machine: machine::busy()?,
                ..Spent::default()
            })
        };
        let measured = self.settings.measured().min(ALONE);
        let row = self.stage(stage, &peer, pid, Duration::from_secs(1), measured, read).await;
        echo.stop().await;
        row
    }

    async fn stage(
        &self,
        stage: &Stage,
        peer: &Arc<Peer>,
        pid: u32,
        warm_up: Duration,
        measured: Duration,
        read: impl Fn() -> anyhow::Result<Spent>,
    ) -> anyhow::Result<Row> {
        say(&format!("{}: {} s warm-up, {} s measured", stage.name, warm_up.as_secs(), measured.as_secs()));
        let from = Instant::now() + warm_up;
        let to = from + measured;
        self.ledger.lock().open(from, to);
        let (generator, load) = (self.generator(stage.mode, peer), stage.load);
        let work = tokio::spawn(async move { generator.run(load, to).await });
        tokio::time::sleep_until(from.into()).await;
        let (before, begun) = (read()?, Instant::now());
        tokio::time::sleep_until(to.into()).await;
        let spent = read()?.since(before);
        let window = begun.elapsed();
        let memory = process::memory(pid)?;
        work.await.context("the load generator failed")?;
        self.drained().await;
        Ok(Row { name: stage.name, tally: self.ledger.lock().close(), window, spent, memory })
    }

    /// Until nobody waits, or not for ever.
    async fn drained(&self) {
        let deadline = Instant::now() + DRAIN;
        while self.ledger.lock().outstanding() > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
    }
}
