//! Worlds for end-to-end tests: a database of one's own, the simulated Telegram, replicas of a bot, and people.
//!
//! Everything is real but Telegram. A test says what happens and looks at what a person sees; it waits on conditions,
//! with a limit, and never on the clock.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "the code of tests")]

pub mod clock;
pub mod database;
pub mod person;
pub mod process;
pub mod replica;
pub mod talker;
pub mod telegram;
pub mod tunnel;
pub mod webdriver;

use std::time::Duration;

/// The longest that a test waits for anything: far over what it takes, so that a busy machine fails no test.
pub const LIMIT: Duration = Duration::from_secs(40);

/// Waits until `check` gives something, looking again and again.
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let result = tokio::time::timeout(LIMIT, async {
        loop {
            if let Some(value) = check().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    result.unwrap_or_else(|_| panic!("waited {LIMIT:?} for: {what}"))
}

/// One TLS provider a process, as every main installs it.
pub fn tls() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
