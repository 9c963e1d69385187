//! Reads the manifest's files. Everything wrong is said at once, each with its place and what is allowed.

use std::fmt::Write;
use std::path::Path;

use vitte_crds::{Bundle, Source, load};

use crate::Refused;
use crate::cli;

/// A manifest is some kilobytes; personas may be longer.
const SIZE_LIMIT: u64 = 8 * 1024 * 1024;

pub fn read(source: &cli::Source) -> Result<Bundle, Refused> {
    read_files(&source.file, source.secrets.as_deref())
}

pub fn read_files(file: &Path, secrets: Option<&Path>) -> Result<Bundle, Refused> {
    let sources: Vec<Source> = [Some(file), secrets].into_iter().flatten().map(text).collect::<Result<_, _>>()?;
    load(&sources).map_err(|problems| {
        let count = problems.len();
        let mut message = format!("the manifest has {count} problem{}:", if count == 1 { "" } else { "s" });
        for problem in problems {
            let _ = write!(message, "\n  {problem}");
        }
        Refused(message)
    })
}

fn text(path: &Path) -> Result<Source, Refused> {
    let name = path.display().to_string();
    let refused = |why: &dyn std::fmt::Display| Refused(format!("cannot read {name}: {why}"));
    let size = std::fs::metadata(path).map_err(|e| refused(&e))?.len();
    if size > SIZE_LIMIT {
        return Err(refused(&format_args!("{size} bytes are too many; allowed: up to {SIZE_LIMIT}")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refused(&e))?;
    Ok(Source::new(name, text))
}

/// The process's environment, for values of secrets.
#[expect(clippy::disallowed_methods, reason = "the one home of the environment; options come through clap")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
