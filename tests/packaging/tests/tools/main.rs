//! What builds, tests and packages Vitte: the versions that are asked for, and what the scripts say when one is not there.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use vitte_packaging::{Answer, read, root, run};

/// `1.94` and `1.94.0` alike.
fn version(text: &str) -> [u64; 3] {
    let mut parts = text.trim().split('.').map(|part| part.parse().unwrap());
    [0; 3].map(|zero| parts.next().unwrap_or(zero))
}

fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before:?} is not there"));
    rest.split(['"', '\n', ' ']).next().unwrap()
}

/// The Rust that `Cargo.toml` asks for.
fn rust() -> String {
    after(&read(root().join("Cargo.toml")), "\nrust-version = \"").to_owned()
}

/// A Rust that is said to do and does not costs its reader a download and a build that fails at its end.
#[test]
fn the_rust_that_is_asked_for_compiles_every_dependency_that_is_locked() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--offline", "--locked", "--format-version=1"]).current_dir(root());
    let metadata: Value = serde_json::from_str(&run(&mut cargo, "").done()).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let asking = packages.iter().filter_map(|package| Some((package, package["rust_version"].as_str()?)));
    let (most, wanted) = asking.max_by_key(|(_, wanted)| version(wanted)).unwrap();
    assert!(version(&rust()) >= version(wanted), "{} {} asks for Rust {wanted}", most["name"], most["version"]);
    assert_eq!(after(&read(root().join("Dockerfile")), "\nARG RUST="), rust());
    assert_eq!(after(&read(root().join("CONTRIBUTING.md")), "Linux with Rust "), rust());
}

#[test]
fn a_rust_that_is_too_old_is_refused_before_anything_is_built() {
    let folder = tempfile::tempdir().unwrap();
    let says = |told: &str| -> Answer {
        for name in ["cargo", "rustc"] {
            let program = folder.path().join(name);
            std::fs::write(&program, format!("#!/bin/sh\necho '{told}'\n")).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let mut shell = Command::new("bash");
        shell.args(["-c", "source tools/lib.sh && need_rust"]).current_dir(root());
        shell.env("CARGO_TARGET_DIR", folder.path().join("target"));
        run(shell.env("PATH", format!("{}:/usr/bin:/bin", folder.path().display())), "")
    };
    let wanted = rust();
    let old = says("rustc 1.88.0 (6b00bc388 2025-06-23)");
    let words = format!("rustc 1.88.0 is too old: Vitte and what it depends on need {wanted} or newer");
    assert!(!old.good && old.err.contains(&words), "{}", old.err);
    let none = says("error: no toolchain");
    assert!(!none.good && none.err.contains(&format!("install Rust {wanted} or newer")), "{}", none.err);
    for good in [format!("rustc {wanted}.0 (4a4ef493e 2026-03-02)"), "rustc 2.0.0-nightly (0123456 2030-01-01)".into()]
    {
        assert!(says(&good).good, "{good}");
    }
}

/// Without this the second of two checkouts runs the first one's code, and its tests are green.
#[test]
fn a_checkout_builds_its_own_code_where_another_built_last_and_keeps_the_dependencies() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("debug/.fingerprint/tokio-0123");
    let ours = ["debug/.fingerprint/vitte-platform-4567", "release/.fingerprint/kubectl-vitte-89ab"];
    let source = || {
        let mut shell = Command::new("bash");
        shell.args(["-c", "source tools/lib.sh && forget_other_checkouts"]).current_dir(root());
        let _ = run(shell.env("CARGO_TARGET_DIR", folder.path()), "").done();
        let there = |name: &&&str| folder.path().join(name).exists();
        (kept.exists(), ours.iter().filter(there).count())
    };
    for path in ours.map(|name| folder.path().join(name)).iter().chain([&kept]) {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(folder.path().join(".checkout"), "/somewhere/else").unwrap();
    assert_eq!(source(), (true, 0), "another checkout's");
    std::fs::create_dir_all(folder.path().join(ours[0])).unwrap();
    assert_eq!(source(), (true, 1), "its own");
}

/// The pins that are no part of `go.mod` say theirs in modules that only a build fetches.
#[test]
fn the_go_that_is_asked_for_is_said_once_and_compiles_kubernetes() {
    let wanted = after(&read(root().join("tools/lib.sh")), "\nGO_VERSION=").to_owned();
    let kubernetes = read(root().join("tests/cluster/go.mod"));
    assert!(version(&wanted) >= version(after(&kubernetes, "\ngo ")));
    assert_eq!(after(&read(root().join("CONTRIBUTING.md")), "from Go modules: Go "), wanted);
}

/// A missing Go is found before an hour of building, not after.
#[test]
fn what_the_tests_need_is_looked_for_before_anything_is_built() {
    for (script, long) in [(".ci/run", "\nphase check"), ("tools/test", "cargo build")] {
        let text = read(root().join(script));
        let (before, _) = text.split_once(long).unwrap();
        assert!(before.contains("\ntests/cluster/cluster needs"), "{script}");
    }
}

/// `eval "$(make cluster-up)" && ...`: an empty answer would be a success, and what follows go to another cluster.
#[test]
fn a_cluster_that_does_not_come_up_answers_with_a_failure_for_the_shell_that_evals_it() {
    let answer = run(Command::new(root().join("tools/cluster")).args(["up", "nonsense"]), "");
    assert!(!answer.good && answer.err.contains("is not one of control, node"), "{}", answer.err);
    assert_eq!(answer.out, "false\n");
}

/// What was published once is never written anew: it is what people have installed.
#[test]
fn the_kept_charts_are_those_that_were_published() {
    let folder = root().join("tests/packaging");
    let sums = read(folder.join("kept.sha256"));
    let _ = run(Command::new("sha256sum").args(["--check", "--strict"]).current_dir(&folder), &sums).done();
    let summed: BTreeSet<&str> = sums.lines().map(|line| line.split_once("  kept/").unwrap().1).collect();
    let files = std::fs::read_dir(folder.join("kept")).unwrap().map(|file| file.unwrap().file_name());
    let there: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(there.iter().map(String::as_str).collect::<BTreeSet<_>>(), summed, "kept.sha256 has a line for each");
}
