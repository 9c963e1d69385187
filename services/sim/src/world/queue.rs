//! The updates that one bot has not acknowledged, and in webhook mode the lanes they leave through.
//!
//! Updates enter at the end with a growing `seq` and leave when acknowledged or too old. In webhook
//! mode each sits in the lane of its chat: of a lane at most one is in flight, and the next leaves
//! only after the one before was acknowledged. Never may an update leave the queue otherwise.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::model::Pending;

/// Telegram forgets updates after a day.
pub const KEPT_SECONDS: i64 = 24 * 60 * 60;
/// Above this a person is told to wait: a bot that is away must not eat the memory.
pub const MAX_PENDING: usize = 100_000;
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LAST_RETRY: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Waiting {
    pending: Pending,
    /// Handed out at least once by getUpdates.
    served: bool,
}

#[derive(Debug, Default)]
pub struct Queue {
    waiting: BTreeMap<u64, Waiting>,
    injected: usize,
    lanes: Option<Lanes>,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.waiting.values().map(|waiting| &waiting.pending)
    }

    pub fn push(&mut self, pending: Pending) {
        if let Some(lanes) = &mut self.lanes {
            lanes.push(pending.lane, pending.seq);
        }
        self.injected += usize::from(pending.injected);
        self.waiting.insert(pending.seq, Waiting { pending, served: false });
    }

    pub fn remove(&mut self, seqs: &[u64]) {
        for seq in seqs {
            if let Some(gone) = self.waiting.remove(seq) {
                self.injected -= usize::from(gone.pending.injected);
            }
        }
    }

    /// What an offset acknowledges: everything below it. An injected update may carry an id that was
    /// acknowledged long ago; it has to be handed out once before an offset counts for it.
    pub fn below(&self, offset: i64) -> Vec<u64> {
        let mut seqs = Vec::new();
        for (seq, waiting) in &self.waiting {
            let below = waiting.pending.update_id < offset;
            if !below && self.injected == 0 {
                break;
            }
            if below && (waiting.served || !waiting.pending.injected) {
                seqs.push(*seq);
            }
        }
        seqs
    }

    /// Everything but the last `count`.
    pub fn all_but_last(&self, count: usize) -> Vec<u64> {
        self.waiting.keys().take(self.waiting.len().saturating_sub(count)).copied().collect()
    }

    pub fn all(&self) -> Vec<u64> {
        self.waiting.keys().copied().collect()
    }

    /// Updates that Telegram would have forgotten by `now`.
    pub fn expired(&self, now: i64) -> Vec<u64> {
        self.waiting.iter().take_while(|(_, w)| w.pending.at + KEPT_SECONDS < now).map(|(seq, _)| *seq).collect()
    }

    /// The oldest `limit` updates, for getUpdates.
    pub fn serve(&mut self, limit: usize) -> Vec<Pending> {
        self.waiting
            .values_mut()
            .take(limit)
            .map(|waiting| {
                waiting.served = true;
                waiting.pending.clone()
            })
            .collect()
    }

    /// Begins (again) to deliver by webhook, oldest first.
    pub fn open_lanes(&mut self) {
        let mut lanes = Lanes::default();
        for waiting in self.waiting.values() {
            lanes.push(waiting.pending.lane, waiting.pending.seq);
        }
        self.lanes = Some(lanes);
    }

    pub fn close_lanes(&mut self) {
        self.lanes = None;
    }

    /// The next update to deliver, while fewer than `max` are in flight.
    pub fn next(&mut self, max: usize, now: Instant) -> Option<Pending> {
        let lanes = self.lanes.as_mut()?;
        while let Some(seq) = lanes.next(max, now) {
            if let Some(waiting) = self.waiting.get(&seq.seq) {
                return Some(waiting.pending.clone());
            }
            // Acknowledged or expired meanwhile: its lane goes on.
            lanes.done(seq.lane, true, now, 1.0);
        }
        None
    }

    /// When a refused lane is to be tried again.
    pub fn next_retry(&self) -> Option<Instant> {
        self.lanes.as_ref()?.later.first().map(|(at, _)| *at)
    }

    /// A delivery of the lane ended. `jitter` (around 1) stretches the pause after a failure.
    pub fn delivered(&mut self, lane: i64, acknowledged: bool, now: Instant, jitter: f64) {
        if let Some(lanes) = &mut self.lanes {
            lanes.done(lane, acknowledged, now, jitter);
        }
    }
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<u64>,
    failures: u32,
}

#[derive(Clone, Copy)]
struct Next {
    lane: i64,
    seq: u64,
}

/// Each lane with something to deliver is in exactly one place: ready, later, or in flight.
#[derive(Debug, Default)]
struct Lanes {
    lanes: HashMap<i64, Lane>,
    ready: VecDeque<i64>,
    later: BTreeSet<(Instant, i64)>,
    in_flight: usize,
}

impl Lanes {
    fn push(&mut self, lane: i64, seq: u64) {
        let entry = self.lanes.entry(lane).or_insert_with(|| {
            self.ready.push_back(lane);
            Lane::default()
        });
        entry.waiting.push_back(seq);
    }

    fn next(&mut self, max: usize, now: Instant) -> Option<Next> {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            self.ready.extend(self.later.pop_first().map(|(_, lane)| lane));
        }
        if self.in_flight >= max {
            return None;
        }
        let lane = self.ready.pop_front()?;
        let seq = *self.lanes.get(&lane)?.waiting.front()?;
        self.in_flight += 1;
        Some(Next { lane, seq })
    }

    fn done(&mut self, lane: i64, acknowledged: bool, now: Instant, jitter: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(entry) = self.lanes.get_mut(&lane) else { return };
        if acknowledged {
            entry.waiting.pop_front();
            entry.failures = 0;
            if entry.waiting.is_empty() {
                self.lanes.remove(&lane);
            } else {
                self.ready.push_back(lane);
            }
        } else {
            let doubled = FIRST_RETRY.saturating_mul(1 << entry.failures.min(10));
            entry.failures += 1;
            let pause = doubled.mul_f64(jitter).min(LAST_RETRY);
            self.later.insert((now + pause, lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn update(seq: u64, update_id: i64, lane: i64) -> Pending {
        let raw = RawValue::from_string("{}".to_owned()).unwrap();
        Pending { bot: 1, seq, update_id, lane, at: 0, injected: false, raw }
    }

    fn seq(pending: Option<Pending>) -> Option<u64> {
        pending.map(|pending| pending.seq)
    }

    #[test]
    fn a_chat_has_one_delivery_in_flight_and_others_do_not_wait_for_it() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.open_lanes();
        for (seq, lane) in [(1, 7), (2, 7), (3, 8)] {
            queue.push(update(seq, 100, lane));
        }
        assert_eq!(seq(queue.next(10, now)), Some(1));
        assert_eq!(seq(queue.next(10, now)), Some(3));
        assert_eq!(seq(queue.next(10, now)), None);
        queue.remove(&[1]);
        queue.delivered(7, true, now, 1.0);
        assert_eq!(seq(queue.next(10, now)), Some(2));
    }

    #[test]
    fn no_more_than_max_connections_are_in_flight() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.open_lanes();
        for lane in 1..=3 {
            queue.push(update(lane, 100, i64::try_from(lane).unwrap()));
        }
        assert_eq!(seq(queue.next(2, now)), Some(1));
        assert_eq!(seq(queue.next(2, now)), Some(2));
        assert_eq!(seq(queue.next(2, now)), None);
    }

    #[test]
    fn a_refused_update_comes_again_after_growing_pauses_up_to_thirty_seconds() {
        let (mut queue, mut now) = (Queue::default(), Instant::now());
        queue.open_lanes();
        queue.push(update(1, 100, 7));
        let mut pauses = Vec::new();
        for _ in 0..10 {
            assert_eq!(seq(queue.next(1, now)), Some(1));
            queue.delivered(7, false, now, 1.0);
            assert_eq!(seq(queue.next(1, now)), None);
            let at = queue.next_retry().unwrap();
            pauses.push((at - now).as_millis());
            now = at;
        }
        assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
    }

    #[test]
    fn an_injected_update_with_an_old_id_is_served_once_before_an_offset_removes_it() {
        let mut queue = Queue::default();
        queue.push(Pending { injected: true, ..update(1, 5, 7) });
        queue.push(update(2, 100, 7));
        assert_eq!(queue.below(100), Vec::<u64>::new());
        assert_eq!(queue.serve(10).len(), 2);
        assert_eq!(queue.below(100), [1]);
        assert_eq!(queue.below(101), [1, 2]);
    }

    #[test]
    fn updates_are_forgotten_after_a_day() {
        let mut queue = Queue::default();
        queue.push(update(1, 5, 7));
        assert_eq!(queue.expired(KEPT_SECONDS), Vec::<u64>::new());
        assert_eq!(queue.expired(KEPT_SECONDS + 1), [1]);
    }
}
