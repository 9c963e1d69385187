//! `rollback`: what served before serves again. The operator keeps a ControllerRevision of each spec whose pods were all
//! ready (docs/upgrades.md), and acts on an annotation that names one. The spec is left as the person wrote it.

use std::fmt::Write as _;

use kube::api::ListParams;
use serde_json::Value;
use vitte_crds::status::ConditionType;
use vitte_operator::names::{ANNOTATION_ROLLBACK, LABEL_BOT};
use vitte_operator::upgrade::revision::{OUTCOME, REASON, ROLLBACK as DONE, SINCE};

use crate::actions::{DRY_RUN, annotation};
use crate::cli::Rollback;
use crate::cluster::{self, Cluster, Place};
use crate::fault::Fault;
use crate::object::{self, int, owned, text};
use crate::screen::Screen;

/// A revision of a bot's spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    pub name: String,
    /// Grows; that of a revision that serves again is the highest.
    pub number: i64,
    pub version: String,
    pub image: String,
    /// `Trying`, `Good`, `Failed`, `Left`.
    pub outcome: String,
    pub since: String,
    pub reason: Option<String>,
    done: Option<String>,
}

impl Revision {
    fn read(object: &Value) -> Option<Self> {
        Some(Self {
            name: object::name(object).to_owned(),
            number: int(object, "/revision")?,
            version: owned(object, "/data/version")?,
            image: owned(object, "/data/image").unwrap_or_default(),
            outcome: object::annotation(object, OUTCOME)?.to_owned(),
            since: object::annotation(object, SINCE).unwrap_or_default().to_owned(),
            reason: object::annotation(object, REASON).map(str::to_owned),
            done: object::annotation(object, DONE).map(str::to_owned),
        })
    }

    /// Its pods were all ready once.
    fn served(&self) -> bool {
        matches!(self.outcome.as_str(), "Good" | "Left")
    }

    fn is_called(&self, by: &str) -> bool {
        self.name == by || self.number.to_string() == by || self.version == by
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    /// The annotation's value, and whom it means.
    Ask(String, Revision),
    Nothing(String),
}

/// Asks for a revision that served before.
///
/// # Errors
/// There is no such bot or revision, or the API server refuses.
pub async fn rollback(cluster: &Cluster, asked: &Rollback, screen: &mut Screen<'_>) -> Result<(), Fault> {
    let name = &asked.bot;
    let bot = cluster.bot(name).await?;
    let revisions = revisions(cluster, name).await?;
    let serving = serving(&bot, &revisions).cloned();
    if asked.list {
        screen.out.write_all(table(&revisions, serving.as_ref()).as_bytes())?;
        return Ok(());
    }
    let (value, target) = match choose(&bot, &revisions, serving.as_ref(), asked.to.as_deref())? {
        Choice::Nothing(why) => {
            writeln!(screen.out, "{name}: {why}")?;
            return Ok(());
        }
        Choice::Ask(value, target) => (value, target),
    };
    if asked.to.is_none() && revisions.iter().filter(|revision| revision.served()).count() > 2 {
        write!(screen.notes, "{}", table(&revisions, serving.as_ref()))?;
    }
    cluster.patch_bot(name, &annotation(ANNOTATION_ROLLBACK, &value), asked.dry_run.is_on()).await?;
    let Revision { name: revision, number, version, .. } = &target;
    let now = serving.map(|serving| format!(", after {}", serving.version)).unwrap_or_default();
    let dry_run = if asked.dry_run.is_on() { DRY_RUN } else { "" };
    writeln!(screen.out, "{name} goes back to {version} (revision {number}, {revision}){now}{dry_run}")?;
    let wanted = object::text(&bot, "/spec/version").unwrap_or_default();
    writeln!(
        screen.notes,
        "note: the spec stays as it is ({wanted}): the operator leaves it alone until it is changed. See how it goes: {}",
        cluster.hint(&format!("status {name} --watch"))
    )?;
    if object::is(&bot, "/spec/paused") {
        let resume = cluster.hint(&format!("resume {name}"));
        writeln!(screen.notes, "note: {name} is paused: nothing happens before `{resume}`")?;
    }
    Ok(())
}

/// Newest first.
async fn revisions(cluster: &Cluster, bot: &str) -> Result<Vec<Revision>, Fault> {
    let resource = cluster::resource("apps", "v1", "ControllerRevision", "controllerrevisions");
    let place = Place::Namespace(&cluster.namespace);
    let ours = ListParams::default().labels(&format!("{LABEL_BOT}={bot}"));
    let list = cluster.list(&resource, place, &ours).await;
    let list = list.map_err(|error| Fault::of(&format!("list revisions {}", place.in_words()), &error))?;
    let mut all: Vec<Revision> = list.iter().filter_map(Revision::read).collect();
    all.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    Ok(all)
}

/// As the status says, else the newest good one.
fn serving<'a>(bot: &Value, revisions: &'a [Revision]) -> Option<&'a Revision> {
    let named = object::text(bot, "/status/revision");
    let named = named.and_then(|name| revisions.iter().find(|revision| revision.name == name));
    named.or_else(|| revisions.iter().find(|revision| revision.outcome == "Good"))
}

/// Whether the operator is at an upgrade, or one waits for a person: its new revision is kept only from the rollout on.
fn is_under_way(bot: &Value) -> bool {
    let reason = |kind: ConditionType| text(object::condition(bot, kind.as_str())?, "/reason");
    match reason(ConditionType::Upgraded) {
        None | Some("Current" | "RolledBack" | "Hibernated") => false,
        // It is also said of what serves already, and then `Ready` tells of something else.
        Some("ContractFailed") => reason(ConditionType::Ready) == Some("ContractFailed"),
        Some(_) => true,
    }
}

fn choose(bot: &Value, revisions: &[Revision], serving: Option<&Revision>, to: Option<&str>) -> Result<Choice, Fault> {
    let Some(serving) = serving else {
        return Err(Fault::Usage("no revision has served yet: there is nothing to go back to".to_owned()));
    };
    let under_way = is_under_way(bot)
        || revisions.iter().any(|revision| revision.outcome == "Trying" && revision.name != serving.name);
    let target = match to {
        Some(by) => {
            let meant = revisions.iter().filter(|revision| revision.served()).find(|revision| revision.is_called(by));
            meant.ok_or_else(|| {
                let there = table(revisions, Some(serving));
                Fault::Usage(format!("{by} is no revision that served; allowed: name, number or version of one that is Good or Left\n{there}"))
            })?
        }
        // What serves still is what one goes back to.
        None if under_way => serving,
        None if let Some(failed) = object::text(bot, "/status/failedVersion") => {
            return Ok(Choice::Nothing(format!(
                "{failed} was given up already, and {} serves (revision {}): nothing to do; --to names one further back",
                serving.version, serving.number
            )));
        }
        None => {
            revisions.iter().find(|revision| revision.served() && revision.name != serving.name).ok_or_else(|| {
                Fault::Usage(format!(
                    "{} is the only revision that served: there is none to go back to",
                    serving.version
                ))
            })?
        }
    };
    let current = object::annotation(bot, ANNOTATION_ROLLBACK);
    if target.name == serving.name && !under_way {
        return Ok(Choice::Nothing(format!(
            "{} serves already (revision {}): nothing to do",
            target.version, target.number
        )));
    }
    // Only a value that is not done with is acted upon: of those that mean the target, the first such.
    let done = |value: &str| revisions.iter().any(|revision| revision.done.as_deref() == Some(value));
    let means_it = |value: &str| {
        revisions
            .iter()
            .filter(|revision| revision.served())
            .find(|r| r.is_called(value))
            .is_some_and(|r| r.name == target.name)
    };
    let values = [target.name.clone(), target.number.to_string(), target.version.clone()];
    let fresh: Vec<String> = values.into_iter().filter(|value| !done(value) && means_it(value)).collect();
    if let Some(current) = current.filter(|current| fresh.iter().any(|value| value == current)) {
        return Ok(Choice::Nothing(format!(
            "it was asked to go back to {current} already; the operator has not done so yet: kubectl vitte status tells why"
        )));
    }
    match fresh.into_iter().next() {
        Some(value) => Ok(Choice::Ask(value, target.clone())),
        None => Err(Fault::Failed(format!(
            "the operator has acted on every name of revision {} before; write its spec into the manifest instead",
            target.number
        ))),
    }
}

fn table(revisions: &[Revision], serving: Option<&Revision>) -> String {
    let heads = ["", "REVISION", "VERSION", "OUTCOME", "SINCE", "NAME"].map(str::to_owned);
    let rows = revisions.iter().map(|revision| {
        let serves = serving.is_some_and(|serving| serving.name == revision.name);
        let Revision { name, number, version, outcome, since, .. } = revision;
        let mark = if serves { "*" } else { "" };
        [mark.to_owned(), number.to_string(), version.clone(), outcome.clone(), since.clone(), name.clone()]
    });
    let all: Vec<[String; 6]> = std::iter::once(heads).chain(rows).collect();
    let widths: Vec<usize> =
        (0..6).map(|column| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    let mut out = String::new();
    for (index, row) in all.iter().enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(out, "{}", cells.join("  ").trim_end());
        let reason = index.checked_sub(1).and_then(|index| revisions[index].reason.as_ref());
        if let Some(reason) = reason {
            let _ = writeln!(out, "     {}", crate::screen::harmless(reason).replace('\n', " "));
        }
    }
    if revisions.is_empty() {
        out.push_str("(none: a revision is kept once all pods of a spec were ready)\n");
    }
    out
}

#[cfg(test)]
#[path = "revisions_tests.rs"]
mod tests;
