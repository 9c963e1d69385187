//! A scheduler as a process of its own, so that it can be killed as a pod is: it is told what time it is, and looks at
//! what is due then as the worker's job does each minute.
//!
//! In: the database's URL, then a moment a line (RFC 3339). Out: for each, how many it took and how many of them it
//! wrote messages for.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use vitte_habits::{HabitsSettings, Reminding, due_in};
use vitte_platform::clock::Timestamp;
use vitte_platform::database::{self, DatabaseSettings};

use crate::process::{self, Memory};

const PATIENCE: Duration = Duration::from_secs(20);

/// The child's part. Ends with its input.
pub async fn serve() -> anyhow::Result<()> {
    // Waits for its input and does nothing else meanwhile: the runtime may stand still.
    let mut told = std::io::stdin().lines();
    let url = told.next().context("the database's URL is missing")??;
    let pool = database::pool(&DatabaseSettings { pool_size: 1, ..DatabaseSettings::new(url) })?;
    // The day is over in seconds: what is written leaves afterwards.
    let reminding = Reminding { ahead: i64::MAX, ..Reminding::new(HabitsSettings::default(), vec!["en".to_owned()]) };
    for line in told {
        let line = line?;
        let now: Timestamp = line.parse().with_context(|| format!("{line} is no moment"))?;
        let (mut taken, mut written) = (0, 0);
        loop {
            let told = due_in(&pool, &reminding, now, None).await?;
            taken += told.taken();
            written += told.sent + told.late;
            if told.taken() == 0 {
                break;
            }
        }
        let mut out = std::io::stdout().lock();
        out.write_all(format!("{taken} {written}\n").as_bytes())?;
        out.flush()?;
    }
    Ok(())
}

/// The parent's end of one.
pub struct Scheduler {
    child: Child,
    tell: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

impl Scheduler {
    pub async fn start(program: &Path, url: &str) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg("--scheduler").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("cannot start a scheduler")?;
        let tell = child.stdin.take().context("a scheduler has no input")?;
        let says = BufReader::new(child.stdout.take().context("a scheduler has no output")?).lines();
        let mut scheduler = Self { child, tell, says };
        scheduler.say(url).await?;
        Ok(scheduler)
    }

    async fn say(&mut self, line: &str) -> anyhow::Result<()> {
        self.tell.write_all(format!("{line}\n").as_bytes()).await.context("a scheduler does not listen")
    }

    /// It begins to look at what is due.
    pub async fn look(&mut self, now: Timestamp) -> anyhow::Result<()> {
        self.say(&now.to_rfc3339()).await
    }

    /// It is through: what it took.
    pub async fn took(&mut self) -> anyhow::Result<usize> {
        let line =
            tokio::time::timeout(PATIENCE, self.says.next_line()).await.context("a scheduler does not end")??;
        let line = line.context("a scheduler has ended; its error stands above")?;
        let (taken, _written) = line.split_once(' ').context("a scheduler says something else")?;
        Ok(taken.parse()?)
    }

    /// By SIGKILL, wherever it stands; what it had used until then.
    pub async fn kill(mut self) -> anyhow::Result<(Duration, Memory)> {
        let pid = self.child.id().context("a scheduler has ended; its error stands above")?;
        let used = (process::cpu(pid)?, process::memory(pid)?);
        self.child.kill().await?;
        Ok(used)
    }
}
