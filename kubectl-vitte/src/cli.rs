//! The command line. Options that kubectl has too have its names.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// How bots are, their logs, and what can be asked of the operator.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-vitte",
    bin_name = "kubectl vitte",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Exit codes: 0 done, and with `status` ready; 1 not ready; 2 wrong use, such as a bot that does not \
                  exist; 3 the API server is away or refuses."
)]
pub struct Cli {
    #[command(flatten)]
    pub connection: Connection,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN", help_heading = CONNECTION)]
    color: When,
    /// Not empty: no colours, unless --color=always (<https://no-color.org>).
    #[arg(long, env = "NO_COLOR", hide = true, default_value = "", hide_env = true)]
    no_color: String,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
const CONNECTION: &str = "Of every command";

/// Which API server, and where in it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = CONNECTION)]
pub struct Connection {
    /// The namespace; default: that of the context.
    #[arg(short, long, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
    /// The context of the kubeconfig; default: its current one.
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The cluster of the kubeconfig; default: that of the context.
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// The user of the kubeconfig; default: that of the context.
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Act as this user, or system:serviceaccount:NAMESPACE:NAME.
    #[arg(long = "as", global = true, value_name = "NAME")]
    pub act_as: Option<String>,
    /// Act as one of this group; may be repeated. Needs --as.
    #[arg(long = "as-group", global = true, value_name = "NAME", requires = "act_as")]
    pub act_as_groups: Vec<String>,
    /// The kubeconfig; default: the files of $KUBECONFIG, or ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The longest that one answer may take, as 90s or 10m; 0: the default of 30s. Logs that are followed have no bound.
    #[arg(long, global = true, value_parser = duration, value_name = "TIME")]
    pub request_timeout: Option<Duration>,
}

/// Whether anything is to be changed; the word is kubectl's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DryRun {
    #[default]
    None,
    Server,
}

impl DryRun {
    #[must_use]
    pub fn is_on(self) -> bool {
        self == Self::Server
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    Auto,
    Always,
    Never,
}

impl Cli {
    /// `None`: as the terminal is.
    #[must_use]
    pub fn colour(&self) -> Option<bool> {
        match self.color {
            When::Always => Some(true),
            When::Never => Some(false),
            When::Auto => (!self.no_color.is_empty()).then_some(false),
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Shows what of a bot is ready, what is not, and why.
    Status(Status),
    /// Prints the logs of all pods of a bot, in the order of time.
    Logs(Logs),
    /// Lets a revision that served before serve again.
    Rollback(Rollback),
    /// Tries again what failed: a migration, or a version that was given up.
    Retry(Retry),
    /// Has the operator leave a bot as it is (spec.paused: true).
    Pause(Pause),
    /// Has the operator look after a paused bot again.
    Resume(Pause),
    /// Writes all that helps to find a fault into one archive, without secrets.
    Report(Report),
}

#[derive(Debug, Default, Args)]
pub struct Status {
    /// The bot; without it, all of the namespace.
    #[arg(value_name = "BOT")]
    pub bot: Option<String>,
    /// The bots of all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["bot", "namespace"])]
    pub all_namespaces: bool,
    /// For programs.
    #[arg(short, long, value_enum, value_name = "FORM")]
    pub output: Option<Output>,
    /// Show every change, until everything is ready.
    #[arg(short, long)]
    pub watch: bool,
    /// How long to --watch at most, as 90s, 10m or 1h. Then the exit code is 1.
    #[arg(long, default_value = "10m", value_parser = duration, value_name = "TIME", requires = "watch")]
    pub timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Json,
    Yaml,
}

#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// The bot's name.
    #[arg(value_name = "BOT")]
    pub bot: String,
    /// Only these parts of the bot.
    #[arg(value_enum, value_name = "COMPONENT")]
    pub components: Vec<Part>,
    /// Go on with what comes, also from new pods, until interrupted.
    #[arg(short, long)]
    pub follow: bool,
    /// Only what is younger, as 90s, 10m or 1h.
    #[arg(long, value_parser = duration, value_name = "TIME")]
    pub since: Option<Duration>,
    /// The last lines of each container; -1: all that there are. Default: 200, with --since all.
    #[arg(long, value_parser = clap::value_parser!(i64).range(-1..), allow_negative_numbers = true, value_name = "LINES")]
    pub tail: Option<i64>,
    /// Only this level and worse. Lines without a level are kept.
    #[arg(long, value_enum, ignore_case = true, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Only what one update caused, on its whole way: the trace_id of a line or of an error message.
    #[arg(long, value_name = "ID")]
    pub trace: Option<String>,
    /// The containers before their last restart.
    #[arg(short, long, conflicts_with = "follow")]
    pub previous: bool,
    /// The lines as the pods wrote them, without a prefix.
    #[arg(long)]
    pub raw: bool,
}

/// A part of a bot that has pods, as `app.kubernetes.io/component` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Bot,
    Api,
    Worker,
    Admin,
    /// The Jobs of an upgrade.
    Migrate,
    /// The embedded database.
    Postgres,
    /// The embedded Redis.
    Redis,
}

impl Part {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Admin => "admin",
            Self::Migrate => "migrate",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }
}

/// From the least to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, Args)]
pub struct Rollback {
    /// The bot's name.
    #[arg(value_name = "BOT")]
    pub bot: String,
    /// Which: a revision's name or number, or a version. Default: what served before.
    #[arg(long, value_name = "REVISION|VERSION")]
    pub to: Option<String>,
    /// Only list the revisions that there are.
    #[arg(long, conflicts_with_all = ["to", "dry_run"])]
    pub list: bool,
    /// Let the API server check it, and change nothing.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "server")]
    pub dry_run: DryRun,
}

#[derive(Debug, Args)]
pub struct Retry {
    /// The bot's name.
    #[arg(value_name = "BOT")]
    pub bot: String,
    /// Also when nothing failed: the migration runs once more.
    #[arg(long)]
    pub force: bool,
    /// Let the API server check it, and change nothing.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "server")]
    pub dry_run: DryRun,
}

#[derive(Debug, Args)]
pub struct Pause {
    /// The bot's name.
    #[arg(value_name = "BOT")]
    pub bot: String,
    /// Let the API server check it, and change nothing.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_value = "none", default_missing_value = "server")]
    pub dry_run: DryRun,
}

#[derive(Debug, Args)]
pub struct Report {
    /// The bot's name.
    #[arg(value_name = "BOT")]
    pub bot: String,
    /// The archive to write; it must not exist. `-`: standard output. Default: vitte-report-BOT-TIME.tar.gz.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The last lines of each container's log.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(i64).range(0..=100_000), value_name = "LINES")]
    pub tail: i64,
    /// Where the operator runs, for those who may not list the pods of all namespaces.
    #[arg(long, default_value = "vitte-system", value_name = "NAME")]
    pub operator_namespace: String,
}

/// `90`, `90s`, `10m`, `1h`, `2d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; allowed: whole seconds, or a number with s, m, h or d, such as 10m");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    // A year is far over what anybody waits for or any log is kept, and far under what overflows.
    let seconds = count.checked_mul(unit).filter(|seconds| *seconds <= 31_536_000).ok_or_else(wrong)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_number_with_a_unit() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("10m", 600), ("1h", 3_600), ("2d", 172_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "m", "-1m", "1w", "1.5h", "ten", "1m30s", "99999999999999999999", "400d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_dry_run_is_written_as_for_kubectl() {
        let dry_run = |arguments: &[&str]| {
            let all = ["kubectl-vitte", "retry", "luna"].iter().chain(arguments);
            Cli::try_parse_from(all).map(|cli| match cli.command {
                Command::Retry(retry) => retry.dry_run.is_on(),
                other => unreachable!("{other:?}"),
            })
        };
        for (arguments, on) in [
            (&[] as &[&str], false),
            (&["--dry-run"], true),
            (&["--dry-run=server"], true),
            (&["--dry-run=none"], false),
        ] {
            assert_eq!(dry_run(arguments).unwrap(), on, "{arguments:?}");
        }
        let refused = dry_run(&["--dry-run=client"]).unwrap_err().to_string();
        assert!(refused.contains("none, server"), "{refused}");
    }

    #[test]
    fn no_color_is_obeyed_unless_somebody_asks_for_colours() {
        let colour = |arguments: &[&str]| {
            let all = ["kubectl-vitte", "--no-color=1", "status"].iter().chain(arguments);
            Cli::try_parse_from(all).unwrap().colour()
        };
        assert_eq!(colour(&[]), Some(false));
        assert_eq!(colour(&["--color=always"]), Some(true));
    }
}
