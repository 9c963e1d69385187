//! What a server says: into a bounded file, its last lines kept for an error message.
//!
//! The server writes into a pipe and a thread of ours into the file, so the file has a bound
//! whatever the server does. When we are killed, the server's writes fail and it goes on.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, PipeReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A file is set aside when it is as long as this, so the two together take at most twice that.
const FILE_BYTES: u64 = 1 << 20;
/// A longer line is cut into pieces of this length.
const LINE_BYTES: u64 = 8 << 10;
const KEPT_LINES: usize = 20;

/// The last lines of a running or ended server.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    path: PathBuf,
    shared: Arc<(Mutex<Kept>, Condvar)>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    ended: bool,
}

impl Tail {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, shared: Arc::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies until the last writer is gone.
    pub(crate) fn copy(&self, from: PipeReader) {
        let mut file = BoundedFile::open(&self.path);
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match (&mut from).take(LINE_BYTES).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    file.append(&line);
                    self.keep(String::from_utf8_lossy(&line).trim_end().to_owned());
                }
            }
        }
        let (kept, ended) = &*self.shared;
        kept.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        ended.notify_all();
    }

    fn keep(&self, line: String) {
        let mut kept = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.lines.len() == KEPT_LINES {
            kept.lines.pop_front();
        }
        kept.lines.push_back(line);
    }

    /// The last lines; waits up to `limit` for a server that is ending to say its last word.
    pub(crate) fn lines(&self, limit: Duration) -> Vec<String> {
        let (kept, ended) = &*self.shared;
        let guard = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) =
            ended.wait_timeout_while(guard, limit, |kept| !kept.ended).unwrap_or_else(PoisonError::into_inner);
        guard.lines.iter().cloned().collect()
    }
}

/// A log must not stop a server: what cannot be written is dropped.
struct BoundedFile {
    path: PathBuf,
    file: Option<File>,
    length: u64,
}

impl BoundedFile {
    fn open(path: &Path) -> Self {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path).ok();
        let length = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |data| data.len());
        Self { path: path.to_owned(), file, length }
    }

    fn append(&mut self, line: &[u8]) {
        if self.length >= FILE_BYTES {
            let aside = self.path.with_extension("log.1");
            if fs::rename(&self.path, aside).is_err() {
                return;
            }
            *self = Self::open(&self.path);
        }
        if let Some(file) = &mut self.file
            && file.write_all(line).is_ok()
        {
            self.length += line.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_stay_bounded_and_the_last_lines_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("server.log");
        let tail = Tail::new(path.clone());
        let (from, mut to) = std::io::pipe().unwrap();
        let copier = {
            let tail = tail.clone();
            std::thread::spawn(move || tail.copy(from))
        };
        let wide = "x".repeat(4000);
        for number in 0..1000 {
            writeln!(to, "{number} {wide}").unwrap();
        }
        writeln!(to, "the end").unwrap();
        drop(to);
        copier.join().unwrap();
        let kept = tail.lines(Duration::ZERO);
        assert_eq!(kept.len(), KEPT_LINES);
        assert_eq!(kept.last().unwrap(), "the end");
        let total: u64 = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
        assert!(total <= 2 * (FILE_BYTES + LINE_BYTES), "{total}");
        assert!(fs::read_to_string(&path).unwrap().ends_with("the end\n"));
    }
}
