//! The bytes of uploaded files: on disk under `files/`, or in memory.
//!
//! What is known about a file (`FileMeta`) is in the world and its journal; a file is written before
//! its entry is, so that what the journal names exists. Beyond the bound the oldest go first.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::config::SimError;

/// Largest file, the most that getFile gives at Telegram.
pub const MAX_FILE: usize = 20 * 1024 * 1024;
const MAX_ON_DISK: u64 = 500 * 1024 * 1024;
const MAX_IN_MEMORY: u64 = 100 * 1024 * 1024;

#[derive(Default)]
struct Kept {
    /// Oldest first.
    order: VecDeque<(String, u64)>,
    total: u64,
    bytes: HashMap<String, Bytes>,
}

pub struct FileStore {
    dir: Option<PathBuf>,
    /// Bytes of all files together.
    most: u64,
    kept: Mutex<Kept>,
}

impl FileStore {
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn open(data_dir: Option<&Path>) -> Result<Self, SimError> {
        let dir = data_dir.map(|dir| dir.join("files"));
        let mut kept = Kept::default();
        if let Some(dir) = &dir {
            std::fs::create_dir_all(dir).map_err(SimError::io(dir))?;
            let mut found = Vec::new();
            for entry in std::fs::read_dir(dir).map_err(SimError::io(dir))?.flatten() {
                if let (Ok(meta), Ok(name)) = (entry.metadata(), entry.file_name().into_string()) {
                    found.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), name, meta.len()));
                }
            }
            found.sort();
            kept.total = found.iter().map(|(_, _, size)| size).sum();
            kept.order = found.into_iter().map(|(_, name, size)| (name, size)).collect();
        }
        let most = if dir.is_some() { MAX_ON_DISK } else { MAX_IN_MEMORY };
        Ok(Self { dir, most, kept: Mutex::new(kept) })
    }

    /// Keeps a file and gives the names of those that had to go for it.
    ///
    /// # Errors
    /// The disk refused.
    pub async fn put(&self, unique: &str, bytes: Bytes) -> Result<Vec<String>, SimError> {
        let size = bytes.len() as u64;
        if let Some(dir) = &self.dir {
            let path = dir.join(unique);
            tokio::fs::write(&path, &bytes).await.map_err(SimError::io(path))?;
        }
        let gone = self.make_room(unique, size, bytes);
        if let Some(dir) = &self.dir {
            for name in &gone {
                if let Err(error) = tokio::fs::remove_file(dir.join(name)).await {
                    tracing::warn!(%error, name, "an old file could not be removed");
                }
            }
        }
        Ok(gone)
    }

    fn make_room(&self, unique: &str, size: u64, bytes: Bytes) -> Vec<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.order.push_back((unique.to_owned(), size));
        kept.total += size;
        if self.dir.is_none() {
            kept.bytes.insert(unique.to_owned(), bytes);
        }
        let mut gone = Vec::new();
        while kept.total > self.most {
            let Some((name, size)) = kept.order.pop_front() else { break };
            kept.total -= size;
            kept.bytes.remove(&name);
            gone.push(name);
        }
        gone
    }

    /// `unique` must come from a `FileMeta`, never from a request as it is: it becomes a path.
    pub async fn get(&self, unique: &str) -> Option<Bytes> {
        if let Some(dir) = &self.dir {
            return tokio::fs::read(dir.join(unique)).await.ok().map(Bytes::from);
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).bytes.get(unique).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_files_go_when_there_is_no_more_room() {
        let dir = tempfile::tempdir().unwrap();
        for data_dir in [None, Some(dir.path())] {
            let mut store = FileStore::open(data_dir).unwrap();
            store.most = 10;
            assert_eq!(store.put("a", Bytes::from_static(b"1234")).await.unwrap(), [""; 0]);
            assert_eq!(store.put("b", Bytes::from_static(b"1234")).await.unwrap(), [""; 0]);
            assert_eq!(store.put("c", Bytes::from_static(b"1234")).await.unwrap(), ["a"]);
            assert_eq!(store.get("a").await, None);
            assert_eq!(store.get("c").await.as_deref(), Some(&b"1234"[..]));
        }
    }
}
