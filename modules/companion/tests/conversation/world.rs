//! A bot with a companion, a database of its own, the simulated Telegram, and a model that says what a test tells it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt, stream};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use vitte_accounts::Accounts;
use vitte_companion::domain::{Line, Role};
use vitte_companion::model::{Event, Model, ModelError, Usage, Words};
use vitte_companion::{Companion, CompanionSettings};
use vitte_crds::Persona;
use vitte_platform::cache::{Cache, USER};
use vitte_platform::jobs::Runner;
use vitte_platform::module::Module;
use vitte_platform::people::People;
use vitte_tests::database::migrated;
use vitte_tests::person::Person;
use vitte_tests::replica::{Replica, Setup};
use vitte_tests::telegram::Telegram;

const LUNA: &str = "
name: {ru: Луна, en: Luna}
description: Mends clocks.
firstMes: {ru: 'Привет, {{user}}! Я Луна.', en: 'Hi {{user}}! I am Luna.'}
";

/// One step of an answer.
#[derive(Clone)]
pub enum Does {
    Says(&'static str),
    Fails(ModelError),
    /// Says how often it has been waited here, and goes on when it may.
    Waits(&'static Gate),
    Bills,
}

/// A point in an answer that a test sees reached and lets go.
pub struct Gate {
    pub reached: Semaphore,
    pub open: Semaphore,
}

impl Gate {
    /// One for each test, for as long as the tests run.
    pub fn leak() -> &'static Self {
        Box::leak(Box::new(Self { reached: Semaphore::new(0), open: Semaphore::new(0) }))
    }

    pub async fn is_reached(&self) {
        tokio::time::timeout(vitte_tests::LIMIT, self.reached.acquire()).await.unwrap().unwrap().forget();
    }
}

/// Answers from a script; with the script at its end, "Yes."
#[derive(Default)]
pub struct Scripted {
    script: Mutex<VecDeque<Vec<Does>>>,
    asked: Mutex<Vec<Vec<Line>>>,
}

impl Scripted {
    /// What it was shown, but for the system's lines, one text each time.
    pub fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |lines: &Vec<Line>| {
            let said = lines.iter().filter(|l| l.role != Role::System).map(|l| l.content.as_str());
            said.collect::<Vec<_>>().join(" | ")
        };
        asked.iter().map(told).collect()
    }
}

impl Model for Scripted {
    fn answer(&self, lines: Vec<Line>) -> Words {
        self.asked.lock().unwrap().push(lines);
        let steps = self.script.lock().unwrap().pop_front().unwrap_or_else(|| vec![Does::Says("Yes.")]);
        stream::iter(steps)
            .filter_map(|does| async move {
                match does {
                    Does::Says(text) => Some(Ok(Event::Words(text.to_owned()))),
                    Does::Fails(error) => Some(Err(error)),
                    Does::Bills => {
                        let usage = Usage { model: "billed".into(), prompt_tokens: 11, completion_tokens: 3 };
                        Some(Ok(Event::Usage(usage)))
                    }
                    Does::Waits(gate) => {
                        gate.reached.add_permits(1);
                        gate.open.acquire().await.unwrap().forget();
                        None
                    }
                }
            })
            .boxed()
    }

    fn name(&self) -> &str {
        "scripted"
    }
}

/// Everything.
pub struct World {
    pub telegram: Telegram,
    pub replica: Replica,
    pub model: Arc<Scripted>,
}

impl World {
    /// `script`: what the model does, request by request.
    pub async fn new(script: Vec<Vec<Does>>) -> Self {
        let telegram = Telegram::start().await;
        let database = migrated().await;
        let model = Arc::new(Scripted { script: Mutex::new(script.into()), ..Scripted::default() });
        let settings = CompanionSettings {
            base_url: "http://127.0.0.1:1".into(),
            model: "scripted".into(),
            fallback_models: Vec::new(),
            api_key: None,
            temperature: 0.5,
            max_tokens: 100,
            history_messages: 6,
            first_token_timeout: Duration::from_secs(20),
            silence_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_secs(60),
            draft_interval: Duration::from_millis(1),
        };
        let users = Cache::new(1, USER, None);
        let persona = Persona::parse("luna.yaml", LUNA).unwrap();
        let languages = vec!["en".to_owned(), "ru".to_owned()];
        let companion: Arc<dyn Module> =
            Arc::new(Companion::with_model(model.clone(), settings, persona, languages, users.clone()));
        let accounts = Accounts::new(users.clone(), People::new(users), std::slice::from_ref(&companion));
        let modules: Vec<Arc<dyn Module>> = vec![Arc::new(accounts), companion];
        let replica = Replica::of(&telegram, &database, Setup::default(), modules).await;
        replica.register(&telegram).await;
        Self { telegram, replica, model }
    }

    pub fn person(&self) -> Person {
        self.telegram.person(5)
    }

    pub fn pool(&self) -> &PgPool {
        &self.replica.pool
    }

    pub fn work(&self) -> Runner {
        self.replica.worker()
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    /// Waits until a count is what it should be.
    pub async fn counts(&self, sql: &'static str, expected: i64) {
        vitte_tests::until(&format!("{expected} by {sql}"), async || (self.count(sql).await == expected).then_some(()))
            .await;
    }

    /// Messages of people that wait for an answer.
    pub async fn owes(&self, expected: i64) {
        let sql = "SELECT count(*) FROM companion_messages WHERE role = 'user' AND answered_at IS NULL AND refused_at IS NULL";
        self.counts(sql, expected).await;
    }

    /// Nothing is to do any more.
    pub async fn rests(&self) {
        self.counts("SELECT count(*) FROM jobs", 0).await;
        self.counts("SELECT count(*) FROM outbox WHERE sent_at IS NULL AND dead_at IS NULL", 0).await;
    }
}
