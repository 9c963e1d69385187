//! What is measured: a release build of `vitte`, one process a role as in production, over a private PostgreSQL with
//! fsync on and a private Redis, between a load generator and a fake Bot API that are both in this process.
//!
//! ```text
//!  settings -> world (PostgreSQL, Redis, roles) -> stage by stage: load -> bot -> fake Bot API -> ledger
//!           -> habits: REST and reminders, each in a world of its own
//!           -> memory, CPU from /proc           -> report: a table, and with --save a section of RESULTS.md
//! ```
//!
//! One thread carries both the load and the fake Bot API, so that they take little from the machine that is measured;
//! what they take stands in the table, beside a stage with nothing but them ("harness alone"), which is the floor under
//! every figure. Latency counts from the moment an update was due, not from when a slow bot let it in.
//!
//! What must never happen here: an update that is not accounted for, a figure without its circumstances, anything that
//! listens beyond loopback.

mod api;
mod echo;
mod habits;
mod http;
mod ledger;
mod load;
mod machine;
mod process;
mod report;
mod settings;
mod stage;
mod world;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use crate::api::FakeApi;
use crate::ledger::Ledger;
use crate::machine::Machine;
use crate::report::Report;
use crate::settings::{Mode, Settings, Stage};
use crate::stage::Ground;
use crate::world::World;

/// From a role's readiness to the reading of its memory at rest.
const IDLE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let settings = Settings::parse();
    // One thread: see above.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let result = runtime.block_on(async {
        if settings.scheduler {
            return habits::schedule().await;
        }
        if let Some(echo) = settings.echo.clone() {
            return echo::serve(&echo).await;
        }
        tokio::select! {
            result = run(settings) => result,
            stop = tokio::signal::ctrl_c() => stop.context("cannot listen for signals").and(Err(anyhow::anyhow!("stopped"))),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("{error:#}")),
    }
}

fn fail(message: &str) -> ExitCode {
    say(&format!("error: {message}"));
    ExitCode::FAILURE
}

/// Progress, for the person who waits.
pub fn say(line: &str) {
    // With standard error closed nobody reads it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let settings = Arc::new(settings);
    let plan = settings.plan();
    anyhow::ensure!(!plan.is_empty(), "no stage has that in its name; the stages are: {}", Stage::names());
    let ledger = Ledger::shared(settings.chats);
    let api = FakeApi::start(ledger.clone()).await?;
    let ground = Ground { settings: settings.clone(), ledger, api: api.clone() };
    let mut rows = Vec::new();

    for stage in plan.iter().filter(|s| s.mode == Mode::Alone) {
        rows.push(ground.alone(stage).await?);
    }
    let mut memory = Vec::new();
    let mut postgres = String::new();
    if plan.iter().any(|s| matches!(s.mode, Mode::Webhook | Mode::Polling)) {
        let mut world = World::start(&settings, &api).await?;
        postgres.clone_from(&world.postgres_version);
        for mode in [Mode::Webhook, Mode::Polling] {
            let stages: Vec<_> = plan.iter().filter(|s| s.mode == mode).collect();
            if stages.is_empty() {
                continue;
            }
            world.start_bot(mode).await?;
            if memory.is_empty() {
                say(&format!("all roles at rest for {} s", IDLE.as_secs()));
                tokio::time::sleep(IDLE).await;
                memory = world.memory()?;
            }
            ground.introduce(&world, mode).await?;
            for stage in stages {
                rows.push(ground.measure(stage, &world).await?);
            }
            if mode == Mode::Webhook || memory.iter().all(|m| m.loaded.is_none()) {
                world.memory_under_load(&mut memory)?;
            }
        }
        world.stop().await;
    }
    let habits = habits::measure(&settings, &plan).await?;
    if postgres.is_empty() {
        postgres.clone_from(&habits.postgres);
    }
    let machine = Machine::read()?;
    let report = Report {
        settings: &settings,
        machine: &machine,
        postgres: &postgres,
        rows: &rows,
        memory: &memory,
        habits: &habits,
    };
    report.print()?;
    if let Some(path) = &settings.save {
        report.append_to(path)?;
    }
    let wrong = rows.iter().filter(|r| !r.accounted_for()).count();
    anyhow::ensure!(wrong == 0, "in {wrong} stages not every update got exactly one message; see the table");
    let wrong = habits.wrong();
    anyhow::ensure!(wrong == 0, "in {wrong} stages of habits something was wrong, lost or too fast; see the table");
    Ok(())
}
