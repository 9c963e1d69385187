//! Small file work with its mode and its error text.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::LocalError;

/// Makes a directory and its parents where missing; `mode` is for what is made, an existing one is
/// left as it is. Answers its absolute path without links: servers change their working directory,
/// and a socket's length is that of the real path.
pub(crate) fn directory(path: &Path, mode: u32) -> Result<PathBuf, LocalError> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(LocalError::io("create the directory", path))?;
    fs::canonicalize(path).map_err(LocalError::io("resolve", path))
}

/// Writes a whole file that only its owner reads.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), LocalError> {
    let doing = LocalError::io("write", path);
    let written =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())
        });
    written.map_err(doing)
}

/// The text of a file, or `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<String>, LocalError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LocalError::io("read", path)(error)),
    }
}

/// Removes a directory with all it holds; none is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), LocalError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a file; none is fine.
pub(crate) fn remove(path: &Path) -> Result<(), LocalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(LocalError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a rename or a creation inside `directory` durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), LocalError> {
    fs::File::open(directory).and_then(|handle| handle.sync_all()).map_err(LocalError::io("sync", directory))
}
