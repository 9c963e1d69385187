//! Finds the servers' programs on this machine.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::LocalError;

/// Where Debian and its relatives put each major version.
const VERSIONED: &str = "/usr/lib/postgresql";
/// Where a program is looked for when `PATH` is not set.
const USUAL: &str = "/usr/local/bin:/usr/bin:/bin";

/// One installed PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) major: u32,
    bin: PathBuf,
}

impl Programs {
    /// The programs for a cluster of version `data`, or the newest for a new one.
    pub(crate) fn find(cluster: &Path, data: Option<u32>) -> Result<Self, LocalError> {
        let path = search_path();
        choose(installed(Path::new(VERSIONED), &path), cluster, data)
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }
}

/// The first of `names` in `PATH`.
pub(crate) fn in_path(names: &[&str]) -> Option<PathBuf> {
    let path = search_path();
    names
        .iter()
        .find_map(|name| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| runnable(program)))
}

/// Where the machine keeps its programs and libraries.
#[expect(
    clippy::disallowed_methods,
    reason = "this describes the machine to programs we start; it is no setting of Vitte"
)]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn search_path() -> OsString {
    variable("PATH").unwrap_or_else(|| USUAL.into())
}

fn choose(mut found: Vec<Programs>, cluster: &Path, data: Option<u32>) -> Result<Programs, LocalError> {
    let installed: Vec<u32> = found.iter().map(|one| one.major).collect();
    let wanted = match data {
        None => 0,
        Some(major) => found.iter().position(|one| one.major == major).unwrap_or(found.len()),
    };
    if found.is_empty() {
        return Err(LocalError::Missing {
            what: "PostgreSQL's server",
            programs: "postgres and initdb",
            places: "/usr/lib/postgresql/*/bin and PATH",
            install: "apt-get install postgresql",
            instead: "--database-url",
        });
    }
    if wanted < found.len() {
        return Ok(found.swap_remove(wanted));
    }
    Err(LocalError::OtherVersion { path: cluster.to_owned(), data: data.unwrap_or_default(), installed })
}

/// Versioned directories from the newest to the oldest, then `PATH`.
fn installed(versioned: &Path, path: &OsStr) -> Vec<Programs> {
    let mut found: Vec<Programs> = fs::read_dir(versioned)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some(Programs { major: entry.file_name().to_str()?.parse().ok()?, bin: entry.path().join("bin") })
        })
        .filter(|one| complete(&one.bin))
        .collect();
    found.sort_by_key(|one| std::cmp::Reverse(one.major));
    let in_path = std::env::split_paths(path).filter(|bin| complete(bin));
    found.extend(in_path.filter_map(|bin| Some(Programs { major: ask_version(&bin)?, bin })));
    found
}

fn complete(bin: &Path) -> bool {
    runnable(&bin.join("postgres")) && runnable(&bin.join("initdb"))
}

fn runnable(program: &Path) -> bool {
    fs::metadata(program).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15.
fn ask_version(bin: &Path) -> Option<u32> {
    let answer = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    major_of(std::str::from_utf8(&answer.stdout).ok()?)
}

fn major_of(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(home: &Path, folder: &str, version: &str) {
        let bin = home.join(folder);
        fs::create_dir_all(&bin).unwrap();
        for program in ["postgres", "initdb"] {
            let path = bin.join(program);
            fs::write(&path, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    fn the_newest_version_wins_and_path_comes_last() {
        let home = tempfile::tempdir().unwrap();
        install(home.path(), "lib/9/bin", "9.6");
        install(home.path(), "lib/17/bin", "17.1");
        install(home.path(), "lib/15/bin", "15.2");
        fs::create_dir_all(home.path().join("lib/18/bin")).unwrap();
        install(home.path(), "bin", "18beta1 (Debian)");
        let path = home.path().join("bin");
        let found = installed(&home.path().join("lib"), path.as_os_str());
        let majors: Vec<u32> = found.iter().map(|one| one.major).collect();
        assert_eq!(majors, [17, 15, 9, 18]);
    }

    #[test]
    fn an_existing_cluster_gets_its_own_version_or_a_clear_refusal() {
        let found = || [17, 15].map(|major| Programs { major, bin: PathBuf::from(format!("/lib/{major}")) }).to_vec();
        let cluster = Path::new("/x/cluster");
        assert_eq!(choose(found(), cluster, None).unwrap().major, 17);
        assert_eq!(choose(found(), cluster, Some(15)).unwrap().major, 15);
        let refused = choose(found(), cluster, Some(14)).unwrap_err().to_string();
        assert!(refused.starts_with(
            "/x/cluster holds data of PostgreSQL 14, but only 17, 15 is installed: \
             run `apt-get install postgresql-14`"
        ));
    }

    #[test]
    fn a_machine_without_postgresql_is_told_what_to_run() {
        let refused = choose(Vec::new(), Path::new("/x"), Some(15)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "PostgreSQL's server is not installed (looked for postgres and initdb in \
             /usr/lib/postgresql/*/bin and PATH): run `apt-get install postgresql`, or use your own \
             with --database-url"
        );
    }

    #[test]
    fn versions_are_read_from_every_form() {
        assert_eq!(major_of("postgres (PostgreSQL) 15.18 (Debian)"), Some(15));
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major_of("something else"), None);
    }
}
