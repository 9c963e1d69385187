//! The private Redis: a cache and counters, so nothing of it is written to disk.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::account::Account;
use crate::datadir::Lock;
use crate::error::LocalError;
use crate::log::Tail;
use crate::process::{Owned, Process, Step};
use crate::{blocking, files, leftovers, programs, urls};

/// Valkey is what some distributions install in its place.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];
const READY_LIMIT: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// There is nothing to write, so it ends at once.
const STOP: [Step; 2] = [(Signal::SIGTERM, Duration::from_secs(2)), (Signal::SIGKILL, Duration::from_secs(1))];
const PORT_ATTEMPTS: u32 = 3;

/// How to start [`Redis`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RedisOptions {
    /// Its own directory, made where missing (for example `.vitte/redis`).
    pub data_dir: PathBuf,
    /// A port of 127.0.0.1 with a password, even where a socket would do. Default: off.
    pub tcp: bool,
    /// The most memory its values take, in MiB; the least recently used go first. Default: 128.
    pub max_memory_mib: u32,
}

impl RedisOptions {
    /// The defaults for a directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), tcp: false, max_memory_mib: 128 }
    }
}

/// A running Redis. Dropped without [`Redis::stop`], it is ended at once.
#[derive(Debug)]
pub struct Redis {
    // The order matters: the server ends before the directory is free for another.
    owned: Owned,
    start: Start,
    url: String,
    _lock: Lock,
}

#[derive(Clone, Debug)]
struct Start {
    program: PathBuf,
    account: Account,
    root: PathBuf,
    max_memory_mib: u32,
    reach: Reach,
}

#[derive(Clone, Debug)]
enum Reach {
    Socket { path: String },
    Tcp { port: u16, password: String },
}

impl Redis {
    /// Ends what an earlier run left, starts and answers once commands are taken.
    ///
    /// # Errors
    /// Every [`LocalError`]; see there.
    pub async fn start(options: RedisOptions) -> Result<Self, LocalError> {
        blocking(move || Self::start_now(&options)).await
    }

    fn start_now(options: &RedisOptions) -> Result<Self, LocalError> {
        let root = files::directory(&options.data_dir, 0o711)?;
        let program = programs::in_path(&PROGRAMS).ok_or(LocalError::Missing {
            what: "Redis",
            programs: "redis-server or valkey-server",
            places: "PATH",
            install: "apt-get install redis-server",
            instead: "--redis-url",
        })?;
        let run = root.join("run");
        let account = Account::choose("Redis", &["redis", "nobody"], "--redis-url", &run)?;
        let lock = Lock::take(&root)?;
        leftovers::end("Redis", &run, &PROGRAMS, &STOP)?;
        let socket = run.join("redis.sock");
        let socket = urls::usable_socket(&socket).filter(|_| !options.tcp);
        let mut attempts = if socket.is_some() { 1 } else { PORT_ATTEMPTS };
        loop {
            let reach = match socket {
                Some(path) => Reach::Socket { path: path.to_owned() },
                None => Reach::Tcp { port: urls::free_port()?, password: urls::password() },
            };
            let start = Start {
                program: program.clone(),
                account: account.clone(),
                root: root.clone(),
                max_memory_mib: options.max_memory_mib,
                reach,
            };
            attempts -= 1;
            match start.run() {
                Err(error) if attempts > 0 && lost_the_port(&error) => {}
                Err(error) => return Err(error),
                Ok(owned) => {
                    return Ok(Self { owned, url: start.reach.url(), start, _lock: lock });
                }
            }
        }
    }

    /// Where clients connect. It is the same after a restart.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.owned.process.pid().as_raw().unsigned_abs()
    }

    /// Where its log is.
    #[must_use]
    pub fn log(&self) -> &Path {
        self.owned.process.tail().path()
    }

    /// Stops it, after 2 s by force.
    pub async fn stop(self) {
        let stopped = blocking(move || {
            self.owned.process.stop(&STOP);
            drop(self);
            Ok(())
        });
        if let Err(error) = stopped.await {
            tracing::warn!(%error, "Redis did not stop cleanly");
        }
    }

    /// Ends it by SIGKILL, as a crash would.
    ///
    /// # Errors
    /// [`LocalError::Interrupted`] when the runtime ends meanwhile.
    pub async fn kill(&mut self) -> Result<(), LocalError> {
        let process = self.owned.process.clone();
        blocking(move || {
            process.stop(&[(Signal::SIGKILL, Duration::from_secs(5))]);
            Ok(())
        })
        .await
    }

    /// Stops it where it runs and starts it again, empty, under the same URL.
    ///
    /// # Errors
    /// As [`Redis::start`]. It is stopped then, and may be restarted.
    pub async fn restart(&mut self) -> Result<(), LocalError> {
        let process = self.owned.process.clone();
        let start = self.start.clone();
        self.owned = blocking(move || {
            process.stop(&STOP);
            start.run()
        })
        .await?;
        Ok(())
    }

    /// Resolves when the server ends by itself (or was killed). Cancel safe.
    pub async fn died(&mut self) -> ExitStatus {
        self.owned.process.died().await
    }
}

impl Reach {
    fn url(&self) -> String {
        match self {
            Self::Socket { path } => format!("redis+unix://{}", urls::encode(path)),
            Self::Tcp { port, password } => format!("redis://:{password}@127.0.0.1:{port}/"),
        }
    }

    /// One PING, by hand: an answer of Redis' own is the only proof that it serves.
    fn ping(&self) -> io::Result<()> {
        match self {
            Self::Socket { path } => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                expect_pong(stream, "PING\r\n")
            }
            Self::Tcp { port, password } => {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port))?;
                stream.set_read_timeout(Some(ANSWER_LIMIT))?;
                expect_pong(stream, &format!("AUTH {password}\r\nPING\r\n"))
            }
        }
    }
}

fn expect_pong(mut stream: impl Read + Write, command: &str) -> io::Result<()> {
    const ANSWER_BYTES: u64 = 256;
    stream.write_all(command.as_bytes())?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ANSWER_BYTES);
    let mut piece = [0; 64];
    while !answer.ends_with(b"+PONG\r\n") {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(())
}

fn lost_the_port(error: &LocalError) -> bool {
    matches!(error, LocalError::Failed { tail, .. }
        if tail.iter().any(|line| line.contains("Address already in use")))
}

impl Start {
    fn settings(&self) -> String {
        let Self { max_memory_mib, reach, .. } = self;
        let listen = match reach {
            Reach::Socket { path } => {
                let path = path.replace('\\', "\\\\").replace('"', "\\\"");
                format!("port 0\nunixsocket \"{path}\"\nunixsocketperm 700\n")
            }
            Reach::Tcp { port, password } => {
                format!("bind 127.0.0.1\nport {port}\nrequirepass {password}\n")
            }
        };
        format!(
            "# Written by Vitte at each start; changes are lost.\n\
             {listen}daemonize no\nsave \"\"\nappendonly no\n\
             maxmemory {max_memory_mib}mb\nmaxmemory-policy allkeys-lru\n\
             loglevel notice\nlogfile \"\"\n"
        )
    }

    fn run(&self) -> Result<Owned, LocalError> {
        let run = self.root.join("run");
        files::remove_tree(&run)?;
        files::directory(&run, 0o700)?;
        self.account.give(&run)?;
        let config = self.root.join("redis.conf");
        files::write_private(&config, &self.settings())?;
        self.account.give(&config)?;
        // It works in `run`, which is how an orphan is found.
        let mut command = self.account.command(&self.program, &run)?;
        command.arg(&config).stdin(Stdio::null());
        let tail = Tail::new(self.root.join("redis.log"));
        let owned =
            Owned::spawn(command, tail.clone(), Signal::SIGTERM).map_err(LocalError::io("start Redis in", &run))?;
        let how = match self.ready(&owned.process) {
            Ok(()) => return Ok(owned),
            Err(how) => how,
        };
        drop(owned);
        Err(LocalError::Failed {
            what: "Redis",
            how,
            log: Some(tail.path().to_owned()),
            tail: tail.lines(Duration::from_secs(1)),
        })
    }

    fn ready(&self, process: &Process) -> Result<(), String> {
        let deadline = Instant::now() + READY_LIMIT;
        let mut last = None;
        while Instant::now() < deadline {
            if let Some(status) = process.wait(LOOK) {
                return Err(format!("did not start ({status})"));
            }
            match self.reach.ping() {
                Ok(()) => return Ok(()),
                Err(error) => last = Some(error),
            }
        }
        let last = last.map_or_else(String::new, |error| format!(": {error}"));
        Err(format!("did not answer within {} s{last}", READY_LIMIT.as_secs()))
    }
}
