//! What goes over the wire and when: a list of steps made first (pure), then played.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures::stream::{self, Stream};
use serde_json::{Value, json};

use super::FAST_MODEL;
use super::answer::{Message, answer};
use super::request::Request;
use crate::Sim;
use crate::world::faults::{Fault, FaultMode};

/// Before the first word, as if it thought.
const THINKING: Duration = Duration::from_millis(250);
/// Between two words.
const WORD: Duration = Duration::from_millis(45);
/// A long answer is told faster, so that none takes longer than this.
const WHOLE: Duration = Duration::from_millis(2_400);
/// What was sent must be on its way before the connection ends, or the break eats it.
const FLUSH: Duration = Duration::from_millis(20);
/// A comment that keeps proxies from closing the connection comes after so many words.
const KEEP_ALIVE_EVERY: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Wait(Duration),
    Send(String),
    /// The connection ends here without a proper end.
    Break,
}

/// One answer, ready to be sent.
pub(super) struct Completion<'r> {
    request: &'r Request,
    id: String,
    created: i64,
    text: String,
    finish: &'static str,
    fast: bool,
}

impl<'r> Completion<'r> {
    pub fn new(request: &'r Request, created: i64) -> Self {
        let whole = answer(&request.messages);
        let limit = request.limit.map_or(usize::MAX, |tokens| tokens.saturating_mul(4));
        let text: String = whole.chars().take(limit).collect();
        let finish = if text.len() < whole.len() { "length" } else { "stop" };
        let id = format!("chatcmpl-sim-{}-{}", request.messages.len(), whole.len());
        Self { request, id, created, text, finish, fast: request.model == FAST_MODEL }
    }

    /// Steps of a streamed answer.
    pub fn events(&self, fault: Option<&Fault>, silence: Duration) -> Vec<Step> {
        let words = words_of(&self.text);
        let mode = fault.and_then(|fault| fault.mode);
        // A fault comes in the middle, and silence after the first words.
        let spoken = match mode {
            Some(FaultMode::Silence) => 1,
            Some(_) => words.len().div_ceil(2),
            None => words.len(),
        };
        let mut steps =
            vec![Step::Wait(self.pause(THINKING)), self.chunk(&json!({"role": "assistant", "content": ""}), None)];
        let pause = self.pause(WORD.min(WHOLE / u32::try_from(words.len().max(1)).unwrap_or(u32::MAX)));
        for (at, word) in words.iter().take(spoken).enumerate() {
            if at % KEEP_ALIVE_EVERY == KEEP_ALIVE_EVERY - 1 {
                steps.push(Step::Send(": keep-alive\n\n".to_owned()));
            }
            steps.push(Step::Wait(pause));
            steps.push(self.chunk(&json!({"content": word}), None));
        }
        match mode {
            Some(FaultMode::Silence) => steps.extend([Step::Wait(silence), Step::Break]),
            Some(FaultMode::BrokenStream) => steps.extend([Step::Wait(FLUSH), Step::Break]),
            Some(FaultMode::ErrorInStream) => {
                let mut event = self.frame("chat.completion.chunk");
                event["error"] = in_stream_error(fault);
                event["choices"] = json!([{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]);
                steps.push(data(&event));
            }
            None => {
                steps.push(self.chunk(&json!({}), Some(self.finish)));
                if self.request.include_usage {
                    let mut last = self.frame("chat.completion.chunk");
                    last["choices"] = json!([]);
                    last["usage"] = self.usage();
                    steps.push(data(&last));
                }
                steps.push(Step::Send("data: [DONE]\n\n".to_owned()));
            }
        }
        steps
    }

    /// Steps of an answer in one piece.
    pub fn whole(&self, fault: Option<&Fault>, silence: Duration) -> Vec<Step> {
        let mut body = self.frame("chat.completion");
        body["choices"] = json!([{
            "index": 0,
            "message": {"role": "assistant", "content": self.text},
            "finish_reason": self.finish,
        }]);
        body["usage"] = self.usage();
        let thinking = Step::Wait(self.pause(THINKING));
        match fault.and_then(|fault| fault.mode) {
            None => vec![thinking, Step::Send(body.to_string())],
            Some(FaultMode::Silence) => vec![Step::Wait(silence), Step::Break],
            Some(FaultMode::BrokenStream) => {
                let half: String = body.to_string().chars().take(40).collect();
                vec![thinking, Step::Send(half), Step::Wait(FLUSH), Step::Break]
            }
            Some(FaultMode::ErrorInStream) => {
                vec![thinking, Step::Send(json!({"error": in_stream_error(fault)}).to_string())]
            }
        }
    }

    const fn pause(&self, human: Duration) -> Duration {
        if self.fast { Duration::ZERO } else { human }
    }

    fn frame(&self, object: &str) -> Value {
        json!({"id": self.id, "object": object, "created": self.created, "model": self.request.model})
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Step {
        let mut event = self.frame("chat.completion.chunk");
        event["choices"] = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        data(&event)
    }

    /// Estimated: four characters are about one token.
    fn usage(&self) -> Value {
        let tokens = |text: &str| text.chars().count().div_ceil(4);
        let prompt: usize = self.request.messages.iter().map(|m: &Message| tokens(&m.text)).sum();
        let completion = tokens(&self.text);
        json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
    }
}

/// An error after generation began has a number for its code, as providers behind a router send it.
fn in_stream_error(fault: Option<&Fault>) -> Value {
    let code = fault.map_or(0, |fault| fault.status);
    let message = fault.and_then(|fault| fault.description.clone());
    json!({
        "code": if code == 0 { 502 } else { code },
        "message": message.unwrap_or_else(|| "Provider disconnected unexpectedly".to_owned()),
    })
}

fn data(event: &Value) -> Step {
    Step::Send(format!("data: {event}\n\n"))
}

/// Pieces that together are the text: a word with the space before it.
fn words_of(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in text.match_indices(' ').filter(|(at, _)| *at > 0) {
        pieces.extend(text.get(from..at));
        from = at;
    }
    pieces.extend(text.get(from..).filter(|rest| !rest.is_empty()));
    pieces
}

/// An answer that ends before it began.
pub(super) fn broken() -> Response {
    let error = io::Error::new(io::ErrorKind::ConnectionAborted, "ordered fault");
    Response::new(Body::from_stream(stream::iter([Err::<Bytes, _>(error)])))
}

/// Plays the steps; the world's end cuts every wait short.
pub(super) fn play(steps: Vec<Step>, sim: Sim) -> impl Stream<Item = Result<Bytes, io::Error>> {
    stream::unfold((steps.into_iter(), sim), |(mut steps, sim)| async move {
        loop {
            match steps.next()? {
                Step::Send(text) => return Some((Ok(Bytes::from(text)), (steps, sim))),
                Step::Break => {
                    let error = io::Error::new(io::ErrorKind::ConnectionAborted, "ordered fault");
                    // Nothing may follow, whatever the list says.
                    return Some((Err(error), (Vec::new().into_iter(), sim)));
                }
                Step::Wait(duration) if duration.is_zero() => {}
                Step::Wait(duration) => tokio::select! {
                    () = tokio::time::sleep(duration) => {}
                    () = sim.closing() => return None,
                },
            }
        }
    })
}
