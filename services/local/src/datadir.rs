//! The data directory and the lock that gives it to one process.
//!
//! The lock is the kernel's (`flock`), so it ends with its holder however that dies; the pid inside
//! the file is only for the message.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::LocalError;
use crate::{account, files};

/// `.vitte/`, held by this process until dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: Lock,
}

impl DataDir {
    /// Makes the directory where missing, keeps git from it, and takes it for this process.
    ///
    /// # Errors
    /// [`LocalError::Held`] when another process has it, [`LocalError::Io`] when it cannot be made.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LocalError> {
        // Everybody may pass, so that the servers' account can; nobody else may look around.
        let path = files::directory(path.as_ref(), 0o711)?;
        let lock = Lock::take(&path)?;
        let ignore = path.join(".gitignore");
        if files::read(&ignore)?.is_none() {
            files::write_private(&ignore, "*\n")?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// The directory, absolute and without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where [`crate::Postgres`] belongs.
    #[must_use]
    pub fn postgres(&self) -> PathBuf {
        self.path.join("postgres")
    }

    /// Where [`crate::Redis`] belongs.
    #[must_use]
    pub fn redis(&self) -> PathBuf {
        self.path.join("redis")
    }
}

/// A directory's file `lock`, held until dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}

impl Lock {
    pub(crate) fn take(directory: &Path) -> Result<Self, LocalError> {
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| account::refused(directory, "open", &path, error))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                // Without a pid the message is shorter, nothing more.
                let _ = file.read_to_string(&mut pid);
                return Err(LocalError::Held { path: directory.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err((_, errno)) => return Err(LocalError::io("lock", &path)(errno.into())),
        };
        let named =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        named.map_err(LocalError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_with_the_pid_of_the_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".vitte");
        let held = DataDir::open(&path).unwrap();
        let refused = DataDir::open(&path).unwrap_err().to_string();
        let expected = format!("in use by another Vitte (process {})", std::process::id());
        assert!(refused.contains(&expected), "{refused}");
        drop(held);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn git_ignores_everything_inside_and_an_edited_rule_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".vitte");
        drop(DataDir::open(&path).unwrap());
        let ignore = path.join(".gitignore");
        assert_eq!(std::fs::read_to_string(&ignore).unwrap(), "*\n");
        std::fs::write(&ignore, "*.log\n").unwrap();
        drop(DataDir::open(&path).unwrap());
        assert_eq!(std::fs::read_to_string(&ignore).unwrap(), "*.log\n");
    }
}
