//! As whom a server runs.
//!
//! An ordinary user runs it as himself. Root runs it as an account without rights, which owns what
//! the server writes and nothing else of ours. Directories above may be closed to that account
//! (a home often is): then `setpriv` gives the server one capability to pass them.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::unistd::{Gid, Uid, User, getegid, geteuid};

use crate::error::LocalError;
use crate::programs;

/// Bits of `capability.h`, the narrower first: containers often take the first away.
const PASSES: [(u32, &str); 2] = [(2, "dac_read_search"), (1, "dac_override")];
/// What a server inherits of our environment; secrets of the manifest are among the rest.
const KEPT_VARIABLES: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

#[derive(Clone, Debug)]
pub(crate) struct Account {
    uid: Uid,
    gid: Gid,
    /// We are root and become somebody else.
    changes: bool,
}

impl Account {
    /// Ourselves, or for root the first of `names` that exists. What is there already (`existing`)
    /// keeps its owner.
    pub(crate) fn choose(
        what: &'static str,
        names: &[&str],
        instead: &'static str,
        existing: &Path,
    ) -> Result<Self, LocalError> {
        let owner = fs::metadata(existing).ok().map(|data| (Uid::from_raw(data.uid()), Gid::from_raw(data.gid())));
        let us = geteuid();
        if !us.is_root() {
            return match owner {
                Some((uid, _)) if uid != us => {
                    Err(LocalError::NotOurs { path: existing.to_owned(), owner: name_of(uid), us: name_of(us) })
                }
                _ => Ok(Self { uid: us, gid: getegid(), changes: false }),
            };
        }
        let known = names.iter().find_map(|name| User::from_name(name).ok().flatten()).map(|user| (user.uid, user.gid));
        let chosen = owner.filter(|(uid, _)| !uid.is_root()).or(known);
        let Some((uid, gid)) = chosen else {
            return Err(LocalError::NoAccount { what, accounts: names.join(" or "), instead });
        };
        Ok(Self { uid, gid, changes: true })
    }

    /// Gives a file or an empty directory of ours to the account.
    pub(crate) fn give(&self, path: &Path) -> Result<(), LocalError> {
        if !self.changes {
            return Ok(());
        }
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw())).map_err(LocalError::io("give away", path))
    }

    /// A command that runs `program` as the account in `directory`, able to reach both.
    pub(crate) fn command(&self, program: &Path, directory: &Path) -> Result<Command, LocalError> {
        let closed = [program, directory]
            .into_iter()
            .filter(|_| self.changes)
            .find_map(|path| path.ancestors().skip(1).find(|up| !self.may_pass(up)));
        let mut command = match closed {
            Some(closed) => self.through(closed, program)?,
            None => Command::new(program),
        };
        if self.changes && closed.is_none() {
            // Drops root's groups too.
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command.current_dir(directory).env_clear();
        for name in KEPT_VARIABLES {
            if let Some(value) = programs::variable(name) {
                command.env(name, value);
            }
        }
        // The log is for everybody who helps, so in one language.
        command.env("LC_ALL", "C");
        Ok(command)
    }

    /// By mode alone; an access list that closes more shows in the server's own words.
    fn may_pass(&self, directory: &Path) -> bool {
        let Ok(data) = fs::metadata(directory) else {
            return false;
        };
        let bit = if data.uid() == self.uid.as_raw() {
            0o100
        } else if data.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        data.mode() & bit != 0
    }

    fn through(&self, closed: &Path, program: &Path) -> Result<Command, LocalError> {
        let refuse = |why| LocalError::Closed { path: closed.to_owned(), account: name_of(self.uid), why };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let capability =
            passing(&status).ok_or_else(|| refuse("this root has no capability to let it (CAP_DAC_OVERRIDE)"))?;
        let setpriv = programs::in_path(&["setpriv"])
            .ok_or_else(|| refuse("`setpriv` (util-linux) is not installed to let it"))?;
        let mut command = Command::new(setpriv);
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.gid))
            .arg("--clear-groups")
            .arg(format!("--inh-caps=+{capability}"))
            .arg(format!("--ambient-caps=+{capability}"))
            .arg(format!("--bounding-set=-all,+{capability}"))
            .arg("--")
            .arg(program);
        Ok(command)
    }
}

/// The capability that we may hand on: it must be both permitted and in the bounding set.
fn passing(status: &str) -> Option<&'static str> {
    let set = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let ours = set("CapPrm:")? & set("CapBnd:")?;
    PASSES.iter().find(|(bit, _)| ours & (1 << bit) != 0).map(|(_, name)| *name)
}

/// What was refused on a directory of another user is better said so.
pub(crate) fn refused(directory: &Path, doing: &'static str, path: &Path, error: io::Error) -> LocalError {
    let owner = fs::metadata(directory).map(|data| Uid::from_raw(data.uid()));
    match owner {
        Ok(owner) if error.kind() == io::ErrorKind::PermissionDenied && owner != geteuid() => {
            LocalError::NotOurs { path: directory.to_owned(), owner: name_of(owner), us: name_of(geteuid()) }
        }
        _ => LocalError::io(doing, path)(error),
    }
}

fn name_of(uid: Uid) -> String {
    User::from_uid(uid).ok().flatten().map_or_else(|| format!("user {uid}"), |user| user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_capability_is_handed_on() {
        let status =
            |permitted: &str, bound: &str| format!("Name:\tx\nCapPrm:\t{permitted}\nCapEff:\t0\nCapBnd:\t{bound}\n");
        let full = "000001ffffffffff";
        assert_eq!(passing(&status(full, full)), Some("dac_read_search"));
        // The set that container engines give by default.
        let container = "00000000a80425fb";
        assert_eq!(passing(&status(full, container)), Some("dac_override"));
        assert_eq!(passing(&status("0", full)), None);
        assert_eq!(passing(""), None);
    }

    #[test]
    fn an_account_passes_where_the_mode_lets_it() {
        let nobody = Account { uid: Uid::from_raw(65534), gid: Gid::from_raw(65534), changes: true };
        assert!(nobody.may_pass(Path::new("/")));
        assert!(!nobody.may_pass(Path::new("/does/not/exist")));
    }
}
