//! `logs`: all pods of a bot as one log.
//!
//! What is there already is merged by the time that the kubelet gave each line, one line of each container in memory at
//! a time ([`merge`]). With `--follow`, what comes later is printed as it comes, also of pods that come later
//! ([`follow`]).

mod follow;
pub mod line;
mod merge;
mod source;

use kube::api::ListParams;
use serde_json::Value;
use vitte_operator::names::{LABEL_BOT, LABEL_COMPONENT};

use self::line::{Filter, Line};
use self::source::Source;
use crate::cli::{Logs, Part};
use crate::cluster::{self, Cluster, Place};
use crate::fault::Fault;
use crate::object;
use crate::screen::{Colour, Screen};

/// Containers that are read at one time: each is a connection.
const MOST: usize = 100;
/// Lines of each container, unless asked otherwise.
const TAIL: i64 = 200;

/// # Errors
/// There is no such bot, none of its pods can be read, or the API server does not answer.
pub async fn run(cluster: &Cluster, asked: &Logs, screen: &mut Screen<'_>) -> Result<(), Fault> {
    cluster.bot(&asked.bot).await?;
    let filter = Filter { level: asked.level, trace: asked.trace.clone() };
    let mut printer = Printer { filter, raw: asked.raw };
    if asked.follow {
        return follow::follow(cluster, asked, &mut printer, screen).await;
    }
    let mut sources = sources(cluster, asked).await?;
    if sources.is_empty() {
        let parts =
            if asked.components.is_empty() { String::new() } else { format!(" of {}", parts(&asked.components)) };
        writeln!(screen.notes, "{} has no pods{parts} with a log now", asked.bot)?;
        return Ok(());
    }
    if sources.len() > MOST {
        writeln!(screen.notes, "{} containers: only the first {MOST} are read; name a component", sources.len())?;
        sources.truncate(MOST);
    }
    merge::merge(cluster, asked, &sources, &mut printer, screen).await
}

/// Every container that has a log, in the order of its pod's names.
async fn sources(cluster: &Cluster, asked: &Logs) -> Result<Vec<Source>, Fault> {
    let place = Place::Namespace(&cluster.namespace);
    let pods = cluster.list(&cluster::pods(), place, &ListParams::default().labels(&selector(asked))).await;
    let pods = pods.map_err(|error| Fault::of(&format!("list pods {}", place.in_words()), &error))?;
    Ok(pods.iter().flat_map(|pod| source::of(pod, asked.previous)).collect())
}

fn selector(asked: &Logs) -> String {
    let bot = format!("{LABEL_BOT}={}", asked.bot);
    if asked.components.is_empty() {
        return bot;
    }
    format!("{bot},{LABEL_COMPONENT} in ({})", parts(&asked.components))
}

fn parts(parts: &[Part]) -> String {
    parts.iter().map(|part| part.as_str()).collect::<Vec<_>>().join(",")
}

/// How many lines, and from when: with a time, all of it; else the last ones.
fn tail(asked: &Logs) -> Option<i64> {
    match (asked.tail, asked.since) {
        (Some(-1), _) | (None, Some(_)) => None,
        (Some(lines), _) => Some(lines),
        (None, None) => Some(TAIL),
    }
}

/// Writes lines.
struct Printer {
    filter: Filter,
    raw: bool,
}

impl Printer {
    fn print(&mut self, source: &Source, text: &str, screen: &mut Screen<'_>) -> Result<(), Fault> {
        let line = Line::parse(text);
        if !line.passes(&self.filter) {
            return Ok(());
        }
        if self.raw {
            writeln!(screen.out, "{text}")?;
        } else {
            let prefix = screen.paint.with(colour(&source.component), &source.prefix);
            writeln!(screen.out, "{prefix} {}", line.print(screen.paint))?;
        }
        Ok(())
    }
}

fn colour(component: &str) -> Colour {
    match component {
        "bot" => Colour::Cyan,
        "worker" => Colour::Magenta,
        "api" => Colour::Green,
        "admin" => Colour::Blue,
        _ => Colour::Yellow,
    }
}

fn component(pod: &Value) -> &str {
    object::label(pod, LABEL_COMPONENT).unwrap_or("pod")
}
