//! The command line. Every option of a role can come from the environment, as a pod gives it.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Telegram bots from one manifest.
#[derive(Debug, Parser)]
#[command(name = "vitte", version, about, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub logs: Logs,
    /// Threads that do the work; a role waits far more than it computes, and each further one costs wake-ups.
    /// Default: 1 for a role, 2 for `up`.
    #[arg(long, global = true, env = "VITTE_THREADS", value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    pub threads: Option<u8>,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// error, warn, info, debug, trace, or pairs such as vitte_platform=debug. Default: the manifest's.
    #[arg(long, global = true, env = "VITTE_LOG", value_name = "LEVEL")]
    pub log: Option<String>,
    /// Form of the logs on standard error; auto: text on a terminal, JSON elsewhere.
    #[arg(long, global = true, env = "VITTE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Auto)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LogFormat {
    Auto,
    Json,
    Text,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a bot on this machine: all roles, a private PostgreSQL and Redis, and a simulated world where no real
    /// token or key is given.
    Up(Up),
    /// Takes updates in.
    Bot(Role),
    /// Does jobs and what is left in the outbox.
    Worker(Role),
    /// Serves the REST API.
    Api(Role),
    /// Serves the admin pages.
    Admin(Role),
    /// Changes the database's schema; the only one that does.
    Migrate(Migrate),
    /// Serves the simulated world: a Telegram with a chat page, and a model.
    Sim(Sim),
}

#[derive(Debug, Args)]
pub struct Source {
    /// The manifest; Secret and ConfigMap documents may stand in the same file.
    #[arg(env = "VITTE_MANIFEST", value_name = "FILE")]
    pub file: PathBuf,
    /// A file of Secret and ConfigMap documents. Values also come from VITTE_SECRET_<NAME>_<KEY>, which win.
    #[arg(long, env = "VITTE_SECRETS", value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Connections {
    /// Use this PostgreSQL.
    #[arg(long, env = "VITTE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// Use this Redis.
    #[arg(long, env = "VITTE_REDIS_URL", value_name = "URL", hide_env_values = true)]
    pub redis_url: Option<String>,
}

#[derive(Debug, Args)]
pub struct Tuning {
    /// Messages a second over all chats and processes; 0: no limit. Telegram bears 30.
    #[arg(long, env = "VITTE_SEND_RATE", value_name = "N", default_value_t = 25)]
    pub send_rate: u32,
    /// Messages a second into one chat, after a burst of five; 0: no limit. Telegram bears 1.
    #[arg(long, env = "VITTE_CHAT_RATE", value_name = "N", default_value_t = 1)]
    pub chat_rate: u32,
}

#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub tuning: Tuning,
    /// Where the front door listens; loopback only.
    #[arg(long, env = "VITTE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where conversations are kept.
    #[arg(long, env = "VITTE_DATA_DIR", value_name = "FOLDER", default_value = ".vitte")]
    pub data_dir: PathBuf,
    /// Take a real bot's updates although a webhook is set elsewhere: the webhook is removed.
    #[arg(long)]
    pub take_over: bool,
}

#[derive(Debug, Args)]
pub struct Role {
    #[command(flatten)]
    pub source: Source,
    #[command(flatten)]
    pub connections: Connections,
    #[command(flatten)]
    pub tuning: Tuning,
    /// Where the role's routes, health and metrics are served.
    #[arg(long, env = "VITTE_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// How long to wait for the schema, in seconds.
    #[arg(long, env = "VITTE_SCHEMA_WAIT", value_name = "SECONDS", default_value_t = 300)]
    pub schema_wait: u64,
    /// From SIGTERM to the end, in seconds.
    #[arg(long, env = "VITTE_GRACE", value_name = "SECONDS", default_value_t = 25)]
    pub grace: u64,
}

#[derive(Debug, Args)]
pub struct Migrate {
    #[command(subcommand)]
    pub action: MigrateAction,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Phase {
    Expand,
    Contract,
}

#[derive(Debug, Subcommand)]
pub enum MigrateAction {
    /// Applies what is missing.
    Up {
        #[command(flatten)]
        database: MigrateDatabase,
        /// Only this phase. Default: both.
        #[arg(long, value_enum)]
        phase: Option<Phase>,
    },
    /// Takes back every migration above a version.
    Down {
        #[command(flatten)]
        database: MigrateDatabase,
        /// Keep up to this one; 0 takes back all, and all data with it.
        #[arg(long, value_name = "VERSION")]
        to: i32,
    },
    /// Lists the migrations and whether they are applied.
    Status {
        #[command(flatten)]
        database: MigrateDatabase,
    },
    /// Says whether this version can run on the database; exit code 1 if not.
    Check {
        #[command(flatten)]
        database: MigrateDatabase,
    },
    /// Says whether this version could take over the database, and changes nothing; exit code 1 if not.
    Preflight {
        #[command(flatten)]
        database: MigrateDatabase,
        /// What all pods together may open: refused when the server gives fewer.
        #[arg(long, value_name = "NUMBER")]
        connections: Option<i64>,
    },
}

#[derive(Debug, Args)]
pub struct MigrateDatabase {
    /// The manifest that names the database; not needed with --database-url.
    #[arg(env = "VITTE_MANIFEST", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A file of Secret documents.
    #[arg(long, env = "VITTE_SECRETS", value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// The PostgreSQL.
    #[arg(long, env = "VITTE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Debug, Args)]
pub struct Sim {
    /// Where the simulated world is served.
    #[arg(long, env = "VITTE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,
    /// Where chats and ids are kept. Default: nowhere, they end with the process.
    #[arg(long, env = "VITTE_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// The only token accepted. Default: any well-formed one makes its bot.
    #[arg(long, env = "VITTE_SIM_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// Apply Telegram's rate limits.
    #[arg(long, env = "VITTE_SIM_RATE_LIMITS")]
    pub rate_limits: bool,
}

/// `vitte-bot file` is `vitte bot file`: images have links, one for each role.
pub fn with_link_name(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let name = args.first().map(|a| Path::new(a).file_name().unwrap_or(OsStr::new("")).to_owned());
    if let Some(role) = name.as_ref().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix("vitte-")) {
        args.insert(1, role.into());
    }
    args
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_link_named_for_a_role_is_that_role() {
        let args = with_link_name(["/usr/bin/vitte-bot", "x.yaml"].into_iter().map(Into::into));
        assert!(matches!(Cli::try_parse_from(args).unwrap().command, Command::Bot(_)));
        let args = with_link_name(["vitte", "worker", "x.yaml"].into_iter().map(Into::into));
        assert!(matches!(Cli::try_parse_from(args).unwrap().command, Command::Worker(_)));
    }
}
