//! Reads what the status of bots is made of.

use futures::future::join_all;
use kube::api::ListParams;
use serde_json::Value;
use vitte_operator::names::LABEL_BOT;

use crate::cluster::{self, Cluster, Place};
use crate::fault::{Fault, in_words};

/// Bots, and all that belongs to some bot there.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub bots: Vec<Value>,
    pub deployments: Vec<Value>,
    pub stateful_sets: Vec<Value>,
    pub jobs: Vec<Value>,
    pub pods: Vec<Value>,
    /// Warnings alone.
    pub events: Vec<Value>,
    /// What could not be read, and why.
    pub notes: Vec<String>,
}

/// Reads all of one bot, or of all bots. What may not be read is left out, with a note.
///
/// # Errors
/// The bots themselves cannot be read, or there is none of that name.
pub async fn gather(cluster: &Cluster, place: Place<'_>, name: Option<&str>) -> Result<Found, Fault> {
    let bots = match name {
        Some(name) => vec![cluster.bot(name).await?],
        None => cluster.bots(place).await?,
    };
    if bots.is_empty() {
        return Ok(Found::default());
    }
    let ours = ListParams::default().labels(&name.map_or(LABEL_BOT.to_owned(), |name| format!("{LABEL_BOT}={name}")));
    let warnings = ListParams::default().fields("type=Warning");
    let asked = [
        (cluster::resource("apps", "v1", "Deployment", "deployments"), &ours),
        (cluster::resource("apps", "v1", "StatefulSet", "statefulsets"), &ours),
        (cluster::resource("batch", "v1", "Job", "jobs"), &ours),
        (cluster::pods(), &ours),
        (cluster::events(), &warnings),
    ];
    let lists = asked.iter().map(|(resource, params)| async move {
        cluster
            .list(resource, place, params)
            .await
            .map_err(|error| format!("cannot list {} {}: {}", resource.plural, place.in_words(), in_words(&error)))
    });
    let mut notes = Vec::new();
    let lists = join_all(lists).await.into_iter().map(|list| {
        list.unwrap_or_else(|why| {
            notes.push(why);
            Vec::new()
        })
    });
    let mut lists: Vec<Vec<Value>> = lists.collect();
    let mut next = || if lists.is_empty() { Vec::new() } else { lists.remove(0) };
    let (deployments, stateful_sets, jobs, pods, events) = (next(), next(), next(), next(), next());
    Ok(Found { bots, deployments, stateful_sets, jobs, pods, events, notes })
}
