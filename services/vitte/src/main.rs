//! The one executable. `vitte bot|worker|api|admin|migrate|sim` run one role as a pod does; `vitte up` composes all of
//! them in one process. A link named `vitte-bot` is `vitte bot`.
//!
//! Only here are subscribers, signal handlers and listeners installed. Exit codes: 0 stopped as asked, 1 failed while
//! running, 2 the configuration (or what it needs from this machine) is not right; then the message says what, where
//! and what is allowed.

mod cli;
mod manifest;
mod registry;
mod roles;
mod settings;
mod signals;
mod up;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

/// A failure whose cause the person can mend before starting again.
#[derive(Debug)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse_from(cli::with_link_name(std::env::args_os())) {
        Ok(cli) => cli,
        // Help and version are not errors; the rest is code 2.
        Err(error) => error.exit(),
    };
    // Before any TLS: both providers may be in the tree, one has to be chosen.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("TLS is set up twice", 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(threads(&cli)).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 1),
    };
    let result = runtime.block_on(roles::dispatch(cli));
    runtime.shutdown_timeout(std::time::Duration::from_millis(500));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) => fail(&refused.0, 2),
            None => fail(&format!("{error:#}"), 1),
        },
    }
}

fn threads(cli: &cli::Cli) -> usize {
    let default = if matches!(cli.command, cli::Command::Up(_)) { 2 } else { 1 };
    cli.threads.map_or(default, usize::from)
}

fn fail(message: &str, code: u8) -> ExitCode {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "error: {message}");
    ExitCode::from(code)
}
