//! The command line. Every option can come from the environment, as a pod gives it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use kube::Client;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use vitte_crds::Source;
use vitte_crds::status::Status;

use crate::logs::{self, Format};
use crate::settings::{LeaseSettings, Listen, Scope, Settings};
use crate::{clock, controller, probe, rbac, render, status};

/// A file or option that the person can mend before starting again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Makes of every VitteBot in a cluster the objects that it needs, and says how they are.
#[derive(Debug, Parser)]
#[command(name = "vitte-operator", version, about, arg_required_else_help = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs the operator.
    Run(Box<Run>),
    /// Prints the custom resource definition: apply it with `kubectl apply --server-side -f -`.
    Crd,
    /// Prints the objects that the operator would make for a manifest, without a cluster.
    Render(Render),
    /// Says in words what the status of a bot means, and what to do.
    ExplainStatus(ExplainStatus),
    /// Prints what the operator has to be allowed, each rule with its reason.
    Rbac(Rbac),
    /// Asks an address until it answers well, such as an operator's /readyz; exit code 1 if it does not.
    Probe(Probe),
}

#[derive(Debug, Args)]
pub struct Run {
    /// Look after the bots of these namespaces alone; without it, of the whole cluster.
    #[arg(long, env = "VITTE_NAMESPACES", value_delimiter = ',', value_name = "NAMES")]
    pub namespaces: Vec<String>,
    /// Where probes and metrics are served.
    #[arg(long, env = "VITTE_LISTEN", default_value = "0.0.0.0:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Work without a lease: for a single process, as on a laptop.
    #[arg(long, env = "VITTE_NO_LEASE")]
    pub no_lease: bool,
    /// The namespace of the lease: the operator's own.
    #[arg(long, env = "POD_NAMESPACE", default_value = "vitte-system", value_name = "NAME")]
    pub lease_namespace: String,
    #[arg(long, env = "VITTE_LEASE", default_value = "vitte-operator", value_name = "NAME")]
    pub lease_name: String,
    /// Who this process is in the lease; different for each. Default: a random name.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    pub identity: Option<String>,
    /// Bots that are reconciled at one time.
    #[arg(long, env = "VITTE_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    pub concurrency: u16,
    /// Seconds after which every bot is looked at again, though nothing told of a change.
    #[arg(long, env = "VITTE_RESYNC", default_value_t = 600, value_parser = clap::value_parser!(u64).range(10..=86_400), value_name = "SECONDS")]
    pub resync: u64,
    /// Seconds after which a Secret that cannot be watched is read again.
    #[arg(long, env = "VITTE_SECRET_REFRESH", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3_600), value_name = "SECONDS")]
    pub secret_refresh: u64,
    /// Seconds between looks at Telegram for a webhook that is as it should be.
    #[arg(long, env = "VITTE_WEBHOOK_CHECK", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=86_400), value_name = "SECONDS")]
    pub webhook_check: u64,
    /// Seconds that the removal of a webhook may hold up the removal of a bot.
    #[arg(long, env = "VITTE_DELETION_DEADLINE", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3_600), value_name = "SECONDS")]
    pub deletion_deadline: u64,
    /// error, warn, info, debug, trace, or pairs such as info,vitte_operator=debug. Changed while running by
    /// `PUT /log-level` from the pod's loopback, as through `kubectl port-forward`.
    #[arg(long, env = "VITTE_LOG", default_value = "info", value_name = "LEVEL")]
    pub log: String,
    /// Form of the logs on standard error.
    #[arg(long, env = "VITTE_LOG_FORMAT", value_enum, default_value_t = Format::Auto)]
    pub log_format: Format,
}

#[derive(Debug, Args)]
pub struct Render {
    /// The manifest, with the ConfigMaps that it names; may be given several times. `-` is standard input.
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Also write the Secrets that the operator would make, with new random values.
    #[arg(long)]
    pub generate_secrets: bool,
}

#[derive(Debug, Args)]
pub struct ExplainStatus {
    /// The bot as `kubectl get vittebot NAME -o yaml` (or json) prints it; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct Rbac {
    /// Rules for these namespaces alone.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", conflicts_with = "cluster")]
    pub namespaces: Vec<String>,
    /// Rules for the whole cluster: the default.
    #[arg(long)]
    pub cluster: bool,
    /// The operator's own namespace.
    #[arg(long, default_value = "vitte-system", value_name = "NAME")]
    pub operator_namespace: String,
}

#[derive(Debug, Args)]
pub struct Probe {
    #[arg(value_name = "URL")]
    pub url: String,
    /// Seconds to go on asking.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_600), value_name = "SECONDS")]
    pub within: u64,
}

/// Does what was asked; `out` is standard output.
///
/// # Errors
/// [`Refused`] for what the person can mend, or why it failed.
pub async fn dispatch(cli: Cli, stop: CancellationToken, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    match cli.command {
        Command::Run(run) => operate(*run, stop).await,
        Command::Crd => {
            let crd = vitte_crds::custom_resource_definition();
            out.write_all(render::to_yaml(&[crd]).context("the definition as YAML")?.as_bytes()).context("output")
        }
        Command::Render(asked) => {
            let sources = asked.files.iter().map(|file| source(file)).collect::<Result<Vec<_>, _>>()?;
            let options = render::Options { generate_secrets: asked.generate_secrets, ..render::Options::default() };
            let rendered = render::render(&sources, &options, &mut || clock::secret(43))
                .map_err(|refused| Refused(refused.to_string()))?;
            for note in &rendered.notes {
                writeln!(out, "# {}", note.replace('\n', "\n# ")).context("output")?;
            }
            out.write_all(render::to_yaml(&rendered.objects).context("the objects as YAML")?.as_bytes())
                .context("output")
        }
        Command::ExplainStatus(asked) => out.write_all(explain(&source(&asked.file)?)?.as_bytes()).context("output"),
        Command::Rbac(asked) => {
            let scope = if asked.namespaces.is_empty() { Scope::Cluster } else { Scope::Namespaces(asked.namespaces) };
            out.write_all(rbac::yaml(&scope, &asked.operator_namespace).as_bytes()).context("output")
        }
        Command::Probe(asked) => probe::probe(&asked.url, Duration::from_secs(asked.within)).await,
    }
}

async fn operate(run: Run, stop: CancellationToken) -> anyhow::Result<()> {
    let level = logs::install(&run.log, run.log_format).map_err(Refused)?;
    let config = kube::Config::infer().await.map_err(|error| {
        Refused(format!("no way to an API server: {error}; allowed: a pod's ServiceAccount, or a kubeconfig file"))
    })?;
    let client = Client::try_from(config).context("the client of the API server")?;
    let defaults = Settings::default();
    let settings = Settings {
        namespaces: run.namespaces,
        identity: run.identity.unwrap_or_else(|| defaults.identity.clone()),
        lease: (!run.no_lease).then(|| LeaseSettings {
            namespace: run.lease_namespace,
            name: run.lease_name,
            ..LeaseSettings::default()
        }),
        http: Some(Listen::Address(run.listen)),
        concurrency: run.concurrency,
        resync: Duration::from_secs(run.resync),
        secret_refresh: Duration::from_secs(run.secret_refresh),
        webhook_check: Duration::from_secs(run.webhook_check),
        deletion_deadline: Duration::from_secs(run.deletion_deadline),
        log_level: Some(level),
        ..defaults
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), identity = settings.identity, namespaces = ?settings.namespaces, "started");
    controller::run(settings, client, stop).await
}

fn source(file: &Path) -> Result<Source, Refused> {
    /// More than etcd takes, several times over.
    const LONGEST: u64 = 16 * 1024 * 1024;
    let read = |reader: &mut dyn Read| {
        let mut text = String::new();
        let count = reader.take(LONGEST + 1).read_to_string(&mut text)?;
        if count as u64 > LONGEST { Err(std::io::Error::other("longer than 16 MiB")) } else { Ok(text) }
    };
    let (name, text) = if file == Path::new("-") {
        ("standard input".to_owned(), read(&mut std::io::stdin()))
    } else {
        (file.display().to_string(), std::fs::File::open(file).and_then(|mut file| read(&mut file)))
    };
    Ok(Source::new(name.clone(), text.map_err(|error| Refused(format!("{name}: {error}")))?))
}

/// What of a bot its status is explained by.
#[derive(Deserialize)]
struct Explained {
    kind: Option<String>,
    metadata: Meta,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    namespace: Option<String>,
    generation: Option<i64>,
}

fn explain(source: &Source) -> Result<String, Refused> {
    let wanted = "allowed: one VitteBot, as kubectl get vittebot NAME -o yaml prints it";
    let refuse = |why: String| Refused(format!("{}: {why}; {wanted}", source.name));
    let bot: Explained = serde_saphyr::from_str(&source.text).map_err(|error| refuse(error.to_string()))?;
    match bot.kind.as_deref() {
        None | Some(vitte_crds::KIND) => {}
        Some(other) => return Err(refuse(format!("this is a {other}"))),
    }
    let Meta { name, namespace, generation } = &bot.metadata;
    let named = status::Named { name, namespace: namespace.as_deref() };
    Ok(status::explain(named, *generation, bot.status.as_ref()))
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
    fn a_status_is_explained_from_yaml_and_from_json() {
        let yaml =
            "kind: VitteBot\nmetadata: {name: luna, generation: 2}\nstatus: {observedGeneration: 1, phase: Ready}\n";
        let json = r#"{"kind": "VitteBot", "metadata": {"name": "luna", "generation": 2}, "status": {"observedGeneration": 1, "phase": "Ready"}}"#;
        let told = explain(&Source::new("a", yaml)).unwrap();
        assert!(told.contains("luna") && told.contains("generation 2"), "{told}");
        assert_eq!(told, explain(&Source::new("b", json)).unwrap());
        let refused = explain(&Source::new("c", "kind: List\nmetadata: {name: x}\n")).unwrap_err();
        assert!(refused.to_string().contains("this is a List; allowed: one VitteBot"), "{refused}");
    }

    #[tokio::test]
    async fn crd_and_rbac_print_what_kubectl_takes() {
        for (command, word) in [("crd", "kind: CustomResourceDefinition"), ("rbac", "kind: ClusterRole\n")] {
            let cli = Cli::try_parse_from(["vitte-operator", command]).unwrap();
            let mut out = Vec::new();
            dispatch(cli, CancellationToken::new(), &mut out).await.unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains(word), "{text}");
        }
    }
}
