//! The executable. Only here are the subscriber and signal handlers installed. Exit codes: 0 stopped as asked, 1 failed
//! while running (a lost lease is one: the process is started anew), 2 a file or option is not right.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use vitte_operator::cli::{self, Cli, Refused};

/// Reading and writing JSON is all the work there is.
const THREADS: usize = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are not errors; the rest is code 2.
        Err(error) => error.exit(),
    };
    // Before any TLS: both providers may be in the tree, one has to be chosen.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("TLS is set up twice", 1);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(THREADS).build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 1),
    };
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        on_signals(stop.clone())?;
        cli::dispatch(cli, stop, &mut std::io::stdout()).await
    });
    runtime.shutdown_timeout(Duration::from_millis(500));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) => fail(&refused.0, 2),
            None => fail(&format!("{error:#}"), 1),
        },
    }
}

/// The first SIGTERM or SIGINT asks for an orderly end; a second one ends at once.
fn on_signals(stop: CancellationToken) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping");
            stop.cancel();
        }
    });
    Ok(())
}

fn fail(message: &str, code: u8) -> ExitCode {
    // Standard error is all there is; if even that is closed, the code tells.
    let _ = writeln!(std::io::stderr(), "vitte-operator: {message}");
    ExitCode::from(code)
}
