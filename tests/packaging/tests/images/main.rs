//! The images: what is in them, what is not, and that the same content is the same image.
//!
//! They are made of the debug build, as `make test` has built it; `make images` makes the same of a release build.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use vitte_packaging::{Answer, VERSION, read, root, run};

/// One image, taken apart.
struct Image {
    /// Keeps the folder.
    _folder: TempDir,
    files: PathBuf,
    config: Value,
    /// Of the configuration and of each layer.
    digests: Vec<String>,
    /// Of its layers as they lie on a node's disk.
    bytes: u64,
}

fn make(image: &str, settings: &[(&str, &str)]) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Command::new(root().join("tests/cluster/images"));
    // In a folder of its own: nothing is taken from an earlier run.
    script.arg(image).env("VITTE_IMAGES", folder.path().join("kept")).envs(settings.iter().copied());
    let archive = run(&mut script, "").done();
    let (apart, files) = (folder.path().join("apart"), folder.path().join("files"));
    for new in [&apart, &files] {
        std::fs::create_dir(new).unwrap();
    }
    let _ = tar(&["-xf", archive.trim(), "-C", apart.to_str().unwrap()]).done();
    let manifest: Value = serde_json::from_str(&read(apart.join("manifest.json"))).unwrap();
    let config_file = manifest[0]["Config"].as_str().unwrap();
    let config: Value = serde_json::from_str(&read(apart.join(config_file))).unwrap();
    let mut digests = vec![config_file.to_owned()];
    let mut bytes = 0;
    for layer in manifest[0]["Layers"].as_array().unwrap() {
        let layer = layer.as_str().unwrap();
        let file = apart.join(layer).canonicalize().unwrap();
        bytes += file.metadata().unwrap().size();
        let _ = tar(&["-xpf", file.to_str().unwrap(), "-C", files.to_str().unwrap()]).done();
        digests.push(layer.to_owned());
    }
    digests.extend(config["rootfs"]["diff_ids"].as_array().unwrap().iter().map(ToString::to_string));
    Image { _folder: folder, files, config, digests, bytes }
}

fn tar(arguments: &[&str]) -> Answer {
    run(Command::new("tar").args(arguments), "")
}

impl Image {
    /// Every file, by its path from the image's root. Links are not followed.
    fn walk(&self) -> BTreeMap<String, std::fs::Metadata> {
        let mut found = BTreeMap::new();
        let mut ahead = vec![self.files.clone()];
        while let Some(folder) = ahead.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let about = path.symlink_metadata().unwrap();
                if about.is_dir() {
                    ahead.push(path.clone());
                }
                found.insert(format!("/{}", path.strip_prefix(&self.files).unwrap().display()), about);
            }
        }
        found
    }

    /// Runs a program in the image's root as its user, without anything of this machine but the kernel.
    fn runs(&self, program: &str, arguments: &[&str]) -> Answer {
        let mut command = if may_be_root() {
            let mut command = Command::new("chroot");
            command.arg("--userspec=65532:65532");
            command
        } else {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "chroot"]);
            command
        };
        run(command.arg(&self.files).arg(program).args(arguments).env_clear().env("PATH", "/usr/sbin:/usr/bin"), "")
    }
}

fn may_be_root() -> bool {
    Path::new("/proc/self").metadata().unwrap().uid() == 0
}

fn holds_an_executable_and_nothing_to_break_in_with(image: &Image, executable: &str, links: &[&str]) {
    let files = image.walk();
    let programs: BTreeSet<&str> = files
        .keys()
        .filter_map(|path| path.strip_prefix("/usr/bin/").or_else(|| path.strip_prefix("/usr/sbin/")))
        .collect();
    let expected: BTreeSet<&str> = links.iter().copied().chain([executable]).collect();
    assert_eq!(programs, expected, "no shell, no tools");
    for (path, about) in &files {
        let mode = about.permissions().mode();
        assert_eq!(mode & 0o6000, 0, "{path} runs with another's rights");
        assert!(about.is_symlink() || mode & 0o002 == 0 || path == "/tmp", "everybody may write to {path}");
        if about.is_file() && mode & 0o111 != 0 {
            assert!(path.contains("/lib") || path.ends_with(executable), "{path} can be run");
        }
    }
    for name in ["/etc/ssl/certs/ca-certificates.crt", "/usr/share/doc/vitte/LICENSE", "/etc/passwd"] {
        assert!(files.contains_key(name), "{name} is missing");
    }
    let config = &image.config["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Env"], serde_json::json!(["PATH=/usr/bin"]));
    assert_eq!(config["Entrypoint"], serde_json::json!([executable]));
    let labels = &config["Labels"];
    assert_eq!(labels["org.opencontainers.image.version"], VERSION);
    assert_eq!(labels["org.opencontainers.image.licenses"], "Apache-2.0");
    assert_eq!(labels["org.opencontainers.image.title"], executable);
    assert!(labels.as_object().unwrap().keys().all(|label| label.starts_with("org.opencontainers.image.")), "{labels}");
    // The executable finds all its libraries in there.
    let told = image.runs(executable, &["--version"]).done();
    assert_eq!(told.trim(), format!("{executable} {VERSION}"));
}

const MB: u64 = 1_000_000;

#[test]
fn the_services_image_is_small_has_a_link_for_each_role_and_no_shell() {
    let image = make("vitte", &[]);
    let links = ["vitte-admin", "vitte-api", "vitte-bot", "vitte-migrate", "vitte-sim", "vitte-worker"];
    holds_an_executable_and_nothing_to_break_in_with(&image, "vitte", &links);
    for link in links {
        let told = image.runs(link, &["--help"]).done();
        let role = link.strip_prefix("vitte-").unwrap();
        assert!(told.contains(&format!("Usage: {link} {role} ")), "{link} is another role: {told}");
    }
    assert!(image.bytes < 80 * MB, "{} bytes", image.bytes);
}

#[test]
fn the_operators_image_is_small_and_has_no_shell() {
    let image = make("operator", &[]);
    holds_an_executable_and_nothing_to_break_in_with(&image, "vitte-operator", &[]);
    assert!(image.bytes < 50 * MB, "{} bytes", image.bytes);
    // What helm's test of the chart runs.
    let told = image.runs("vitte-operator", &["probe", "--within", "0", "http://127.0.0.1:1/readyz"]);
    assert!(!told.good && told.err.contains("does not answer"), "{}", told.err);
}

/// Nothing of when and where it was made is in an image; what is said about it, is.
#[test]
fn the_same_content_is_the_same_image_and_another_commit_is_another() {
    let settings = [("SOURCE_DATE_EPOCH", "1700000000"), ("VITTE_IMAGE_REVISION", "1111111")];
    let (first, second) = (make("vitte", &settings), make("vitte", &settings));
    assert_eq!(first.digests, second.digests);
    assert!(
        first.config["created"].as_str().unwrap().starts_with("2023-11-14T22:13:20"),
        "{}",
        first.config["created"]
    );
    let other = make("vitte", &[("SOURCE_DATE_EPOCH", "1700000000"), ("VITTE_IMAGE_REVISION", "2222222")]);
    assert_ne!(first.digests[0], other.digests[0]);
    assert_eq!(other.config["config"]["Labels"]["org.opencontainers.image.revision"], "2222222");
    assert_eq!(first.config["rootfs"], other.config["rootfs"], "the content is the same");
}

/// By the image, not by chown, which is root's alone: whoever makes images without root has them too.
#[test]
fn the_folders_of_a_server_belong_to_its_user_and_no_others_do() {
    for (image, theirs) in [
        ("redis", &["/data"][..]),
        ("postgres", &["/run/postgresql", "/var/lib/postgresql", "/var/lib/postgresql/data"]),
    ] {
        let files = make(image, &[]).walk();
        let owned: Vec<&str> =
            files.iter().filter(|(_, about)| about.uid() == 999).map(|(path, _)| path.as_str()).collect();
        assert_eq!(owned, theirs, "{image}");
    }
}

/// Somebody is about to load an archive that was just named to them, however long ago it was made.
#[test]
fn an_archive_lasts_as_long_as_it_is_asked_for_and_for_good_where_the_caller_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, named) = (folder.path().join("cache"), folder.path().join("named"));
    let ask = |tag: &str, into: Option<&Path>| -> PathBuf {
        let mut script = Command::new(root().join("tests/cluster/images"));
        script.arg("pause").env("XDG_CACHE_HOME", &cache).env("VITTE_IMAGE_TAG", tag).env_remove("VITTE_IMAGES");
        script.envs(into.map(|folder| ("VITTE_IMAGES", folder)));
        PathBuf::from(run(&mut script, "").done().trim())
    };
    let age = |archive: &Path| {
        std::fs::File::options().write(true).open(archive).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    };
    let first = ask("1", None);
    age(&first);
    assert_eq!(ask("1", None), first, "what has not changed is not made again");
    let second = ask("2", None);
    assert!(first.exists() && second.exists(), "it was asked for a moment ago");
    age(&first);
    let _ = ask("3", None);
    assert!(!first.exists() && second.exists(), "it is of no use any more");

    let kept = ask("1", Some(&named));
    age(&kept);
    let _ = ask("2", Some(&named));
    assert!(kept.exists(), "a release is there until its maker removes it");
}

/// Whoever builds with Docker gets the same: the content's list and the stages are shared, and the rest is held here.
#[test]
fn the_dockerfile_makes_its_roots_by_the_same_list() {
    let text = read(root().join("Dockerfile"));
    let (build, ships) = text.split_once("# --- What ships ---").unwrap_or_else(|| panic!("the line is gone"));
    for (image, executable) in [("services", "vitte"), ("operator", "vitte-operator")] {
        let makes = format!("tools/image-root {image} /target/release/{executable} /roots/{image}");
        assert!(build.contains(&makes), "{makes}");
        let takes = format!("FROM scratch AS {image}\n");
        assert_eq!(ships.matches(&takes).count(), 1);
        assert!(ships.contains(&format!("COPY --from=build /roots/{image} /\n")));
    }
    assert_eq!(ships.matches(&format!("ARG VERSION={VERSION}\n")).count(), 2, "the default is the workspace's version");
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("root");
    let script = root().join("tools/image-root");
    // Any executable will do: here it is one of this machine.
    let _ = run(Command::new(script).args(["services", "/usr/bin/env"]).arg(&made), "").done();
    assert!(made.join("usr/bin/env").is_file() && made.join("usr/bin/vitte-bot").is_symlink());
}
