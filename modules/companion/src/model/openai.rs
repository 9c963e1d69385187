//! A client for every endpoint that speaks OpenAI's chat completions, streaming.
//!
//! Every wait has its limit: the connection (5 s), the first words, the silence between two pieces, the whole. The
//! stream's size has one too. Retries belong to the job: here a request is made once.

use std::collections::VecDeque;
use std::sync::Arc;

use eventsource_stream::Eventsource;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use secrecy::ExposeSecret;
use tokio::time::{Duration, Instant, timeout_at};
use vitte_platform::telegram::client::http_client;
use vitte_platform::telemetry::metrics;

use super::wire::{self, Chunk, Fault};
use super::{Event, Model, ModelError, Usage, Words};
use crate::domain::Line;
use crate::{CompanionError, CompanionSettings};

/// Most bytes of one answer: far above any real one, far below what memory bears.
const LARGEST: usize = 4 << 20;
/// After the model has finished, usage and the end mark follow at once or not at all.
const AFTER_THE_END: Duration = Duration::from_secs(5);

/// The client.
#[derive(Clone)]
pub struct OpenAi {
    http: reqwest::Client,
    url: String,
    settings: Arc<CompanionSettings>,
}

impl OpenAi {
    pub fn new(settings: &CompanionSettings) -> Result<Self, CompanionError> {
        let http = http_client().map_err(|e| CompanionError::Client(e.to_string()))?;
        let url = format!("{}/chat/completions", settings.base_url.trim_end_matches('/'));
        Ok(Self { http, url, settings: Arc::new(settings.clone()) })
    }

    async fn open(self, lines: Vec<Line>, started: Instant) -> Result<Words, ModelError> {
        let settings = &self.settings;
        let fallbacks = settings.fallback_models.iter().map(String::as_str);
        let body = wire::Request {
            model: &settings.model,
            models: if settings.fallback_models.is_empty() {
                Vec::new()
            } else {
                std::iter::once(settings.model.as_str()).chain(fallbacks).collect()
            },
            messages: &lines,
            temperature: settings.temperature,
            max_tokens: settings.max_tokens,
            stream: true,
            stream_options: wire::StreamOptions { include_usage: true },
        };
        let mut request = self.http.post(&self.url).json(&body);
        if let Some(key) = &settings.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        let first = started + settings.first_token_timeout.min(settings.total_timeout);
        let late = |_| ModelError::away("no words in time");
        let response = timeout_at(first, request.send()).await.map_err(late)?.map_err(|e| network(&e.without_url()))?;
        let status = response.status().as_u16();
        let wait = header(response.headers(), RETRY_AFTER.as_str())
            .and_then(|value| wire::retry_after(value, header(response.headers(), DATE.as_str())));
        let streams = header(response.headers(), CONTENT_TYPE.as_str()).is_some_and(|t| t.contains("event-stream"));
        let pieces = bounded(response);
        if status == 200 && streams {
            return Ok(self.listen(pieces, started));
        }
        let body = timeout_at(first, whole(pieces)).await.map_err(late)?.map_err(ModelError::away)?;
        if status != 200 {
            let fault = serde_json::from_slice::<Chunk>(&body).ok().and_then(|mut c| c.fault());
            return Err(fault.map_or_else(|| wire::sort(status, "", wait), |f| explain(f, status, wait)));
        }
        // A whole answer at once: from an endpoint that does not stream, or an error inside a success.
        let mut chunk: Chunk = serde_json::from_slice(&body).map_err(|_| ModelError::away("not an answer"))?;
        let mut events = VecDeque::new();
        let mut heard = Heard::default();
        heard.take(&mut chunk, &mut events, &settings.model, wait)?;
        if heard.words { Ok(stream::iter(events).map(Ok).boxed()) } else { Err(ModelError::away("an empty answer")) }
    }

    /// The events of a stream that has begun.
    fn listen(&self, pieces: Pieces, started: Instant) -> Words {
        let listening = Listening {
            settings: self.settings.clone(),
            frames: pieces.eventsource().map(|frame| frame.map(|f| f.data).map_err(|e| e.to_string())).boxed(),
            started,
            heard: Heard::default(),
            ready: VecDeque::new(),
            over: false,
        };
        stream::try_unfold(listening, |mut listening| async move {
            Ok(listening.next().await?.map(|event| (event, listening)))
        })
        .boxed()
    }
}

impl Model for OpenAi {
    fn answer(&self, lines: Vec<Line>) -> Words {
        let started = Instant::now();
        let opened = self.clone().open(lines, started);
        let mut words = false;
        stream::once(opened)
            .try_flatten()
            // One item more, at the end: how it went.
            .map(Some)
            .chain(stream::iter([None]))
            .scan(false, move |failed, item| {
                let result = match &item {
                    Some(Ok(Event::Words(_))) if !words => {
                        words = true;
                        metrics().model_first_token_seconds.observe(started.elapsed().as_secs_f64());
                        None
                    }
                    Some(Ok(Event::Usage(usage))) => {
                        count(usage);
                        None
                    }
                    Some(Ok(_)) => None,
                    Some(Err(error)) => {
                        *failed = true;
                        Some(label(error))
                    }
                    None => (!*failed).then_some("ok"),
                };
                if let Some(result) = result {
                    metrics().model_requests.with_label_values(&[result]).inc();
                }
                futures::future::ready(item)
            })
            .boxed()
    }

    fn name(&self) -> &str {
        &self.settings.model
    }
}

fn label(error: &ModelError) -> &'static str {
    match error {
        ModelError::Account { .. } | ModelError::Moderated(_) | ModelError::Refused { .. } => "refused",
        ModelError::Away { limited: true, .. } => "limited",
        ModelError::Away { .. } => "away",
        ModelError::Broken(_) => "broken",
    }
}

fn count(usage: &Usage) {
    let tokens = &metrics().model_tokens;
    tokens.with_label_values(&["prompt"]).inc_by(usage.prompt_tokens.into());
    tokens.with_label_values(&["completion"]).inc_by(usage.completion_tokens.into());
}

type Pieces = BoxStream<'static, Result<Vec<u8>, String>>;

/// The body, refused where it grows over the largest.
fn bounded(response: reqwest::Response) -> Pieces {
    let mut room = LARGEST;
    let check = move |piece: reqwest::Result<_>| {
        let piece = Vec::from(piece.map_err(|e| e.without_url().to_string())?);
        room = room.checked_sub(piece.len()).ok_or_else(|| format!("more than {LARGEST} bytes"))?;
        Ok(piece)
    };
    response.bytes_stream().map(check).boxed()
}

async fn whole(pieces: Pieces) -> Result<Vec<u8>, String> {
    pieces.try_concat().await
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn network(error: &reqwest::Error) -> ModelError {
    let cause = std::error::Error::source(error).map(|s| format!(": {s}")).unwrap_or_default();
    ModelError::away(format!("{error}{cause}"))
}

fn explain(fault: Fault, status: u16, wait: Option<Duration>) -> ModelError {
    fault.into_error(status, wait)
}

/// What has come of an answer so far.
#[derive(Default)]
struct Heard {
    /// Some words, not only white space.
    words: bool,
    /// The model said that it has finished.
    finished: bool,
}

impl Heard {
    /// Takes a chunk apart into events.
    fn take(
        &mut self,
        chunk: &mut Chunk,
        events: &mut VecDeque<Event>,
        model: &str,
        wait: Option<Duration>,
    ) -> Result<(), ModelError> {
        if let Some(fault) = chunk.fault() {
            let error = explain(fault, 502, wait);
            return Err(if self.words { ModelError::Broken(error.to_string()) } else { error });
        }
        if let Some(words) = chunk.words() {
            self.words |= !words.trim().is_empty();
            events.push_back(Event::Words(words));
        }
        match chunk.finish_reason() {
            Some("content_filter") if !self.words => return Err(ModelError::Moderated("content_filter".to_owned())),
            Some("length") => {
                self.finished = true;
                events.push_back(Event::Cut);
            }
            Some(_) => self.finished = true,
            None => {}
        }
        if let Some(tokens) = chunk.usage.take() {
            events.push_back(Event::Usage(Usage {
                model: chunk.model.take().unwrap_or_else(|| model.to_owned()),
                prompt_tokens: tokens.prompt_tokens,
                completion_tokens: tokens.completion_tokens,
            }));
        }
        Ok(())
    }
}

/// A stream being read.
struct Listening {
    settings: Arc<CompanionSettings>,
    frames: BoxStream<'static, Result<String, String>>,
    started: Instant,
    heard: Heard,
    ready: VecDeque<Event>,
    over: bool,
}

impl Listening {
    async fn next(&mut self) -> Result<Option<Event>, ModelError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            let data = match timeout_at(self.limit(), self.frames.next()).await {
                Ok(Some(Ok(data))) if data.trim() == "[DONE]" => {
                    self.over = true;
                    if self.heard.words {
                        continue;
                    }
                    return Err(ModelError::away("an empty answer"));
                }
                Ok(Some(Ok(data))) => data,
                Ok(Some(Err(error))) => return self.ended(error),
                Ok(None) => return self.ended("the connection was closed".to_owned()),
                Err(_) if self.started.elapsed() >= self.settings.total_timeout => {
                    return self.ended("the answer took too long".to_owned());
                }
                Err(_) if self.heard.words => return self.ended("silence".to_owned()),
                Err(_) => return self.ended("no words in time".to_owned()),
            };
            // Not every endpoint sends JSON alone; what cannot be read says nothing.
            let Ok(mut chunk) = serde_json::from_str::<Chunk>(&data) else { continue };
            self.heard.take(&mut chunk, &mut self.ready, &self.settings.model, None)?;
        }
    }

    /// Until when the next frame must come.
    fn limit(&self) -> Instant {
        let settings = &self.settings;
        let now = Instant::now();
        let next = match &self.heard {
            Heard { finished: true, .. } => now + AFTER_THE_END.min(settings.silence_timeout),
            Heard { words: true, .. } => now + settings.silence_timeout,
            Heard { .. } => self.started + settings.first_token_timeout,
        };
        next.min(self.started + settings.total_timeout)
    }

    /// The stream ended without its end mark: no harm once the model has said that it finished.
    fn ended(&mut self, how: String) -> Result<Option<Event>, ModelError> {
        self.over = true;
        match &self.heard {
            Heard { words: true, finished: true } => Ok(None),
            Heard { words: true, .. } => Err(ModelError::Broken(how)),
            Heard { .. } => Err(ModelError::away(how)),
        }
    }
}

#[cfg(test)]
mod tests;
