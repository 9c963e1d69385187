//! Two hundred persons on the simulated Telegram's side, twenty messages a second, and what became of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Interval;

use crate::node::until;

pub const PERSONS: usize = 200;
/// Between two messages, of whomever.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest that anybody waits for an answer before they call it lost.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST: i64 = 1000;

pub struct Crowd {
    client: reqwest::Client,
    base: String,
    said: AtomicUsize,
}

/// What the crowd said in a time, and how long it waited for the answers.
#[derive(Debug)]
pub struct Talk {
    pub said: usize,
    pub took: Duration,
    pub longest: Duration,
    pub middle: Duration,
}

/// Messages of persons and of the bot, over all chats.
#[derive(Debug, PartialEq, Eq)]
pub struct Tally {
    pub said: usize,
    /// Persons' messages that nothing came after.
    pub unanswered: usize,
    /// The bot's messages beyond one for each.
    pub repeated: usize,
}

/// A talk under way.
struct Talking {
    crowd: Arc<Crowd>,
    begun: Instant,
    pace: Interval,
    waits: JoinSet<Duration>,
}

impl Talking {
    fn of(crowd: &Arc<Crowd>) -> Self {
        let pace = tokio::time::interval(PAUSE);
        Self { crowd: crowd.clone(), begun: Instant::now(), pace, waits: JoinSet::new() }
    }

    /// Says the next message when its time has come, and leaves the answer to be waited for.
    async fn one_more(&mut self) {
        self.pace.tick().await;
        let crowd = self.crowd.clone();
        self.waits.spawn(async move { crowd.one().await });
    }

    /// Hears all answers.
    async fn ends(self) -> Talk {
        let took = self.begun.elapsed();
        let mut waited = self.waits.join_all().await;
        waited.sort();
        let at = |index: usize| waited.get(index).copied().unwrap_or_default();
        let (longest, middle) = (at(waited.len().saturating_sub(1)), at(waited.len() / 2));
        Talk { said: waited.len(), took, longest, middle }
    }
}

impl Crowd {
    /// `base`: where the simulated world is served.
    pub fn at(base: String) -> Arc<Self> {
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        Arc::new(Self { client, base, said: AtomicUsize::new(0) })
    }

    /// Twenty messages a second for as long as `what` takes; every message is waited for.
    ///
    /// Every second message goes through the worker and the model, the others are answered by the bot itself.
    pub async fn talks_during<T>(self: &Arc<Self>, what: impl Future<Output = T>) -> (T, Talk) {
        let mut talking = Talking::of(self);
        let mut what = std::pin::pin!(what);
        let done = loop {
            tokio::select! {
                done = &mut what => break done,
                () = talking.one_more() => {}
            }
        };
        (done, talking.ends().await)
    }

    /// Says so many messages at that pace and hears the answers.
    pub async fn talks(self: &Arc<Self>, messages: usize) -> Talk {
        let mut talking = Talking::of(self);
        for _ in 0..messages {
            talking.one_more().await;
        }
        talking.ends().await
    }

    /// Says one message and waits for what comes after it; how long that took.
    async fn one(&self) -> Duration {
        let begun = Instant::now();
        let (chat, number) = self.says().await;
        let heard = tokio::time::timeout(PATIENCE, async {
            while !self.chat(chat, number, 5).await.iter().any(|message| message["from"] == "bot") {}
        });
        // Who waits in vain is counted with the longest wait, and by the tally.
        let _ = heard.await;
        begun.elapsed()
    }

    /// Says the next message of the next person: the chat, and the message's number.
    pub async fn says(&self) -> (i64, i64) {
        let turn = self.said.fetch_add(1, Ordering::Relaxed);
        let (round, person) = (turn / PERSONS, turn % PERSONS);
        let text = if (round + person) % 2 == 0 { "What do you do in the evenings?" } else { "/help" };
        let chat = FIRST + i64::try_from(person).unwrap();
        let from = json!({"id": chat, "first_name": format!("Person {person}"), "language_code": "en"});
        let request = self.client.post(self.url(chat)).json(&json!({"text": text, "from": from}));
        let sent: Value = request.send().await.unwrap().error_for_status().unwrap().json().await.unwrap();
        (chat, sent["message_id"].as_i64().unwrap())
    }

    /// What all chats hold once every message has an answer, or at the end of patience.
    pub async fn tally(&self) -> Tally {
        let settled = tokio::time::timeout(
            PATIENCE,
            until("every message has an answer", || async {
                let tally = self.count().await;
                (tally.unanswered == 0).then_some(tally)
            }),
        );
        match settled.await {
            Ok(tally) => tally,
            Err(_) => self.count().await,
        }
    }

    async fn count(&self) -> Tally {
        let said = self.said.load(Ordering::Relaxed);
        let mut tally = Tally { said: 0, unanswered: 0, repeated: 0 };
        for person in 0..said.min(PERSONS) {
            let mut by: BTreeMap<bool, usize> = BTreeMap::new();
            for message in self.chat(FIRST + i64::try_from(person).unwrap(), 0, 0).await {
                *by.entry(message["from"] == "bot").or_default() += 1;
            }
            let of = |bot| by.get(&bot).copied().unwrap_or_default();
            let (asked, answered) = (of(false), of(true));
            tally.said += asked;
            tally.unanswered += asked.saturating_sub(answered);
            tally.repeated += answered.saturating_sub(asked);
        }
        assert_eq!(tally.said, said, "the simulated world has lost what was said in it");
        tally
    }

    /// The messages of a chat after one of them, oldest first; waits so many seconds for the first.
    async fn chat(&self, chat: i64, after: i64, wait: u32) -> Vec<Value> {
        let url = format!("{}?after={after}&wait={wait}", self.url(chat));
        let answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        answer["messages"].as_array().cloned().unwrap_or_default()
    }

    /// What Telegram says to a bot that calls this method.
    pub async fn telegram(&self, token: &str, method: &str) -> Value {
        let url = format!("{}/bot{token}/{method}", self.base);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    fn url(&self, chat: i64) -> String {
        format!("{}/sim/chats/{chat}/messages", self.base)
    }
}
