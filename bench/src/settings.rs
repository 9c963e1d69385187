//! The command line, and the stages that it chooses from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Measures a release build of vitte. Start it with `make bench`, which builds first.
#[derive(Debug, Clone, Parser)]
#[command(name = "vitte-bench")]
pub struct Settings {
    /// The executable that is measured.
    #[arg(long, value_name = "FILE", default_value = "vitte")]
    pub vitte: PathBuf,
    /// Where the private servers keep their data while it runs: on the disk that is to be measured.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub data_dir: PathBuf,
    /// Chats that the updates are spread over.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub chats: u32,
    /// Before each measurement, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub warm_up: u64,
    /// Each measurement, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Only the stages with this in their name.
    #[arg(long, value_name = "PART OF A NAME")]
    pub only: Option<String>,
    /// Append the results to this file.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "bench/RESULTS.md")]
    pub save: Option<PathBuf>,
    /// What was built; said in the results.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
    /// Said in the results.
    #[arg(long, default_value = "unknown")]
    pub date: String,
    /// Be the bot of the stage "harness alone": listen here, send to there.
    #[arg(long, hide = true, num_args = 2, value_names = ["LISTEN", "API"])]
    pub echo: Option<Vec<SocketAddr>>,
    /// Be a scheduler of the stage "habits: a day of reminders": the database's URL comes first, then moments.
    #[arg(long, hide = true)]
    pub scheduler: bool,
}

/// How updates reach the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// No vitte at all: a bot that only answers, to know what the harness can do.
    Alone,
    Webhook,
    Polling,
    /// No update at all: a call of the REST API by somebody who has habits.
    Rest(Call),
    /// A day of reminders in fast motion. Its load is the rate at which they may leave at first.
    Day,
}

/// What is asked of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    List,
    Mark,
    Create,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Open: so many updates a second, due at their time whatever the bot does.
    PerSecond(u32),
    /// Closed, as fast as it goes: so many at a time, the next one when one is acknowledged (webhook) or answered
    /// (polling).
    AtATime(usize),
}

#[derive(Debug, Clone, Copy)]
pub struct Stage {
    pub name: &'static str,
    pub mode: Mode,
    pub load: Load,
}

/// Telegram opens 100 connections at most, 40 unless told otherwise.
pub const CONNECTIONS: usize = 100;

const STAGES: [Stage; 14] = [
    Stage { name: "harness alone, 500/s", mode: Mode::Alone, load: Load::PerSecond(500) },
    Stage { name: "harness alone, 40 at a time", mode: Mode::Alone, load: Load::AtATime(40) },
    Stage { name: "webhook, 200/s", mode: Mode::Webhook, load: Load::PerSecond(200) },
    Stage { name: "webhook, 500/s", mode: Mode::Webhook, load: Load::PerSecond(500) },
    Stage { name: "webhook, 40 at a time", mode: Mode::Webhook, load: Load::AtATime(40) },
    Stage { name: "webhook, 100 at a time", mode: Mode::Webhook, load: Load::AtATime(CONNECTIONS) },
    Stage { name: "polling, 200/s", mode: Mode::Polling, load: Load::PerSecond(200) },
    Stage { name: "polling, 100 at a time", mode: Mode::Polling, load: Load::AtATime(CONNECTIONS) },
    Stage { name: "habits: list of 20, 200/s", mode: Mode::Rest(Call::List), load: Load::PerSecond(200) },
    Stage { name: "habits: list of 20, 40 at a time", mode: Mode::Rest(Call::List), load: Load::AtATime(40) },
    Stage { name: "habits: mark, 200/s", mode: Mode::Rest(Call::Mark), load: Load::PerSecond(200) },
    Stage { name: "habits: mark, 40 at a time", mode: Mode::Rest(Call::Mark), load: Load::AtATime(40) },
    // Last: from here on lists are longer.
    Stage { name: "habits: create, 40 at a time", mode: Mode::Rest(Call::Create), load: Load::AtATime(40) },
    Stage { name: "habits: a day of reminders", mode: Mode::Day, load: Load::PerSecond(25) },
];

impl Stage {
    pub fn names() -> String {
        STAGES.map(|s| s.name).join("; ")
    }
}

impl Settings {
    pub fn plan(&self) -> Vec<Stage> {
        let wanted = |stage: &Stage| self.only.as_deref().is_none_or(|part| stage.name.contains(part));
        STAGES.into_iter().filter(wanted).collect()
    }

    pub fn warm_up(&self) -> Duration {
        Duration::from_secs(self.warm_up)
    }

    pub fn measured(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_can_be_chosen_by_a_part_of_their_name() {
        let names = |args: &[&str]| -> Vec<&str> {
            let settings = Settings::try_parse_from(args).unwrap();
            settings.plan().iter().map(|s| s.name).collect()
        };
        assert_eq!(names(&["bench"]).len(), STAGES.len());
        assert_eq!(names(&["bench", "--only", "webhook, 2"]), ["webhook, 200/s"]);
        assert!(names(&["bench", "--only", "nothing"]).is_empty());
    }

    #[test]
    fn save_has_a_file_of_its_own() {
        let save = |args: &[&str]| Settings::try_parse_from(args).unwrap().save;
        assert_eq!(save(&["bench"]), None);
        assert_eq!(save(&["bench", "--save"]), Some(PathBuf::from("bench/RESULTS.md")));
    }
}
