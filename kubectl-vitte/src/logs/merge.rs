//! What is there already, in the order of time.

use futures::future::join_all;
use futures::{StreamExt, stream};
use k8s_openapi::jiff::Timestamp;

use super::Printer;
use super::source::{Reader, Source, split};
use crate::cli::Logs;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::screen::Screen;

/// Logs that are opened at one time.
const AT_ONCE: usize = 16;

struct Head<'a> {
    source: &'a Source,
    reader: Reader,
    /// The next line.
    at: Timestamp,
    text: String,
}

/// Prints every line of every source, the oldest first. Lines of one container keep their order, whatever their times.
///
/// # Errors
/// Not one of them can be read.
pub async fn merge(
    cluster: &Cluster,
    asked: &Logs,
    sources: &[Source],
    printer: &mut Printer,
    screen: &mut Screen<'_>,
) -> Result<(), Fault> {
    let opened: Vec<_> = stream::iter(sources)
        .map(|source| async move { (source, source.open(cluster, asked, false, None).await) })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut refused = Vec::new();
    let mut heads = Vec::new();
    for (source, reader) in opened {
        match reader {
            Ok(reader) => heads.push(Head { source, reader, at: Timestamp::MIN, text: String::new() }),
            Err(why) => refused.push(why),
        }
    }
    if heads.is_empty() {
        return Err(Fault::Failed(format!("no log can be read: {}", refused.join("; "))));
    }
    for why in refused {
        writeln!(screen.notes, "note: {why}")?;
    }
    let firsts = join_all(heads.into_iter().map(advance)).await;
    let mut heads: Vec<Head<'_>> = firsts.into_iter().flatten().collect();
    // As many as there are containers: looking through them costs less than keeping them in order.
    while let Some((index, _)) = heads.iter().enumerate().min_by_key(|(_, head)| head.at) {
        let head = heads.swap_remove(index);
        printer.print(head.source, &head.text, screen)?;
        heads.extend(advance(head).await);
    }
    screen.out.flush()?;
    Ok(())
}

/// `None`: that was all. A connection that breaks ends its log, and the others go on.
async fn advance(mut head: Head<'_>) -> Option<Head<'_>> {
    let line = head.reader.next().await?.ok()?;
    let (at, text) = split(&line);
    head.at = at.unwrap_or(head.at).max(head.at);
    head.text = text.to_owned();
    Some(head)
}
