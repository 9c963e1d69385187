//! The journal: what happened, one JSON array of entries a line, in the order it was acknowledged.
//!
//! A line is written by one `write` before anyone is answered, so a killed process loses nothing
//! acknowledged (the kernel has it); a machine that loses power may lose the last moments. A line cut
//! off at the end of the file was never acknowledged and is removed. At open, and when it has grown
//! far beyond the state that it describes, the journal is replaced by a snapshot, atomically.
//!
//! Must never happen: two processes writing one journal (a file lock keeps the second out), and a
//! broken line skipped in the middle (opening fails and says where).

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::config::SimError;
use crate::entry::Entry;

const NAME: &str = "journal.jsonl";
/// A journal smaller than this is not worth a snapshot while running.
const COMPACT_ABOVE: u64 = 64 * 1024 * 1024;
/// Entries a line in a snapshot.
const CHUNK: usize = 64;

pub struct Journal {
    dir: PathBuf,
    file: File,
    length: u64,
    /// Length of the snapshot that it began with.
    snapshot: u64,
    _lock: Flock<File>,
}

impl Journal {
    /// Opens or makes the journal in `dir` and gives every entry in it to `apply`.
    ///
    /// # Errors
    /// The folder cannot be used, another process uses it, or a line that was once whole is not JSON.
    pub fn open(dir: &Path, mut apply: impl FnMut(Entry)) -> Result<Self, SimError> {
        fs::create_dir_all(dir).map_err(SimError::io(dir))?;
        let lock_path = dir.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = Flock::lock(lock.map_err(SimError::io(&lock_path))?, FlockArg::LockExclusiveNonblock)
            .map_err(|_| SimError::InUse { path: dir.to_owned() })?;
        let path = dir.join(NAME);
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let length = match &mut file {
            Ok(file) => read(file, &path, &mut apply)?,
            Err(_) => 0,
        };
        let mut file = file.map_err(SimError::io(&path))?;
        file.set_len(length).and_then(|()| file.seek(SeekFrom::Start(length))).map_err(SimError::io(&path))?;
        Ok(Self { dir: dir.to_owned(), file, length, snapshot: 0, _lock: lock })
    }

    /// Writes the entries as one line: after a crash all of them are there or none.
    ///
    /// # Errors
    /// The file system refused; the journal is as it was before.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), SimError> {
        let mut line = serde_json::to_vec(entries).map_err(|e| SimError::io(self.dir.join(NAME))(e.into()))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // Half a line must not stand before the next one.
            let back = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(self.length)));
            if let Err(error) = back {
                tracing::error!(%error, "the journal could not be cut back after a failed write");
            }
            return Err(SimError::io(self.dir.join(NAME))(error));
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Whether most of the journal tells of what is gone by now.
    pub fn wants_compaction(&self) -> bool {
        self.length > COMPACT_ABOVE.max(self.snapshot.saturating_mul(4))
    }

    /// Replaces all by `entries`: written aside, made durable, then renamed over the old journal.
    ///
    /// # Errors
    /// The file system refused; the old journal is in use as before.
    pub fn compact(&mut self, entries: &[Entry]) -> Result<(), SimError> {
        let path = self.dir.join(NAME);
        let aside = self.dir.join("journal.new");
        let (file, length) = write_snapshot(&aside, entries).map_err(SimError::io(&aside))?;
        fs::rename(&aside, &path).map_err(SimError::io(&path))?;
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(SimError::io(&self.dir))?;
        (self.file, self.length, self.snapshot) = (file, length, length);
        Ok(())
    }
}

fn write_snapshot(path: &Path, entries: &[Entry]) -> std::io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    let mut out = BufWriter::new(file);
    for chunk in entries.chunks(CHUNK) {
        serde_json::to_writer(&mut out, chunk)?;
        out.write_all(b"\n")?;
    }
    let mut file = out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let length = file.stream_position()?;
    Ok((file, length))
}

/// Applies every whole line and gives the length of them all.
fn read(file: &mut File, path: &Path, apply: &mut impl FnMut(Entry)) -> Result<u64, SimError> {
    let mut reader = BufReader::new(file);
    let (mut length, mut number, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        number += 1;
        let size = reader.read_until(b'\n', &mut line).map_err(SimError::io(path))?;
        if line.last() != Some(&b'\n') {
            if size > 0 {
                tracing::info!(path = %path.display(), bytes = size, "the journal's last line was cut off and is dropped");
            }
            return Ok(length);
        }
        let entries: Vec<Entry> = serde_json::from_slice(&line).map_err(|error| SimError::Journal {
            path: path.to_owned(),
            line: number,
            reason: error.to_string(),
        })?;
        entries.into_iter().for_each(&mut *apply);
        length += size as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(unique: &str) -> Entry {
        Entry::FileGone { unique: unique.to_owned() }
    }

    /// Opens the journal and tells what is in it.
    fn open(dir: &Path) -> (Journal, Vec<String>) {
        let mut found = Vec::new();
        let journal = Journal::open(dir, |entry| match entry {
            Entry::FileGone { unique } => found.push(unique),
            other => panic!("never written: {other:?}"),
        });
        (journal.unwrap(), found)
    }

    #[test]
    fn what_follows_a_line_cut_off_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        journal.append(&[entry("a"), entry("b")]).unwrap();
        journal.file.write_all(b"[{\"FileGone\":{\"uni").unwrap();
        drop(journal);
        let (mut journal, found) = open(dir.path());
        assert_eq!(found, ["a", "b"]);
        journal.append(&[entry("c")]).unwrap();
        drop(journal);
        assert_eq!(open(dir.path()).1, ["a", "b", "c"]);
    }

    #[test]
    fn entries_after_a_snapshot_follow_it() {
        let dir = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(dir.path());
        journal.append(&[entry("a"), entry("b")]).unwrap();
        journal.compact(&[entry("b")]).unwrap();
        journal.append(&[entry("c")]).unwrap();
        drop(journal);
        assert_eq!(open(dir.path()).1, ["b", "c"]);
    }
}
