//! What the tests of charts, images and documentation share: running the programs that a user runs.
//!
//! Nothing is rendered or parsed here that Helm, kubectl or buildah do themselves. Tests that need a cluster are run
//! beside `tools/with-cluster` or `tools/with-node`, which say by the environment where it is.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the code of tests")]

pub mod values;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The charts' folders under `charts/`.
pub const CHARTS: [&str; 2] = ["vitte-operator", "vitte-bot"];
/// A Helm that is compiled from its module takes itself for one of an older Kubernetes: the charts ask for a newer.
pub const KUBE_VERSION: &str = "1.34.4";
/// The workspace's version: the charts' `appVersion` and the images' tag.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[must_use]
pub fn chart(name: &str) -> PathBuf {
    root().join("charts").join(name)
}

#[must_use]
pub fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// A variable that the script around the tests sets.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "where the cluster is, by the script that started it")]
pub fn variable(name: &str) -> PathBuf {
    let value = std::env::var_os(name);
    value
        .unwrap_or_else(|| panic!("{name} is not set: run the tests by `make test`, or as CONTRIBUTING.md says"))
        .into()
}

/// What a program answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub good: bool,
    pub out: String,
    pub err: String,
}

impl Answer {
    /// Its output; panics with its errors when it failed.
    #[must_use]
    pub fn done(self) -> String {
        assert!(self.good, "{}\n{}", self.err, self.out);
        self.out
    }
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run(command: &mut Command, input: &str) -> Answer {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    // Written from a thread of its own: the program answers while it still reads.
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A program that refuses its arguments reads nothing; what it says then is the answer.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer { good: output.status.success(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Helm, without anything of the user's own; `kubeconfig` names its cluster.
#[must_use]
pub fn helm(kubeconfig: Option<&Path>) -> Command {
    let mut command = Command::new(variable("VITTE_TEST_CLUSTER_BIN").join("helm"));
    let nowhere = std::env::temp_dir().join("vitte-helm");
    for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
        command.env(name, &nowhere);
    }
    command.env("KUBECONFIG", kubeconfig.unwrap_or(Path::new("/dev/null"))).current_dir(root());
    command
}

/// `helm template` of a chart, as the release `name` in the namespace `bots`.
pub fn template(chart_name: &str, release: &str, arguments: &[&str]) -> Answer {
    let mut command = helm(None);
    command.args(["template", release]).arg(chart(chart_name));
    command.args(["--kube-version", KUBE_VERSION, "--namespace", "bots"]).args(arguments);
    run(&mut command, "")
}

/// The objects of a stream of YAML documents.
#[must_use]
pub fn objects(yaml: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    documents.into_iter().filter(Value::is_object).collect()
}

/// The one object of a kind whose name ends so.
#[must_use]
pub fn one<'a>(objects: &'a [Value], kind: &str, ending: &str) -> &'a Value {
    let named = |object: &&Value| {
        object["kind"] == kind && object["metadata"]["name"].as_str().is_some_and(|name| name.ends_with(ending))
    };
    let found: Vec<&Value> = objects.iter().filter(named).collect();
    assert_eq!(found.len(), 1, "{} objects {kind} *{ending}", found.len());
    found[0]
}

/// Compares a checked-in file with what the code makes, or writes it under `make generate`.
#[expect(clippy::disallowed_methods, reason = "a test's own switch")]
pub fn generated(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    assert!(there == text, "{} is not what the code says: run make generate", path.display());
}
