//! A clock for a process: the executable under test asks the system for the time as ever, and gets ours.
//!
//! By libfaketime (<https://github.com/wolfcw/libfaketime>), which answers `clock_gettime` from a file. Only the time of
//! day: what the executable waits for goes by the machine's own monotonic clock. PostgreSQL has its own time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use vitte_platform::clock::Timestamp;

/// A time of day that stands still until it is moved.
pub struct FileClock {
    file: PathBuf,
    now: std::sync::Mutex<Timestamp>,
}

impl FileClock {
    /// Kept in `folder`, to the second.
    pub fn at(folder: &Path, now: &str) -> Self {
        let clock = Self { file: folder.join("clock"), now: std::sync::Mutex::new(now.parse().unwrap()) };
        clock.advance(Duration::ZERO);
        clock
    }

    pub fn advance(&self, by: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += by;
        // Whoever reads meanwhile reads the one or the other.
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, now.format("%Y-%m-%d %H:%M:%S\n").to_string()).unwrap();
        std::fs::rename(&draft, &self.file).unwrap();
    }

    /// For the process that is to live by this clock.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("LD_PRELOAD", library().display().to_string()),
            ("TZ", "UTC".to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

/// The variant for programs with threads, where Debian and others keep it.
fn library() -> PathBuf {
    let below = std::fs::read_dir("/usr/lib").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let folders = below.chain(["/usr/lib".into(), "/usr/lib64".into()]);
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|path| path.exists());
    found.next().expect("libfaketime is missing: run the tests by `make test`, or tools/install-packages clock first")
}
