//! Whether Telegram answers at all. When it does not, every chat would find that out for itself, again and again: so
//! after some requests in a row that nobody answered, whatever the chat, this process sends one message now and then and
//! nothing else, until one is answered. Any answer counts, a refusal too.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::metrics;

/// Requests in a row without an answer. One or two may be a message's own fault, or a connection's.
const FAILURES: u32 = 3;

pub(super) struct Reach {
    probe_interval: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    away: Option<Away>,
}

struct Away {
    since: Instant,
    probe_at: Instant,
}

impl Reach {
    pub fn new(probe_interval: Duration) -> Self {
        Self { probe_interval, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_away(&self) -> bool {
        self.state().away.is_some()
    }

    /// May a message be made ready?
    pub fn is_open(&self) -> bool {
        self.state().away.as_ref().is_none_or(|away| away.probe_at <= Instant::now())
    }

    /// May this message go? While Telegram is away the first that asks after a while is the probe.
    pub fn pass(&self) -> bool {
        let now = Instant::now();
        match &mut self.state().away {
            None => true,
            Some(away) if away.probe_at <= now => {
                away.probe_at = now + self.probe_interval;
                true
            }
            Some(_) => false,
        }
    }

    /// Telegram has said something. True: for the first time since it was away.
    pub fn answered(&self) -> bool {
        let mut state = self.state();
        state.failures = 0;
        let Some(away) = state.away.take() else { return false };
        metrics().telegram_away.dec();
        tracing::info!(seconds = away.since.elapsed().as_secs(), "Telegram answers again");
        true
    }

    /// A request without an answer. Returns whether Telegram is away.
    pub fn silent(&self, reason: &str) -> bool {
        let mut state = self.state();
        state.failures += 1;
        if state.away.is_none() && state.failures >= FAILURES {
            let since = Instant::now();
            state.away = Some(Away { since, probe_at: since + self.probe_interval });
            metrics().telegram_away.inc();
            tracing::warn!(%reason, "Telegram does not answer; messages wait, and one is tried now and then");
        }
        state.away.is_some()
    }
}

impl Drop for Reach {
    fn drop(&mut self) {
        if self.is_away() {
            metrics().telegram_away.dec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silence_lets_one_probe_through_at_a_time_and_any_answer_ends_it() {
        let reach = Reach::new(Duration::from_secs(2));
        assert!(!reach.silent("a") && !reach.silent("b"));
        assert!(!reach.answered());
        assert!(!reach.silent("a") && !reach.silent("b") && reach.is_open());
        assert!(reach.silent("c"));
        assert!(!reach.is_open() && !reach.pass());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(reach.is_open());
        assert!(reach.pass() && !reach.pass());
        assert!(reach.silent("the probe"));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(reach.pass());
        assert!(reach.answered() && !reach.answered());
        assert!(reach.pass() && reach.pass());
    }
}
