//! One role of one bot, as a pod runs it.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vitte_crds::Bundle;
use vitte_crds::uses::Role;
use vitte_migrate::{Action, Report};
use vitte_platform::config::Config;
use vitte_platform::database::DatabaseSettings;
use vitte_platform::database::migrations::Phase;
use vitte_platform::database::preflight::Preflight;
use vitte_platform::http::Door;
use vitte_platform::module::Registry;
use vitte_platform::telemetry::logs;
use vitte_sim::{Sim, SimConfig};

use crate::cli::{self, Cli, Command, LogFormat, Logs, MigrateAction};
use crate::{Refused, manifest, registry, settings, signals, up};

pub async fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, logs, threads: _ } = cli;
    match command {
        Command::Up(args) => up::run(args, &logs).await,
        Command::Bot(args) => role(Role::Bot, "bot", args, &logs).await,
        Command::Worker(args) => role(Role::Worker, "worker", args, &logs).await,
        Command::Api(args) => role(Role::Api, "api", args, &logs).await,
        Command::Admin(args) => role(Role::Admin, "admin", args, &logs).await,
        Command::Migrate(args) => migrate(args.action, &logs).await,
        Command::Sim(args) => sim(args, &logs).await,
    }
}

/// Installs the process's subscriber; hold what it returns to the end. `level`: what stands when no option says
/// otherwise. Without a manifest (migrate, sim) nothing is exported.
pub fn install_logs(
    logs: &Logs,
    level: &str,
    bundle: Option<&Bundle>,
    service: &'static str,
) -> Result<logs::Guard, Refused> {
    let format = match logs.log_format {
        LogFormat::Auto => logs::Format::Auto,
        LogFormat::Json => logs::Format::Json,
        LogFormat::Text => logs::Format::Text,
    };
    let monitoring = bundle.map(|b| &b.bot.spec.monitoring);
    let dsn = monitoring.and_then(|m| m.sentry_dsn_secret_ref.as_ref()).zip(bundle);
    let path = "spec.monitoring.sentryDsnSecretRef";
    let telemetry = logs::TelemetrySettings {
        level: logs.log.as_deref().unwrap_or(level).to_owned(),
        format,
        otlp_endpoint: monitoring.and_then(|m| m.otlp_endpoint.clone()),
        sentry_dsn: dsn.map(|(reference, bundle)| settings::secret(bundle, reference, path)).transpose()?,
        service,
    };
    logs::install(&telemetry).map_err(|e| Refused(e.to_string()))
}

pub async fn listen(address: SocketAddr) -> Result<TcpListener, Refused> {
    TcpListener::bind(address).await.map_err(|e| {
        let hint = match e.kind() {
            std::io::ErrorKind::AddrInUse => "; another program uses it: stop that one or choose another with --listen",
            _ => "; choose another with --listen",
        };
        Refused(format!("cannot listen on {address}: {e}{hint}"))
    })
}

async fn role(role: Role, name: &'static str, args: cli::Role, logs: &Logs) -> anyhow::Result<()> {
    let bundle = manifest::read(&args.source)?;
    let guard = install_logs(logs, bundle.bot.spec.monitoring.log_level.as_str(), Some(&bundle), name)?;
    let schema_wait = Duration::from_secs(args.schema_wait);
    let grace = Duration::from_secs(args.grace);
    let config = settings::pod(&bundle, role, &args.connections, &args.tuning, schema_wait, grace)?;
    if role == Role::Admin && config.admin_password.is_none() && !args.listen.ip().is_loopback() {
        return Err(Refused(
            "the admin pages without a password are served on loopback only; \
             set spec.admin.passwordSecretRef, or --listen 127.0.0.1:8080"
                .to_owned(),
        )
        .into());
    }
    let registry = registry::registry(&bundle, &config, &[role], None)?;
    let door = Door::Listener(listen(args.listen).await?);
    let stop = CancellationToken::new();
    signals::install(stop.clone()).context("cannot listen for signals")?;
    let result = run(name, config, registry, door, stop).await;
    guard.close().await;
    result
}

/// A role by its name: the same functions in a pod and in `vitte up`.
pub async fn run(
    name: &'static str,
    config: Config,
    registry: Registry,
    door: Door,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let result = match name {
        "bot" => vitte_bot::run(config, registry, door, stop).await,
        "worker" => vitte_worker::run(config, registry, door, stop).await,
        "api" => vitte_api::run(config, registry, door, stop).await,
        _ => vitte_admin::run(config, registry, door, stop).await,
    };
    result.with_context(|| format!("role {name} failed"))
}

async fn sim(args: cli::Sim, logs: &Logs) -> anyhow::Result<()> {
    let guard = install_logs(logs, "info", None, "sim")?;
    let config =
        SimConfig { data_dir: args.data_dir, rate_limits: args.rate_limits, token: args.token, ..SimConfig::default() };
    let sim = Sim::open(config).map_err(|e| Refused(format!("the simulated world: {e}")))?;
    let listener = listen(args.listen).await?;
    let stop = CancellationToken::new();
    signals::install(stop.clone()).context("cannot listen for signals")?;
    tracing::info!(address = %args.listen, "the simulated world is served");
    sim.serve(listener, stop).await.context("the simulated world failed")?;
    guard.close().await;
    Ok(())
}

async fn migrate(action: MigrateAction, logs: &Logs) -> anyhow::Result<()> {
    let _guard = install_logs(logs, "info", None, "migrate")?;
    let (database, action) = match action {
        MigrateAction::Up { database, phase } => {
            let phase = phase.map(|p| match p {
                cli::Phase::Expand => Phase::Expand,
                cli::Phase::Contract => Phase::Contract,
            });
            (database, Action::Up(phase))
        }
        MigrateAction::Down { database, to } => (database, Action::Down(to)),
        MigrateAction::Status { database } => (database, Action::Status),
        MigrateAction::Check { database } => (database, Action::Check),
        MigrateAction::Preflight { database, connections } => (database, Action::Preflight(connections)),
    };
    let url = match (&database.database_url, &database.file) {
        (Some(url), _) => url.clone(),
        (None, Some(file)) => {
            let bundle: Bundle = manifest::read_files(file, database.secrets.as_deref())?;
            settings::database_url(&bundle, None)?
        }
        (None, None) => {
            return Err(Refused("no database: give a manifest, --database-url or VITTE_DATABASE_URL".to_owned()).into());
        }
    };
    let stop = CancellationToken::new();
    signals::install(stop.clone()).context("cannot listen for signals")?;
    let settings = DatabaseSettings::new(url);
    let report = tokio::select! {
        report = vitte_migrate::run(&settings, action) => report?,
        // The open transaction rolls back and the lock goes with the connection.
        () = stop.cancelled() => anyhow::bail!("stopped; nothing is half done"),
    };
    print(&report);
    Ok(())
}

/// Its first word is what the operator goes by.
fn in_words(found: &Preflight) -> String {
    let Preflight { knows_all, pending } = found;
    if *knows_all {
        format!("newer: this version knows all that the database went through; {pending} migrations are to come")
    } else {
        "older: a newer version has extended the schema, which is in nobody's way".to_owned()
    }
}

/// What Kubernetes shows of a container that ended well, where there is a kubelet to read it
/// (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).
fn last_words(words: &str) {
    let file = std::fs::OpenOptions::new().write(true).open("/dev/termination-log");
    // Elsewhere there is none, and standard output says the same.
    let _ = file.and_then(|mut file| file.write_all(words.as_bytes()));
}

fn print(report: &Report) {
    let mut out = std::io::stdout().lock();
    // Whoever closed standard output does not want to know.
    let _ = match report {
        Report::Applied(names) if names.is_empty() => writeln!(out, "nothing to apply"),
        Report::Applied(names) => names.iter().try_for_each(|n| writeln!(out, "applied {n}")),
        Report::Reverted(names) if names.is_empty() => writeln!(out, "nothing to take back"),
        Report::Reverted(names) => names.iter().try_for_each(|n| writeln!(out, "took back {n}")),
        Report::Ready => writeln!(out, "ready"),
        Report::Preflight(found) => {
            let words = in_words(found);
            last_words(&words);
            writeln!(out, "{words}")
        }
        Report::Status(states) => states.iter().try_for_each(|s| {
            let state = if s.applied { "applied" } else { "pending" };
            writeln!(out, "{state:8} {:9} {}", s.phase.as_str(), s.name)
        }),
    };
}
