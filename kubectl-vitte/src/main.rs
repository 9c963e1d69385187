//! The executable: found by kubectl as `kubectl vitte`. Exit codes: 0 done, and with `status` ready; 1 not ready; 2 wrong
//! use, such as a bot that does not exist; 3 the API server is away or refuses.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use kubectl_vitte::{Cli, Fault, Screen, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version are not errors; the rest is code 2.
        Err(error) => error.exit(),
    };
    // Before any TLS: both providers may be in the tree, one has to be chosen.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        return fail("TLS is set up twice", 3);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}"), 3),
    };
    let (mut out, mut notes) = (std::io::stdout(), std::io::stderr());
    let mut screen = Screen::of_terminal(&mut out, &mut notes, cli.colour());
    match runtime.block_on(run(cli, &mut screen)) {
        Ok(code) => ExitCode::from(code),
        // Whoever reads has seen enough, as `head` has.
        Err(Fault::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(fault) => fail(&fault.to_string(), fault.code()),
    }
}

fn fail(message: &str, code: u8) -> ExitCode {
    // Standard error is all there is; if even that is closed, the code tells.
    let _ = writeln!(std::io::stderr(), "kubectl vitte: {message}");
    ExitCode::from(code)
}
