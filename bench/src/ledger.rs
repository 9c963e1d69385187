//! Who waits for what: every update that was posted, until the fake Bot API has received its message.
//!
//! A reply to `/help` does not say which update it answers, but a chat's order is kept: the first message into a chat
//! is its oldest update's. A message that nobody waits for is one too many, an update that still waits in the end is
//! missing; both are counted, neither is forgotten.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// The first chat's id; above those that are anything else.
const FIRST_CHAT: i64 = 1_000_000_000;

#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Waiting {
    due: Instant,
    answered: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
pub struct Ledger {
    chats: Vec<VecDeque<Waiting>>,
    window: Option<(Instant, Instant)>,
    next_update: i64,
    outstanding: usize,
    tally: Tally,
}

/// What one stage's window held. Latencies in the order of arrival.
#[derive(Debug, Default)]
pub struct Tally {
    /// Messages received in the window, whenever their updates were due.
    pub answered: u64,
    /// Of updates due in the window: until the acknowledgement, and until the fake Bot API had the message.
    pub acknowledged_after: Vec<Duration>,
    pub sent_after: Vec<Duration>,
    /// How much later than due the generator began with an update.
    pub late: Vec<Duration>,
    /// Over the whole stage, warm-up included.
    pub posted: u64,
    /// Posts not answered with 200; they are repeated.
    pub refused: u64,
    pub missing: u64,
    pub surplus: u64,
}

impl Ledger {
    pub fn shared(chats: u32) -> Shared {
        Shared(Arc::new(Mutex::new(Self {
            chats: (0..chats).map(|_| VecDeque::new()).collect(),
            window: None,
            next_update: 1,
            outstanding: 0,
            tally: Tally::default(),
        })))
    }

    /// Begins a stage.
    pub fn open(&mut self, from: Instant, to: Instant) {
        self.window = Some((from, to));
        self.tally = Tally::default();
    }

    /// Ends a stage: what still waits is missing.
    pub fn close(&mut self) -> Tally {
        self.window = None;
        let mut tally = std::mem::take(&mut self.tally);
        tally.missing = self.outstanding as u64;
        self.chats.iter_mut().for_each(VecDeque::clear);
        self.outstanding = 0;
        tally
    }

    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Messages received in this stage for somebody who waited.
    pub fn received_so_far(&self) -> usize {
        self.tally.sent_after.len()
    }

    fn in_window(&self, at: Instant) -> bool {
        self.window.is_some_and(|(from, to)| from <= at && at < to)
    }

    /// The chat with this index: the index counts round.
    pub fn chat(&self, index: u64) -> i64 {
        let count = self.chats.len() as u64;
        FIRST_CHAT + i64::try_from(index % count).unwrap_or(0)
    }

    /// An update of a chat is on its way; gives it its id.
    pub fn posted(&mut self, chat: i64, due: Instant, answered: Option<oneshot::Sender<()>>) -> i64 {
        if let Some(waiting) = self.waiting(chat) {
            waiting.push_back(Waiting { due, answered });
            self.outstanding += 1;
            self.tally.posted += 1;
        }
        self.next_update += 1;
        self.next_update
    }

    pub fn late(&mut self, due: Instant, now: Instant) {
        if self.in_window(due) {
            self.tally.late.push(now.saturating_duration_since(due));
        }
    }

    pub fn acknowledged(&mut self, due: Instant, now: Instant) {
        if self.in_window(due) {
            self.tally.acknowledged_after.push(now.saturating_duration_since(due));
        }
    }

    pub fn refused(&mut self) {
        self.tally.refused += 1;
    }

    /// The fake Bot API has a message for a chat.
    pub fn received(&mut self, chat: i64, now: Instant) {
        let Some(waiting) = self.waiting(chat).and_then(VecDeque::pop_front) else {
            self.tally.surplus += 1;
            return;
        };
        self.outstanding -= 1;
        if let Some(answered) = waiting.answered {
            // Its stage may be over.
            let _ = answered.send(());
        }
        if self.in_window(now) {
            self.tally.answered += 1;
        }
        if self.in_window(waiting.due) {
            self.tally.sent_after.push(now.saturating_duration_since(waiting.due));
        }
    }

    fn waiting(&mut self, chat: i64) -> Option<&mut VecDeque<Waiting>> {
        self.chats.get_mut(usize::try_from(chat - FIRST_CHAT).ok()?)
    }
}

/// The value that so much of the samples does not exceed.
pub fn quantile(samples: &[Duration], part: f64) -> Option<Duration> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a slice")]
    let place = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_missing_and_a_surplus_message_are_both_found() {
        let shared = Ledger::shared(2);
        let mut ledger = shared.lock();
        let start = Instant::now();
        ledger.open(start, start + 100 * MS);
        let (one, two) = (ledger.chat(0), ledger.chat(1));
        assert_ne!(ledger.posted(one, start, None), ledger.posted(two, start, None));
        ledger.received(one, start + 3 * MS);
        ledger.received(one, start + 4 * MS);
        let tally = ledger.close();
        assert_eq!((tally.posted, tally.answered, tally.missing, tally.surplus), (2, 1, 1, 1));
        assert_eq!(tally.sent_after, [3 * MS]);
    }

    #[test]
    fn the_warm_up_is_not_measured_and_latency_counts_from_when_an_update_was_due() {
        let shared = Ledger::shared(1);
        let mut ledger = shared.lock();
        let start = Instant::now();
        ledger.open(start + 10 * MS, start + 20 * MS);
        let chat = ledger.chat(7);
        ledger.posted(chat, start, None);
        ledger.posted(chat, start + 11 * MS, None);
        ledger.received(chat, start + 12 * MS);
        ledger.received(chat, start + 25 * MS);
        let tally = ledger.close();
        assert_eq!((tally.answered, tally.sent_after), (1, vec![14 * MS]));
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let samples: Vec<Duration> = (1..=100).rev().map(|n| n * MS).collect();
        assert_eq!(quantile(&samples, 0.5), Some(50 * MS));
        assert_eq!(quantile(&samples, 0.99), Some(99 * MS));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
