//! `kubectl vitte`: what a person asks about bots, and asks of the operator, without knowing its objects by heart.
//!
//! A command reads what it needs through [`cluster::Cluster`] (the only way to the API server), makes of it something
//! plain (a tree, a line, a table) in pure functions, and writes that to the [`Screen`]. Objects are read as JSON and
//! leniently: this program and the cluster's operator are rarely of the same version, and what it does not know must
//! not keep it from showing the rest.
//!
//! What must never happen: a value of a Secret on the screen or in a report; a write other than the one that the
//! command's name says; words of a pod that move the cursor of a terminal.

pub mod actions;
pub mod cli;
pub mod cluster;
pub mod fault;
pub mod logs;
pub mod object;
pub mod report;
pub mod revisions;
pub mod screen;
pub mod status;

pub use cli::Cli;
pub use fault::Fault;
pub use screen::Screen;

use cli::Command;
use cluster::Cluster;

/// Does what was asked. What comes back is the exit code: 0 done, and with `status` ready; 1 not ready.
///
/// # Errors
/// Why it could not be done; [`Fault::code`] is the exit code.
pub async fn run(cli: Cli, screen: &mut Screen<'_>) -> Result<u8, Fault> {
    let cluster = Cluster::connect(&cli.connection).await?;
    match cli.command {
        Command::Status(asked) => return status::run(&cluster, &asked, screen).await,
        Command::Logs(asked) => logs::run(&cluster, &asked, screen).await?,
        Command::Rollback(asked) => revisions::rollback(&cluster, &asked, screen).await?,
        Command::Retry(asked) => actions::retry(&cluster, &asked, screen).await?,
        Command::Pause(asked) => actions::pause(&cluster, &asked, true, screen).await?,
        Command::Resume(asked) => actions::pause(&cluster, &asked, false, screen).await?,
        Command::Report(asked) => report::run(&cluster, &asked, screen).await?,
    }
    Ok(0)
}
