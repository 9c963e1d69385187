//! List, mark and create over HTTP, each by a person picked by a sequence that looks like chance, with their token.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use sqlx::PgPool;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::stored::{HABITS_EACH, Person, Stored};
use crate::api::FakeApi;
use crate::http::Peer;
use crate::ledger::{Ledger, quantile};
use crate::load::{AHEAD, Chance, pace};
use crate::process::{self, Memory};
use crate::say;
use crate::settings::{CONNECTIONS, Call, Load, Mode, Settings, Stage};
use crate::stage::Spent;
use crate::world::World;
use crate::{IDLE, machine};

/// One line of the table.
pub struct Row {
    pub name: &'static str,
    /// Answered in the window, whenever they were due.
    pub answered: u64,
    pub p50: Option<Duration>,
    pub p99: Option<Duration>,
    /// How much later than due the generator began with a request (p99).
    pub late: Option<Duration>,
    pub window: Duration,
    /// `bot` is the api's.
    pub spent: Spent,
    pub idle: Memory,
    pub memory: Memory,
    /// Answers that were not what they should be.
    pub wrong: u64,
    /// What was answered as done and is not there, or there more than once.
    pub lost: u64,
}

impl Row {
    pub fn accounted_for(&self) -> bool {
        self.answered > 0 && self.wrong == 0 && self.lost == 0
    }
}

#[derive(Default)]
struct Tally {
    window: Option<(Instant, Instant)>,
    answered: u64,
    after: Vec<Duration>,
    late: Vec<Duration>,
    wrong: u64,
    marked: HashSet<i64>,
    created: u64,
}

impl Tally {
    fn in_window(&self, at: Instant) -> bool {
        self.window.is_some_and(|(from, to)| from <= at && at < to)
    }
}

#[derive(Clone)]
struct Generator {
    peer: Arc<Peer>,
    people: Arc<Vec<Person>>,
    tally: Arc<Mutex<Tally>>,
    call: Call,
}

pub async fn measure(settings: &Settings, stages: &[&Stage]) -> anyhow::Result<(Vec<Row>, String)> {
    // Nobody sends anything here.
    let api = FakeApi::start(Ledger::shared(1)).await?;
    let world = World::bare(settings, &api, super::MANIFEST).await?;
    let pool = super::database(world.postgres.url()).await?;
    say("writing 100,000 habits and 500,000 marks");
    let mut stored = Stored::write(&pool).await?;
    let people = Arc::new(std::mem::take(&mut stored.people));
    let (role, address) = world.role("api", Mode::Webhook, 0).await?;
    let pid = role.pid()?;
    say(&format!("the api is process {pid}; at rest for {} s", IDLE.as_secs()));
    tokio::time::sleep(IDLE).await;
    let idle = process::memory(pid)?;
    let peer = Peer::new(address, CONNECTIONS, "")?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let mut rows = Vec::new();
    for stage in stages {
        let Mode::Rest(call) = stage.mode else { continue };
        let generator = Generator { peer: peer.clone(), people: people.clone(), tally: tally.clone(), call };
        let read = || -> anyhow::Result<Spent> {
            Ok(Spent {
                bot: process::cpu(pid)?,
                postgres: process::cpu_with_children(world.postgres.pid())?,
                redis: process::cpu(world.redis.pid())?,
                roles: Duration::ZERO,
                harness: process::cpu(std::process::id())?,
                machine: machine::busy()?,
            })
        };
        let row = generator.stage(settings, stage, read, || process::memory(pid)).await;
        let mut row = row.with_context(|| format!("the api's log ends:\n{}", role.last_words()))?;
        row.idle = idle;
        row.lost = generator.lost(&stored, &pool).await?;
        if !row.accounted_for() {
            say(&format!("not every call was answered as it should be; the api's log ends:\n{}", role.last_words()));
        }
        rows.push(row);
    }
    role.stop().await;
    pool.close().await;
    let version = world.postgres_version.clone();
    world.stop().await;
    Ok((rows, version))
}

impl Generator {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stage(
        &self,
        settings: &Settings,
        stage: &Stage,
        read: impl Fn() -> anyhow::Result<Spent>,
        memory: impl Fn() -> anyhow::Result<Memory>,
    ) -> anyhow::Result<Row> {
        say(&format!("{}: {} s warm-up, {} s measured", stage.name, settings.warm_up, settings.seconds));
        let from = Instant::now() + settings.warm_up();
        let to = from + settings.measured();
        {
            let mut tally = self.tally();
            let Tally { marked, created, .. } = std::mem::take(&mut *tally);
            *tally = Tally { window: Some((from, to)), marked, created, ..Tally::default() };
        }
        let (this, load) = (self.clone(), stage.load);
        let work = tokio::spawn(async move { this.run(load, to).await });
        tokio::time::sleep_until(from.into()).await;
        let (before, begun) = (read()?, Instant::now());
        tokio::time::sleep_until(to.into()).await;
        let spent = read()?.since(before);
        let (window, memory) = (begun.elapsed(), memory()?);
        work.await.context("the load generator failed")?;
        let tally = self.tally();
        Ok(Row {
            name: stage.name,
            answered: tally.answered,
            p50: quantile(&tally.after, 0.5),
            p99: quantile(&tally.after, 0.99),
            late: quantile(&tally.late, 0.99),
            window,
            spent,
            idle: Memory::default(),
            memory,
            wrong: tally.wrong,
            lost: 0,
        })
    }

    async fn run(&self, load: Load, end: Instant) {
        let mut work = JoinSet::new();
        match load {
            Load::PerSecond(rate) => {
                let (due, mut moments) = mpsc::channel(AHEAD);
                let pacer = tokio::task::spawn_blocking(move || pace(rate, end, &due));
                let mut chance = Chance(u64::from(rate));
                while let Some(due) = moments.recv().await {
                    let (this, index) = (self.clone(), chance.next());
                    self.tally().late.push(due.elapsed());
                    work.spawn(async move { this.call(index, due).await });
                    while work.try_join_next().is_some() {}
                }
                // It has closed the channel, so it has ended.
                let _ = pacer.await;
            }
            Load::AtATime(count) => {
                for n in 0..count as u64 {
                    let this = self.clone();
                    work.spawn(async move {
                        let mut chance = Chance((n + 1) << 32);
                        while Instant::now() < end {
                            this.call(chance.next(), Instant::now()).await;
                        }
                    });
                }
            }
        }
        work.join_all().await;
    }

    async fn call(&self, index: u64, due: Instant) {
        let place = usize::try_from(index % (self.people.len() * HABITS_EACH) as u64).unwrap_or(0);
        let Some(person) = self.people.get(place / HABITS_EACH) else { return };
        let habit = person.habits.get(place % HABITS_EACH).copied().unwrap_or_default();
        let (method, path, body) = match self.call {
            Call::List => (Method::GET, "/api/v1/habits/".to_owned(), Bytes::new()),
            Call::Mark => (
                Method::POST,
                format!("/api/v1/habits/{habit}/executions/"),
                Bytes::from_static(br#"{"status":"done"}"#),
            ),
            Call::Create => (
                Method::POST,
                "/api/v1/habits/".to_owned(),
                Bytes::from_static(br#"{"name":"Read ten pages","time_to_remind":"21:30","target_days":21}"#),
            ),
        };
        let answer = self.peer.send(method, &path, body, Some(&person.credential)).await;
        let now = Instant::now();
        let mut tally = self.tally();
        let right = answer.is_ok_and(|(status, body)| match self.call {
            Call::List => status == StatusCode::OK && count(&body, b"\"is_done_today\":") == HABITS_EACH,
            Call::Mark => status == StatusCode::CREATED && count(&body, b"\"status\":\"done\"") == 1,
            Call::Create => status == StatusCode::CREATED,
        });
        if !right {
            tally.wrong += 1;
            return;
        }
        match self.call {
            Call::List => {}
            Call::Mark => _ = tally.marked.insert(habit),
            Call::Create => tally.created += 1,
        }
        tally.answered += u64::from(tally.in_window(now));
        if tally.in_window(due) {
            tally.after.push(now.saturating_duration_since(due));
        }
    }

    /// What was said to be stored, against what is.
    async fn lost(&self, stored: &Stored, pool: &PgPool) -> anyhow::Result<u64> {
        let (marked, created) = {
            let tally = self.tally();
            (tally.marked.len() as u64, tally.created)
        };
        let (have_marked, have_created) = (stored.marked(pool).await?, stored.created(pool).await?);
        Ok(marked.abs_diff(have_marked) + created.abs_diff(have_created))
    }
}

/// How often a text is in another.
fn count(body: &[u8], what: &[u8]) -> usize {
    body.windows(what.len()).filter(|part| *part == what).count()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::http;

    async fn asked(call: Call, answer: &'static str, status: StatusCode) -> (u64, u64, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(http::serve(listener, move |_| async move {
            let mut response = http::json(answer);
            *response.status_mut() = status;
            response
        }));
        let person = Person { credential: "Bearer x".parse().unwrap(), habits: (1..=20).collect() };
        let tally =
            Tally { window: Some((Instant::now(), Instant::now() + Duration::from_secs(60))), ..Tally::default() };
        let generator = Generator {
            peer: Peer::new(address, 1, "").unwrap(),
            people: Arc::new(vec![person]),
            tally: Arc::new(Mutex::new(tally)),
            call,
        };
        generator.call(3, Instant::now()).await;
        let tally = generator.tally();
        (tally.answered, tally.wrong, tally.marked.len())
    }

    #[tokio::test]
    async fn an_answer_that_is_not_what_was_asked_for_is_no_answer() {
        assert_eq!(asked(Call::Mark, r#"{"status":"done"}"#, StatusCode::CREATED).await, (1, 0, 1));
        assert_eq!(asked(Call::Mark, r#"{"status":"done"}"#, StatusCode::CONFLICT).await, (0, 1, 0));
        assert_eq!(asked(Call::Mark, r#"{"status":"pending"}"#, StatusCode::CREATED).await, (0, 1, 0));
        // Nineteen habits are no list of twenty.
        assert_eq!(asked(Call::List, "[]", StatusCode::OK).await, (0, 1, 0));
    }
}
