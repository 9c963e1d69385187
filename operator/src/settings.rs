//! What one operator is told at its start. Nothing is read from the environment beyond this point, so that a test runs
//! several in one process.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Everything that can be set. Durations are jittered where many objects share them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The namespaces whose bots are looked after; empty: all of the cluster. Secrets are listed and watched only in
    /// named namespaces.
    pub namespaces: Vec<String>,
    /// Who this process is, in the lease and as the reporter of events.
    pub identity: String,
    /// `None`: the process works without asking whether another does too. For one replica alone.
    pub lease: Option<LeaseSettings>,
    /// Where probes and metrics are served; `None`: nowhere.
    pub http: Option<Listen>,
    /// Bots that are reconciled at one time.
    pub concurrency: u16,
    /// Every bot is looked at again this long after the last look, though nothing told of a change.
    pub resync: Duration,
    /// How old what is known of a named Secret may be where it cannot be watched.
    pub secret_refresh: Duration,
    /// How often Telegram is asked about a webhook that is as it should be.
    pub webhook_check: Duration,
    /// How long removing the webhook may hold up the removal of a bot.
    pub deletion_deadline: Duration,
    /// How often the cluster is asked which optional kinds it has.
    pub discovery: Duration,
    /// Wait after a bot's first failure, and the longest wait.
    pub backoff: (Duration, Duration),
    /// The longest that one request may take, watches aside.
    pub request_limit: Duration,
    /// The longest that one request to Telegram may take.
    pub telegram_limit: Duration,
    /// Changes the log level while running; `None`: it cannot be changed.
    pub log_level: Option<LogLevel>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            identity: format!("vitte-operator-{}", crate::clock::secret(8)),
            lease: None,
            http: None,
            concurrency: 8,
            resync: Duration::from_secs(600),
            secret_refresh: Duration::from_secs(60),
            webhook_check: Duration::from_secs(300),
            deletion_deadline: Duration::from_secs(60),
            discovery: Duration::from_secs(180),
            backoff: (Duration::from_secs(1), Duration::from_secs(300)),
            request_limit: Duration::from_secs(30),
            telegram_limit: Duration::from_secs(5),
            log_level: None,
        }
    }
}

impl Settings {
    #[must_use]
    pub fn scope(&self) -> Scope {
        if self.namespaces.is_empty() { Scope::Cluster } else { Scope::Namespaces(self.namespaces.clone()) }
    }
}

/// Where the operator looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    Cluster,
    Namespaces(Vec<String>),
}

impl Scope {
    /// One watch each: `None` is the whole cluster.
    #[must_use]
    pub fn watches(&self) -> Vec<Option<&str>> {
        match self {
            Self::Cluster => vec![None],
            Self::Namespaces(names) => names.iter().map(|name| Some(name.as_str())).collect(),
        }
    }
}

/// The Lease by which one of several replicas works and the others stand by.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    pub namespace: String,
    pub name: String,
    /// A standby takes over when it saw no renewal for this long. Whole seconds.
    pub duration: Duration,
    /// A holder that could not renew for this long stops, and well before `duration` ends.
    pub renew_deadline: Duration,
    /// Between renewals, and between a standby's looks.
    pub retry: Duration,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            namespace: "vitte-system".to_owned(),
            name: "vitte-operator".to_owned(),
            duration: Duration::from_secs(8),
            renew_deadline: Duration::from_secs(5),
            retry: Duration::from_secs(1),
        }
    }
}

/// Where to listen.
#[derive(Clone, Debug)]
pub enum Listen {
    Address(SocketAddr),
    /// Bound already, so that whoever starts the operator knows the port.
    Socket(Arc<TcpListener>),
}

/// Changes the process's log level. The subscriber belongs to the process, not to the operator.
#[derive(Clone)]
pub struct LogLevel(Arc<Change>);

type Change = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl LogLevel {
    pub fn new(change: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    /// # Errors
    /// Why `directives` (`debug`, or `info,vitte_operator=trace`) cannot be used.
    pub fn set(&self, directives: &str) -> Result<(), String> {
        (self.0)(directives)
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogLevel")
    }
}
