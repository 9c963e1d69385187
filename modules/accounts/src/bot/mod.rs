//! What a person says to this module: one conversation a file.

pub mod forget;
pub mod help;
pub mod language;
pub mod start;
pub mod status;

use anyhow::Result;
use vitte_platform::turn::Turn;

use crate::Inner;

/// A pressed button, by the data after the module's name.
pub async fn pressed(turn: &mut Turn, data: &str, accounts: &Inner) -> Result<()> {
    match data.split_once(':').unwrap_or((data, "")) {
        ("help", "") => {
            help::list(turn, accounts);
            Ok(())
        }
        ("language", "") => language::ask(turn),
        ("language", chosen) => language::chosen(turn, chosen, accounts).await,
        // A button of an older version.
        _ => Ok(()),
    }
}
