//! The definition and its rules on a real API server: what it takes, what it refuses and with which words.
//!
//! Run beside `tools/with-cluster`, which says by the environment where the server and its kubectl are.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod table;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;
use table::{Bad, By, FINE, MOVES, bad, changed};

/// What kubectl answered.
struct Answer {
    good: bool,
    out: String,
    err: String,
}

#[expect(clippy::disallowed_methods, reason = "where the cluster is, by the script that started it")]
fn named(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value.expect("no cluster: run the tests by `make test` or tools/with-cluster").into()
}

fn kubectl(arguments: &[&str], input: &str) -> Answer {
    let mut child = Command::new(named("VITTE_TEST_CLUSTER_BIN").join("kubectl"))
        .arg("--kubeconfig")
        .arg(named("VITTE_TEST_KUBECONFIG"))
        .arg("--request-timeout=60s")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Written from a thread of its own: kubectl answers while it still reads.
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // A kubectl that refuses its arguments reads nothing; what it says then is the answer.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Answer { good: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
}

fn done(arguments: &[&str], input: &str) -> String {
    let answer = kubectl(arguments, input);
    assert!(answer.good, "kubectl {arguments:?}: {}", answer.err);
    answer.out
}

fn definition() -> String {
    std::fs::read_to_string(folder("yaml/vittebots.vitte.dev.yaml")).unwrap()
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A namespace of a test's own, in a cluster that has the definition. It goes with the cluster.
fn namespace(name: &str) -> String {
    // Several tests may be the first; server-side apply is the same for all of them.
    done(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &definition());
    done(&["wait", "--for=condition=Established", "--timeout=60s", "crd/vittebots.vitte.dev"], "");
    let name = format!("crds-{name}-{}", std::process::id());
    done(&["create", "namespace", &name], "");
    name
}

/// Objects as one stream of documents, each named by its number.
fn stream(bots: impl Iterator<Item = Json>) -> String {
    bots.map(|bot| format!("---\n{bot}\n")).collect()
}

fn named_by_number(number: usize, mut bot: Json) -> Json {
    // Rows about the name itself keep it.
    if bot["metadata"]["name"] == "luna" {
        bot["metadata"]["name"] = format!("row-{number}").into();
    }
    bot
}

/// The errors of kubectl by the object's name.
fn errors(text: &str) -> BTreeMap<String, String> {
    text.split("The VitteBot \"")
        .skip(1)
        .chain(text.split("VitteBot.vitte.dev \"").skip(1))
        .filter_map(|part| part.split_once('"'))
        .map(|(name, error)| (name.to_owned(), error.to_owned()))
        .collect()
}

#[test]
fn every_bad_manifest_is_refused_with_the_words_of_its_rule() {
    let namespace = namespace("bad");
    let rows = bad();
    let bots = rows.iter().enumerate().map(|(number, row)| named_by_number(number, changed(row.changes)));
    let names: Vec<String> = bots.clone().map(|bot| bot["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    let answer = kubectl(&["create", "--dry-run=server", "-n", &namespace, "-f", "-"], &stream(bots));
    let told = errors(&answer.err);
    let mut wrong = Vec::new();
    for (Bad { path, told: words, by, .. }, name) in rows.iter().zip(&names) {
        let words = match by {
            By::Rule | By::ServersRule => words,
            By::RuleSaying(words) | By::Schema(words) => words,
        };
        match told.get(name) {
            // "Europe/Moskow" is an error of evaluation, which repeats the rule's message after its own.
            Some(error) if error.contains(words) => {}
            Some(error) => wrong.push(format!("{name} {path}: wanted {words}, was told {error}")),
            None => wrong.push(format!("{name} {path}: taken")),
        }
    }
    assert!(wrong.is_empty(), "{}\n\n{}", wrong.join("\n"), answer.err);
    assert_eq!(answer.out, "");
}

#[test]
fn every_good_manifest_and_every_example_is_taken() {
    let namespace = namespace("good");
    let bots = FINE.iter().enumerate().map(|(number, changes)| named_by_number(number, changed(changes)));
    let taken = done(&["create", "--dry-run=server", "-n", &namespace, "-f", "-"], &stream(bots));
    assert_eq!(taken.lines().count(), FINE.len(), "{taken}");
    for example in ["minimal", "companion", "habits", "companion-habits", "production"] {
        let text = std::fs::read_to_string(folder("examples").join(format!("{example}.yaml"))).unwrap();
        // production.yaml names a namespace, which a test must not share with another.
        let text = text.replace("namespace: bots", &format!("namespace: {namespace}"));
        let applied = done(&["apply", "-n", &namespace, "-f", "-"], &text);
        assert!(applied.contains("vittebot.vitte.dev/"), "{applied}");
        let again = done(&["apply", "--server-side", "--force-conflicts", "-n", &namespace, "-f", "-"], &text);
        assert!(again.contains("serverside-applied"), "{again}");
        let diff = kubectl(&["diff", "--server-side", "--force-conflicts", "-n", &namespace, "-f", "-"], &text);
        assert!(diff.good, "{}{}", diff.out, diff.err);
        done(&["delete", "vb", "--all", "-n", &namespace, "--timeout=60s"], "");
    }
}

#[test]
fn defaults_are_filled_in_as_load_fills_them_in() {
    let namespace = namespace("defaults");
    for changes in FINE {
        let bot = changed(changes);
        let stored = done(&["create", "--dry-run=server", "-n", &namespace, "-o", "json", "-f", "-"], &bot.to_string());
        let stored: Json = serde_json::from_str(&stored).unwrap();
        assert_eq!(stored["spec"]["rollout"]["rollback"], "Automatic");
        let spec: vitte_crds::Spec = serde_json::from_value(stored["spec"].clone()).unwrap();
        let sources = [vitte_crds::Source::new("bot.yaml", bot.to_string())];
        assert_eq!(spec, vitte_crds::load(&sources).unwrap().bot.spec, "{changes:?}");
        // What a cluster gives back may be tried on a laptop.
        let sources = [vitte_crds::Source::new("fetched.json", stored.to_string())];
        assert_eq!(spec, vitte_crds::load(&sources).unwrap().bot.spec, "{changes:?}");
    }
}

#[test]
fn a_bot_without_a_database_is_refused_in_a_cluster() {
    let namespace = namespace("stores");
    let bot = changed(&[("/spec/database", "null")]).to_string();
    let answer = kubectl(&["create", "--dry-run=server", "-n", &namespace, "-f", "-"], &bot);
    assert!(!answer.good && answer.err.contains("is missing: write database: {urlSecretRef:"), "{}", answer.err);
    assert!(answer.err.contains("spec.database"), "{}", answer.err);
}

#[test]
fn where_a_bots_data_live_is_decided_once() {
    let namespace = namespace("moves");
    for (number, step) in MOVES.iter().enumerate() {
        let old = named_by_number(number, changed(step.from));
        let new = named_by_number(number, changed(step.to));
        done(&["create", "-n", &namespace, "-f", "-"], &old.to_string());
        // Whole, as `kubectl apply` leaves it when a field goes.
        let answer = kubectl(&["replace", "-n", &namespace, "-f", "-"], &new.to_string());
        match step.refused {
            Some(words) => assert!(!answer.good && answer.err.contains(words), "{step:?}: {}", answer.err),
            None => assert!(answer.good, "{step:?}: {}", answer.err),
        }
    }
}

/// A status that is sent along makes a bot no older: the API server drops it before it looks.
#[test]
fn a_new_bot_whose_services_could_have_no_name_is_refused() {
    let namespace = namespace("digit");
    let mut bot = changed(&[("/metadata/name", r#""1luna""#)]);
    bot["status"] = serde_json::json!({"phase": "Pending"});
    let answer = kubectl(&["create", "--dry-run=server", "-n", &namespace, "-f", "-"], &bot.to_string());
    assert!(!answer.good && answer.err.contains("begins with a letter in a cluster"), "{}", answer.err);
}

#[test]
fn an_unknown_field_is_refused_by_kubectl() {
    let namespace = namespace("unknown");
    let bot = changed(&[("/spec/telegram/webhok", "{}")]).to_string();
    for arguments in [["create", "--dry-run=server"], ["apply", "--dry-run=server"]] {
        let answer = kubectl(&[&arguments[..], &["-n", &namespace, "-f", "-"]].concat(), &bot);
        assert!(!answer.good && answer.err.contains("spec.telegram.webhok"), "{}", answer.err);
    }
}

#[test]
fn lists_show_the_status_by_short_name_and_category() {
    let namespace = namespace("columns");
    done(&["create", "-n", &namespace, "-f", "-"], &changed(&[]).to_string());
    let status = serde_json::json!({"status": {
        "observedGeneration": 1, "phase": "Ready", "version": "0.1.0", "image": "ghcr.io/vitte/vitte:0.1.0", "message": "well",
        "migration": {"phase": "Succeeded"},
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "AllReady", "message": "",
            "lastTransitionTime": "2026-11-21T12:00:00Z", "observedGeneration": 1,
        }],
    }});
    let patch = status.to_string();
    done(&["patch", "vb", "luna", "-n", &namespace, "--subresource=status", "--type=merge", "-p", &patch], "");
    let short = done(&["get", "vb", "-n", &namespace], "");
    let words: Vec<&str> = short.split_whitespace().collect();
    assert_eq!(words[..7], ["NAME", "VERSION", "PHASE", "READY", "MIGRATION", "MODE", "AGE"]);
    assert_eq!(words[7..13], ["luna", "0.1.0", "Ready", "True", "Succeeded", "Webhook"]);
    let wide = done(&["get", "vb", "-n", &namespace, "-o", "wide"], "");
    assert!(wide.contains("IMAGE") && wide.contains("LAST BACKUP") && wide.contains("MESSAGE"), "{wide}");
    assert!(wide.contains("ghcr.io/vitte/vitte:0.1.0") && wide.contains("well"), "{wide}");
    assert!(done(&["get", "all", "-n", &namespace], "").contains("vittebot.vitte.dev/luna"));
    let answer = kubectl(&["get", "vb", "luna", "-n", &namespace, "--subresource=scale"], "");
    assert!(!answer.good, "{}", answer.out);
    // A write of the spec leaves the status alone, and the other way round.
    done(&["patch", "vb", "luna", "-n", &namespace, "--type=merge", "-p", r#"{"status": {"phase": "Failed"}}"#], "");
    let phase = done(&["get", "vb", "luna", "-n", &namespace, "-o", "jsonpath={.status.phase}"], "");
    assert_eq!(phase, "Ready");
    done(&["wait", "--for=condition=Ready", "--timeout=10s", "-n", &namespace, "vb/luna"], "");
}

#[test]
fn explain_reads_like_documentation() {
    namespace("explain");
    let words = [
        ("vittebot", "One Telegram bot: what it can do, where its data live, and how its parts run."),
        ("vb.spec.telegram.updates", "Polling: The bot asks Telegram"),
        ("vb.spec.backup.schedule", "five fields of cron"),
        ("vb.status.phase", "RollingOut: Pods are being replaced or added"),
    ];
    for (path, told) in words {
        let text = done(&["explain", path], "");
        let flowing = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flowing.contains(told), "{text}");
    }
}

/// `kubectl apply` writes the whole object into an annotation, of which Kubernetes takes 256 KiB in all.
#[test]
fn the_definition_fits_a_client_side_apply() {
    namespace("client-side");
    done(
        &["apply", "--dry-run=server", "-f", "-"],
        &definition().replace("vittebots", "vittetries").replace("vittebot\n", "vittetry\n"),
    );
}
