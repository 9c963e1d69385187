//! Measures the operator on an API server without pods, so that nothing but the two of them is in the figures.
//!
//! Bots come in by the API server, this program says of their Jobs and Deployments that they are done and answers for
//! Telegram, and what the operator does is read from watches, its metrics and `/proc`. Run by `bench/operator/run`.

mod bots;
mod controllers;
mod process;
mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};

use crate::bots::Bots;
use crate::process::Operator;
use crate::report::{Machine, Report};

#[derive(Debug, Parser)]
#[command(about = "Measures the operator; see bench/operator/README.md")]
struct Options {
    /// The operator's executable.
    #[arg(long)]
    operator: PathBuf,
    #[arg(long, env = "VITTE_TEST_KUBECONFIG")]
    kubeconfig: PathBuf,
    /// Bots in the end; half of them when changes are measured.
    #[arg(long, default_value_t = 1000)]
    bots: usize,
    /// Secrets that are nobody's business here.
    #[arg(long, default_value_t = 10_000)]
    secrets: usize,
    /// How long the operator is watched doing nothing, in seconds.
    #[arg(long, default_value_t = 60)]
    steady: u64,
    /// Append the tables to bench/RESULTS.md.
    #[arg(long)]
    save: bool,
    #[arg(long, default_value = "no commit")]
    commit: String,
    #[arg(long, default_value = "no date")]
    date: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let file = Kubeconfig::read_from(&options.kubeconfig).context("kubeconfig")?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let telegram = controllers::telegram().await?;
    controllers::start(&client);
    let mut report = Report::new(&Machine::read()?, &options.commit, &options.date, options.bots);
    measure(&options, &client, &telegram, &mut report).await?;
    report.print()?;
    if options.save {
        report.append_to("bench/RESULTS.md".as_ref())?;
    }
    Ok(())
}

async fn measure(options: &Options, client: &Client, telegram: &str, report: &mut Report) -> anyhow::Result<()> {
    let mut bots = Bots::new(client.clone(), telegram);
    let operator = Operator::start(&options.operator, &options.kubeconfig, &[]).await?;
    report.memory("no bot", operator.memory()?);

    let half = options.bots / 2;
    let began = Instant::now();
    bots.create_up_to(half).await?;
    bots.all_ready().await?;
    report.time(&format!("{half} bots from nothing to Ready"), began.elapsed());
    operator.quiet().await?;
    report.memory(&format!("{half} bots"), operator.memory()?);

    report.latency(
        &format!("spec to child, {half} bots, 5 changes a second"),
        &bots.change_each(Duration::from_millis(200)).await?,
    );
    operator.quiet().await?;
    report.latency(&format!("spec to child, {half} bots, all at once"), &bots.change_each(Duration::ZERO).await?);

    bots.create_up_to(options.bots).await?;
    bots.all_ready().await?;
    operator.quiet().await?;
    let all = format!("{} bots", options.bots);
    report.memory(&all, operator.memory()?);
    let before = operator.activity().await?;
    tokio::time::sleep(Duration::from_secs(options.steady)).await;
    report.steady(options.steady, &before, &operator.activity().await?);

    operator.stop().await?;
    let began = Instant::now();
    let operator = Operator::start(&options.operator, &options.kubeconfig, &[]).await?;
    let ready = began.elapsed();
    operator.reconciled(options.bots).await?;
    report.time(&format!("restart with {all}: ready"), ready);
    report.time(&format!("restart with {all}: every bot looked at"), began.elapsed());
    operator.quiet().await?;
    report.count("writes after the restart", operator.activity().await?.writes);
    let alone = operator.memory()?;
    report.memory(&format!("{all}, after the restart"), alone);

    bots::foreign_secrets(client, options.secrets).await?;
    operator.quiet().await?;
    let name = format!("{all} and {} foreign Secrets", options.secrets);
    report.memory(&name, operator.memory()?);
    operator.stop().await?;
    // Where it looks after named namespaces it lists their Secrets: those of others among them.
    let namespace = bots::namespace(0);
    let operator = Operator::start(&options.operator, &options.kubeconfig, &[&namespace]).await?;
    operator.reconciled(1).await?;
    operator.quiet().await?;
    report.memory(&format!("one namespace with {} foreign Secrets", options.secrets), operator.memory()?);
    operator.stop().await?;
    ensure!(alone.resident_kib > 0, "the operator's memory could not be read");
    Ok(())
}
