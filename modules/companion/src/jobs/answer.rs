//! The persona's answer to everything that a chat is owed.
//!
//! A run that fails leaves the messages owed, whatever happens: its next run answers them, and when it is dead, so does
//! the person's next message, or the job replayed from admin. They are not marked as answered with an apology: an
//! answer to all of them at once is what a person would give who comes back. One exception is a message that the
//! provider's moderation refuses: it would poison every later prompt, so it is set aside.

use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use serde::{Deserialize, Serialize};
use vitte_crds::Persona;
use vitte_platform::cache::Cache;
use vitte_platform::jobs::{Class, Job, JobContext, JobError};
use vitte_platform::outbox::Priority;
use vitte_platform::telegram::Message;
use vitte_platform::texts::Texts;
use vitte_platform::users::{self, User};

use super::listen::{Heard, Reply, listen};
use super::preview::Preview;
use crate::domain::{Line, Person, prompt, tokens};
use crate::model::{Model, ModelError, Usage};
use crate::store::{self, Thread};
use crate::{CompanionSettings, TEXTS, language_of};

/// About how much of what was said the model is shown, in tokens; fits the smallest models in use.
const HISTORY_TOKENS: usize = 12_000;
/// How often an answer starts anew because the person wrote on.
const RESTARTS: u32 = 2;
/// Longest wait that an endpoint may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// A name as the model is told it: one line, not a text.
const LONGEST_NAME: usize = 64;

/// Answer a chat.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    pub chat_id: i64,
    pub user_id: i64,
}

/// What all answers share.
pub struct Answering {
    pub model: Arc<dyn Model>,
    pub settings: CompanionSettings,
    pub persona: Arc<Persona>,
    pub languages: Vec<String>,
    pub users: Cache<User>,
}

impl Job for Answer {
    type State = Answering;
    const NAME: &'static str = "companion.answer";
    const CLASS: Class = Class::Model;
    /// With the runner's pauses, some minutes of an endpoint that is away.
    const ATTEMPTS: u16 = 9;

    fn key(&self) -> Option<String> {
        Some(self.chat_id.to_string())
    }

    async fn run(self, state: &Answering, job: &mut JobContext) -> Result<(), JobError> {
        let Some(person) = state.person(self.user_id, job).await? else { return Ok(()) };
        let thread = state.thread(&self, job).await?;
        if thread.owed.is_empty() {
            return Ok(());
        }
        let preview = Preview::start(job.telegram.clone(), self.chat_id, job.id, state.settings.draft_interval);
        let answered = self.ask(state, job, &preview, &person, thread).await;
        // Nothing may be in flight when the answer, or an apology, is committed.
        preview.end().await;
        match answered? {
            (thread, Ok(reply)) => self.commit(state, job, &thread, reply).await,
            (thread, Err(error)) => self.stumble(state, job, &person, &thread, error).await,
        }
    }
}

/// What was asked, to be answered or not.
struct Asked {
    owed: Vec<i64>,
    lines: Vec<Line>,
}

impl Answer {
    /// Asks the model, again from the start when the person wrote on before it began to speak.
    async fn ask(
        &self,
        state: &Answering,
        job: &JobContext,
        preview: &Preview,
        person: &User,
        mut thread: Thread,
    ) -> Result<(Asked, Result<Reply, ModelError>), JobError> {
        let mut restarts = 0;
        loop {
            let lines = state.prompt(person, &thread);
            let last = thread.owed.last().copied().unwrap_or_default();
            let overtaken = async {
                Ok::<_, JobError>(restarts < RESTARTS && store::moved_on(&job.pool, self.chat_id, last).await?)
            };
            let heard = listen(state.model.answer(lines.clone()), preview, overtaken).await?;
            let asked = Asked { owed: thread.owed, lines };
            match heard {
                Heard::Answer(reply) => return Ok((asked, Ok(reply))),
                Heard::Failed(error) => return Ok((asked, Err(error))),
                Heard::Overtaken => {
                    restarts += 1;
                    thread = state.thread(self, job).await?;
                    if thread.owed.is_empty() {
                        // Erased meanwhile: so is this job.
                        return Err(JobError::Lost);
                    }
                }
            }
        }
    }

    async fn commit(
        &self,
        state: &Answering,
        job: &mut JobContext,
        asked: &Asked,
        reply: Reply,
    ) -> Result<(), JobError> {
        let now = job.clock.now();
        let estimated = reply.usage.is_none();
        let usage = reply.usage.unwrap_or_else(|| state.estimate(&asked.lines, &reply.text));
        let tx = job.tx().await?;
        let here = (self.chat_id, self.user_id);
        store::add_answer(tx, here, &state.persona.id, &reply.text, &asked.owed, now).await?;
        store::add_usage(tx, self.user_id, &usage, estimated, now).await?;
        // More than one batch, or written while this answer came: whoever wrote it enqueued a job too, which is the
        // same work.
        if store::owed(tx, self.chat_id).await? > 0 {
            job.enqueue(self).await?;
        }
        job.say(self.chat_id, Priority::Interactive, Message::plain(&reply.text));
        Ok(())
    }

    /// No answer this time: tells the person, once, and says what becomes of the job.
    async fn stumble(
        &self,
        state: &Answering,
        job: &mut JobContext,
        person: &User,
        asked: &Asked,
        error: ModelError,
    ) -> Result<(), JobError> {
        let texts = Texts::new(&TEXTS, person.speaks(&state.languages));
        let (trace_id, attempt) = (job.trace_id.as_str(), job.attempt);
        let say = |key: &str| Message::html(texts.get(key));
        match error {
            ModelError::Moderated(_) => {
                tracing::warn!(trace_id, %error, "a message is set aside");
                let now = job.clock.now();
                store::set_aside(job.tx().await?, &asked.owed, now).await?;
                if store::owed(job.tx().await?, self.chat_id).await? > 0 {
                    job.enqueue(self).await?;
                }
                job.say(self.chat_id, Priority::Interactive, say("set-aside"));
                Ok(())
            }
            ModelError::Account { .. } | ModelError::Refused { .. } => {
                tracing::error!(trace_id, %error, "the model will not answer anybody until its settings are mended");
                job.say_now(self.chat_id, Priority::Interactive, say("unavailable")).await?;
                Err(JobError::Fail(anyhow!(error)))
            }
            ModelError::Away { .. } | ModelError::Broken(_) => {
                tracing::warn!(trace_id, attempt, %error, "no answer yet");
                if job.is_last_attempt() {
                    job.say_now(self.chat_id, Priority::Interactive, say("apology")).await?;
                } else if attempt == 1 {
                    // Messages that come while this job waits join it, so the first attempt is once a batch.
                    job.say_now(self.chat_id, Priority::Interactive, say("moment")).await?;
                }
                match error {
                    ModelError::Away { retry_after: Some(wait), reason, .. } => {
                        Err(JobError::RetryAfter(wait.min(LONGEST_WAIT), reason))
                    }
                    error => Err(JobError::Retry(anyhow!(error))),
                }
            }
        }
    }
}

impl Answering {
    /// None: erased since.
    async fn person(&self, id: i64, job: &JobContext) -> Result<Option<Arc<User>>, JobError> {
        let load = async {
            let mut connection = job.pool.acquire().await?;
            users::find(&mut connection, id).await?.ok_or(sqlx::Error::RowNotFound)
        };
        match self.users.get(id, load).await {
            Ok(user) => Ok(Some(user)),
            Err(error) if matches!(*error, sqlx::Error::RowNotFound) => Ok(None),
            Err(error) => Err(JobError::Retry(anyhow!(error))),
        }
    }

    async fn thread(&self, answer: &Answer, job: &JobContext) -> Result<Thread, JobError> {
        let limit = self.settings.history_messages;
        Ok(store::thread(&job.pool, answer.chat_id, &self.persona.id, limit).await?)
    }

    fn prompt(&self, user: &User, thread: &Thread) -> Vec<Line> {
        let name: String = user.first_name.as_deref().unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        let name: String = name.trim().chars().take(LONGEST_NAME).collect();
        let person = Person { name: &name, language: language_of(user.speaks(&self.languages)) };
        prompt(&self.persona, person, &thread.said, thread.from_the_start, HISTORY_TOKENS)
    }

    /// What an answer cost whose bill never came.
    fn estimate(&self, lines: &[Line], text: &str) -> Usage {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Usage {
            model: self.model.name().to_owned(),
            prompt_tokens: count(lines.iter().map(|line| tokens(&line.content)).sum()),
            completion_tokens: count(tokens(text)),
        }
    }
}
