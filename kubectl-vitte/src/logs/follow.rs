//! What is there and what comes, also from pods that come later, until interrupted.

use std::collections::HashMap;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use k8s_openapi::jiff::Timestamp;
use tokio::time::MissedTickBehavior;

use super::source::{Reader, Source, split};
use super::{MOST, Printer, sources};
use crate::cli::Logs;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::screen::Screen;

/// How often to look for new pods and restarted containers: what they said until then is read from its beginning.
const LOOK: Duration = Duration::from_secs(2);

/// What is known of a container whose log was opened once.
#[derive(Default)]
struct Known {
    /// Its log is being read, or was read to the end of its container.
    taken: bool,
    /// Of the last line that was printed.
    last: Option<Timestamp>,
    /// That its log cannot be read was said.
    told: bool,
}

/// A log that is being read.
struct Open {
    source: Source,
    reader: Reader,
    /// The last line that was printed before: the log begins anew at its second.
    resumed: Option<Timestamp>,
}

/// What came of a source.
enum Came {
    Line(Box<Open>, String),
    End(Source),
    Refused(Source, String),
}

/// Prints what comes.
///
/// # Errors
/// The pods cannot be listed at the beginning. Later the API server may be away: it is asked again.
pub async fn follow(
    cluster: &Cluster,
    asked: &Logs,
    printer: &mut Printer,
    screen: &mut Screen<'_>,
) -> Result<(), Fault> {
    let mut known: HashMap<String, Known> = HashMap::new();
    let mut readers = FuturesUnordered::new();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        tokio::select! {
            _ = looks.tick() => {
                let found = match sources(cluster, asked).await {
                    Ok(found) => found,
                    Err(fault) if first => return Err(fault),
                    Err(fault) => {
                        writeln!(screen.notes, "note: {fault}; trying again")?;
                        continue;
                    }
                };
                if first && found.is_empty() {
                    writeln!(screen.notes, "{} has no pods with a log yet: waiting for them", asked.bot)?;
                }
                first = false;
                // What is gone is forgotten; its reader ends by itself.
                known.retain(|id, _| found.iter().any(|source| source.id == *id));
                for source in found {
                    let entry = known.entry(source.id.clone()).or_default();
                    if entry.taken || readers.len() >= MOST {
                        continue;
                    }
                    entry.taken = true;
                    let resumed = entry.last;
                    readers.push(open(cluster, asked, source, resumed).boxed());
                }
            }
            Some(came) = readers.next() => match came {
                Came::Line(open, line) => {
                    let (at, text) = split(&line);
                    if !matches!((at, open.resumed), (Some(at), Some(seen)) if at <= seen) {
                        if let Some(entry) = known.get_mut(&open.source.id) {
                            entry.last = at.or(entry.last);
                        }
                        printer.print(&open.source, text, screen)?;
                        screen.out.flush()?;
                    }
                    readers.push(next(*open).boxed());
                }
                Came::End(source) => {
                    if let Some(entry) = known.get_mut(&source.id) {
                        entry.taken = source.over;
                    }
                }
                Came::Refused(source, why) => {
                    if let Some(entry) = known.get_mut(&source.id) {
                        entry.taken = false;
                        if !std::mem::replace(&mut entry.told, true) {
                            writeln!(screen.notes, "note: {why}; trying again")?;
                        }
                    }
                }
            }
        }
    }
}

async fn open(cluster: &Cluster, asked: &Logs, source: Source, resumed: Option<Timestamp>) -> Came {
    match source.open(cluster, asked, true, resumed).await {
        Ok(reader) => next(Open { source, reader, resumed }).await,
        Err(why) => Came::Refused(source, why),
    }
}

async fn next(mut open: Open) -> Came {
    match open.reader.next().await {
        Some(Ok(line)) => Came::Line(Box::new(open), line),
        Some(Err(_)) | None => Came::End(open.source),
    }
}
