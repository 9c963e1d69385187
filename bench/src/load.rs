//! The load generator: updates by webhook over kept connections, or into the fake Bot API's queue for polling.
//!
//! Open: a thread of its own says when the next update is due, because a runtime's timer is only good to a
//! millisecond. What is due is begun at once, whether earlier ones are answered or not; over the connections that
//! Telegram may open they wait for their turn, and the wait counts. Closed: each of so many begins the next when the
//! last is through.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::api::FakeApi;
use crate::http::Peer;
use crate::ledger::Shared;
use crate::settings::Load;

pub const WEBHOOK_PATH: &str = "/telegram/webhook";
/// A refused post is repeated as Telegram would, sooner.
const REPEATS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);
/// A person who gets no answer for so long counts as missing one.
const PATIENCE: Duration = Duration::from_secs(20);
/// Moments that are due and not yet looked at.
pub const AHEAD: usize = 1024;

/// Where updates go.
#[derive(Clone)]
pub enum Target {
    Webhook(Arc<Peer>),
    Polling(Arc<FakeApi>),
}

#[derive(Clone)]
pub struct Generator {
    pub ledger: Shared,
    pub target: Target,
}

/// A fixed sequence that looks like chance: a run can be repeated, and no chat has a rhythm.
#[derive(Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        // SplitMix64, https://prng.di.unimi.it/splitmix64.c
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Generator {
    /// Until `end`; what is begun by then is carried through.
    pub async fn run(&self, load: Load, end: Instant) {
        match load {
            Load::PerSecond(rate) => self.open(rate, end).await,
            Load::AtATime(count) => self.closed(count, end).await,
        }
    }

    async fn open(&self, rate: u32, end: Instant) {
        let (due, mut moments) = mpsc::channel(AHEAD);
        let pacer = tokio::task::spawn_blocking(move || pace(rate, end, &due));
        let mut chance = Chance(u64::from(rate));
        let mut work = JoinSet::new();
        while let Some(due) = moments.recv().await {
            self.ledger.lock().late(due, Instant::now());
            let (this, index) = (self.clone(), chance.next());
            work.spawn(async move { this.deliver(index, due).await });
            while work.try_join_next().is_some() {}
        }
        work.join_all().await;
        // It has closed the channel, so it has ended.
        let _ = pacer.await;
    }

    async fn closed(&self, count: usize, end: Instant) {
        let mut work = JoinSet::new();
        for n in 0..count as u64 {
            let this = self.clone();
            work.spawn(async move {
                let mut chance = Chance(n << 32);
                while Instant::now() < end {
                    this.deliver_through(chance.next(), Instant::now()).await;
                }
            });
        }
        work.join_all().await;
    }

    /// One update of each chat, `at_a_time` side by side: from here on the bot knows everybody.
    pub async fn introduce(&self, chats: u32, at_a_time: usize) {
        let mut work = JoinSet::new();
        for first in 0..at_a_time as u64 {
            let this = self.clone();
            work.spawn(async move {
                for index in (first..u64::from(chats)).step_by(at_a_time) {
                    this.deliver_through(index, Instant::now()).await;
                }
            });
        }
        work.join_all().await;
    }

    async fn deliver(&self, index: u64, due: Instant) {
        let (id, update) = self.update(index, due, None);
        match &self.target {
            Target::Polling(api) => api.push(id, update),
            Target::Webhook(peer) => self.post(peer, update.into(), due).await,
        }
    }

    /// Returns when a bot by webhook has acknowledged it, or a bot that polls has answered it.
    async fn deliver_through(&self, index: u64, due: Instant) {
        let Target::Polling(api) = &self.target else { return self.deliver(index, due).await };
        let (answer, answered) = oneshot::channel();
        let (id, update) = self.update(index, due, Some(answer));
        api.push(id, update);
        // Without an answer the ledger knows that one is missing.
        let _ = tokio::time::timeout(PATIENCE, answered).await;
    }

    fn update(&self, index: u64, due: Instant, answered: Option<oneshot::Sender<()>>) -> (i64, String) {
        let mut ledger = self.ledger.lock();
        let chat = ledger.chat(index);
        let id = ledger.posted(chat, due, answered);
        let text = format!(
            "{{\"update_id\":{id},\"message\":{{\"message_id\":{id},\"from\":{{\"id\":{chat},\"is_bot\":false,\
             \"first_name\":\"Person\",\"username\":\"person{chat}\",\"language_code\":\"en\"}},\"chat\":{{\"id\":\
             {chat},\"first_name\":\"Person\",\"username\":\"person{chat}\",\"type\":\"private\"}},\"date\":\
             1700000000,\"text\":\"/help\",\"entities\":[{{\"offset\":0,\"length\":5,\"type\":\"bot_command\"}}]}}}}"
        );
        (id, text)
    }

    async fn post(&self, peer: &Peer, body: Bytes, due: Instant) {
        for _ in 0..REPEATS {
            if matches!(peer.post(WEBHOOK_PATH, body.clone()).await, Ok(StatusCode::OK)) {
                self.ledger.lock().acknowledged(due, Instant::now());
                return;
            }
            self.ledger.lock().refused();
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Says when each update is due; a moment that was missed is said at once and keeps its time.
pub fn pace(rate: u32, end: Instant, due: &mpsc::Sender<Instant>) {
    let start = Instant::now();
    for n in 0u64.. {
        let at = start + Duration::from_nanos(n * 1_000_000_000 / u64::from(rate));
        if at >= end {
            return;
        }
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if due.blocking_send(at).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    #[test]
    fn every_moment_is_said_although_nobody_was_in_time() {
        let (due, mut moments) = mpsc::channel(AHEAD);
        let begun = Instant::now();
        pace(1_000_000, begun + Duration::from_micros(500), &due);
        drop(due);
        let mut said = Vec::new();
        while let Some(at) = moments.blocking_recv() {
            said.push(at);
        }
        assert!(said.len() > 1 && said.windows(2).all(|w| w[1] - w[0] == Duration::from_micros(1)), "{}", said.len());
    }

    #[test]
    fn an_update_is_json_and_its_chat_is_one_that_is_counted() {
        let ledger = Ledger::shared(3);
        let peer = Peer::new(([127, 0, 0, 1], 1).into(), 1, "").unwrap();
        let generator = Generator { ledger: ledger.clone(), target: Target::Webhook(peer) };
        let (id, text) = generator.update(u64::MAX, Instant::now(), None);
        let update: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(update["update_id"], id);
        ledger.lock().received(update["message"]["chat"]["id"].as_i64().unwrap(), Instant::now());
        assert_eq!(ledger.lock().outstanding(), 0);
    }
}
