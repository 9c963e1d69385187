//! `report`: one archive with all that helps to find a fault, for whoever is asked for help; without secrets.
//!
//! [`collect`] reads, [`redact`] takes out what nobody else is to see, and the archive is written when all of it is
//! there. [`Archive::add`] is the only way into it, and scrubs what passes.

mod collect;
pub mod redact;

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use self::collect::Collected;
use self::redact::Scrubber;
use crate::actions::seconds;
use crate::cli::Report;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::object;
use crate::screen::{Paint, Screen};
use crate::status::{gather, render, view};

/// # Errors
/// There is no such bot, the API server does not answer, or the file cannot be written.
pub async fn run(cluster: &Cluster, asked: &Report, screen: &mut Screen<'_>) -> Result<(), Fault> {
    let bot = cluster.bot(&asked.bot).await?;
    let now = screen.now();
    let stem = format!("vitte-report-{}-{}", asked.bot, seconds(now).replace(['-', ':'], ""));
    let file = asked.output.clone().unwrap_or_else(|| PathBuf::from(format!("{stem}.tar.gz")));
    // Before anything is read: minutes of reading for a name that is taken help nobody.
    if file.exists() {
        return Err(Fault::Usage(format!("{} exists already: name another with -o", file.display())));
    }
    let mut found =
        gather::gather(cluster, crate::cluster::Place::Namespace(&cluster.namespace), Some(&asked.bot)).await?;
    let mut collected = Collected::default();
    collected.objects(cluster, &bot).await;
    collected.operator(cluster, &asked.operator_namespace).await;
    collected.logs(cluster, asked.tail).await;
    collected.notes.append(&mut found.notes);
    let server = cluster.version().await.unwrap_or_else(|why| format!("unknown: {why}"));

    let values: Vec<Vec<u8>> = collected.secrets.iter().flat_map(values).collect();
    let mut archive = Archive::new(&stem, Scrubber::new(values.iter().map(Vec::as_slice)), now);
    archive.add("README.txt", &readme(&asked.bot, &cluster.namespace, now, &collected.notes));
    archive.add("status.txt", &render::render(&[view::view(&bot, &found, now)], Paint::default()));
    archive.yaml("bot.yaml", &bot)?;
    archive.yaml("versions.yaml", &versions(&server, &bot, &collected))?;
    for object in collected.objects.iter().chain(&collected.secrets) {
        archive.yaml(&path("objects", object), object)?;
    }
    for object in &collected.operator {
        archive.yaml(&path("operator", object), object)?;
    }
    for event in &mut collected.events {
        // Who wrote which field of an event is of no use to anybody.
        event["metadata"].as_object_mut().map(|metadata| metadata.remove("managedFields"));
    }
    archive.yaml("events.yaml", &json!({"items": collected.events}))?;
    for log in &collected.logs {
        archive.add(&log.path, &log.text);
    }
    let bytes = archive.bytes()?;
    if file == Path::new("-") {
        screen.out.write_all(&bytes)?;
        screen.out.flush()?;
        return Ok(());
    }
    let create = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    let cannot = |error: std::io::Error| Fault::Usage(format!("{}: {error}", file.display()));
    create.and_then(|mut created| created.write_all(&bytes)).map_err(cannot)?;
    for note in &collected.notes {
        writeln!(screen.notes, "note: {note}")?;
    }
    let secrets = if collected.unknown_secrets {
        "some Secrets could not be read: their values were struck out only where they look like secrets"
    } else {
        "without values of Secrets"
    };
    writeln!(
        screen.out,
        "{} ({} KiB): objects, events and logs of {}, and the operator's; {secrets}. Look through it before you send it: \
         logs name users by their numbers",
        file.display(),
        bytes.len().div_ceil(1024),
        asked.bot
    )?;
    Ok(())
}

/// The decoded values of a Secret.
fn values(secret: &Value) -> Vec<Vec<u8>> {
    let data = secret.get("data").and_then(Value::as_object).into_iter().flatten();
    data.filter_map(|(_, value)| STANDARD.decode(value.as_str()?).ok()).collect()
}

/// `objects/deployment-luna-bot.yaml`
fn path(folder: &str, object: &Value) -> String {
    let kind = object::text(object, "/kind").unwrap_or("object").to_ascii_lowercase();
    format!("{folder}/{kind}-{}.yaml", object::name(object))
}

fn versions(server: &str, bot: &Value, collected: &Collected) -> Value {
    let images = |objects: &[Value]| -> Vec<String> {
        let containers = objects
            .iter()
            .filter(|object| object["kind"] == "Pod")
            .flat_map(|pod| object::items(pod, "/spec/containers"));
        let mut images: Vec<String> = containers.filter_map(|container| object::owned(container, "/image")).collect();
        images.sort();
        images.dedup();
        images
    };
    json!({
        "plugin": env!("CARGO_PKG_VERSION"),
        "server": server,
        "operatorImages": images(&collected.operator),
        "botImages": images(&collected.objects),
        "specVersion": bot.pointer("/spec/version"),
        "statusVersion": bot.pointer("/status/version"),
        "apiVersion": bot["apiVersion"],
    })
}

fn readme(bot: &str, namespace: &str, now: Timestamp, notes: &[String]) -> String {
    let notes: String = notes.iter().map(|note| format!("- {}\n", note.replace('\n', " "))).collect();
    let notes = if notes.is_empty() { "- nothing\n".to_owned() } else { notes };
    format!(
        "Report on bot {bot} in namespace {namespace}, {at}, by kubectl-vitte {version}.\n\n\
         status.txt     what is ready and what is not, as `kubectl vitte status` shows it\n\
         bot.yaml       the bot\n\
         objects/       all that belongs to it; of Secrets their keys, of ConfigMaps their keys and sizes\n\
         events.yaml    what Kubernetes told of them\n\
         logs/          the end of each container's log; previous: before its last restart\n\
         operator/      the operator's Deployment, pods and logs\n\
         versions.yaml  what runs\n\n\
         \"{gone}\" stands for what was taken out: values of Secrets wherever they stood, literal environment\n\
         variables, and whatever looks like a token or a password.\n\n\
         What could not be read:\n{notes}",
        at = seconds(now),
        version = env!("CARGO_PKG_VERSION"),
        gone = redact::GONE,
    )
}

/// The files of the report.
struct Archive {
    /// The folder that all files are in.
    stem: String,
    scrubber: Scrubber,
    /// Seconds since 1970: when all of it was read.
    at: u64,
    files: Vec<(String, String)>,
}

impl Archive {
    fn new(stem: &str, scrubber: Scrubber, now: Timestamp) -> Self {
        Self { stem: stem.to_owned(), scrubber, at: now.as_second().unsigned_abs(), files: Vec::new() }
    }

    fn yaml(&mut self, path: &str, object: &Value) -> Result<(), Fault> {
        // Before it is written: a long text may be folded over lines, where no value would be recognized.
        let object = self.scrubber.object(object.clone());
        let text = serde_saphyr::to_string(&object).map_err(|error| Fault::Failed(format!("{path}: {error}")))?;
        self.add(path, &text);
        Ok(())
    }

    fn add(&mut self, path: &str, text: &str) {
        self.files.push((path.to_owned(), self.scrubber.scrub(text)));
    }

    /// As tar.gz.
    fn bytes(self) -> Result<Vec<u8>, Fault> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        for (path, text) in self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(self.at);
            tar.append_data(&mut header, format!("{}/{path}", self.stem), text.as_bytes())?;
        }
        Ok(tar.into_inner()?.finish()?)
    }
}
